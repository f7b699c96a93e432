"""Recorded candles as a market: quotes inside each bar, the bar at its close, marks, funding.

A candle does not say how its prices came about. Assumption: from the open to the extreme against
the bar's direction, then to the other extreme, then to the close (a rising bar: open, low, high,
close), in straight lines, a third of the bar each. Quotes stand on that path every ``step_s``;
spread and depth are parameters, not data. The path is never outside the bar's low and high, its
first quote is the open, and the bar itself is published at its close and not before.

Bars that are stale (flat, without volume: an outage) have no quotes, so readers see an old price
for what it is; the bar is still published. Gaps stay empty.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import DomainError
from domain.instruments import Instrument
from domain.value import Value
from simulations.market.chunks import PRICE_UNIT, Chunk, ChunkKind, Series
from simulations.market.recorded import Candles, FundingRates, Marks

__all__ = ["PathSpec", "candle_market"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

_SECOND_NS = 1_000_000_000
_HOUR_NS = 3600 * _SECOND_NS
_MINUTE_NS = 60 * _SECOND_NS
_POINTS_MIN = 4
_CHUNK_EVENTS = 8_192


class PathSpec(Value, kw_only=True):
    """How quotes and marks are made of candles.

    step_s: seconds between quotes, and between marks; it divides every bar into at least four.
    half_spread_ticks: from the path to bid and to ask. depth_share: each best size, as a share of
    the bar's volume per minute; at least lots_min.
    """

    step_s: int = 15
    half_spread_ticks: int = 1
    depth_share: float = 0.05
    lots_min: int = 1

    def __post_init__(self) -> None:
        """Refuse a path that could not be quoted.

        Raises: DomainError with the field at fault.
        """
        if min(self.step_s, self.half_spread_ticks, self.lots_min) < 1:
            raise DomainError("step_s, half_spread_ticks and lots_min are at least 1")
        if not 0 < self.depth_share < float("inf"):
            raise DomainError(f"depth_share is above 0 and finite, not {self.depth_share}")


@dataclass(frozen=True, slots=True)
class _Bars:
    """Bars as arrays: opening times[row] and prices[row, 4] = open, high, low, close."""

    open_ns: Integers
    prices: Integers
    step_ns: int

    @property
    def span(self) -> tuple[int, int]:
        """When the first bar opens and the last one closes."""
        return int(self.open_ns[0]), int(self.open_ns[-1]) + self.step_ns

    def points(self, spec: PathSpec) -> int:
        """Return how many points of the path lie in one bar."""
        count, rest = divmod(self.step_ns, spec.step_s * _SECOND_NS)
        if rest or count < _POINTS_MIN:
            raise DomainError(
                f"step_s {spec.step_s} must divide the bar of {self.step_ns // _SECOND_NS} s "
                f"into at least {_POINTS_MIN}"
            )
        return count

    def path(self, rows: slice, spec: PathSpec) -> Integers:
        """Return prices[row, point] along the assumed path of each bar."""
        points = self.points(spec)
        opened, high, low, close = self.prices[rows].T
        rising = close >= opened
        nodes = np.column_stack(
            [opened, np.where(rising, low, high), np.where(rising, high, low), close]
        )
        last = points - 1
        at = [0, round(last / 3), round(2 * last / 3), last]
        weights = np.array([np.interp(range(points), at, row) for row in np.eye(4)])
        path: Integers = np.rint(nodes @ weights).astype(np.int64)
        return path

    def times(self, rows: slice, spec: PathSpec) -> Integers:
        """Return times[row, point] in ns UTC."""
        steps = np.arange(self.points(spec), dtype=np.int64) * (spec.step_s * _SECOND_NS)
        times: Integers = self.open_ns[rows, None] + steps
        return times

    def blocks(self, spec: PathSpec) -> Iterator[slice]:
        """Yield slices of rows that make about one chunk each."""
        rows = max(_CHUNK_EVENTS // self.points(spec), 1)
        for start in range(0, len(self.open_ns), rows):
            yield slice(start, min(start + rows, len(self.open_ns)))


@dataclass(frozen=True, slots=True)
class _MarkPath:
    """Marks along bars: units per price step of the bars, and a premium per point in time.

    known says which bars have a mark; premiums holds (times, fractions), linear in between. Marks
    are published in [begin_ns, end_ns).
    """

    bars: _Bars
    begin_ns: int
    end_ns: int
    units: int
    known: NDArray[np.bool_]
    premiums: tuple[Floats, Floats]

    def marks(self, rows: slice, spec: PathSpec) -> Integers:
        """Return marks[row, point] in PRICE_UNIT."""
        base = self.bars.path(rows, spec) * self.units
        premium = np.interp(self.bars.times(rows, spec), *self.premiums)
        marks: Integers = base + np.rint(base * premium).astype(np.int64)
        return marks

    def at(self, time_ns: int, spec: PathSpec) -> int | None:
        """Return the mark that holds at a time, None before the first."""
        row = int(np.searchsorted(self.bars.open_ns, time_ns, side="right")) - 1
        while row >= 0 and not self.known[row]:
            row -= 1
        if row < 0:
            return None
        step = (time_ns - int(self.bars.open_ns[row])) // (spec.step_s * _SECOND_NS)
        marks = self.marks(slice(row, row + 1), spec)[0]
        return int(marks[min(step, len(marks) - 1)])


def candle_market(
    instrument: Instrument,
    candles: Candles,
    *,
    marks: Marks | None = None,
    funding: FundingRates | None = None,
    spec: PathSpec | None = None,
    start_ns: int = 0,
    end_ns: int = 1 << 62,
) -> list[Series]:
    """Return the series of one instrument for a ChunkSource: bars, marks, funding, quotes.

    Bars that open in [start_ns, end_ns) are taken, with the marks and settlements of their span. At
    one instant the bar that closes comes first, then the mark, funding, and the next bar's first
    quote.

    Marks follow their own candles where these last an hour at most. Of longer ones (an 8 h mark bar
    says nothing about the path inside it) only the opens are used: the mark is then the last trade
    price path plus the premium mark / trade - 1 found at those opens, interpolated in time, which
    looks ahead by up to one such bar; without mark candles the premium is 0. So a wick of the trade
    price is a wick of such a mark. No index is recorded: it is published as equal to the mark.
    Funding settles on the mark of its stamp; a settlement before the first mark is left out.
    Raises: DomainError if instrument and data differ, nothing is left, or step_s does not fit.
    """
    spec = spec or PathSpec()
    named = [candles.instrument, *(one.instrument for one in (marks, funding) if one is not None)]
    if any(name != instrument.key for name in named):
        raise DomainError(f"{instrument.key} cannot be made of {named}")
    rows = slice(bisect_left(candles.open_ns, start_ns), bisect_left(candles.open_ns, end_ns))
    if rows.start == rows.stop:
        raise DomainError(f"{instrument.key}: no bar opens in the span asked for")
    bars = _bars(candles, rows)
    bars.points(spec)
    volumes, stale = candles.volume[rows], candles.stale[rows]
    if marks is not None and marks.step_ns <= _HOUR_NS:
        path = _own_marks(marks, bars)
    else:
        units = int(instrument.tick / PRICE_UNIT)
        known = ~np.array(stale)
        path = _MarkPath(bars, *bars.span, units, known, _premiums(bars, units, marks))
    path.bars.points(spec)
    series: list[Series] = [
        _bar_chunks(instrument.key, bars, volumes),
        _mark_chunks(instrument.key, path, spec),
        _quote_chunks(instrument.key, bars, volumes, stale, spec),
    ]
    if funding is not None:
        series.insert(2, _funding_chunks(instrument.key, funding, path, spec))
    return series


def _bars(source: Candles | Marks, rows: slice) -> _Bars:
    prices = np.column_stack(
        [column[rows] for column in (source.open, source.high, source.low, source.close)]
    )
    return _Bars(np.array(source.open_ns[rows], dtype=np.int64), prices, source.step_ns)


def _own_marks(marks: Marks, bars: _Bars) -> _MarkPath:
    """Return the path along the mark candles that overlap the bars."""
    begin_ns, end_ns = bars.span
    first_ns = begin_ns - marks.step_ns + 1
    rows = slice(bisect_left(marks.open_ns, first_ns), bisect_left(marks.open_ns, end_ns))
    if rows.start == rows.stop:
        raise DomainError(f"{marks.instrument}: no mark in the span of the bars")
    own = _bars(marks, rows)
    known = np.ones(len(own.open_ns), dtype=np.bool_)
    return _MarkPath(own, begin_ns, end_ns, 1, known, (np.zeros(1), np.zeros(1)))


def _premiums(bars: _Bars, units: int, marks: Marks | None) -> tuple[Floats, Floats]:
    """Return when mark and trade opened together, and by which fraction they differed."""
    if marks is not None:
        times = np.array(marks.open_ns, dtype=np.int64)
        rows = np.minimum(np.searchsorted(bars.open_ns, times), len(bars.open_ns) - 1)
        both = bars.open_ns[rows] == times
        if both.any():
            traded = bars.prices[rows[both], 0] * units
            premiums = np.array(marks.open, dtype=np.float64)[both] / traded - 1.0
            return times[both].astype(np.float64), premiums
    return np.zeros(1), np.zeros(1)


def _bar_chunks(key: str, bars: _Bars, volumes: Sequence[int]) -> Iterator[Chunk]:
    for start in range(0, len(bars.open_ns), _CHUNK_EVENTS):
        rows = slice(start, start + _CHUNK_EVENTS)
        columns = [column.tolist() for column in bars.prices[rows].T]
        yield Chunk(
            instrument=key,
            kind=ChunkKind.BAR,
            times_ns=(bars.open_ns[rows] + bars.step_ns).tolist(),
            columns=(*columns, list(volumes[rows]), bars.open_ns[rows].tolist()),
        )


def _mark_chunks(key: str, path: _MarkPath, spec: PathSpec) -> Iterator[Chunk]:
    for rows in path.bars.blocks(spec):
        known = path.known[rows]
        times = path.bars.times(rows, spec)[known].ravel()
        shown = (times >= path.begin_ns) & (times < path.end_ns)
        marks = path.marks(rows, spec)[known].ravel()[shown].tolist()
        yield Chunk(
            instrument=key,
            kind=ChunkKind.MARK,
            times_ns=times[shown].tolist(),
            columns=(marks, marks),
        )


def _funding_chunks(
    key: str, funding: FundingRates, path: _MarkPath, spec: PathSpec
) -> Iterator[Chunk]:
    settled = [
        (time_ns, rate, mark)
        for time_ns, rate in zip(funding.times_ns, funding.rates, strict=True)
        if path.begin_ns <= time_ns < path.end_ns and (mark := path.at(time_ns, spec)) is not None
    ]
    if settled:
        times, rates, references = (list(column) for column in zip(*settled, strict=True))
        yield Chunk(
            instrument=key,
            kind=ChunkKind.FUNDING,
            times_ns=times,
            columns=(rates, references),
        )


def _quote_chunks(
    key: str, bars: _Bars, volumes: Sequence[int], stale: Sequence[bool], spec: PathSpec
) -> Iterator[Chunk]:
    points = bars.points(spec)
    per_minute = spec.depth_share * _MINUTE_NS / bars.step_ns
    lots = np.maximum(np.rint(np.array(volumes) * per_minute), spec.lots_min).astype(np.int64)
    alive = ~np.array(stale)
    for rows in bars.blocks(spec):
        live = alive[rows]
        path = bars.path(rows, spec)[live].ravel()
        sizes = np.repeat(lots[rows][live], points).tolist()
        yield Chunk(
            instrument=key,
            kind=ChunkKind.QUOTE,
            times_ns=bars.times(rows, spec)[live].ravel().tolist(),
            columns=(
                np.maximum(path - spec.half_spread_ticks, 1).tolist(),
                sizes,
                (path + spec.half_spread_ticks).tolist(),
                sizes,
            ),
        )
