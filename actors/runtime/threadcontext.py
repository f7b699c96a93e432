"""The context on an actor's own thread: effects are kept until the step is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.runtime import requests
from actors.runtime.context import Context, Deferred
from actors.runtime.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.envelope import Envelope
    from actors.runtime.kernel import Kernel
    from actors.runtime.mailbox import Mailbox
    from actors.runtime.timers import Timer
    from actors.runtime.topics import Topic

__all__ = ["ThreadContext"]


class ThreadContext(Context):
    """Keeps what a step sends, starts and answers, and the time of its hand-over.

    So a blocking handler shows its effects to the rest of the system at one point of the total
    order, and reads one time from beginning to end.
    """

    __slots__ = ("_cause", "_monotonic", "_now", "_sequence", "current", "effects")

    def __init__(self, kernel: Kernel, box: Mailbox) -> None:
        """Bind an address whose handlers run on a thread."""
        super().__init__(kernel, box)
        self.effects: list[Callable[[], object]] = []
        self.tell = self._tell
        self.publish = self._publish
        self.begin(None)

    def begin(self, envelope: Envelope | None) -> None:
        """Note on the kernel's thread what the next step handles, and when."""
        kernel = self._kernel
        self.current = envelope
        self._now, self._monotonic = kernel.now, kernel.monotonic
        self._sequence = kernel.sequence
        self._cause = kernel.cause if envelope is None else envelope[1]

    @property
    def now(self) -> int:
        """UTC ns of the hand-over to the thread."""
        return self._now

    @property
    def monotonic(self) -> int:
        """Monotonic ns of the hand-over to the thread."""
        return self._monotonic

    @property
    def sequence(self) -> int:
        """The number of the latest message or input at the hand-over."""
        return self._sequence

    @property
    def cause(self) -> int:
        """The sequence of the message being handled."""
        return self._cause

    def later(self, effect: Callable[[], object]) -> None:
        """Carry out an effect when the step is done."""
        self.effects.append(effect)

    def _tell(self, address: str, message: Any) -> None:
        if not hasattr(message, "flags"):
            raise EngineError(f"to {address}: {type(message).__name__} is no Message, has no lane")
        self.effects.append(lambda: self._kernel.tell(address, message))

    def _publish(self, topic: Topic, message: Any) -> None:
        self.effects.append(lambda: self._kernel.publish(topic, message))

    def reply(self, message: Any) -> None:
        """Answer the message being handled, when its handler is done."""
        self.defer().reply(message)

    def defer(self) -> Deferred:
        """Return the right to answer the message being handled, in this step or a later one."""
        envelope = self.current
        if envelope is None:
            raise EngineError(f"{self.path}: there is no message to reply to")
        return Deferred(self, envelope)

    def request(self, address: str, message: Any, timeout_ns: int) -> int:
        """Send a request when the handler is done, under the number that is returned now."""
        kernel, box, number = self._kernel, self._box, next(self._box.requests)
        self.effects.append(lambda: requests.ask(kernel, box, number, address, message, timeout_ns))
        return number

    def after(self, delay_ns: int, message: Any) -> Timer:
        """Start the delay when the handler is done; the handle works at once."""
        return self._start_later(delay_ns, message, 0)

    def every(self, period_ns: int, message: Any) -> Timer:
        """Start the period when the handler is done."""
        if period_ns <= 0:
            raise EngineError(f"{self.path}: a period is above 0, not {period_ns} ns")
        return self._start_later(period_ns, message, period_ns)

    def _start_later(self, delay_ns: int, message: Any, period_ns: int) -> Timer:
        if delay_ns < 0:
            raise EngineError(f"{self.path}: a timer runs forward, not {delay_ns} ns")
        handle = _Handle(self)

        def start() -> None:
            if not handle.cancelled:
                handle.timer = self._kernel.after(self._box, delay_ns, message, period_ns)

        self.effects.append(start)
        return handle  # type: ignore[return-value]


class _Handle:
    """A timer that a step asked for; the real one exists once the step is done."""

    __slots__ = ("_context", "cancelled", "timer")

    def __init__(self, context: ThreadContext) -> None:
        self._context = context
        self.cancelled = False
        self.timer: Timer | None = None

    def cancel(self) -> None:
        """Cancel when the step is done, which is before any further message is handled."""
        self.cancelled = True
        self._context.effects.append(self._cancel)

    def _cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
