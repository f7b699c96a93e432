"""The pykka ref of a Keel actor, for code outside the actors: thread-safe, by way of the kernel."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pykka

from actors.runtime.errors import BlockingRefusedError, EngineError

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.kernel import Kernel

__all__ = ["Answer", "Ref", "in_worker"]

# True on the threads of actors, where waiting for another actor is refused as it is elsewhere.
in_worker: ContextVar[bool] = ContextVar("in_worker", default=False)


class Answer(pykka.ThreadingFuture[Any]):
    """A pykka future that also tells, without waiting, whether it was answered."""

    done = False

    def set(self, value: Any = None) -> None:
        """Take the reply."""
        super().set(value)
        self.done = True

    def set_exception(self, exc_info: Any = None) -> None:
        """Take the reason why there is none."""
        super().set_exception(exc_info)
        self.done = True


class Ref(pykka.ActorRef["Actor"]):
    """Stays valid across restarts: it means the address, not the instance."""

    def __init__(self, actor: Actor, kernel: Kernel) -> None:
        """Bind an actor's address in its kernel."""
        super().__init__(actor)
        self._kernel = kernel

    def is_alive(self) -> bool:
        """Return whether an instance is behind the address now; it may end right after."""
        return self._kernel.is_alive(self.actor_urn)

    def tell(self, message: Any) -> None:
        """Queue a message from outside; what cannot be delivered goes to dead letters.

        Raises: EngineError for what is not a Message.
        """
        self._expect_message(message)
        self._kernel.post(lambda: self._kernel.tell(self.actor_urn, message))

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a request from outside an actor; return its reply, or a future when not blocking.

        timeout is in seconds, virtual ones under simulation. A request that timed out may still be
        carried out; it is not sent again.
        Raises: BlockingRefusedError inside a handler; EngineError for what is not a Message;
        pykka.Timeout; pykka.ActorDeadError when nobody is behind the address.
        """
        self._expect_message(message)
        self._refuse_in_handler("ask", "context.request")
        future = Answer()
        self._kernel.post(lambda: self._kernel.ask(self.actor_urn, message, future))
        if not block:
            return future
        self._kernel.drive(future, timeout)
        return future.get(timeout=timeout)

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask the actor to stop; when blocking, return once it is gone.

        Returns: whether it was there. Raises: BlockingRefusedError inside a handler; pykka.Timeout.
        """
        self._refuse_in_handler("stop", "context.stop")
        future = Answer()
        self._kernel.post(lambda: self._kernel.stop_from_outside(self.actor_urn, future))
        if not block:
            return future
        self._kernel.drive(future, timeout)
        return future.get(timeout=timeout)

    def proxy(self) -> Any:
        """Refuse: a proxy call is a blocking ask in disguise."""
        raise EngineError(f"{self.actor_urn}: proxies are not used; send a message")

    def _refuse_in_handler(self, what: str, instead: str) -> None:
        if self._kernel.in_handler() or in_worker.get():
            raise BlockingRefusedError(f"{what} of {self.actor_urn} in a handler: use {instead}")

    def _expect_message(self, message: Any) -> None:
        if not hasattr(message, "flags"):
            name = type(message).__name__
            raise EngineError(f"to {self.actor_urn}: {name} is no Message, has no lane")
