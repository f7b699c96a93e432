"""Where a transport delivers to an actor: each call is one input of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ports import Frame
    from actors.runtime.context import Context

__all__ = ["Inlet"]


class Inlet:
    """Where a transport delivers to an actor: each call is one input of the run."""

    __slots__ = ("_context", "_disconnected", "_received", "_up", "open")

    def __init__(
        self,
        context: Context,
        up: Callable[[None], None],
        received: Callable[[Frame], None],
        disconnected: Callable[[str], None],
    ) -> None:
        """Deliver into the functions of an actor; nothing after ``open`` was set to False."""
        self._context = context
        self._up = up
        self._received = received
        self._disconnected = disconnected
        self.open = True

    def connected(self) -> None:
        """Deliver that the session is up."""
        if self.open:
            self._context.enter(self._up, None)

    def received(self, frame: Frame) -> None:
        """Deliver a frame."""
        if self.open:
            self._context.enter(self._received, frame)

    def disconnected(self, reason: str) -> None:
        """Deliver that the session is gone."""
        if self.open:
            self._context.enter(self._disconnected, reason)
