"""The one actor class: a pykka actor whose life and mail belong to Keel's kernel."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pykka

from actors.runtime.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from actors.runtime.context import Context
    from actors.runtime.ref import Ref

__all__ = ["Actor", "handles"]

_F = TypeVar("_F", bound="Callable[..., Any]")
_STATE_TEXT_MAX = 400

# The context of the actor that is being constructed; set by the kernel around its factory.
spawning: ContextVar[Context | None] = ContextVar("spawning", default=None)


def handles(*types: type) -> Callable[[_F], _F]:
    """Declare that a method handles these message types; it is found by a table, not by asking."""

    def mark(method: _F) -> _F:
        method.__handles__ = types  # type: ignore[attr-defined]
        return method

    return mark


class Actor(pykka.Actor):
    """Owns state that only its handlers touch; the subclass says what it owns, receives and sends.

    Handlers are declared with ``@handles(Type)`` and use ``self.context``. They never block. Any
    exception in any hook, handler or timer ends this instance and is reported to the parent.
    """

    handlers: ClassVar[dict[type, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Build the handler table of the class from its own and its parents' declarations."""
        super().__init_subclass__(**kwargs)
        table: dict[type, str] = {}
        for base in reversed(cls.__mro__):
            for name, member in vars(base).items():
                for message_type in getattr(member, "__handles__", ()):
                    table[message_type] = name
        cls.handlers = table

    def __init__(self) -> None:
        """Join the context the kernel is spawning; nobody else can construct an actor.

        Raises: EngineError outside a spawn.
        """
        context = spawning.get()
        if context is None:
            raise EngineError(f"{type(self).__name__} is spawned by a runtime, not constructed")
        super().__init__()
        self.context = context
        # The pykka ref copies urn and inbox, so ours is made last.
        self.actor_urn = context.path
        self._actor_ref: Ref = context.make_ref(self)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse pykka's way to start: a runtime spawns actors from specs."""
        raise EngineError(f"{cls.__name__}.start: use a runtime's spawn, with {args} {kwargs}")

    @staticmethod
    def _create_actor_inbox() -> Any:
        context = spawning.get()
        if context is None:
            raise EngineError("an inbox belongs to an actor that is being spawned")
        return context.inbox()

    @staticmethod
    def _create_future() -> Any:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        raise EngineError("the kernel runs actors; there is no loop to start")

    def stop(self) -> None:
        """Ask this actor to stop after at most one more message."""
        self.context.stop()

    def on_start(self) -> None:
        """Prepare; mail is handled only after this returned."""

    def on_stop(self) -> None:
        """Tidy up at an orderly end; a failure in here is reported like any other."""

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Look at the exception that ended this instance; sending is still possible."""

    def on_stop_requested(self) -> bool:
        """Return True to stop now, False to go on until ``context.exit()`` or the limit."""
        return True

    def on_receive(self, message: Any) -> Any:
        """Refuse pykka's catch-all: what has no declared handler is an error."""
        raise EngineError(f"{self.actor_urn} has no handler for {type(message).__name__}")

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return what introspection shows: public attributes as text; override to choose."""
        return tuple(
            (name, repr(value)[:_STATE_TEXT_MAX])
            for name, value in sorted(vars(self).items())
            if not name.startswith(("_", "actor_")) and name != "context"
        )
