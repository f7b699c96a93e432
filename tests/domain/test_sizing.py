"""Sizing: no size risks more than was asked, and no stop lies beyond liquidation."""

from __future__ import annotations

from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import sizing
from domain.errors import DomainError
from domain.orders import Side
from tests.domain.examples import PROPERTY

D = Decimal
TERMS: dict[str, Any] = {
    "balance": D(10_000),
    "risk_fraction": D("0.02"),
    "entry": D(100),
    "stop": D(98),
    "leverage": D(10),
    "maintenance_rate": D("0.005"),
    "margin_use": D("0.5"),
}


@PROPERTY
@given(
    st.integers(9100, 10_900).filter(lambda cents: cents != 10_000),
    st.integers(1, 100),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_a_stop_never_loses_more_than_the_risk(
    stop_cents: int, risk_percent: int, fee_bp: int, slippage_bp: int
) -> None:
    """The loss at the stop, costs included, is the risk, or less where margin caps the size."""
    terms = TERMS | {
        "stop": stop_cents * D("0.01"),
        "risk_fraction": risk_percent * D("0.01"),
        "fee_rate": fee_bp * D("0.0001"),
        "slippage": slippage_bp * D("0.0001"),
    }
    size = sizing.size_by_risk(**terms)
    budget = terms["balance"] * terms["risk_fraction"]
    assert size.side is (Side.BUY if terms["stop"] < 100 else Side.SELL)
    assert size.margin <= terms["balance"] * terms["margin_use"] * (1 + D("1E-30"))
    if size.capped:
        assert size.loss_at_stop < budget
    else:
        assert abs(size.loss_at_stop - budget) < D("1E-25")
    assert size.stop_inside_liquidation


@pytest.mark.parametrize(
    "changes",
    [
        {"stop": D(100)},
        {"side": Side.SELL},
        {"stop": D(90)},
        {"stop": D(110)},
        {"balance": D(0)},
        {"risk_fraction": D(0)},
        {"entry": D(-1)},
        {"stop": D(0)},
        {"leverage": D(0)},
        {"margin_use": D(0)},
        {"margin_use": D("1.1")},
        {"fee_rate": D("-0.1")},
        {"slippage": D("-0.1")},
    ],
)
def test_a_senseless_risk_is_refused(changes: dict[str, Any]) -> None:
    """A stop at entry, on the winning side or beyond liquidation makes no size."""
    assert sizing.size_by_risk(**TERMS).quantity > 0
    with pytest.raises(DomainError):
        sizing.size_by_risk(**(TERMS | changes))


def test_a_stop_at_liquidation_is_not_inside_it() -> None:
    """Inside is strict: at the very price the venue is first."""
    at = sizing.size_by_risk(**TERMS).liquidation_price
    with pytest.raises(DomainError, match="inside liquidation"):
        sizing.size_by_risk(**(TERMS | {"stop": at}))


def test_a_part_of_the_capital_buys_its_leverage() -> None:
    """A tenth of 10,000 at 5x buys 5,000 worth."""
    terms = {"balance": D(10_000), "fraction": D("0.1"), "leverage": D(5), "entry": D(100)}
    assert sizing.size_by_capital(**terms) == 50
    assert sizing.size_by_capital(**(terms | {"fraction": D(1)})) == 500
    for name, value in (("fraction", D("1.1")), ("fraction", D(0)), ("entry", D(0))):
        with pytest.raises(DomainError):
            sizing.size_by_capital(**(terms | {name: value}))


@pytest.mark.parametrize("chance", [0.55, 0.7, 0.9])
def test_kelly_s_fraction_grows_fastest(chance: float) -> None:
    """A little more or less than Kelly's fraction grows more slowly."""
    best = sizing.kelly_binary(win_chance=chance, win=1.5, loss=0.8)
    for other in (chance - 0.01, chance + 0.01):
        assert sizing.kelly_binary(win_chance=other, win=1.5, loss=0.8).fraction != best.fraction
    shifted = [best.fraction - 0.01, best.fraction + 0.01]
    for fraction in shifted:
        growth = _log_growth(chance, 1.5, 0.8, fraction)
        assert growth < best.growth == pytest.approx(_log_growth(chance, 1.5, 0.8, best.fraction))


def _log_growth(chance: float, win: float, loss: float, fraction: float) -> float:
    from math import log1p  # noqa: PLC0415

    return chance * log1p(fraction * win) + (1 - chance) * log1p(-fraction * loss)


def test_a_sure_win_and_a_bad_bet_have_a_stated_growth() -> None:
    """Certainty bets all it can lose; a losing bet is not made, and grows nothing."""
    assert sizing.kelly_binary(win_chance=1, win=1, loss=1).fraction == 1
    bad = sizing.kelly_binary(win_chance=0.2, win=1, loss=1)
    assert bad.fraction < 0
    assert bad.growth == 0


@pytest.mark.parametrize(
    ("chance", "win", "loss"), [(1.1, 1, 1), (0.5, 0, 1), (0.5, 1, -1), (nan, 1, 1)]
)
def test_an_impossible_bet_is_refused(chance: float, win: float, loss: float) -> None:
    """A chance lies within 0..1 and outcomes are above zero."""
    with pytest.raises(DomainError):
        sizing.kelly_binary(win_chance=chance, win=win, loss=loss)


@PROPERTY
@given(st.floats(-1, 1), st.floats(0.01, 2), st.floats(-0.1, 0.1))
def test_half_kelly_keeps_three_quarters_of_the_growth(
    mean: float, deviation: float, risk_free: float
) -> None:
    """Above the risk-free rate, half the leverage keeps 3/4 of the growth."""
    half = sizing.kelly_continuous(
        mean=mean, deviation=deviation, risk_free=risk_free, fraction=0.5
    )
    assert half.growth_fractional - risk_free == pytest.approx(
        0.75 * (half.growth_full - risk_free), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("deviation", [0.0, -1.0, nan])
def test_a_return_without_deviation_has_no_kelly_leverage(deviation: float) -> None:
    """It would be infinite."""
    with pytest.raises(DomainError):
        sizing.kelly_continuous(mean=0.1, deviation=deviation, risk_free=0, fraction=0.5)


def test_several_assets_solve_their_covariance() -> None:
    """Σ × f gives the means back; where the first pivot is zero as well."""
    covariance = [[0.0, 0.02, 0.01], [0.02, 0.09, 0.0], [0.01, 0.0, 0.16]]
    means = [0.05, 0.1, 0.02]
    solution = sizing.kelly_multivariate(means, covariance)
    for row, mean in zip(covariance, means, strict=True):
        assert sum(a * b for a, b in zip(row, solution, strict=True)) == pytest.approx(mean)


@pytest.mark.parametrize(
    "covariance",
    [
        [[1.0, 1.0], [1.0, 1.0]],
        [[1.0, 0.0]],
        [[1.0], [1.0]],
        [[nan, 0], [0, 1]],
        [[inf, 0], [0, 1]],
    ],
)
def test_a_covariance_that_cannot_be_solved_is_refused(covariance: list[list[float]]) -> None:
    """Two copies of one asset, a wrong shape or a gap in the data give no leverage."""
    with pytest.raises(DomainError):
        sizing.kelly_multivariate([0.1, 0.1], covariance)


def test_a_volatility_target_is_bounded() -> None:
    """Calm markets do not raise leverage without limit, and no volatility is no answer."""
    terms = {"target": 0.4, "leverage_max": 3.0}
    assert sizing.volatility_target_leverage(**terms, realised=0.8) == pytest.approx(0.5)
    assert sizing.volatility_target_leverage(**terms, realised=0.01) == 3
    for realised in (0.0, nan):
        with pytest.raises(DomainError):
            sizing.volatility_target_leverage(**terms, realised=realised)


@pytest.mark.parametrize(
    ("value", "exposure"), [(8000, 0), (9000, 0), (9200, 800), (20_000, 10_000)]
)
def test_an_insured_portfolio_takes_no_risk_at_its_floor(value: int, exposure: int) -> None:
    """Exposure is the multiple of the cushion, never below zero nor above its limit."""
    got = sizing.cppi_exposure(
        value=D(value), floor=D(9000), multiplier=D(4), exposure_max=D(10_000)
    )
    assert got == exposure


def test_losing_all_margin_leaves_the_protected_part() -> None:
    """Capital less margin and fees is what was protected; too little capital risks nothing."""
    terms = {"protected_fraction": D("0.9"), "fees": D(10)}
    margin = sizing.max_margin_for_floor(capital=D(10_000), **terms)
    assert 10_000 - margin - 10 == 9000
    assert sizing.max_margin_for_floor(capital=D(50), **terms) == 0
    with pytest.raises(DomainError):
        sizing.max_margin_for_floor(capital=D(1), protected_fraction=D(2), fees=D(0))


def test_leverage_rises_with_confidence_within_its_limits() -> None:
    """Nothing below the least confidence, then from the least to the greatest leverage."""
    terms = {"confidence_min": D("0.6"), "leverage_min": D(1), "leverage_max": D(5)}
    got = [
        sizing.leverage_by_confidence(D(confidence), **terms)
        for confidence in ("0", "0.59", "0.6", "0.8", "1")
    ]
    assert got == [0, 0, 1, 3, 5]
    bad: list[dict[str, Any]] = [
        {"confidence": D("1.1")},
        {"confidence_min": D(1)},
        {"leverage_min": D(6)},
        {"leverage_min": D(0)},
    ]
    for changes in bad:
        with pytest.raises(DomainError):
            sizing.leverage_by_confidence(**({"confidence": D(1)} | terms | changes))
