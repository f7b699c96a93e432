"""The supervisor: starts children left to right, stops them right to left, restarts by its spec.

It works off one list of steps at a time (stop a child, wait, start a child), each ended by a
message, so that it never blocks and a stuck child holds up nobody for longer than its shutdown
limit.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from actors.runtime.actor import Actor, handles
from actors.runtime.errors import RestartBudgetError
from actors.runtime.message import CONTROL, Message
from actors.runtime.specs import ChildSpec, FlattenScope, SupervisorSpec
from actors.runtime.supervision import Verdict, decide
from actors.runtime.system import ChildEnded, ChildStarted, Exit, ExitKind, ScopeLost
from actors.runtime.timers import Timer

__all__ = ["ChildStatus", "Supervisor"]

ROOT = "/"


class ChildStatus(StrEnum):
    """What a supervisor believes of one child."""

    DOWN = "down"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"


class _Limit(Message, kw_only=True):
    """A child had its time to stop."""

    flags = CONTROL

    id: str


class _BackoffOver(Message, kw_only=True):
    """The wait before a restart is over."""

    flags = CONTROL


class Supervisor(Actor):
    """Keeps the children of its spec running within its restart budget.

    Owns: the children and their order. Receives: ChildStarted, ChildEnded. Sends: ScopeLost to the
    root for a child that will not run again. When it fails itself its children are ended first.
    """

    def __init__(self, spec: SupervisorSpec) -> None:
        """Take a validated spec; children start in its order."""
        super().__init__()
        self.context.expect_supervisor()
        self.spec = spec
        self.status = {child.id: ChildStatus.DOWN for child in spec.children}
        # By child where each has its own budget, else all under the empty name.
        self.restarts: dict[str, tuple[int, ...]] = {}
        self.attempt = 0
        self.ready = False
        self._specs = {child.id: child for child in spec.children}
        self._stops: deque[str] = deque()
        self._starts: deque[str] = deque()
        self._wait_ns = 0
        self._waiting = False
        self._limit: Timer | None = None
        self._ending = False
        self._verdict: Exception | None = None

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return strategy, budget, and the status of each child."""
        children = ((id_, str(status)) for id_, status in self.status.items())
        return (
            ("strategy", str(self.spec.strategy)),
            ("restarts", f"{self._most()} of {self.spec.intensity}"),
            *children,
        )

    def _most(self) -> int:
        return max((len(times) for times in self.restarts.values()), default=0)

    def on_start(self) -> None:
        """Begin to start the children, left to right."""
        self._starts.extend(child.id for child in self.spec.children)
        self._advance()

    def on_stop_requested(self) -> bool:
        """Stop the children first, right to left, each within its limit."""
        self._shut_down(None)
        return False

    def on_ready(self) -> None:
        """Do what is wanted once every child has started for the first time."""

    def on_scope_lost(self, lost: ScopeLost) -> None:
        """Report to the root; the root overrides this to act."""
        self.context.tell(ROOT, lost)

    # -- what children report ------------------------------------------------------------------

    @handles(ChildStarted)
    def child_started(self, message: ChildStarted) -> None:
        """Go on with the next step."""
        id_ = self._id_of(message.address)
        if self.status.get(id_) is ChildStatus.STARTING:
            self.status[id_] = ChildStatus.UP
            self._advance()

    @handles(ChildEnded)
    def child_ended(self, message: ChildEnded) -> None:
        """Note an end that was wanted, decide about one that was not."""
        id_ = self._id_of(message.address)
        status = self.status.get(id_)
        if status is None or status is ChildStatus.DOWN:
            return
        self.status[id_] = ChildStatus.DOWN
        if status is ChildStatus.STOPPING:
            self._cancel_limit()
        elif not self._ending:
            self._decide(self._specs[id_], message.exit)
            return
        self._note_end_in_stop(self._specs[id_], message.exit)
        self._advance()

    def _note_end_in_stop(self, child: ChildSpec, exit_: Exit) -> None:
        """See to the scope of a child that did not stop in order and will not run again."""
        if exit_.kind is ExitKind.VIOLATION and child.id in self._starts:
            self._starts.remove(child.id)
        if exit_.kind is not ExitKind.NORMAL and child.id not in self._starts:
            self._lose(child, exit_)

    def _decide(self, failed: ChildSpec, exit_: Exit) -> None:
        now = self.context.monotonic
        latest = max((times[-1] for times in self.restarts.values() if times), default=None)
        if latest is None or latest < now - self.spec.period_ns:
            self.attempt = 0
        up = (ChildStatus.UP, ChildStatus.STARTING)
        running = tuple(
            id_
            for id_ in self._specs
            if id_ != failed.id and (self.status[id_] in up or id_ in self._starts)
        )
        key = failed.id if self.spec.abandon else ""
        restarts = self.restarts.get(key, ())
        decision = decide(self.spec, failed, exit_.kind, restarts, now, running)
        self.restarts[key] = decision.restarts
        if decision.lost:
            self._lose(failed, exit_)
        if decision.verdict is Verdict.ESCALATE:
            self._shut_down(RestartBudgetError(f"{decision.reason}; last: {exit_.reason}"))
            return
        if decision.verdict is Verdict.RESTART:
            self.attempt += 1
            self._wait_ns = self.spec.backoff.delay_ns(self.attempt, self._draw())
            self._merge(decision.stop, decision.start)
        self._advance()

    def _draw(self) -> float:
        return self.context.rng.random() if self.spec.backoff.first_ns else 0.0

    def _lose(self, child: ChildSpec, exit_: Exit) -> None:
        if child.scope is not FlattenScope.NONE:
            self.on_scope_lost(
                ScopeLost(
                    address=f"{self.context.path.rstrip('/')}/{child.id}",
                    scope=child.scope,
                    key=child.scope_key,
                    reason=exit_.reason,
                )
            )

    def _merge(self, stop: tuple[str, ...], start: tuple[str, ...]) -> None:
        """Add to the steps under way, keeping the one order of the spec."""
        order = list(self._specs)
        up = [id_ for id_ in stop if self.status[id_] is not ChildStatus.DOWN]
        stopping = {*self._stops, *up}
        starting = {*self._starts, *start}
        self._stops = deque(id_ for id_ in reversed(order) if id_ in stopping)
        self._starts = deque(id_ for id_ in order if id_ in starting)

    # -- the steps -----------------------------------------------------------------------------

    def _advance(self) -> None:
        """Take the next step unless one is under way: stops first, then the wait, then starts."""
        if ChildStatus.STOPPING in self.status.values():
            return
        while self._stops:
            id_ = self._stops.popleft()
            if self.status[id_] is not ChildStatus.DOWN:
                self._stop_child(id_)
                return
        if self._ending:
            self.context.exit(self._verdict)
            return
        if self._waiting or ChildStatus.STARTING in self.status.values():
            return
        if self._starts and self._wait_ns:
            self._waiting = True
            self.context.after(self._wait_ns, _BackoffOver())
            self._wait_ns = 0
            return
        while self._starts:
            id_ = self._starts.popleft()
            if self.status[id_] is ChildStatus.DOWN:
                self.status[id_] = ChildStatus.STARTING
                self.context.spawn(self._specs[id_])
                return
        if not self.ready:
            self.ready = True
            self.on_ready()

    def _stop_child(self, id_: str) -> None:
        self.status[id_] = ChildStatus.STOPPING
        address = self._address(id_)
        limit_ns = self._specs[id_].shutdown_ns
        if limit_ns == 0:
            self.context.kill(address)
            return
        if limit_ns is not None:
            self._limit = self.context.after(limit_ns, _Limit(id=id_))
        self.context.stop(address)

    @handles(_Limit)
    def limit_reached(self, message: _Limit) -> None:
        """Remove a child that did not stop in time."""
        if self.status[message.id] is ChildStatus.STOPPING:
            self.context.kill(self._address(message.id))

    @handles(_BackoffOver)
    def backoff_over(self, _: _BackoffOver) -> None:
        """Go on with the starts."""
        self._waiting = False
        self._advance()

    def _cancel_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _shut_down(self, verdict: Exception | None) -> None:
        """Stop every child, right to left, then end: in order, or with the verdict as failure."""
        self._ending = True
        self._verdict = self._verdict or verdict
        self._waiting = False
        self._starts.clear()
        self._stops = deque(
            id_
            for id_ in reversed(self._specs)
            if self.status[id_] in (ChildStatus.UP, ChildStatus.STARTING)
        )
        self._advance()

    def _address(self, id_: str) -> str:
        return f"{self.context.path.rstrip('/')}/{id_}"

    def _id_of(self, address: str) -> str:
        return address.removeprefix(self.context.path).removeprefix("/")
