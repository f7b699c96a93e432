"""Virtual time without actors: a queue of due actions, for driving a venue by itself."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from domain.errors import DomainError, InvariantError

__all__ = ["VirtualWorld"]

_ACTIONS_MAX = 10_000_000


class VirtualWorld:
    """A clock that moves only when told to, and runs what falls due on the way.

    Actions due at the same time run in the order in which they were asked for. set_time is what a
    market source calls before each event.
    """

    __slots__ = ("_count", "_due", "now_ns")

    def __init__(self, start_ns: int = 0) -> None:
        """Start the clock at start_ns UTC."""
        self.now_ns = start_ns
        self._count = 0
        self._due: list[tuple[int, int, Callable[[], None]]] = []

    def at(self, due_ns: int, action: Callable[[], None]) -> None:
        """Run the action once the clock is moved to due_ns, or on the next move if that is past."""
        self._count += 1
        heappush(self._due, (max(due_ns, self.now_ns), self._count, action))

    def set_time(self, time_ns: int) -> None:
        """Move the clock forward, running everything due up to and at that time.

        Raises: DomainError if time would run backwards; InvariantError if actions never end.
        """
        if time_ns < self.now_ns:
            raise DomainError(f"time cannot go back from {self.now_ns} to {time_ns}")
        due = self._due
        for _ in range(_ACTIONS_MAX):
            if not due or due[0][0] > time_ns:
                self.now_ns = time_ns
                return
            self.now_ns, _, action = heappop(due)
            action()
        raise InvariantError(f"more than {_ACTIONS_MAX} actions without an end")

    def settle(self) -> None:
        """Run everything that is due now."""
        self.set_time(self.now_ns)

    def advance(self, delta_ns: int) -> None:
        """Move the clock forward by a span."""
        self.set_time(self.now_ns + delta_ns)
