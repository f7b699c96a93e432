"""The market data of one venue: where it is published, and whether it is still fresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.messages.market import QuoteUpdated, topic_key

if TYPE_CHECKING:
    from actors.ports import MarketEvent
    from actors.runtime import Topic
    from actors.runtime.context import Context

__all__ = ["Feeds"]


class Feeds:
    """The topics of a venue's instruments; quotes has the quote topic of each, by key."""

    __slots__ = ("_context", "_publish", "_topics", "quotes")

    def __init__(self, context: Context) -> None:
        """Publish through a context; topics come with ``open`` or with their first message."""
        self._context = context
        self._publish = context.publish
        self.quotes: dict[str, Topic] = {}
        self._topics: dict[type, dict[str, Topic]] = {QuoteUpdated: self.quotes}

    def open(self, instruments: tuple[str, ...]) -> None:
        """Make the quote topic of every instrument, so that its age is watched."""
        for key in instruments:
            self.quotes[key] = self._context.topic(topic_key(QuoteUpdated, key))

    def publish(self, event: MarketEvent) -> None:
        """Publish market data; the last thing done with a frame."""
        try:
            topic = self._topics[type(event)][event.instrument]
        except KeyError:
            topic = self._first(type(event), event.instrument)
        self._publish(topic, event)

    def _first(self, kind: type, instrument: str) -> Topic:
        """Return the topic of a kind of event that this instrument had none of yet."""
        topics = self._topics.setdefault(kind, {})
        topic = topics[instrument] = self._context.topic(topic_key(kind, instrument))
        return topic

    def stale(self, monotonic_ns: int, age_ns_max: int) -> str | None:
        """Return the first instrument whose quotes stopped, or None; never quoted is not stale."""
        for key, topic in self.quotes.items():
            if topic.seen_ns >= 0 and monotonic_ns - topic.seen_ns > age_ns_max:
                return key
        return None
