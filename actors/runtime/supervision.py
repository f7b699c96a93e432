"""The restart decision: pure functions over specs, statuses and times, as in Erlang/OTP."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from actors.runtime.specs import ChildSpec, Restart, Strategy, SupervisorSpec
from actors.runtime.system import ExitKind

__all__ = ["Decision", "Verdict", "decide", "within_budget"]


class Verdict(StrEnum):
    """What becomes of a child that ended, and of its siblings."""

    LEAVE = "leave"
    RESTART = "restart"
    ESCALATE = "escalate"


class Decision(msgspec.Struct, frozen=True):
    """stop: ids to stop, in this order; start: ids to start, in this order.

    lost says that the ended child will not run again although it failed, so that the scope of its
    spec must be closed. restarts is the history to keep, this restart included.
    """

    verdict: Verdict
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    lost: bool = False
    restarts: tuple[int, ...] = ()
    reason: str = ""


def within_budget(restarts: tuple[int, ...], now_ns: int, period_ns: int) -> tuple[int, ...]:
    """Return the restarts that still count: those with time >= now - period."""
    return tuple(time for time in restarts if time >= now_ns - period_ns)


def decide(  # noqa: PLR0917 - the whole input of one decision
    spec: SupervisorSpec,
    failed: ChildSpec,
    kind: ExitKind,
    restarts: tuple[int, ...],
    now_ns: int,
    running: tuple[str, ...],
) -> Decision:
    """Return what to do about a child that ended by itself.

    running are the ids of the other children that are up or starting, in start order. A violation
    is never restarted into. More than spec.intensity restarts within the period escalate, or with
    spec.abandon give the child up; restarts are then its own.
    """
    bad = kind is not ExitKind.NORMAL
    if kind is ExitKind.VIOLATION:
        return Decision(Verdict.LEAVE, lost=True, restarts=restarts, reason="violation")
    wanted = failed.restart is Restart.PERMANENT or (failed.restart is Restart.TRANSIENT and bad)
    if not wanted:
        return Decision(Verdict.LEAVE, lost=bad, restarts=restarts, reason="not to be restarted")
    counted = (*within_budget(restarts, now_ns, spec.period_ns), now_ns)
    if len(counted) > spec.intensity:
        return Decision(
            Verdict.LEAVE if spec.abandon else Verdict.ESCALATE,
            lost=True,
            restarts=counted,
            reason=f"{failed.id}: more than {spec.intensity} restarts in {spec.period_ns} ns",
        )
    affected = _affected(spec, failed.id)
    temporary = {child.id for child in spec.children if child.restart is Restart.TEMPORARY}
    stop = tuple(id_ for id_ in reversed(affected) if id_ in running)
    start = tuple(
        id_ for id_ in affected if id_ == failed.id or (id_ in running and id_ not in temporary)
    )
    return Decision(Verdict.RESTART, stop=stop, start=start, restarts=counted)


def _affected(spec: SupervisorSpec, failed: str) -> tuple[str, ...]:
    """Return the ids that go down and up with the failed one, itself included, in start order."""
    order = tuple(child.id for child in spec.children)
    if spec.strategy is Strategy.ONE_FOR_ONE:
        return (failed,)
    if spec.strategy is Strategy.ONE_FOR_ALL:
        return order
    return order[order.index(failed) :]
