"""A raw recorded venue feed, message by message, as quotes and trades.

Each line of the gzipped file is the recorder's local time in ns, a space, and the venue's JSON:
bookTicker messages become quotes, trades become trades. Depth differences are checked for missing
messages; the best prices come from bookTicker, which is finer.

The recorder's clock may be off (in one known set by 1.27 s, so that messages seem to arrive before
they were sent). Times are therefore local arrival times, shifted for the whole file by just so much
that no message arrives before its event: the order of arrival stays, and so do delays between
messages.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from domain.errors import DomainError
from domain.instruments import Instrument
from domain.money import parse_decimal
from simulations.market.chunks import PRICE_UNIT, Chunk, ChunkKind, Series
from simulations.market.quality import DataReport, Findings, IssueKind

__all__ = ["RecordedFeed", "read_feed"]

_MS_NS = 1_000_000
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFeed:
    """Quotes and trades of one instrument, and what was found in the file.

    No mark or index is recorded: the mid price once a second stands in for both.
    """

    quotes: Chunk
    trades: Chunk
    marks: Chunk
    shift_ns: int
    report: DataReport

    def series(self) -> list[Series]:
        """Return the feed for a ChunkSource; at one instant marks come first, then trades."""
        return [[self.marks], [self.trades], [self.quotes]]


class _Columns:
    """Rows that gather in columns, times first."""

    def __init__(self, kind: ChunkKind) -> None:
        self.kind = kind
        self.columns: list[list[int]] = [[] for _ in range(1 + len(kind.value))]

    def add(self, *row: int) -> None:
        """Append one row."""
        for column, value in zip(self.columns, row, strict=True):
            column.append(value)

    def chunk(self, instrument: str, shift_ns: int) -> Chunk:
        """Return the rows as a chunk, their times shifted."""
        times, *columns = self.columns
        return Chunk(
            instrument=instrument,
            kind=self.kind,
            times_ns=[time_ns + shift_ns for time_ns in times],
            columns=tuple(columns),
        )


class _Reader:
    """Sorts the messages of one file into columns."""

    def __init__(self, name: str, instrument: Instrument) -> None:
        self.findings = Findings(name)
        self.quotes = _Columns(ChunkKind.QUOTE)
        self.trades = _Columns(ChunkKind.TRADE)
        self.rows = 0
        self.shift_ns: int | None = None
        self._tick = instrument.tick
        self._lot = instrument.lot
        self._last_depth = 0
        self._last_ticker = 0
        self._last_local_ns = 0

    def take(self, line: bytes) -> None:
        """Take one line, whatever it holds."""
        self.rows += 1
        stamp, _, text = line.partition(b" ")
        try:
            local_ns = int(stamp)
            message = orjson.loads(text)
            data = message.get("data", message)
            self._sort(local_ns, data)
        except (ValueError, KeyError, AttributeError, TypeError):
            self.findings.add(IssueKind.UNREADABLE, self._last_local_ns)

    def _sort(self, local_ns: int, data: dict[str, Any]) -> None:
        if local_ns < self._last_local_ns:
            self.findings.add(IssueKind.OUT_OF_ORDER, local_ns)
            return
        self._last_local_ns = local_ns
        event_ms = data.get("E")
        if event_ms is not None:
            late_ns = event_ms * _MS_NS - local_ns
            self.shift_ns = late_ns if self.shift_ns is None else max(self.shift_ns, late_ns)
        kind = data.get("e")
        if kind == "trade":
            self._trade(local_ns, data)
        elif kind == "depthUpdate":
            self._depth(local_ns, data)
        elif "B" in data and "A" in data:  # the spot venue's bookTicker does not say its name
            self._ticker(local_ns, data)
        elif "lastUpdateId" not in data:
            self.findings.add(IssueKind.UNREADABLE, local_ns)

    def _trade(self, local_ns: int, data: dict[str, Any]) -> None:
        price, lots = self._ticks(data["p"]), self._lots(data["q"])
        if data.get("X", "MARKET") != "MARKET" or price <= 0 or lots <= 0:
            self.findings.add(IssueKind.UNREADABLE, local_ns)
            return
        self.trades.add(local_ns, price, lots, -1 if data["m"] else 1)

    def _ticker(self, local_ns: int, data: dict[str, Any]) -> None:
        update = data["u"]
        if update <= self._last_ticker:
            kind = IssueKind.DUPLICATE if update == self._last_ticker else IssueKind.OUT_OF_ORDER
            self.findings.add(kind, local_ns)
            return
        self._last_ticker = update
        bid, ask = self._ticks(data["b"]), self._ticks(data["a"])
        if not 0 < bid < ask:
            self.findings.add(IssueKind.CROSSED, local_ns)
            return
        self.quotes.add(local_ns, bid, self._lots(data["B"]), ask, self._lots(data["A"]))

    def _depth(self, local_ns: int, data: dict[str, Any]) -> None:
        """Check that this difference follows the one before: by pu, or on spot by U."""
        if self._last_depth:
            follows = data.get("pu", data["U"] - 1) == self._last_depth
            if not follows:
                self.findings.add(IssueKind.SEQUENCE_GAP, local_ns)
        self._last_depth = data["u"]

    def _ticks(self, text: str) -> int:
        return _nearest(parse_decimal(text), self._tick)

    def _lots(self, text: str) -> int:
        return int(parse_decimal(text) / self._lot)


def read_feed(path: Path, instrument: Instrument) -> RecordedFeed:
    """Return the quotes and trades of a raw recorded feed.

    Raises: DomainError if the file holds no quote, or no time of an event to set the clock by.
    """
    reader = _Reader(path.name, instrument)
    for line in _lines(path):
        reader.take(line)
    shift_ns = reader.shift_ns
    if shift_ns is None or not reader.quotes.columns[0]:
        raise DomainError(f"{path.name}: no quotes with times in {reader.rows} lines")
    if shift_ns > 0:
        reader.findings.add(IssueKind.CLOCK_SHIFTED, reader.quotes.columns[0][0] + shift_ns)
    quotes = reader.quotes.chunk(instrument.key, shift_ns)
    trades = reader.trades.chunk(instrument.key, shift_ns)
    return RecordedFeed(
        quotes=quotes,
        trades=trades,
        marks=_mid_marks(quotes, instrument),
        shift_ns=shift_ns,
        report=reader.findings.report(reader.rows, sorted(quotes.times_ns + trades.times_ns), 0),
    )


def _mid_marks(quotes: Chunk, instrument: Instrument) -> Chunk:
    """Return the mid of the last quote before each whole second, published at that second."""
    half_tick_units = int(instrument.tick / PRICE_UNIT) // 2
    times: list[int] = []
    marks: list[int] = []
    bids, _, asks, _ = quotes.columns
    second_ns = quotes.times_ns[0] // _SECOND_NS * _SECOND_NS + _SECOND_NS
    mid = 0
    for time_ns, bid, ask in zip(quotes.times_ns, bids, asks, strict=True):
        while time_ns >= second_ns:
            times.append(second_ns)
            marks.append(mid)
            second_ns += _SECOND_NS
        mid = (bid + ask) * half_tick_units
    return Chunk(
        instrument=quotes.instrument,
        kind=ChunkKind.MARK,
        times_ns=times,
        columns=(marks, marks),
    )


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        yield from file


def _nearest(value: Decimal, step: Decimal) -> int:
    return int((value / step).to_integral_value())
