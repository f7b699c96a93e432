"""Candles of a generated market, made of its own quotes and trades.

Prices are middles of quotes, volume is what was printed. A bar is published at its close and never
before; one without quotes repeats the last close, with volume 0 unless something traded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee

from simulations.market.chunks import Chunk, ChunkKind, Series

__all__ = ["bars_of", "with_bars"]


class _Bar:
    """The bar that is being made; times in ns UTC, prices in ticks."""

    def __init__(self, open_ns: int, price: int) -> None:
        self.open_ns = open_ns
        self.open = self.high = self.low = self.close = price
        self.volume = 0
        self.empty = True

    def price(self, ticks: int) -> None:
        """Take a price."""
        if self.empty:
            self.empty = False
            self.open = self.high = self.low = ticks
        self.high = max(self.high, ticks)
        self.low = min(self.low, ticks)
        self.close = ticks

    def row(self) -> tuple[int, ...]:
        """Return the columns of a BAR chunk."""
        return (self.open, self.high, self.low, self.close, self.volume, self.open_ns)


def with_bars(series: list[Series], interval_ns: int) -> list[Series]:
    """Return a generator's series (quotes, trades, marks, funding per listing) and their bars."""
    whole: list[Series] = []
    for quotes, trades, *others in zip(*[iter(series)] * 4, strict=True):
        quotes_out, quotes_in = tee(quotes)
        trades_out, trades_in = tee(trades)
        # Bars come first: at one instant a bar closes before the next one's first quote.
        bars = bars_of(quotes_in, trades_in, interval_ns)
        whole += [bars, quotes_out, trades_out, *others]
    return whole


def bars_of(quotes: Iterable[Chunk], trades: Iterable[Chunk], interval_ns: int) -> Iterator[Chunk]:
    """Yield a chunk of bars per pair of quote and trade chunks, which cover the same stretches.

    Bars begin at whole multiples of the interval; the first one, which may lack its beginning, is
    left out.
    """
    bar: _Bar | None = None
    is_first = True
    for quoted, traded in zip(quotes, trades, strict=True):
        assert quoted.kind is ChunkKind.QUOTE, "prices come from quotes"
        assert traded.kind is ChunkKind.TRADE, "volume comes from trades"
        rows: list[tuple[int, ...]] = []
        # The end of the stretch closes bars as an event does, but is in none.
        for time_ns, middle, lots in (*_events(quoted, traded), (quoted.until_ns, 0, 0)):
            start_ns = time_ns - time_ns % interval_ns
            if bar is None:
                bar = _Bar(start_ns, middle)
            while bar.open_ns < start_ns:
                if not is_first:
                    rows.append((bar.open_ns + interval_ns, *bar.row()))
                is_first = False
                bar = _Bar(bar.open_ns + interval_ns, bar.close)
            if middle:
                bar.price(middle)
            bar.volume += lots
        times, *columns = [list(column) for column in zip(*rows, strict=True)] or _NOTHING
        yield Chunk(
            instrument=quoted.instrument,
            kind=ChunkKind.BAR,
            times_ns=times,
            columns=tuple(columns),
            until_ns=quoted.until_ns,
        )


_NOTHING: list[list[int]] = [[] for _ in range(1 + len(ChunkKind.BAR.value))]


def _events(quoted: Chunk, traded: Chunk) -> list[tuple[int, int, int]]:
    """Return (time, middle or 0, lots) of quotes and trades, by time."""
    bids, _, asks, _ = quoted.columns
    events = [
        (time_ns, (bid + ask) // 2, 0)
        for time_ns, bid, ask in zip(quoted.times_ns, bids, asks, strict=True)
    ]
    events += [
        (time_ns, 0, lots) for time_ns, lots in zip(traded.times_ns, traded.columns[1], strict=True)
    ]
    return sorted(events, key=_time)


def _time(event: tuple[int, int, int]) -> int:
    return event[0]
