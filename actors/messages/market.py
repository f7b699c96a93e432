"""Market data: published per instrument, conflated and never queued when a reader is behind."""

from __future__ import annotations

from decimal import Decimal

from actors.runtime.message import Message
from domain.orders import Side

__all__ = [
    "BarClosed",
    "FundingSettled",
    "MarkUpdated",
    "QuoteUpdated",
    "TradePrinted",
    "topic_key",
]


class QuoteUpdated(Message, kw_only=True):
    """The best bid and ask changed; what a reader has not seen yet is replaced by newer.

    Units: prices in integer ticks and sizes in integer lots of the instrument; stamps in ns UTC.
    sequence rises by at least one per instrument and session. A side without orders has size 0.
    """

    instrument: str
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    venue_time_ns: int
    sequence: int


class TradePrinted(Message, kw_only=True):
    """A trade between others happened; side is the aggressor's. Units as in QuoteUpdated."""

    instrument: str
    price_ticks: int
    quantity_lots: int
    side: Side
    venue_time_ns: int


class BarClosed(Message, kw_only=True):
    """A candle is complete; it is stamped by its opening and published no earlier than its close.

    Units: prices in ticks (integers), volume in lots; open_time_ns and close_time_ns in ns UTC.
    """

    instrument: str
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    open_time_ns: int
    close_time_ns: int


class MarkUpdated(Message, kw_only=True):
    """The price on which margin, liquidation and funding run. Units: quote per base, exact."""

    instrument: str
    mark: Decimal
    index: Decimal
    venue_time_ns: int


class FundingSettled(Message, kw_only=True):
    """The venue settled funding for the whole market; an account's own payment comes apart.

    rate is a fraction per interval, above 0 when longs pay shorts.
    """

    instrument: str
    rate: Decimal
    reference_price: Decimal
    venue_time_ns: int


_PREFIXES: dict[type, str] = {
    QuoteUpdated: "quote",
    TradePrinted: "trade",
    BarClosed: "bar",
    MarkUpdated: "mark",
    FundingSettled: "funding",
}


def topic_key(kind: type, instrument: str) -> str:
    """Return the topic under which this kind of message is published for an instrument."""
    return f"{_PREFIXES[kind]}:{instrument}"
