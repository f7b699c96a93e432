"""Margin and liquidation: tiers join without a step, and prices solve their own equation."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.instruments import ContractKind, MarginTier
from domain.liquidation import (
    CrossPosition,
    bankruptcy_price,
    liquidation_price,
    liquidation_price_cross,
    liquidation_price_hyperliquid,
    liquidation_price_inverse,
    liquidation_price_isolated,
    liquidation_price_tiered,
)
from domain.margin import (
    deribit_margin_linear,
    health,
    initial_margin,
    leverage_max,
    maintenance_deductions,
    maintenance_margin,
    margin_ratio,
    position_maintenance,
    tier_at,
)
from domain.orders import Side
from tests.domain.examples import PROPERTY, TIERS, make_instrument

D = Decimal
sizes = st.integers(1, 10**6).map(lambda n: n * D("0.001"))
prices = st.integers(1, 10**6).map(lambda n: n * D("0.1"))
signs = st.sampled_from([1, -1])


def test_maintenance_is_continuous_at_every_floor() -> None:
    """At a floor both tiers give the same margin, and above it the steeper rate begins."""
    deductions = maintenance_deductions(TIERS)
    for below, above, before, after in zip(
        TIERS, TIERS[1:], deductions, deductions[1:], strict=False
    ):
        floor = above.notional_floor
        expected = floor * below.maintenance_rate - before
        assert expected == floor * above.maintenance_rate - after
        assert maintenance_margin(floor, TIERS) == expected
        assert maintenance_margin(floor + 1, TIERS) == expected + above.maintenance_rate
        assert maintenance_margin(floor - 1, TIERS) == expected - below.maintenance_rate


@pytest.mark.parametrize("floors", [(0, 5, 5), (0, 5, 4), (1, 2, 3)])
def test_tiers_that_do_not_rise_from_zero_are_refused(floors: tuple[int, ...]) -> None:
    """A margin table out of order would give a margin that is too small."""
    tiers = [
        MarginTier(notional_floor=D(floor), maintenance_rate=D("0.01"), leverage_max=D(10))
        for floor in floors
    ]
    with pytest.raises(DomainError):
        maintenance_deductions(tiers)


def test_the_tier_at_a_floor_is_the_one_that_begins_there() -> None:
    """Leverage falls at the floor itself, not after it."""
    assert tier_at(D(49_999), TIERS) is TIERS[0]
    assert tier_at(D(50_000), TIERS) is TIERS[1]
    assert leverage_max(D(10**9), TIERS) == 10
    assert initial_margin(D(50_000), D(20), TIERS) == 2500
    for leverage in (D(21), D(0), D(-1)):
        with pytest.raises(DomainError):
            initial_margin(D(50_000), leverage, TIERS)


def test_a_position_s_maintenance_is_in_its_own_currency() -> None:
    """Linear positions maintain in quote, inverse ones in coin."""
    linear = make_instrument()
    inverse = make_instrument(kind=ContractKind.INVERSE, multiplier=D(10))
    assert position_maintenance(linear, D("-0.5"), D(1000)) == D("2.5")
    assert position_maintenance(inverse, D(100), D(1000)) == D("0.005")


def test_ratio_and_health_measure_against_the_mark() -> None:
    """The ratio is over notional at the mark; health is 0 at maintenance and 1 at initial."""
    assert margin_ratio(D(10), D(-2), D(50)) == D("0.1")
    assert health(D(5), D(5), D(10)) == 0
    assert health(D(10), D(5), D(10)) == 1
    assert health(D(0), D(5), D(10)) == -1
    with pytest.raises(DomainError):
        margin_ratio(D(10), D(0), D(50))
    with pytest.raises(DomainError):
        health(D(1), D(5), D(5))


@PROPERTY
@given(sizes, prices, signs, st.integers(1, 10**8))
def test_at_the_tiered_liquidation_price_equity_is_maintenance(
    size: Decimal, entry: Decimal, sign: int, cents: int
) -> None:
    """The price found solves equity = maintenance by the whole table, in whatever tier it lies."""
    quantity, margin = sign * size, cents * D("0.01")
    price = liquidation_price_tiered(quantity=quantity, entry=entry, margin=margin, tiers=TIERS)
    if price is None:
        assert quantity > 0
        assert margin >= size * entry  # a long that owns all it bought
        return
    equity = margin + quantity * (price - entry)
    maintenance = maintenance_margin(size * price, TIERS)
    assert abs(equity - maintenance) <= D("1E-18") * max(D(1), size * entry, margin)


@PROPERTY
@given(prices, st.integers(1, 50), signs)
def test_liquidation_comes_before_bankruptcy(entry: Decimal, leverage: int, sign: int) -> None:
    """A position with some maintenance is liquidated while it still has margin."""
    rate = D("0.005")
    assume(1 / D(leverage) > rate)
    price = liquidation_price_isolated(
        quantity=D(sign), entry=entry, margin=entry / leverage, maintenance_rate=rate
    )
    bankrupt = bankruptcy_price(entry=entry, leverage=D(leverage), side=Side(sign))
    assert sign * price > sign * bankrupt or bankrupt == 0
    assert sign * price < sign * entry


def test_a_short_is_liquidated_earlier_than_by_the_entry_notional() -> None:
    """E = 100, 10x, 0.5 %: 109.4527, not the 109.5 that would come too late."""
    price = liquidation_price_isolated(
        quantity=D(-1), entry=D(100), margin=D(10), maintenance_rate=D("0.005")
    )
    assert D("109.45") < price < D("109.46")


def test_a_lone_cross_position_is_liquidated_like_an_isolated_one() -> None:
    """With nothing else in the account, the balance is its margin; a hedge moves the price."""
    own = CrossPosition(
        quantity=D(2), entry=D(100), mark=D(90), maintenance_rate=D("0.01"), deduction=D("0.5")
    )
    alone = liquidation_price_cross(D(50), [own], 0)
    assert alone == liquidation_price_isolated(
        quantity=D(2),
        entry=D(100),
        margin=D(50),
        maintenance_rate=D("0.01"),
        deduction=D("0.5"),
    )
    other = CrossPosition(
        quantity=D(1), entry=D(10), mark=D(10), maintenance_rate=D("0.5"), deduction=D(4)
    )
    assert liquidation_price_cross(D(51), [own, other], 0) == alone
    winning = CrossPosition(quantity=D(-1), entry=D(100), mark=D(80), maintenance_rate=D("0.01"))
    assert liquidation_price_cross(D(50), [winning, own], 1) < alone


@PROPERTY
@given(sizes, prices, signs, st.integers(1, 10**6))
def test_hyperliquid_s_form_is_the_same_equation(
    size: Decimal, entry: Decimal, sign: int, cents: int
) -> None:
    """Stepping from entry by the margin available reaches the isolated liquidation price."""
    margin, rate = cents * D("0.01"), D("0.01")
    stepped = liquidation_price_hyperliquid(
        quantity=sign * size, price=entry, margin=margin, maintenance_rate=rate
    )
    solved = liquidation_price_isolated(
        quantity=sign * size, entry=entry, margin=margin, maintenance_rate=rate
    )
    assert abs(stepped - solved) <= D("1E-20") * max(abs(solved), entry, margin / size)


def test_hyperliquid_s_other_positions_take_their_maintenance_first() -> None:
    """In cross mode what the others must keep is not available to this one."""
    terms = {"quantity": D(2), "price": D(100), "maintenance_rate": D("0.01")}
    isolated = liquidation_price_hyperliquid(**terms, margin=D(50))
    cross = liquidation_price_hyperliquid(**terms, margin=D(57), maintenance_others=D(7))
    assert isolated == cross


@PROPERTY
@given(prices, st.integers(1, 10**6), signs, st.integers(1, 10**6))
def test_at_the_inverse_liquidation_price_coin_equity_is_maintenance(
    entry: Decimal, dollars: int, sign: int, margin_units: int
) -> None:
    """The price solves M + sN(1/E − 1/P) = mN/P; a short worth its margin has none."""
    value, margin, rate = D(sign * dollars), margin_units * D("1E-4"), D("0.01")
    price = liquidation_price_inverse(
        notional_usd=value, entry=entry, margin_coin=margin, maintenance_rate=rate
    )
    if price is None:
        assert sign < 0
        assert margin >= dollars / entry
        return
    equity = margin + value * (1 / entry - 1 / price)
    assert abs(equity - rate * dollars / price) < D("1E-15")


def test_an_instrument_chooses_the_form_of_its_contract() -> None:
    """Linear, quanto and inverse contracts each solve their own equation."""
    terms = {"quantity": D(-1000), "entry": D(100), "margin": D(50)}
    linear = make_instrument()
    quanto = make_instrument(kind=ContractKind.QUANTO, multiplier=D("0.01"))
    inverse = make_instrument(kind=ContractKind.INVERSE, multiplier=D(100))
    assert liquidation_price(linear, **terms) == liquidation_price_tiered(tiers=TIERS, **terms)
    assert liquidation_price(quanto, **terms) == liquidation_price_tiered(
        tiers=TIERS, quantity=D(-10), entry=D(100), margin=D(50)
    )
    coin = {"notional_usd": D(100_000), "entry": D(100), "margin_coin": D(50)}
    plain = liquidation_price_inverse(**coin, maintenance_rate=D("0.01"))
    tiered = liquidation_price_inverse(**coin, maintenance_rate=D("0.01"), deduction=D(250))
    assert plain is not None
    assert tiered is not None
    assert tiered * (50 + D(1000)) == D(101_000) - 250
    assert tiered < plain
    assert liquidation_price(inverse, **terms) == liquidation_price_inverse(
        notional_usd=D(-100_000),
        entry=D(100),
        margin_coin=D(50),
        maintenance_rate=D("0.01"),
        deduction=D(250),
    )


@pytest.mark.parametrize(("quantity", "rate"), [("0", "0.01"), ("1", "1"), ("1", "-0.1")])
def test_a_flat_position_or_a_senseless_rate_has_no_liquidation_price(
    quantity: str, rate: str
) -> None:
    """Such a question is refused, not answered with a number."""
    with pytest.raises(DomainError):
        liquidation_price_isolated(
            quantity=D(quantity), entry=D(1), margin=D(1), maintenance_rate=D(rate)
        )


def test_no_leverage_has_no_bankruptcy_price() -> None:
    """Leverage zero is refused."""
    with pytest.raises(DomainError):
        bankruptcy_price(entry=D(1), leverage=D(0), side=Side.BUY)


def test_deribit_s_published_margins_come_out() -> None:
    """53,125 at 25 BTC and 1,312,500 at 350, of either sign."""
    assert deribit_margin_linear(D(-25), D(100_000)).initial == 53_125
    assert deribit_margin_linear(D(350), D(100_000)).initial == 1_312_500
    assert deribit_margin_linear(D(25), D(100_000)).maintenance == 28_125
