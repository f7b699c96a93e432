"""Market data as columns of integers, and the loop that turns them into published events.

A chunk is one stretch of one kind of one instrument; a series is chunks in time order. A source
merges any number of series by time, a window at a time, so that nothing is ever held whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from typing import Any, Protocol

from actors.messages.market import (
    BarClosed,
    FundingSettled,
    MarkUpdated,
    QuoteUpdated,
    TradePrinted,
)
from actors.runtime.simulated import MarketSource
from domain.errors import DomainError
from domain.instruments import split_key
from domain.orders import Side

__all__ = [
    "PRICE_UNIT",
    "RATE_UNIT",
    "Chunk",
    "ChunkKind",
    "ChunkSource",
    "MarketSink",
    "MarketSource",
    "Series",
]

PRICE_UNIT = Decimal("1E-8")
RATE_UNIT = Decimal("1E-12")


class ChunkKind(Enum):
    """What a chunk holds; the value names its columns beside the times.

    Units: ticks and lots of the instrument; mark, index and reference in PRICE_UNIT of the quote
    currency; rate in RATE_UNIT per interval; side +1 when the buyer was the aggressor.
    """

    QUOTE = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
    TRADE = ("price_ticks", "quantity_lots", "side")
    BAR = ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots", "open_time_ns")
    MARK = ("mark_units", "index_units")
    FUNDING = ("rate_units", "reference_units")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Events of one kind of one instrument (``venue:SYMBOL``), as parallel lists of integers.

    times_ns is when each event is published, ns UTC, never falling; a bar's is its close. until_ns
    is how far the chunk reaches when that is beyond its last event, so that one without events
    still says that there are none.
    """

    instrument: str
    kind: ChunkKind
    times_ns: list[int]
    columns: tuple[list[int], ...]
    until_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse columns that do not fit together.

        Raises: DomainError for a wrong number or length of columns, or times that fall.
        """
        lengths = {len(self.times_ns), *map(len, self.columns)}
        if len(self.columns) != len(self.kind.value) or len(lengths) != 1:
            raise DomainError(
                f"{self.instrument}: a {self.kind.name} chunk needs {self.kind.value}"
            )
        if any(later < earlier for earlier, later in pairwise(self.times_ns)):
            raise DomainError(f"{self.instrument}: times of a chunk must not fall")


Series = Iterable[Chunk]


class MarketSink(Protocol):
    """What a source publishes to; a simulated venue is one."""

    def publish_quote(self, quote: QuoteUpdated) -> None:
        """Take a quote."""

    def publish_trade(self, trade: TradePrinted) -> None:
        """Take a trade between others."""

    def publish_bar(self, bar: BarClosed) -> None:
        """Take a complete candle."""

    def publish_mark(self, mark: MarkUpdated) -> None:
        """Take a mark price."""

    def publish_funding(self, funding: FundingSettled) -> None:
        """Take a funding settlement."""


class ChunkSource:
    """Publishes series in time order; events of the same instant in the order of the series.

    set_time is called with each event's time before it is published, so that whatever is due before
    it can happen first. Quotes of one instrument are numbered from 1 without gaps.
    """

    __slots__ = (
        "_events",
        "_next",
        "_publishers",
        "_sequences",
        "_set_time",
        "_sinks",
        "_tails",
        "_times",
    )

    def __init__(
        self,
        series: Iterable[Series],
        sinks: Mapping[str, MarketSink],
        set_time: Callable[[int], object],
    ) -> None:
        """Take the series, the sink of each venue by its name, and the clock to set."""
        self._tails = [_Tail(iter(one)) for one in series]
        self._sinks = sinks
        self._set_time = set_time
        self._sequences: dict[str, int] = {}
        self._times: list[int] = []
        self._events: list[Any] = []
        self._publishers: list[Callable[[Any], None]] = []
        self._next = 0

    def next_ns(self) -> int | None:
        """Return when the next event is due, None at the end."""
        if self._next == len(self._times) and not self._load():
            return None
        return self._times[self._next]

    def pump(self, limit_ns: int) -> int:
        """Publish every event with time <= limit_ns, setting the time before each; return how many.

        Raises: KeyError if a series is for a venue without sink, or an instrument not listed there.
        """
        published = 0
        set_time = self._set_time
        while True:
            start = self._next
            if start == len(self._times):
                if not self._load():
                    return published
                start = 0
            end = bisect_right(self._times, limit_ns, start)
            if end == start:
                return published
            self._next = end
            if start == 0 and end == len(self._times):
                events = zip(self._times, self._publishers, self._events, strict=True)
            else:
                part = slice(start, end)
                events = zip(
                    self._times[part], self._publishers[part], self._events[part], strict=True
                )
            for time_ns, publish, event in events:
                set_time(time_ns)
                publish(event)
            published += end - start

    def _load(self) -> bool:
        """Make the events of the next window that has any; tell if there is one."""
        self._next = 0
        while tails := [tail for tail in self._tails if tail.chunk is not None]:
            self._window(tails, min(tail.known_until_ns for tail in tails))
            if self._times:
                return True
        self._times, self._events, self._publishers = [], [], []
        return False

    def _window(self, tails: list[_Tail], until_ns: int) -> None:
        """Make the events of all series up to a time, which each series knows, in order."""
        times: list[int] = []
        events: list[Any] = []
        publishers: list[Callable[[Any], None]] = []
        parts = 0
        for tail in tails:
            chunk, part = tail.take(until_ns)
            if part.start == part.stop:
                continue
            parts += 1
            made = self._make(chunk, part)
            sink = self._sinks[split_key(chunk.instrument)[0]]
            times += chunk.times_ns[part]
            events += made
            publishers += [_publisher(sink, chunk.kind)] * len(made)
        if parts > 1:
            order = sorted(range(len(times)), key=times.__getitem__)
            times = [times[place] for place in order]
            events = [events[place] for place in order]
            publishers = [publishers[place] for place in order]
        self._times, self._events, self._publishers = times, events, publishers

    def _make(self, chunk: Chunk, part: slice) -> list[Any]:
        key = chunk.instrument
        times = chunk.times_ns[part]
        columns = [column[part] for column in chunk.columns]
        if chunk.kind is ChunkKind.QUOTE:
            first = self._sequences.get(key, 0) + 1
            self._sequences[key] = first + len(times) - 1
            return [
                QuoteUpdated(
                    instrument=key,
                    bid_ticks=bid,
                    bid_lots=bid_lots,
                    ask_ticks=ask,
                    ask_lots=ask_lots,
                    venue_time_ns=time_ns,
                    sequence=sequence,
                )
                for sequence, (time_ns, bid, bid_lots, ask, ask_lots) in enumerate(
                    zip(times, *columns, strict=True), first
                )
            ]
        make = _MAKERS[chunk.kind]
        return [make(key, *row) for row in zip(times, *columns, strict=True)]


class _Tail:
    """The part of one series that is not published yet."""

    __slots__ = ("_chunks", "_start", "chunk")

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._start = 0
        self.chunk: Chunk | None = None
        self._advance()

    @property
    def known_until_ns(self) -> int:
        """The last time up to which the series is in hand."""
        chunk = self.chunk
        assert chunk is not None, "an exhausted series has no time"
        return max(chunk.times_ns[-1], chunk.until_ns) if chunk.times_ns else chunk.until_ns

    def take(self, until_ns: int) -> tuple[Chunk, slice]:
        """Hand out the part of the present chunk up to a time."""
        chunk, start = self.chunk, self._start
        assert chunk is not None, "an exhausted series has no events"
        self._start = end = bisect_right(chunk.times_ns, until_ns, start)
        if until_ns >= self.known_until_ns:
            self._advance()
        return chunk, slice(start, end)

    def _advance(self) -> None:
        before_ns = self.known_until_ns if self.chunk is not None else 0
        self._start = 0
        self.chunk = next((c for c in self._chunks if c.times_ns or c.until_ns), None)
        if self.chunk is not None and self.chunk.times_ns and self.chunk.times_ns[0] < before_ns:
            raise DomainError(f"{self.chunk.instrument}: chunks of a series must follow in time")


def _publisher(sink: MarketSink, kind: ChunkKind) -> Callable[[Any], None]:
    publishers: dict[ChunkKind, Callable[[Any], None]] = {
        ChunkKind.QUOTE: sink.publish_quote,
        ChunkKind.TRADE: sink.publish_trade,
        ChunkKind.BAR: sink.publish_bar,
        ChunkKind.MARK: sink.publish_mark,
        ChunkKind.FUNDING: sink.publish_funding,
    }
    return publishers[kind]


def _trade(key: str, time_ns: int, price: int, lots: int, side: int) -> TradePrinted:
    return TradePrinted(
        instrument=key,
        price_ticks=price,
        quantity_lots=lots,
        side=Side.BUY if side > 0 else Side.SELL,
        venue_time_ns=time_ns,
    )


def _bar(key: str, time_ns: int, *row: int) -> BarClosed:
    opened, high, low, close, volume, open_time_ns = row
    return BarClosed(
        instrument=key,
        open_ticks=opened,
        high_ticks=high,
        low_ticks=low,
        close_ticks=close,
        volume_lots=volume,
        open_time_ns=open_time_ns,
        close_time_ns=time_ns,
    )


def _mark(key: str, time_ns: int, mark: int, index: int) -> MarkUpdated:
    return MarkUpdated(
        instrument=key, mark=mark * PRICE_UNIT, index=index * PRICE_UNIT, venue_time_ns=time_ns
    )


def _funding(key: str, time_ns: int, rate: int, reference: int) -> FundingSettled:
    return FundingSettled(
        instrument=key,
        rate=rate * RATE_UNIT,
        reference_price=reference * PRICE_UNIT,
        venue_time_ns=time_ns,
    )


_MAKERS: dict[ChunkKind, Callable[..., Any]] = {
    ChunkKind.TRADE: _trade,
    ChunkKind.BAR: _bar,
    ChunkKind.MARK: _mark,
    ChunkKind.FUNDING: _funding,
}
