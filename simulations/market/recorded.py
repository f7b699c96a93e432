"""Readers of recorded candles, marks and funding: files in, checked columns of integers out.

Two layouts: feather files with date, open, high, low, close, volume (funding: the rate in open;
marks: open to close), and gzipped CSV with ts_ms first. Stamps are openings of bars, UTC. Every
fault found is in the report, with what was done; nothing is repaired by invention.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, feather

from domain.errors import DomainError
from domain.instruments import Instrument
from simulations.market.chunks import PRICE_UNIT, RATE_UNIT
from simulations.market.quality import DataReport, Findings, IssueKind

__all__ = ["Candles", "FundingRates", "Marks", "read_candles", "read_funding", "read_marks"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MINUTE_NS = 60_000_000_000
_OFF_GRID = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Bars in time order. Units: opening times in ns UTC, prices in ticks, volume in lots.

    stale marks flat bars without volume: the price did not trade there and must not be traded at.
    """

    instrument: str
    step_ns: int
    open_ns: list[int]
    open: list[int]
    high: list[int]
    low: list[int]
    close: list[int]
    volume: list[int]
    stale: list[bool]
    report: DataReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Mark price bars in time order, opening times in ns UTC, prices in PRICE_UNIT."""

    instrument: str
    step_ns: int
    open_ns: list[int]
    open: list[int]
    high: list[int]
    low: list[int]
    close: list[int]
    report: DataReport


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRates:
    """Settlements in time order, stamps rounded to the minute, ns UTC; rates in RATE_UNIT.

    step_ns is the usual interval; each rate is for the interval since the one before.
    """

    instrument: str
    step_ns: int
    times_ns: list[int]
    rates: list[int]
    report: DataReport


def read_candles(
    path: Path | tuple[Path, ...], instrument: Instrument, *, drop_last: bool = True
) -> Candles:
    """Return the trade candles of one or more files, which follow each other in time.

    drop_last: the last bar of each download may be unfinished and cannot be told from a finished
    one; False keeps it, for files that were cut later.
    Raises: DomainError if columns are missing or nothing usable is left.
    """
    findings = Findings(_name(path))
    times, prices, volume = _bars(path, findings, volume=True, drop_last=drop_last)
    rows = prices.shape[0]
    keep = _valid(times, prices, findings)
    measured = np.isfinite(volume) & (volume >= 0)
    _note(findings, IssueKind.NOT_FINITE, times, keep & ~measured)
    ticks = prices / float(instrument.tick)
    with np.errstate(invalid="ignore"):
        rounded = np.rint(ticks)
        off = (np.abs(ticks - rounded) > _OFF_GRID * np.maximum(rounded, 1)).any(axis=1)
        coarse = ~(rounded >= 1).all(axis=1)
    keep &= measured
    _note(findings, IssueKind.BELOW_TICK, times, keep & coarse)
    keep &= ~coarse
    _note(findings, IssueKind.OFF_TICK, times, keep & off)
    times, rounded, volume = times[keep], rounded[keep], volume[keep]
    stale = (volume == 0) & (rounded[:, 1] == rounded[:, 2])
    _note(findings, IssueKind.STALE_BAR, times, stale)
    step_ns = _steps(times, findings)
    columns = rounded.astype(np.int64)
    lots = np.rint(volume / float(instrument.lot)).astype(np.int64)
    return Candles(
        instrument=instrument.key,
        step_ns=step_ns,
        open_ns=times.tolist(),
        open=columns[:, 0].tolist(),
        high=columns[:, 1].tolist(),
        low=columns[:, 2].tolist(),
        close=columns[:, 3].tolist(),
        volume=lots.tolist(),
        stale=stale.tolist(),
        report=findings.report(rows, times.tolist(), step_ns),
    )


def read_marks(path: Path | tuple[Path, ...], instrument: Instrument) -> Marks:
    """Return the mark candles of one or more files; marks are off the tick grid by nature.

    Raises: DomainError if columns are missing or nothing usable is left.
    """
    findings = Findings(_name(path))
    times, prices, _ = _bars(path, findings, volume=False, drop_last=True)
    rows = prices.shape[0]
    keep = _valid(times, prices, findings)
    times, prices = times[keep], prices[keep]
    step_ns = _steps(times, findings)
    columns = np.rint(prices / float(PRICE_UNIT)).astype(np.int64)
    return Marks(
        instrument=instrument.key,
        step_ns=step_ns,
        open_ns=times.tolist(),
        open=columns[:, 0].tolist(),
        high=columns[:, 1].tolist(),
        low=columns[:, 2].tolist(),
        close=columns[:, 3].tolist(),
        report=findings.report(rows, times.tolist(), step_ns),
    )


def read_funding(path: Path | tuple[Path, ...], instrument: Instrument) -> FundingRates:
    """Return the settlements of one or more files; stamps carry jitter and are rounded to minutes.

    Raises: DomainError if columns are missing or nothing usable is left.
    """
    findings = Findings(_name(path))
    parts = []
    for one, table in _tables(path):
        name = "funding_rate" if "funding_rate" in table.column_names else "open"
        parts.append((_stamps(table, one), _floats(table, name, one)))
    if not parts:
        raise DomainError(f"{findings.name}: no rows")
    stamps = np.concatenate([stamp for stamp, _ in parts])
    rates = np.concatenate([rate for _, rate in parts])
    rows = len(stamps)
    times = (stamps + _MINUTE_NS // 2) // _MINUTE_NS * _MINUTE_NS
    _note(findings, IssueKind.JITTER, times, np.not_equal(times, stamps))
    finite = np.isfinite(rates)
    _note(findings, IssueKind.NOT_FINITE, times, ~finite)
    keep = finite & _in_order(times, findings)
    times, rates = times[keep], rates[keep]
    step_ns = _steps(times, findings)
    return FundingRates(
        instrument=instrument.key,
        step_ns=step_ns,
        times_ns=times.tolist(),
        rates=np.rint(rates / float(RATE_UNIT)).astype(np.int64).tolist(),
        report=findings.report(rows, times.tolist(), step_ns),
    )


def _name(path: Path | tuple[Path, ...]) -> str:
    return path.name if isinstance(path, Path) else " + ".join(one.name for one in path)


def _tables(path: Path | tuple[Path, ...]) -> list[tuple[Path, pa.Table]]:
    """Return the files with their tables, in the order of their first stamps."""
    paths = (path,) if isinstance(path, Path) else path
    tables = [(one, _table(one)) for one in paths]
    return sorted(
        ((one, table) for one, table in tables if table.num_rows),
        key=lambda part: int(_stamps(part[1], part[0])[0]),
    )


def _table(path: Path) -> pa.Table:
    """Return the file's table.

    Raises: DomainError if it is neither feather nor gzipped CSV.
    """
    if path.suffix == ".feather":
        return feather.read_table(path)
    if path.name.endswith(".csv.gz"):
        return csv.read_csv(path)
    raise DomainError(f"{path.name}: only .feather and .csv.gz files are read")


def _column(table: pa.Table, name: str, path: Path) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise DomainError(f"{path.name} has no column {name!r}, only {table.column_names}")
    return table.column(name)


def _floats(table: pa.Table, name: str, path: Path) -> Floats:
    column = _column(table, name, path).cast(pa.float64())
    values: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _stamps(table: pa.Table, path: Path) -> Integers:
    """Return the stamps in ns UTC, whatever unit the writer used."""
    if "ts_ms" in table.column_names:
        milliseconds: Integers = table.column("ts_ms").to_numpy().astype(np.int64)
        return milliseconds * 1_000_000
    stamps: Integers = (
        _column(table, "date", path)
        .cast(pa.timestamp("ns", tz="UTC"))
        .cast(pa.int64())
        .to_numpy()
        .astype(np.int64)
    )
    return stamps


def _bars(
    path: Path | tuple[Path, ...], findings: Findings, *, volume: bool, drop_last: bool
) -> tuple[Integers, Floats, Floats]:
    """Return opening times, prices[row, 4] and volumes of the files, one after the other."""
    times, prices, volumes = [], [], []
    for one, table in _tables(path):
        stamps = _stamps(table, one)
        rows = len(stamps)
        if drop_last and rows:
            findings.add(IssueKind.PARTIAL_LAST, int(stamps[-1]))
            rows -= 1
        names = ("open", "high", "low", "close")
        times.append(stamps[:rows])
        prices.append(np.column_stack([_floats(table, name, one)[:rows] for name in names]))
        volumes.append(_floats(table, "volume", one)[:rows] if volume else np.zeros(rows))
    if not times:
        raise DomainError(f"{findings.name}: no rows")
    return np.concatenate(times), np.concatenate(prices), np.concatenate(volumes)


def _valid(times: Integers, prices: Floats, findings: Findings) -> Mask:
    """Return which rows are finite, possible and in order; the rest are reported."""
    finite: Mask = np.asarray(np.isfinite(prices).all(axis=1) & (prices > 0).all(axis=1))
    _note(findings, IssueKind.NOT_FINITE, times, ~finite)
    opened, high, low, close = prices.T
    with np.errstate(invalid="ignore"):
        possible = (
            (high >= low) & (low <= opened) & (opened <= high) & (low <= close) & (close <= high)
        )
    _note(findings, IssueKind.IMPOSSIBLE_BAR, times, finite & ~possible)
    keep: Mask = finite & possible & _in_order(times, findings)
    return keep


def _in_order(times: Integers, findings: Findings) -> Mask:
    """Return which stamps are later than every stamp before them."""
    if not len(times):
        return np.ones(0, dtype=np.bool_)
    highest = np.maximum.accumulate(times)
    before = np.concatenate([times[:1] - 1, highest[:-1]])
    _note(findings, IssueKind.DUPLICATE, times, np.equal(times, before))
    _note(findings, IssueKind.OUT_OF_ORDER, times, np.less(times, before))
    keep: Mask = times > before
    return keep


def _note(findings: Findings, kind: IssueKind, times: Integers, where: Mask) -> None:
    if where.any():
        findings.add(kind, int(times[where][0]), int(where.sum()))


def _steps(times: Integers, findings: Findings) -> int:
    """Return the usual step between stamps and report steps that differ: gaps, or irregular."""
    steps = [later - earlier for earlier, later in pairwise(times.tolist())]
    if not steps:
        return 0
    usual: int = Counter(steps).most_common(1)[0][0]
    for start_ns, step in zip(times.tolist(), steps, strict=False):
        if step > usual:
            findings.add(IssueKind.GAP, start_ns, max(round(step / usual) - 1, 1))
        elif step < usual:
            findings.add(IssueKind.IRREGULAR_INTERVAL, start_ns)
    return usual
