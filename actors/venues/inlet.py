"""Where a transport delivers to an actor: each call is one input of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.messages.market import QuoteUpdated
    from actors.ports import Frame
    from actors.runtime.context import Context
    from actors.venues.feeds import Feeds

__all__ = ["Inlet", "QuoteInlet"]


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


class QuoteInlet(Inlet):
    """An inlet that publishes a sound quote at once, without entering the actor.

    A quote takes one hop: the actor sees how fresh its feeds are in their topics. Whatever is not a
    quote in sequence is delivered to the actor as ever.
    """

    __slots__ = ("_box", "_publish", "_quote", "_topics")

    def __init__(
        self,
        context: Context,
        up: Callable[[None], None],
        received: Callable[[Frame], None],
        disconnected: Callable[[str], None],
        *,
        quote: Callable[[Frame], QuoteUpdated | None],
        feeds: Feeds,
    ) -> None:
        """Ask ``quote`` of each frame whether it may be published as it is."""
        super().__init__(context, up, received, disconnected)
        self._box = context.inbox()
        self._quote = quote
        self._publish = context.publish
        self._topics = feeds.quotes

    def received(self, frame: Frame) -> None:
        """Publish a sound quote, deliver other frames; nothing for an instance that was killed."""
        if self.open and self._box.context is self._context:
            quote = self._quote(frame)
            if quote is None:
                self._context.enter(self._received, frame)
            else:
                self._publish(self._topics[quote.instrument], quote)
