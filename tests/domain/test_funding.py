"""Funding and mark prices: signs, bounds and units that a naive formula gets wrong."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import funding
from domain.errors import DomainError
from domain.marks import (
    TimeAverage,
    mark_price_basis,
    mark_price_binance,
    mark_price_hyperliquid,
    median,
    weighted_median,
)
from tests.domain.examples import PROPERTY

D = Decimal
rates = st.decimals(min_value=-1, max_value=1, places=8)


@PROPERTY
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=20), rates)
def test_funding_is_zero_sum_across_a_market(lots: list[int], rate: Decimal) -> None:
    """What longs pay is what shorts receive, exactly, when positions add up to zero."""
    positions = [n * D("0.001") for n in lots]
    positions.append(-sum(positions, D(0)))
    price = D("60123.4")
    flows = [funding.funding_cash_flow(quantity, price, rate) for quantity in positions]
    assert sum(flows, D(0)) == 0


def test_a_positive_rate_is_paid_by_longs() -> None:
    """Long pays, short receives, in quote and in coin."""
    rate = D("0.0001")
    assert funding.funding_cash_flow(D(2), D(100), rate) == D("-0.02")
    assert funding.funding_cash_flow(D(-2), D(100), rate) == D("0.02")
    assert funding.funding_cash_flow_inverse(D(-1000), D(100), D(50_000), rate) == D("0.0002")


@PROPERTY
@given(rates, rates, rates)
def test_a_clamp_lies_within_its_bounds_in_either_order(
    value: Decimal, one: Decimal, other: Decimal
) -> None:
    """The result is inside the bounds, whatever their order, and the value where that is inside."""
    held = funding.clamp(value, one, other)
    assert held == funding.clamp(value, other, one)
    assert min(one, other) <= held <= max(one, other)
    if min(one, other) <= value <= max(one, other):
        assert held == value


def test_the_premium_is_zero_while_the_index_lies_between_the_impact_prices() -> None:
    """Only an index outside the impact prices makes a premium, of the sign of the excess."""
    assert funding.premium_index(D(99), D(101), D(100)) == 0
    assert funding.premium_index(D(101), D(102), D(100)) == D("0.01")
    assert funding.premium_index(D(97), D(98), D(100)) == D("-0.02")


@pytest.mark.parametrize("index", [D(0), D(-1)])
def test_a_premium_needs_an_index(index: Decimal) -> None:
    """A dead index feed gives no rate at all."""
    with pytest.raises(DomainError):
        funding.premium_index(D(1), D(1), index)
    with pytest.raises(DomainError):
        funding.premium_index_hip3(D(1), D(1), index)
    with pytest.raises(DomainError):
        funding.funding_cash_flow_inverse(D(1), D(1), index, D(1))
    with pytest.raises(DomainError):
        funding.funding_payment_deribit(D(1), notional_usd=D(1), index=index, duration_ms=1)


def test_the_latest_premium_weighs_most() -> None:
    """Order matters: the same samples reversed give another average."""
    assert funding.premium_average([D(0), D(3)]) == 2
    assert funding.premium_average([D(3), D(0)]) == 1
    with pytest.raises(DomainError):
        funding.premium_average([])


def test_caps_apply_where_each_venue_puts_them() -> None:
    """Hyperliquid caps after the division by 8, Lighter before, Binance after scaling."""
    premium = D("0.5")
    assert funding.funding_rate_hyperliquid(premium) == D("0.04")
    assert funding.funding_rate_lighter(premium) == D("0.005")
    four_hourly: dict[str, Any] = {"interval_h": 4, "cap": D("0.01"), "floor": D("-0.02")}
    assert funding.funding_rate_binance(premium, **four_hourly) == D("0.01")
    assert funding.funding_rate_binance(-premium, **four_hourly) == D("-0.02")
    assert funding.funding_rate_binance(premium, cap=D("0.003")) == D("0.003")
    assert funding.funding_rate_binance(-premium, floor=D("-0.003")) == D("-0.003")
    assert funding.funding_rate_binance(D("0.0004"), interval_h=4) == D("0.00005")
    assert funding.funding_rate_binance_until_2025_09_18(D("0.0004")) == D("0.0001")


@pytest.mark.parametrize("interval_h", [0, -8])
def test_an_interval_is_above_zero(interval_h: int) -> None:
    """A venue that reports no interval gives no rate."""
    with pytest.raises(DomainError):
        funding.funding_rate_binance(D(0), interval_h=interval_h)
    with pytest.raises(DomainError):
        funding.funding_rate_grvt(D(0), interval_h=interval_h, cap=D(1))
    with pytest.raises(DomainError):
        funding.annual_rate_simple(D(0), interval_h)


def test_simple_and_compound_annual_rates_differ() -> None:
    """0.01 % per 8 h is 10.95 % simple and 11.57 % compounded."""
    assert funding.annual_rate_simple(D("0.0001"), 8) == D("0.1095")
    compound = funding.annual_rate_compound(D("0.0001"), 8)
    assert D("0.1157") < compound < D("0.1158")


def test_a_funding_index_needs_a_price_for_each_premium() -> None:
    """A minute without its index price is refused, not skipped."""
    with pytest.raises(DomainError):
        funding.funding_index_grvt_legacy([D(0), D(0)], [D(1)], D(1))


def test_a_mark_from_the_basis_uses_the_last_thirty_samples() -> None:
    """Older samples no longer count; fewer than thirty count as they are."""
    index = [D(100)] * 40
    mids = [D(200)] * 10 + [D(101)] * 30
    assert mark_price_basis(mids, index, D(50)) == 51
    assert mark_price_basis(mids[:5], index[:5], D(50)) == 150
    for count in (0, 1):
        with pytest.raises(DomainError):
            mark_price_basis(mids[:count], [], D(1))


def test_one_bad_source_does_not_move_the_mark() -> None:
    """The median holds while a single candidate is far off, on either venue's form."""
    terms = {"index": D(100), "last_funding_rate": D(0), "interval_h": D(8)}
    wick = mark_price_binance(
        **terms, hours_to_funding=D(4), basis_samples=[D("0.1")], contract_price=D(50)
    )
    assert wick.mark == 100
    wild = mark_price_hyperliquid(
        oracle=D(100),
        best_bid=D(10),
        best_ask=D(11),
        last=D(12),
        venue_mids=[D(101)],
        weights=[1],
    )
    assert (wild.book_price, wild.mark) == (D(11), D(100))


def test_the_average_of_the_book_joins_when_exactly_two_sources_are_left() -> None:
    """With two candidates a third steadies them; with three, or one, it has no say."""
    book: dict[str, Any] = {
        "best_bid": D(10),
        "best_ask": D(11),
        "last": D(12),
        "book_average": D(15),
    }
    assert mark_price_hyperliquid(**book, oracle=D(20)).mark == 15
    assert mark_price_hyperliquid(**book).mark == 11
    three = mark_price_hyperliquid(**book, oracle=D(20), venue_mids=[D(13)], weights=[3])
    assert three.mark == 13


@PROPERTY
@given(
    st.lists(st.tuples(st.integers(-100, 100), st.integers(0, 5)), min_size=1, max_size=9).filter(
        lambda pairs: any(weight for _, weight in pairs)
    )
)
def test_a_weighted_median_is_the_median_of_repeated_values(
    pairs: list[tuple[int, int]],
) -> None:
    """A weight of three counts like three equal values; a tie takes the lower one."""
    repeated = sorted(value for value, weight in pairs for _ in range(weight))
    expected = repeated[(len(repeated) - 1) // 2]
    assert weighted_median([D(v) for v, _ in pairs], [w for _, w in pairs]) == expected


@pytest.mark.parametrize(
    ("values", "weights"), [([], []), ([1], []), ([1], [0]), ([1, 2], [3, -1])]
)
def test_a_median_needs_values_and_sound_weights(values: list[int], weights: list[int]) -> None:
    """No source, no mark."""
    with pytest.raises(DomainError):
        weighted_median([D(value) for value in values], weights)
    with pytest.raises(DomainError):
        median([])


def test_an_even_median_is_the_mean_of_the_middle() -> None:
    """Four values have no middle one."""
    assert median([D(4), D(1), D(3), D(2)]) == D("2.5")


@PROPERTY
@given(st.lists(st.tuples(st.integers(-10, 10), st.integers(1, 100)), min_size=1, max_size=10))
def test_a_time_average_stays_within_its_samples(samples: list[tuple[int, int]]) -> None:
    """It is a weighted mean; constant samples give the constant, whatever the durations."""
    average, constant = TimeAverage(), TimeAverage()
    assert average.value is None
    for sample, duration in samples:
        average = average.add(D(sample), D(duration), D(150))
        constant = constant.add(D(3), D(duration), D(150))
    assert average.value is not None
    assert constant.value is not None
    slack = D("1E-30")
    low, high = min(s for s, _ in samples), max(s for s, _ in samples)
    assert low - slack <= average.value <= high + slack
    assert abs(Fraction(constant.value) - 3) < Fraction(1, 10**30)


@pytest.mark.parametrize(("duration", "constant"), [("-1", "150"), ("1", "0")])
def test_time_does_not_run_backwards_in_an_average(duration: str, constant: str) -> None:
    """A clock step back is refused."""
    with pytest.raises(DomainError):
        TimeAverage().add(D(1), D(duration), D(constant))
