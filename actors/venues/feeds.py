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
    """The topics of a venue's instruments."""

    __slots__ = ("_context", "_quotes", "_topics")

    def __init__(self, context: Context, instruments: tuple[str, ...]) -> None:
        """Make the quote topic of every instrument; others come with their first message."""
        self._context = context
        self._quotes = {key: context.topic(topic_key(QuoteUpdated, key)) for key in instruments}
        self._topics: dict[tuple[type, str], Topic] = {}

    def publish(self, event: MarketEvent) -> None:
        """Publish market data; the last thing done with a frame."""
        if type(event) is QuoteUpdated:
            topic = self._quotes[event.instrument]
        else:
            topic = self._topic(event)
        self._context.publish(topic, event)

    def _topic(self, event: MarketEvent) -> Topic:
        key = (type(event), event.instrument)
        topic = self._topics.get(key)
        if topic is None:
            topic = self._topics[key] = self._context.topic(topic_key(*key))
        return topic

    def stale(self, monotonic_ns: int, age_ns_max: int) -> str | None:
        """Return the first instrument whose quotes stopped, or None; never quoted is not stale."""
        for key, topic in self._quotes.items():
            if topic.seen_ns >= 0 and monotonic_ns - topic.seen_ns > age_ns_max:
                return key
        return None
