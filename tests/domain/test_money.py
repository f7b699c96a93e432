"""Money: what enters is finite, what is rounded is rounded on purpose."""

from __future__ import annotations

import threading
from decimal import Context, Decimal, FloatOperation, InvalidOperation, getcontext, setcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.money import (
    PRECISION,
    decimal_from_float,
    from_ticks,
    install_context,
    is_multiple,
    marketable_price,
    parse_decimal,
    passive_price,
    quantity_step_down,
    round_down,
    round_nearest,
    round_up,
    to_ticks,
)
from domain.orders import Side
from tests.domain.examples import PROPERTY

D = Decimal
decimals = st.decimals(min_value=-(10**12), max_value=10**12, places=12)
steps = st.sampled_from([D("0.01"), D("0.25"), D("0.0003"), D(5), D("1E+2"), D("0.00000001"), D(7)])


def test_the_context_traps_what_would_be_silent() -> None:
    """NaN, floats and overflow raise, in this thread and in one started later."""
    before = getcontext()
    results: list[int] = []
    try:
        setcontext(Context(prec=9))
        install_context()
        assert getcontext().prec == PRECISION
        with pytest.raises(FloatOperation):
            D(1) + D(0.1)
        with pytest.raises(InvalidOperation):
            _ = D("NaN") > 0
        thread = threading.Thread(target=lambda: results.append(getcontext().prec))
        thread.start()
        thread.join()
    finally:
        setcontext(before)
    assert results == [PRECISION]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        ("-0.50", "-0.50"),
        ("+3", "3"),
        ("1e-8", "1E-8"),
        ("6.25E2", "625"),
        (".5", "0.5"),
    ],
)
def test_a_finite_text_becomes_its_number(text: str, value: str) -> None:
    """Plain and exponent notation mean what they say."""
    assert parse_decimal(text) == D(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "NaN", "-nan", "sNaN", "NaN12", "Infinity", "-inf", "1_000", " 1", "1\n", "1,5"),
        *("0x10", "\u0661", "--1", "1e41", "1E-60", "9" * 81, "1e999999999999999999999"),
    ],
)
def test_what_is_not_a_finite_number_is_refused(text: str) -> None:
    """NaN, Infinity, blanks, foreign digits and absurd sizes do not enter."""
    with pytest.raises(DomainError):
        parse_decimal(text)


@pytest.mark.parametrize("value", [0.1, 1, None, D(1), b"1", True])
def test_only_text_is_parsed(value: object) -> None:
    """A float never becomes money by the way of a text parser."""
    with pytest.raises(DomainError):
        parse_decimal(value)  # type: ignore[arg-type]


def test_a_negative_zero_enters_as_zero() -> None:
    """A venue's "-0.0" is zero without a sign."""
    assert str(parse_decimal("-0.0")) == "0"


@pytest.mark.parametrize("value", [0.285, np.float64(0.285), float("0.285")])
def test_a_recorded_float_becomes_what_was_written(value: float) -> None:
    """A float is read as its shortest text, a numpy one as well, then rounded to the step."""
    assert decimal_from_float(value, D("0.001")) == D("0.285")
    assert decimal_from_float(value, D("0.01")) == D("0.28")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_recorded_float_that_is_not_finite_is_refused(value: float) -> None:
    """A gap in recorded data does not become a price."""
    with pytest.raises(DomainError):
        decimal_from_float(value, D("0.01"))


@PROPERTY
@given(decimals, steps)
def test_rounding_brackets_the_value_by_multiples(value: Decimal, step: Decimal) -> None:
    """Down and up are the multiples next to the value on either side of it, exactly."""
    down, up = round_down(value, step), round_up(value, step)
    assert down <= value <= up
    assert Fraction(down) / Fraction(step) == Fraction(value) // Fraction(step)
    assert Fraction(up) / Fraction(step) == -(-Fraction(value) // Fraction(step))
    assert (down == up) is is_multiple(value, step)


@PROPERTY
@given(decimals, steps)
def test_nearest_is_no_further_than_either_side(value: Decimal, step: Decimal) -> None:
    """Nearest rounds as fractions do: to the closer multiple, a tie to the even one."""
    assert Fraction(round_nearest(value, step)) / Fraction(step) == round(
        Fraction(value) / Fraction(step)
    )


@pytest.mark.parametrize(
    ("value", "nearest"),
    [("0.5", 0), ("1.5", 2), ("2.5", 2), ("-0.5", 0), ("-1.5", -2), ("1.4", 1)],
)
def test_a_tie_goes_to_the_even_multiple(value: str, nearest: int) -> None:
    """Ties do not drift upwards: 0.5 and 2.5 round down, 1.5 rounds up."""
    assert round_nearest(D(value), D(1)) == nearest


@PROPERTY
@given(decimals, steps)
def test_a_quantity_is_cut_towards_zero(value: Decimal, lot: Decimal) -> None:
    """Cutting to lots never asks for more and never changes the side."""
    cut = quantity_step_down(value, lot)
    assert is_multiple(cut, lot)
    assert 0 <= abs(value) - abs(cut) < lot
    assert cut * value >= 0


def test_a_ceiling_below_zero_goes_towards_zero() -> None:
    """Truncating division is no floor: −0.5 floors to −1 and ceils to 0."""
    assert round_down(D("-0.5"), D(1)) == -1
    assert round_up(D("-0.5"), D(1)) == 0


@pytest.mark.parametrize("function", [round_down, round_up, round_nearest, quantity_step_down])
@pytest.mark.parametrize("step", [D(0), D("-0.1")])
def test_a_step_that_is_not_above_zero_is_refused(function: object, step: Decimal) -> None:
    """Nothing is a multiple of zero."""
    with pytest.raises(DomainError):
        function(D(1), step)  # type: ignore[operator]


def test_passive_prices_do_not_cross_and_caps_are_reached() -> None:
    """A bid floors and an ask ceils when resting; a cap rounds the other way."""
    price, tick = D("100.07"), D("0.1")
    assert passive_price(Side.BUY, price, tick) == D("100.0")
    assert passive_price(Side.SELL, price, tick) == D("100.1")
    assert marketable_price(Side.BUY, price, tick) == D("100.1")
    assert marketable_price(Side.SELL, price, tick) == D("100.0")


@PROPERTY
@given(st.integers(-(10**15), 10**15), steps)
def test_ticks_and_prices_convert_without_loss(ticks: int, tick: Decimal) -> None:
    """A price made of ticks is as many ticks again."""
    assert to_ticks(from_ticks(ticks, tick), tick) == ticks


@pytest.mark.parametrize(("price", "tick"), [("100.05", "0.1"), ("0.3", "0.25"), ("1", "0")])
def test_a_price_off_the_grid_has_no_ticks(price: str, tick: str) -> None:
    """Nothing is rounded behind the caller's back."""
    with pytest.raises(DomainError):
        to_ticks(D(price), D(tick))
