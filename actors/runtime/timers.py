"""Timers are messages with a due time; the heap also carries the inputs of simulated venues."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.mailbox import Mailbox

__all__ = ["Agenda", "Timer"]

CANCELLED_MIN = 64


class Timer:
    """A message that an actor sends itself later; cancelling holds even if it is already queued.

    due_ns is on the monotonic clock; period_ns is 0 for a single shot; queued says that the
    message waits in the mailbox, where each timer has at most one; answered, that the reply that
    a deadline is for does.
    """

    __slots__ = (
        "agenda",
        "answered",
        "box",
        "cancelled",
        "cause",
        "due_ns",
        "message",
        "number",
        "period_ns",
        "queued",
        "request",
    )

    def __init__(self, agenda: Agenda, box: Mailbox, message: Any, due_ns: int) -> None:
        """Record a single shot that nothing caused; the kernel fills in the rest."""
        self.agenda = agenda
        self.box = box
        self.message = message
        self.due_ns = due_ns
        self.period_ns = 0
        self.cause = 0
        self.number = agenda.number + 1
        self.request = 0
        self.queued = False
        self.answered = False
        self.cancelled = False

    def cancel(self) -> None:
        """Make sure that the message is never delivered from now on."""
        if self.cancelled:
            return
        self.cancelled = True
        known = self.box.timers.pop(self.number, None) is not None
        if known and (self.period_ns or not self.queued):
            self.agenda.cancelled += 1


class Agenda:
    """What is due when, in order of due time and then of creation.

    Cancelled timers are swept out when they are the larger part, so that the heap is bounded by
    what is wanted.
    """

    __slots__ = ("cancelled", "heap", "number")

    def __init__(self) -> None:
        """Begin with nothing due."""
        self.heap: list[tuple[int, int, Timer | Callable[[], None]]] = []
        self.number = 0
        self.cancelled = 0

    def push(self, due_ns: int, entry: Timer | Callable[[], None]) -> None:
        """Add an entry due at a monotonic time."""
        self.number += 1
        heappush(self.heap, (due_ns, self.number, entry))
        if self.cancelled > CANCELLED_MIN and self.cancelled * 2 > len(self.heap):
            self._sweep()

    def _sweep(self) -> None:
        kept = [row for row in self.heap if not (type(row[2]) is Timer and row[2].cancelled)]
        heapify(kept)
        self.heap[:] = kept
        self.cancelled = 0

    def next_due_ns(self) -> int | None:
        """Return when the earliest live entry is due, forgetting cancelled timers on the way."""
        heap = self.heap
        while heap:
            entry = heap[0][2]
            if type(entry) is Timer and entry.cancelled:
                heappop(heap)
                self.cancelled -= 1
                continue
            return heap[0][0]
        return None

    def pop_due(self, monotonic_ns: int) -> Timer | Callable[[], None] | None:
        """Take the earliest live entry that is due by now, or None."""
        heap = self.heap
        while heap and heap[0][0] <= monotonic_ns:
            entry = heappop(heap)[2]
            if type(entry) is Timer and entry.cancelled:
                self.cancelled -= 1
                continue
            return entry
        return None
