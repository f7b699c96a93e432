"""What an actor may do: the context its handlers use on the kernel's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.runtime import requests
from actors.runtime.errors import EngineError, SpecError
from actors.runtime.ref import Ref
from actors.runtime.specs import ChildSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.actor import Actor
    from actors.runtime.envelope import Envelope
    from actors.runtime.kernel import Kernel
    from actors.runtime.mailbox import Mailbox
    from actors.runtime.ports import Random
    from actors.runtime.specs import ActorSpec
    from actors.runtime.timers import Timer
    from actors.runtime.topics import Topic

__all__ = ["Context", "Deferred"]


class Context:
    """The capabilities of one actor instance on the kernel's thread.

    tell(address, message) queues a message; publish(topic, message) shows market data to
    subscribers and must be the handler's last statement. What would act for an instance that has
    ended raises EngineError.
    """

    __slots__ = ("_box", "_kernel", "actor", "incarnation", "path", "publish", "tell")

    def __init__(self, kernel: Kernel, box: Mailbox) -> None:
        """Bind an address of a kernel; incarnation counts its instances from 1."""
        self._kernel = kernel
        self._box = box
        self.actor: Actor | None = None
        self.incarnation = box.incarnation
        self.path = box.path
        self.tell: Callable[..., Any] = kernel.tell
        self.publish: Callable[[Topic, Any], None] = kernel.publish

    @property
    def now(self) -> int:
        """UTC ns of the latest input."""
        return self._kernel.now

    @property
    def monotonic(self) -> int:
        """Monotonic ns of the latest input; for deadlines and staleness."""
        return self._kernel.monotonic

    @property
    def sequence(self) -> int:
        """The number of the latest message or input; grows by at least one with each."""
        return self._kernel.sequence

    @property
    def cause(self) -> int:
        """The sequence of the message being handled."""
        return self._kernel.cause

    @property
    def rng(self) -> Random:
        """This address's own random stream; a restart goes on where it stood."""
        box = self._box
        if box.rng is None:
            box.rng = self._kernel.substream(box.path)
        rng: Random = box.rng
        return rng

    def reply(self, message: Any) -> None:
        """Answer the message being handled."""
        requests.reply(self._kernel, message)

    def defer(self) -> Deferred:
        """Return the right to answer the message being handled later."""
        return Deferred(self, requests.in_hand(self._kernel))

    def request(self, address: str, message: Any, timeout_ns: int) -> int:
        """Send a request; its reply or a RequestTimedOut with this number arrives as a message."""
        number = next(self._box.requests)
        requests.ask(self._kernel, self._box, number, address, message, timeout_ns)
        return number

    def after(self, delay_ns: int, message: Any) -> Timer:
        """Send this actor a message after a delay."""
        return self._kernel.after(self._box, delay_ns, message)

    def every(self, period_ns: int, message: Any) -> Timer:
        """Send this actor a message each period; missed periods are skipped."""
        if period_ns <= 0:
            raise EngineError(f"{self.path}: a period is above 0, not {period_ns} ns")
        return self._kernel.after(self._box, period_ns, message, period_ns)

    def spawn(self, spec: ActorSpec) -> str:
        """Start a child and return its address; ChildStarted or ChildEnded follows."""
        lifecycle, box = self._kernel.lifecycle, self._box
        self.later(lambda: lifecycle.spawn(box, spec))
        return lifecycle.path_of(box, spec)

    def watch(self, address: str) -> None:
        """Be told Terminated when the instance behind an address ends, at once if there is none."""
        self.later(lambda: self._kernel.lifecycle.watch(self._box, address))

    def unwatch(self, address: str) -> None:
        """Stop watching."""
        self.later(lambda: self._kernel.lifecycle.unwatch(self._box, address))

    def stop(self, address: str | None = None) -> None:
        """Ask a child, or this actor itself, to stop after at most one more message."""
        self.later(lambda: self._kernel.lifecycle.request_stop(address or self.path))

    def kill(self, address: str) -> None:
        """Remove a child that does not stop; its hooks are not run."""
        self.later(lambda: self._kernel.lifecycle.kill(address))

    def exit(self, error: Exception | None = None) -> None:
        """End this actor now, in order or with a failure; for actors that put their stop off."""
        self.later(lambda: self._kernel.lifecycle.exit(self._box, error))

    def topic(self, key: str) -> Topic:
        """Return the topic of a key, to publish to it or to look at its latest message."""
        return self._kernel.lifecycle.topic(key)

    def subscribe(self, key: str) -> Topic:
        """Receive what is published under a key from now on, until this instance ends."""
        topic = self._kernel.lifecycle.topic(key)
        self.later(lambda: self._kernel.lifecycle.subscribe(self._box, topic))
        return topic

    def unsubscribe(self, key: str) -> None:
        """Receive it no longer."""
        self.later(lambda: self._kernel.lifecycle.topic(key).remove(self._box))

    def enter(self, function: Callable[[Any], None], argument: Any) -> None:
        """Run a function as a step of this actor; for transports that deliver to it.

        What arrives for an instance that has ended goes to dead letters, not to its successor.
        """
        self._kernel.enter(self._box, self, function, argument)

    def later(self, effect: Callable[[], object]) -> None:
        """Carry out an effect on the kernel's thread: here at once, on a thread after the step."""
        effect()

    def expect_supervisor(self) -> None:
        """Check that the spec of this actor knows that it is a supervisor.

        Raises: SpecError, because a shutdown limit on a supervisor ends its children unasked.
        """
        spec = self._box.spec
        if isinstance(spec, ChildSpec) and not spec.supervisor:
            raise SpecError(f"{spec.id}.supervisor: True, because its factory makes a Supervisor")

    def inbox(self) -> Any:
        """Return the mailbox, for pykka's attribute of that name."""
        return self._box

    def make_ref(self, actor: Actor) -> Ref:
        """Return the ref that code outside may use."""
        return Ref(actor, self._kernel)


class Deferred:
    """The right to answer one message later; a second answer is dropped and counted."""

    __slots__ = ("_context", "_envelope")

    def __init__(self, context: Context, envelope: Envelope) -> None:
        """Keep the envelope that will be answered."""
        self._context = context
        self._envelope = envelope

    def reply(self, message: Any) -> None:
        """Answer now."""
        context, envelope = self._context, self._envelope
        context.later(lambda: requests.answer(context._kernel, envelope, message))  # noqa: SLF001
