"""Child and supervisor specs: validated data, so that a tree can be shown before it runs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from actors.runtime.errors import SpecError
from actors.runtime.mailbox import OverflowPolicy

__all__ = [
    "SECOND_NS",
    "ActorSpec",
    "Backoff",
    "ChildSpec",
    "FlattenScope",
    "Restart",
    "RunsOn",
    "Strategy",
    "SupervisorSpec",
]

SECOND_NS = 1_000_000_000


class Restart(StrEnum):
    """When a child that ended is started again."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Strategy(StrEnum):
    """Which siblings go down and up with a failed child."""

    ONE_FOR_ONE = "one_for_one"
    REST_FOR_ONE = "rest_for_one"
    ONE_FOR_ALL = "one_for_all"


class FlattenScope(StrEnum):
    """What must be closed when a child will not run again."""

    NONE = "none"
    INSTRUMENT = "instrument"
    PAIR = "pair"
    VENUE = "venue"
    ALL = "all"


class RunsOn(StrEnum):
    """Where an actor's handlers run: on the kernel's thread, or on its own to block."""

    LOOP = "loop"
    THREAD = "thread"


class ActorSpec(msgspec.Struct, frozen=True):
    """How to build one actor and bound its mailbox.

    factory takes nothing and returns a new actor each time; mailbox_max counts data mail.
    """

    id: str
    factory: Callable[[], Any]
    mailbox_max: int = 10_000
    overflow: OverflowPolicy = OverflowPolicy.REFUSE
    runs_on: RunsOn = RunsOn.LOOP

    def __post_init__(self) -> None:
        """Refuse what cannot be addressed or bounded.

        Raises: SpecError.
        """
        if not self.id or self.id != self.id.strip("/") or "//" in self.id:
            raise SpecError(f"id: one or more path segments, not {self.id!r}")
        if self.mailbox_max < 1:
            raise SpecError(f"{self.id}.mailbox_max: at least 1, not {self.mailbox_max}")


class ChildSpec(ActorSpec, frozen=True):
    """How a supervisor keeps one child.

    shutdown_ns limits how long the child may take to stop; None waits for ever and is required
    for a child that is a supervisor itself, because a limit would leak its children.
    """

    restart: Restart = Restart.PERMANENT
    shutdown_ns: int | None = 5 * SECOND_NS
    supervisor: bool = False
    scope: FlattenScope = FlattenScope.NONE
    scope_key: str = ""

    def __post_init__(self) -> None:
        """Refuse specs that would leak grandchildren or flatten an unnamed scope.

        Raises: SpecError.
        """
        ActorSpec.__post_init__(self)
        if self.supervisor and self.shutdown_ns is not None:
            raise SpecError(f"{self.id}.shutdown_ns: None for a supervisor, or grandchildren leak")
        if self.shutdown_ns is not None and self.shutdown_ns < 0:
            raise SpecError(f"{self.id}.shutdown_ns: at least 0, not {self.shutdown_ns}")
        if self.scope not in (FlattenScope.NONE, FlattenScope.ALL) and not self.scope_key:
            raise SpecError(f"{self.id}.scope_key: says which {self.scope} to flatten")


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait before the n-th restart in a row: first * factor^(n-1), plus jitter.

    jitter is the largest fraction added, drawn from the supervisor's own random stream; the count
    begins again when a period passes without a failure.
    """

    first_ns: int = 0
    max_ns: int = 30 * SECOND_NS
    factor: float = 2.0
    jitter: float = 0.1

    def delay_ns(self, attempt: int, draw: float) -> int:
        """Return the delay before restart number attempt (from 1); draw is in [0, 1)."""
        if self.first_ns == 0:
            return 0
        exponent = min(attempt - 1, 62)
        base = min(self.first_ns * self.factor**exponent, self.max_ns)
        return int(base * (1.0 + self.jitter * draw))


class SupervisorSpec(msgspec.Struct, frozen=True):
    """Which children, in which order, with which strategy and budget.

    More than intensity restarts with time >= now - period_ns end the supervisor. With abandon they
    are counted per child, and a child beyond them is given up alone: its scope is lost, siblings go
    on. That suits equals that do not need each other.
    """

    children: tuple[ChildSpec, ...]
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: int = 3
    period_ns: int = 60 * SECOND_NS
    backoff: Backoff = Backoff()
    abandon: bool = False

    def __post_init__(self) -> None:
        """Refuse two children of one name and budgets that mean nothing.

        Raises: SpecError.
        """
        names = [child.id for child in self.children]
        for name in names:
            if names.count(name) > 1:
                raise SpecError(f"children: two are called {name!r}")
        if self.intensity < 0 or self.period_ns <= 0:
            raise SpecError(f"intensity at least 0 and period_ns above 0: {self}")
