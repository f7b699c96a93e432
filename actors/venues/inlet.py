"""Where a transport delivers to an actor: each call is one input of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.messages.market import QuoteUpdated

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ports import Frame, MarketEvent
    from actors.runtime.context import Context
    from actors.venues.feeds import Feeds

__all__ = ["Inlet", "MarketInlet"]


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


class MarketInlet(Inlet):
    """An inlet that publishes sound market data at once, without entering the actor.

    A quote takes one hop: the actor sees how fresh its feeds are in their topics. Whatever is not
    market data as it should be is delivered to the actor as ever.
    """

    __slots__ = ("_box", "_other", "_publish", "_quotes", "_sound")

    def __init__(
        self,
        context: Context,
        up: Callable[[None], None],
        received: Callable[[Frame], None],
        disconnected: Callable[[str], None],
        *,
        sound: Callable[[Frame], MarketEvent | None],
        feeds: Feeds,
    ) -> None:
        """Ask ``sound`` of each frame whether it may be published as it is."""
        super().__init__(context, up, received, disconnected)
        self._box = context.inbox()
        self._sound = sound
        self._publish = context.publish
        self._other = feeds.publish
        self._quotes = feeds.quotes

    def received(self, frame: Frame) -> None:
        """Publish sound market data, deliver other frames; nothing for a killed instance."""
        if self.open and self._box.context is self._context:
            event = self._sound(frame)
            if event is None:
                self._context.enter(self._received, frame)
            elif type(event) is QuoteUpdated:
                self._publish(self._quotes[event.instrument], event)
            else:
                self._other(event)
