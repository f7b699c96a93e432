"""The simulated runtime: the same kernel under virtual time, single-threaded and repeatable.

Time moves only between cascades: whatever is queued is handled before the next timer, input or
market event. Events of market sources run in a tight loop that looks at the agenda before each of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pykka

from actors.runtime.errors import EngineError
from actors.runtime.kernel import Kernel
from actors.runtime.ref import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.ports import Chooser, Substream
    from actors.runtime.specs import ActorSpec

__all__ = ["MarketSource", "SimulatedRuntime"]

STEPS_MAX = 50_000_000
DRIVE_MAX_NS = 3_600_000_000_000


class MarketSource(Protocol):
    """Market events in time order that a runtime merges with timers and other sources."""

    def next_ns(self) -> int | None:
        """Return the UTC ns of the next event, or None at the end."""

    def pump(self, limit_ns: int) -> int:
        """Publish every event with time <= limit_ns, setting the time before each; count them."""


class SimulatedRuntime:
    """Runs a tree of actors in virtual time.

    now_ns is UTC; monotonic time starts at 0. The same seed, actors and inputs give the same run.
    """

    def __init__(
        self, substream: Substream, start_ns: int = 0, chooser: Chooser | None = None
    ) -> None:
        """Start the clock at start_ns UTC; without a chooser, mail is handled as it arrives."""
        self.kernel = Kernel(substream)
        self.kernel.chooser = chooser
        self.kernel.now = start_ns
        self.kernel.drive = self._drive
        self._offset_ns = start_ns
        self._sources: list[MarketSource] = []

    @property
    def now_ns(self) -> int:
        """UTC ns of the virtual clock."""
        return self.kernel.now

    def spawn(self, spec: ActorSpec) -> str:
        """Start an actor without parent."""
        return self.kernel.lifecycle.spawn(None, spec)

    def at(self, due_ns: int, action: Callable[[], None]) -> None:
        """Run an action as an input at a UTC time, now at the earliest."""
        self.kernel.at_monotonic(max(due_ns - self._offset_ns, self.kernel.monotonic), action)

    def add_source(self, source: MarketSource) -> None:
        """Merge a source's events into the run."""
        self._sources.append(source)

    def step_clock(self, delta_ns: int) -> None:
        """Move UTC without moving monotonic time, as a clock step does."""
        self._offset_ns += delta_ns
        self.kernel.now += delta_ns

    def set_time(self, utc_ns: int) -> None:
        """Move the clock to a market event, after everything that is due before it; never back."""
        kernel = self.kernel
        if kernel.ready or kernel.urgent:
            kernel.drain()
        monotonic = utc_ns - self._offset_ns
        if monotonic < kernel.monotonic:
            return
        heap = kernel.agenda.heap
        if heap and heap[0][0] <= monotonic:
            self._catch_up(monotonic)
        kernel.now = utc_ns
        kernel.monotonic = monotonic

    def _catch_up(self, monotonic_ns: int) -> None:
        kernel = self.kernel
        for _ in range(STEPS_MAX):
            due = kernel.agenda.next_due_ns()
            if due is None or due > monotonic_ns:
                return
            if due > kernel.monotonic:
                kernel.monotonic = due
                kernel.now = due + self._offset_ns
            kernel.run_due()
            if kernel.ready or kernel.urgent:
                kernel.drain()
        raise EngineError(f"more than {STEPS_MAX} timers without time moving on")

    def settle(self) -> None:
        """Handle everything that is due now; time does not move."""
        kernel = self.kernel
        for _ in range(STEPS_MAX):
            busy = kernel.take_ingress()
            kernel.drain()
            due = kernel.agenda.next_due_ns()
            if due is not None and due <= kernel.monotonic:
                kernel.run_due()
            elif not busy and not kernel.ingress:
                return
        raise EngineError(f"no rest after {STEPS_MAX} steps at one instant")

    def advance(self, delta_ns: int) -> None:
        """Run for a span of virtual time."""
        self.run_until(self.now_ns + delta_ns)

    def run_until(self, end_ns: int) -> None:
        """Run every event up to and including a UTC time and set the clock to it.

        Sources go in order of time, and at one time in the order in which they were added.
        """
        self.settle()
        while True:
            upcoming = sorted(
                (due, index)
                for index, source in enumerate(self._sources)
                if (due := source.next_ns()) is not None and due <= end_ns
            )
            if not upcoming:
                break
            index = upcoming[0][1]
            limit = end_ns
            if len(upcoming) > 1:
                # Of events at one time those of the source that was added first come first.
                limit = upcoming[1][0] - (index > upcoming[1][1])
            self._sources[index].pump(limit)
            self.settle()
        self.set_time(max(end_ns, self.now_ns))
        self.settle()

    def ask(self, address: str, message: Any, timeout_ns: int = 10_000_000_000) -> Any:
        """Send a request from outside and run until its reply, for timeout_ns at most.

        Raises: EngineError when no reply came; pykka.ActorDeadError when nobody is there.
        """
        answer = Answer()
        self.kernel.ask(address, message, answer)
        self._run_to(answer, self.now_ns + timeout_ns)
        if not answer.done:
            raise EngineError(f"no reply from {address} to {type(message).__name__}")
        return answer.get()

    def _run_to(self, answer: Answer, end_ns: int) -> None:
        """Run until an answer is there or a UTC time has come; sources stand still."""
        self.settle()
        while not answer.done:
            due = self.kernel.agenda.next_due_ns()
            if due is None or due + self._offset_ns > end_ns:
                return
            self.set_time(due + self._offset_ns)
            self.settle()

    def _drive(self, answer: Answer, timeout_s: float | None) -> None:
        """Run for a caller that blocks; timeout_s is virtual.

        Raises: pykka.Timeout, because waiting longer would be for ever.
        """
        limit_ns = DRIVE_MAX_NS if timeout_s is None else int(timeout_s * 1e9)
        self._run_to(answer, self.now_ns + limit_ns)
        if not answer.done:
            raise pykka.Timeout(f"no answer within {limit_ns} ns of virtual time")
