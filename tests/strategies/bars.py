"""Bars for tests: generated, and recorded where the data set is there."""

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.messages.market import BarClosed

MINUTE_NS = 60_000_000_000
KEY = "a:BTC"
ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("KEEL_SHARED") or ROOT.parent / "shared")
A5 = SHARED / "data" / "A5_binance_usdm_1m_2025-05" / "BTC_USDT_USDT-1m-futures.feather"

Floats = NDArray[np.float64]


def bar(number: int, close: int, *, volume: int = 5, minutes: int = 1) -> BarClosed:
    """Return the bar of a place in time, with a range of four ticks around its close."""
    return BarClosed(
        instrument=KEY,
        open_ticks=close,
        high_ticks=close + 2,
        low_ticks=close - 2,
        close_ticks=close,
        volume_lots=volume,
        open_time_ns=number * minutes * MINUTE_NS,
        close_time_ns=(number + 1) * minutes * MINUTE_NS,
    )


def walk(count: int, seed: int = 1, *, flat: Sequence[int] = ()) -> list[BarClosed]:
    """Return bars of a random walk, seeded; at the places in flat the price stands still."""
    generator = random.Random(seed)
    price = 600_000
    bars = []
    for number in range(count):
        opened = price
        if number not in flat:
            price = max(1_000, price + round(generator.gauss(0, 400)))
        bars.append(
            BarClosed(
                instrument=KEY,
                open_ticks=opened,
                high_ticks=max(opened, price) + generator.randrange(200),
                low_ticks=min(opened, price) - generator.randrange(200),
                close_ticks=price,
                volume_lots=generator.randrange(1, 5_000),
                open_time_ns=number * MINUTE_NS,
                close_time_ns=(number + 1) * MINUTE_NS,
            )
        )
    return bars


def recorded(count: int = 50_000) -> list[BarClosed]:
    """Return recorded Bitcoin minutes with a tick of 0.1; the test is skipped without them."""
    if not A5.is_file():
        pytest.skip("the recorded data set A5 is not beside this checkout")
    from pyarrow import feather  # noqa: PLC0415 - only with the data

    table = feather.read_table(A5).slice(0, count)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    ticks = {
        name: np.rint(columns[name] * 10).astype(int).tolist()
        for name in ("open", "high", "low", "close")
    }
    times = columns["date"].astype("datetime64[ns]").astype(int).tolist()
    volumes = np.rint(columns["volume"] * 1_000).astype(int).tolist()
    return [
        BarClosed(
            instrument=KEY,
            open_ticks=ticks["open"][n],
            high_ticks=ticks["high"][n],
            low_ticks=ticks["low"][n],
            close_ticks=ticks["close"][n],
            volume_lots=volumes[n],
            open_time_ns=times[n],
            close_time_ns=times[n] + MINUTE_NS,
        )
        for n in range(len(times))
    ]


def columns_of(bars: Sequence[BarClosed], tick: float = 1.0) -> dict[str, Floats]:
    """Return what TA-Lib takes, in price units."""
    columns = {
        name: np.array([getattr(item, f"{name}_ticks") for item in bars], dtype=float) * tick
        for name in ("open", "high", "low", "close")
    }
    columns["volume"] = np.array([item.volume_lots for item in bars], dtype=float)
    return columns


def resampled(bars: Sequence[BarClosed], minutes: int) -> Iterator[BarClosed]:
    """Yield whole frames of that many one-minute bars, aligned to the epoch; bars have no gaps."""
    begin = next(n for n, item in enumerate(bars) if item.open_time_ns % (minutes * MINUTE_NS) == 0)
    for n in range(begin, len(bars) - minutes + 1, minutes):
        part = bars[n : n + minutes]
        yield BarClosed(
            instrument=KEY,
            open_ticks=part[0].open_ticks,
            high_ticks=max(item.high_ticks for item in part),
            low_ticks=min(item.low_ticks for item in part),
            close_ticks=part[-1].close_ticks,
            volume_lots=sum(item.volume_lots for item in part),
            open_time_ns=part[0].open_time_ns,
            close_time_ns=part[-1].close_time_ns,
        )
