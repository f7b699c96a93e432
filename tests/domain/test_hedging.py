"""Hedging: both legs fit their venues, and the hedge offsets what it should."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import hedging
from domain.checks import RefusalReason, check_listing
from domain.errors import DomainError
from domain.hedging import Leg, LegProblem, LegRole, PairSize
from domain.instruments import ContractKind
from domain.orders import Side
from tests.domain.examples import PROPERTY, make_instrument

D = Decimal
MAIN = make_instrument()
HEDGE = make_instrument(
    venue="beta", lot=D("0.01"), quantity_min=D("0.02"), tick=D("0.5"), notional_min=D(5)
)


def sized(requested: str, **changes: Any) -> PairSize | LegProblem:
    """Return a pair hedged by 30 %, with a tolerance of 0.002, at a price of 1000."""
    terms: dict[str, Any] = {
        "ratio": D("0.3"),
        "tolerance": D("0.002"),
        "main": MAIN,
        "hedge": HEDGE,
        "main_price": D(1000),
        "hedge_price": D(1000),
    }
    return hedging.pair_size(D(requested), **(terms | changes))


@pytest.mark.parametrize(
    ("position", "expected"), [("1.239", "-1.23"), ("-1.239", "1.23"), ("0", "0"), ("0.009", "0")]
)
def test_a_hedge_opposes_and_never_overshoots(position: str, expected: str) -> None:
    """The hedge has the other sign and is cut towards zero to whole lots."""
    assert hedging.hedge_quantity(D(position), D(1), D("0.01")) == D(expected)


def test_a_ratio_converts_units() -> None:
    """The ratio counts units of B per unit of A."""
    assert hedging.hedge_quantity(D(2), D("15.5"), D("0.1")) == -31


def test_target_net_is_what_the_hedge_leaves_open() -> None:
    """A 30 % hedge of 10 leaves 7 open; the error is net − target, signed."""
    assert hedging.net_exposure(D(10), D(-3)) == 7
    assert hedging.target_net(D(10), D("0.3")) == 7
    assert hedging.delta_error(D(10), D(-3), D("0.3")) == 0
    assert hedging.delta_error(D(10), D(0), D("0.3")) == 3
    assert hedging.delta_error(D(-10), D(0), D("0.3")) == -3


def test_the_error_is_net_minus_target() -> None:
    """The short form of the error equals its definition."""
    main, hedge, ratio = D("1.234"), D("-0.31"), D("0.3")
    error = hedging.net_exposure(main, hedge) - hedging.target_net(main, ratio)
    assert hedging.delta_error(main, hedge, ratio) == error


@pytest.mark.parametrize(
    ("hedge", "expected"), [("-3", "0"), ("-2.96", "0"), ("-2.9", "-0.1"), ("-3.155", "0.15")]
)
def test_a_hedge_is_rebalanced_outside_its_band_only(hedge: str, expected: str) -> None:
    """Inside the band nothing trades; outside, the error is closed without overshooting."""
    quantity = hedging.rebalance_quantity(
        main=D(10), hedge=D(hedge), ratio=D("0.3"), lot=D("0.01"), band=D("0.05")
    )
    assert quantity == D(expected)


@pytest.mark.parametrize("ratio", [D(0), D("-0.3")])
def test_a_ratio_that_is_not_above_zero_is_refused(ratio: Decimal) -> None:
    """A hedge of nothing, or on the same side, is no hedge."""
    with pytest.raises(DomainError):
        hedging.hedge_quantity(D(1), ratio, D(1))
    with pytest.raises(DomainError):
        hedging.rebalance_quantity(main=D(1), hedge=D(0), ratio=ratio, lot=D(1), band=D(0))
    with pytest.raises(DomainError):
        hedging.common_lot(D(1), D(1), ratio)
    with pytest.raises(DomainError):
        sized("1", ratio=ratio)


LEG_FAULTS: list[tuple[dict[str, Any], RefusalReason]] = [
    ({"quantity": D("-0.025")}, RefusalReason.LOT),
    ({"quantity": D("-0.01")}, RefusalReason.QUANTITY_MIN),
    ({"quantity": D(0)}, RefusalReason.QUANTITY_MIN),
    ({"quantity": D("-100.01")}, RefusalReason.QUANTITY_MAX),
    ({"price": D("1000.1")}, RefusalReason.TICK),
    ({"price": D(200)}, RefusalReason.NOTIONAL_MIN),
]


@pytest.mark.parametrize(("fault", "reason"), LEG_FAULTS)
def test_both_legs_are_checked_before_the_first(
    fault: dict[str, Any], reason: RefusalReason
) -> None:
    """A hedge that its venue would refuse is known before the main leg goes out."""
    main: dict[str, Any] = {"instrument": MAIN, "quantity": D("0.1"), "price": D(1000)}
    hedge: dict[str, Any] = {"instrument": HEDGE, "quantity": D("-0.02"), "price": D(1000)}
    assert hedging.legs_executable(Leg(**main), Leg(**hedge)) is None
    problem = hedging.legs_executable(Leg(**main), Leg(**(hedge | fault)))
    assert problem == LegProblem(role=LegRole.HEDGE, instrument="beta:BTC", reason=reason)
    swapped = hedging.legs_executable(Leg(**(hedge | fault)), Leg(**main))
    assert swapped == LegProblem(role=LegRole.MAIN, instrument="beta:BTC", reason=reason)


def test_a_leg_of_nothing_is_refused_even_without_a_minimum() -> None:
    """A pair whose main leg rounded to zero is not a pair."""
    free = make_instrument(quantity_min=D(0), notional_min=D(0))
    nothing = Leg(instrument=free, quantity=D(0), price=D(1000))
    problem = hedging.legs_executable(nothing, nothing)
    assert problem is not None
    assert problem.reason is RefusalReason.QUANTITY_MIN


@PROPERTY
@given(
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.integers(1, 2000),
)
def test_a_common_lot_is_the_least_that_both_venues_take(
    main: int, hedge: int, per_mille: int
) -> None:
    """It is whole on both sides, and no smaller quantity is."""
    main_lot, hedge_lot, ratio = main * D("1E-6"), hedge * D("1E-6"), per_mille * D("0.001")
    lot = Fraction(hedging.common_lot(main_lot, hedge_lot, ratio))
    in_main = lot / Fraction(main_lot)
    in_hedge = lot * Fraction(ratio) / Fraction(hedge_lot)
    assert in_main.denominator == in_hedge.denominator == 1
    factors = [n for n in range(2, 50) if in_main % n == 0 and in_hedge % n == 0]
    assert not factors


@pytest.mark.parametrize(
    ("main_lot", "hedge_lot", "ratio"),
    [("0", "1", "1"), ("1", "-1", "1"), (f"1.{3:033}", f"1.{7:033}", "1")],
)
def test_lots_without_a_common_one_are_refused(main_lot: str, hedge_lot: str, ratio: str) -> None:
    """A lot of nothing, or a common lot beyond exact arithmetic, is no answer."""
    with pytest.raises(DomainError):
        hedging.common_lot(D(main_lot), D(hedge_lot), D(ratio))


@PROPERTY
@given(
    st.integers(-200_000, 200_000).filter(bool),
    st.sampled_from([D("0.2"), D("0.3"), D("0.5"), D(1), D("0.37")]),
    st.sampled_from([D(0), D("0.001"), D("0.005")]),
)
def test_a_sized_pair_fits_both_venues_and_its_tolerance(
    thousandths: int, ratio: Decimal, tolerance: Decimal
) -> None:
    """Never more than requested, on the same side, hedged within tolerance, and tradable."""
    requested = thousandths * D("0.0005")
    pair = sized(str(requested), ratio=ratio, tolerance=tolerance)
    if isinstance(pair, LegProblem):
        too_small = abs(requested) < hedging.common_lot(MAIN.lot, HEDGE.lot, ratio)
        below_minimum = abs(requested) * ratio < HEDGE.quantity_min + HEDGE.lot
        assert too_small or below_minimum or abs(requested) * ratio > 100 or abs(requested) > 100
        return
    assert abs(pair.main) <= abs(requested)
    assert pair.main * requested > 0 > pair.main * pair.hedge
    assert abs(pair.delta_error) <= tolerance
    assert pair.delta_error == hedging.delta_error(pair.main, pair.hedge, ratio)
    for instrument, quantity in ((MAIN, pair.main), (HEDGE, pair.hedge)):
        assert check_listing(instrument, abs(quantity), D(1000), D(1000)) is None


def test_a_pair_shrinks_only_where_the_tolerance_asks_for_it() -> None:
    """0.95 with a tolerance keeps its size; without one it shrinks to the common lot."""
    loose, strict = sized("0.95", tolerance=D("0.01")), sized("0.95", tolerance=D(0))
    assert loose == PairSize(main=D("0.95"), hedge=D("-0.28"), delta_error=D("0.005"))
    assert strict == PairSize(main=D("0.9"), hedge=D("-0.27"), delta_error=D(0))


def test_lots_that_never_match_name_the_hedge_s_lot() -> None:
    """A request below every common lot says which rule of which leg stands against it."""
    problem = sized("0.09", tolerance=D(0))
    assert problem == LegProblem(
        role=LegRole.HEDGE, instrument="beta:BTC", reason=RefusalReason.LOT
    )


def test_inverse_legs_are_not_sized_in_base_units() -> None:
    """Contracts are no base units; mixing them would hedge by chance."""
    with pytest.raises(DomainError):
        sized("1", hedge=make_instrument(kind=ContractKind.INVERSE, multiplier=D(10)))


@pytest.mark.parametrize("side", list(Side))
def test_seizing_the_main_leg_costs_its_whole_margin(side: Side) -> None:
    """What is left is the hedge's margin and its profit; a short is liquidated sooner."""
    trade = hedging.hedged_trade(
        capital=D(10_000),
        side=side,
        main_leverage=D(10),
        hedge_leverage=D(5),
        main_share=D("0.8"),
        maintenance_rate=D("0.005"),
    )
    rate = 1 - D("0.005") * side
    assert abs(trade.main_liquidation_move - D("0.095") / rate) < D("1E-30")
    gain = trade.hedge_notional * trade.main_liquidation_move
    assert trade.equity_if_main_seized == 2000 + gain
    assert (trade.net, trade.gross) == (D(70_000), D(90_000))
    assert trade.hedge_ratio == D("0.125")


@pytest.mark.parametrize("share", [D(0), D(1), D("-0.5")])
def test_a_split_leaves_margin_on_both_legs(share: Decimal) -> None:
    """A share of nothing or of everything is no split."""
    with pytest.raises(DomainError):
        hedging.hedge_leverage_ratio(ratio=D("0.2"), main_share=share)
    with pytest.raises(DomainError):
        hedging.hedged_trade(
            capital=D(1),
            side=Side.BUY,
            main_leverage=D(1),
            hedge_leverage=D(1),
            main_share=share,
            maintenance_rate=D(0),
        )


def test_the_minimum_variance_ratio_leaves_the_least_variance() -> None:
    """Any other ratio leaves more variance, and the cut is the squared correlation."""
    own = [0.01, -0.02, 0.015, 0.003, -0.007]
    other = [0.011, -0.017, 0.013, 0.006, -0.009]
    hedge = hedging.min_variance_hedge(own, other, value=1, contract_value=1)

    def variance(ratio: float) -> float:
        left = [a - ratio * b for a, b in zip(own, other, strict=True)]
        mean = sum(left) / len(left)
        return sum((value - mean) ** 2 for value in left)

    least = variance(hedge.ratio)
    assert least < min(variance(hedge.ratio - 0.01), variance(hedge.ratio + 0.01))
    assert 1 - least / variance(0) == pytest.approx(hedge.variance_reduction)


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ([], []),
        ([1.0], [1.0]),
        ([1.0, 2.0], [1.0]),
        ([1.0, 1.0], [1.0, 2.0]),
        ([1.0, 2.0], [3.0, 3.0]),
    ],
)
def test_returns_that_do_not_vary_have_no_hedge(own: list[float], other: list[float]) -> None:
    """Too few points or a constant give no ratio."""
    with pytest.raises(DomainError):
        hedging.min_variance_hedge(own, other, value=1, contract_value=1)


def test_deviations_must_be_above_zero() -> None:
    """A hedge that does not move hedges nothing."""
    with pytest.raises(DomainError):
        hedging.min_variance_hedge_from_deviations(
            deviation=0.1, hedge_deviation=0.0, correlation=0.9, size=1, unit=1
        )
