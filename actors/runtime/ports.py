"""What the kernel asks of the world: time, choice, randomness, and threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.mailbox import Mailbox

__all__ = [
    "AuditSink",
    "Chooser",
    "Clock",
    "Observer",
    "Random",
    "Substream",
    "Worker",
    "WorkerPool",
]


class Clock(Protocol):
    """Reads time; only runtimes call it, once per input or batch."""

    def read(self) -> tuple[int, int]:
        """Return (UTC, monotonic) in integer nanoseconds."""


class Chooser(Protocol):
    """Decides which of the mailboxes that have mail goes next."""

    def choose(self, ready: int) -> int:
        """Return an index below ready, the number of waiting mailboxes in order of arrival."""


class Random(Protocol):
    """The part of random.Random that actors use."""

    def random(self) -> float:
        """Return a float in [0, 1)."""

    def randrange(self, start: int, stop: int | None = None) -> int:
        """Return an integer of the range."""

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """Return a normal deviate."""


class Substream(Protocol):
    """Makes the random stream of one name, independent of every other name."""

    def __call__(self, name: str) -> Random:
        """Return the stream for this name; the same name and seed give the same stream."""


class Worker(Protocol):
    """One thread that runs one actor's handlers, one at a time."""

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job on the worker's thread; jobs run in the order of submission."""

    def close(self) -> None:
        """Let the thread end after its present job; never waits for it."""


class WorkerPool(Protocol):
    """Makes workers; absent under simulation, where every actor runs inline."""

    def worker(self, name: str) -> Worker:
        """Return a new worker whose thread carries this name."""


class AuditSink(Protocol):
    """Takes journalled messages by reference as they are sent; must cost next to nothing."""

    def append(self, record: tuple[int, int, int, str, str, Any]) -> None:
        """Keep (sequence, cause, UTC ns, sender, address, message)."""


class Observer(Protocol):
    """Sees every delivery before the handler runs; it must not send or change anything."""

    def __call__(self, box: Mailbox, message: Any, sequence: int, cause: int) -> None:
        """Note that a message is about to be handled."""
