"""An indicator that takes one bar at a time equals the batch function of TA-Lib."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from actors.messages.market import BarClosed
from actors.signals.talib_indicator import INCREMENTAL, Number, make_indicator
from actors.signals.windowed import Windowed
from domain.errors import DomainError
from tests.strategies.bars import Floats, columns_of, recorded, walk

# TA-Lib's own types leave out what is used here.
talib: Any = import_module("talib")
abstract: Any = import_module("talib.abstract")

TICK = 0.1
FLAT = range(700, 1_300)
ADAPTIVE = ("KAMA", "MAMA")


def one_by_one(
    bars: list[BarClosed], name: str, parameters: dict[str, Number], output: str = ""
) -> Floats:
    """Return the values of an indicator at each bar."""
    indicator = make_indicator(name, parameters, output=output, tick=TICK)
    return np.array([indicator.update(item.close_ticks * TICK, item) for item in bars])


def batch(
    bars: list[BarClosed], name: str, parameters: dict[str, Number], output: str = ""
) -> Floats:
    """Return the values of TA-Lib's function over all bars."""
    function = abstract.Function(name)
    found = function(columns_of(bars, TICK), **parameters)
    names = function.info["output_names"]
    if len(names) > 1:
        found = found[names.index(output) if output else 0]
    whole = np.asarray(found, dtype=float)
    if not np.issubdtype(found.dtype, np.floating):
        # Whole numbers have no NaN: TA-Lib begins them with zeros.
        function.parameters = parameters
        whole[: function.lookback] = np.nan
    return whole


def assert_equal_to_1e_9(found: Floats, expected: Floats) -> None:
    """Compare every bar, valid or not, relative to the value's size and to 1 at least."""
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    error = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    assert np.nanmax(error, initial=0.0) <= 1e-9


@pytest.mark.parametrize("name", sorted(INCREMENTAL))
@pytest.mark.parametrize("period", [2, 3, 14, 50, 200])
def test_carried_state_is_bit_equal_on_generated_bars(name: str, period: int) -> None:
    """Every bar of 3,000, a stretch without movement included, is the very same float."""
    bars = walk(3_000, flat=FLAT)
    parameters: dict[str, Number] = {"timeperiod": period}
    found = one_by_one(bars, name, parameters)
    assert np.array_equal(found, batch(bars, name, parameters), equal_nan=True)


@pytest.mark.parametrize("name", sorted(INCREMENTAL))
def test_carried_state_is_bit_equal_on_recorded_bars(name: str) -> None:
    """Every bar of a month of recorded minutes is the very same float."""
    bars = recorded()
    found = one_by_one(bars, name, {"timeperiod": 26})
    assert np.array_equal(found, batch(bars, name, {"timeperiod": 26}), equal_nan=True)


@pytest.mark.parametrize(
    ("name", "parameters", "output"),
    [
        ("MACD", {}, ""),
        ("MACD", {"fastperiod": 5, "slowperiod": 40, "signalperiod": 3}, "macdsignal"),
        ("BBANDS", {"timeperiod": 20, "nbdevup": 1.5}, "upperband"),
        ("BBANDS", {"timeperiod": 20, "matype": 1}, "lowerband"),
        ("ATR", {"timeperiod": 14}, ""),
        ("ADX", {"timeperiod": 10}, ""),
        ("STOCH", {}, "slowd"),
        ("WMA", {"timeperiod": 30}, ""),
        ("TRIMA", {"timeperiod": 30}, ""),
        ("T3", {"timeperiod": 8}, ""),
        ("CMO", {"timeperiod": 9}, ""),
        ("MFI", {"timeperiod": 14}, ""),
        ("CORREL", {"timeperiod": 30}, ""),
        ("LINEARREG", {"timeperiod": 14}, ""),
        ("MA", {"timeperiod": 1}, ""),
        ("MA", {"timeperiod": 12, "matype": 3}, ""),
        ("KAMA", {"timeperiod": 10}, ""),
        ("MAMA", {}, "fama"),
        ("HT_TRENDLINE", {}, ""),
        ("TYPPRICE", {}, ""),
    ],
)
def test_a_window_is_equal_to_1e_9_at_every_bar(
    name: str, parameters: dict[str, Number], output: str
) -> None:
    """A function recomputed over its window equals the batch over everything, also at the start."""
    bars = walk(1_500, seed=3)
    if name not in INCREMENTAL:
        assert isinstance(make_indicator(name, parameters), Windowed)
    found = one_by_one(bars, name, parameters, output)
    assert_equal_to_1e_9(found, batch(bars, name, parameters, output))


def supported() -> list[str]:
    """Return the functions of moderate numbers that can be computed bar by bar."""
    names = []
    for name in talib.get_functions():
        try:
            make_indicator(name, {})
        except DomainError:
            continue
        if abstract.Function(name).info["group"] != "Math Transform":
            names.append(name)
    return names


@pytest.mark.slow
def test_every_supported_function_is_equal_to_1e_9_on_recorded_bars() -> None:
    """All of TA-Lib's functions that are not refused, at default parameters, over 1,200 bars."""
    bars = recorded(1_200)
    names = supported()
    assert len(names) > 120
    for name in names:
        for output in abstract.Function(name).info["output_names"]:
            found = one_by_one(bars, name, {}, output)
            expected = batch(bars, name, {}, output)
            error = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
            assert np.array_equal(np.isnan(found), np.isnan(expected)), name
            # Angles and variances of prices near 100,000 lose digits in TA-Lib itself.
            limit = 1e-7 if name.startswith(("LINEARREG_", "VAR", "STDDEV")) else 1e-9
            assert np.nanmax(error, initial=0.0) <= limit, (name, output)


def test_p7_a_window_keeps_a_bounded_number_of_bars() -> None:
    """P7: 10,000 bars pass through arrays of twice the window."""
    indicator = make_indicator("WMA", {"timeperiod": 5})
    assert isinstance(indicator, Windowed)
    for item in walk(10_000):
        indicator.update(1.0, item)
    assert indicator.window == 5 + 30 * 5
    assert [len(array) for array in indicator._arrays] == [2 * indicator.window]


@pytest.mark.parametrize(
    ("name", "parameters", "output", "problem"),
    [
        ("EMMA", {}, "", "no function 'EMMA'; the nearest is EMA"),
        ("ema", {}, "", "no function 'ema'; the nearest is EMA"),
        ("EMA", {"timeperoid": 3}, "", "no parameter 'timeperoid'.*nearest is timeperiod"),
        ("EMA", {"timeperiod": 0}, "", "out of range"),
        ("EMA", {"timeperiod": 2**40}, "", "out of range"),
        ("EMA", {"timeperiod": 3.5}, "", "timeperiod is a whole number, not 3.5"),
        ("EMA", {"timeperiod": True}, "", "timeperiod is a whole number, not True"),
        ("BBANDS", {"nbdevup": 1e40}, "", "out of range"),
        ("MACD", {}, "signal", "no output 'signal'; it has macd, macdsignal, macdhist"),
        ("OBV", {}, "", "depends on every bar since the first"),
        ("SAR", {}, "", "depends on every bar since the first"),
        ("MAXINDEX", {}, "", "a place in its input"),
        ("MAVP", {}, "", "takes 'periods', which is no part of a bar"),
        ("MA", {"matype": 6}, "", "is KAMA"),
        ("T3", {"timeperiod": 9_000}, "", "bars, 50000 at most"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_the_reason(
    name: str, parameters: dict[str, Number], output: str, problem: str
) -> None:
    """Each refusal names what is wrong, and the nearest name where one is close."""
    with pytest.raises(DomainError, match=problem):
        make_indicator(name, parameters, output=output)


def test_ta_lib_set_otherwise_than_by_default_is_refused() -> None:
    """An unstable period set elsewhere in the process would change every value silently."""
    talib.set_unstable_period("EMA", 5)
    try:
        with pytest.raises(DomainError, match="unstable period of EMA"):
            make_indicator("EMA", {})
    finally:
        talib.set_unstable_period("EMA", 0)
    make_indicator("EMA", {})
