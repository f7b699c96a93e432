"""Small folders of recordings in the two layouts that are read: feather and gzipped CSV."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from math import sin
from pathlib import Path

import pyarrow as pa
from pyarrow import feather

START_MS = 1_741_737_600_000  # 2025-03-12 00:00:00 UTC
MINUTE_MS = 60_000

Row = tuple[int, float, float, float, float, float]


def wave(price: float, minutes: float) -> Callable[[int], float]:
    """Return a price that swings by 1 % with a period in minutes."""
    return lambda minute: round(price * (1.0 + 0.01 * sin(6.283 * minute / minutes)), 1)


def rows(path: Callable[[int], float], bars: int, step_min: int = 1) -> list[Row]:
    """Return candles along a path; each is as wide as its move and a tenth of a percent."""
    found = []
    for index in range(bars):
        opened, close = path(index * step_min), path((index + 1) * step_min)
        high, low = max(opened, close) * 1.0005, min(opened, close) * 0.9995
        stamp = START_MS + index * step_min * MINUTE_MS
        found.append((stamp, opened, round(high, 1), round(low, 1), close, 120.0))
    return found


def write_feather(path: Path, found: list[Row]) -> None:
    """Write candles as a feather file; of marks and funding the same columns are read."""
    stamps, *columns = (list(column) for column in zip(*found, strict=True))
    names = ("open", "high", "low", "close", "volume")
    arrays = {"date": pa.array(stamps, pa.timestamp("ms", tz="UTC"))}
    arrays |= {name: pa.array(column) for name, column in zip(names, columns, strict=True)}
    feather.write_feather(pa.table(arrays), path, compression="lz4")


def write_csv(path: Path, header: str, found: list[tuple[float, ...]]) -> None:
    """Write rows as gzipped CSV."""
    lines = [header, *(",".join(str(value) for value in row) for row in found)]
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


def minute_folder(folder: Path, bars: int = 600) -> Path:
    """Write candles of a minute, marks and funding of 8 hours for BTC and ETH as feather files."""
    folder.mkdir(parents=True, exist_ok=True)
    for coin, price, period in (("BTC", 60_000.0, 90.0), ("ETH", 3_000.0, 70.0)):
        name = f"{coin}_USDT_USDT"
        path = wave(price, period)
        write_feather(folder / f"{name}-1m-futures.feather", rows(path, bars))
        write_feather(folder / f"{name}-8h-mark.feather", rows(path, 4, 480))
        funding = [
            (START_MS + index * 480 * MINUTE_MS + 7, 0.0001, 0.0, 0.0, 0.0, 0.0)
            for index in range(4)
        ]
        write_feather(folder / f"{name}-8h-funding_rate.feather", funding)
    return folder


def hour_folder(folder: Path, bars: int = 240) -> Path:
    """Write hourly candles and marks, and funding, for BTC and ETH as gzipped CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    for coin, price in (("BTC", 60_000.0), ("ETH", 3_000.0)):
        found = rows(wave(price, 40 * 60.0), bars, 60)
        header = "ts_ms,open,high,low,close"
        write_csv(folder / f"{coin}USDT_1h-futures_to_x.csv.gz", f"{header},volume", list(found))
        write_csv(folder / f"{coin}USDT_1h-mark_to_x.csv.gz", header, [row[:5] for row in found])
        funding: list[tuple[float, ...]] = [
            (START_MS + index * 480 * MINUTE_MS, 0.0001) for index in range(bars // 8)
        ]
        write_csv(folder / f"{coin}USDT_1h-funding_rate_to_x.csv.gz", "ts_ms,funding_rate", funding)
    return folder


def quick_config(source: Path, target: Path, slow_period: int = 12) -> Path:
    """Write a copy of the shipped config whose signals come within a few candles."""
    text = source.read_text(encoding="utf-8")
    for old, new in (
        ("bar_minutes = 60", "bar_minutes = 0"),
        ("fast_period = 12", "fast_period = 4"),
        ("slow_period = 48", f"slow_period = {slow_period}"),
    ):
        assert text.count(old) == 2, old
        text = text.replace(old, new)
    target.write_text(text, encoding="utf-8")
    return target
