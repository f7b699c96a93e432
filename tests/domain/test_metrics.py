"""Metrics: figures by their stated definitions, and None where they have none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.metrics import (
    distribution,
    max_drawdown,
    percentile,
    returns,
    sharpe_ratio,
    sortino_ratio,
)
from tests.domain.examples import PROPERTY

D = Decimal
PUBLISHED = [0.01, 0.1, -0.04, 0.02, 0.03, 0.02, 0.01, -0.1]


@PROPERTY
@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_the_drawdown_is_the_deepest_of_all_pairs(points: list[int]) -> None:
    """No later point lies deeper below an earlier one, and recovery is the first return."""
    equity = [D(point) for point in points]
    found = max_drawdown(equity)
    deepest = min(
        later / earlier - 1 for place, earlier in enumerate(equity) for later in equity[place:]
    )
    assert found.fraction == deepest
    assert found.fraction == equity[found.trough] / equity[found.peak] - 1
    assert found.peak <= found.trough
    back = [n for n in range(found.trough, len(equity)) if equity[n] >= equity[found.peak]]
    assert found.recovery == (back[0] if back else None)


def test_a_drawdown_says_where_it_began_and_ended() -> None:
    """Peak, trough and recovery are places in the curve, the first of equals."""
    curve = [D(value) for value in (100, 110, 110, 55, 55, 120, 60)]
    found = max_drawdown(curve)
    assert (found.fraction, found.peak, found.trough, found.recovery) == (D("-0.5"), 1, 3, 5)


def test_no_drawdown_without_a_curve() -> None:
    """An empty curve is refused, and so is one that falls from nothing."""
    for curve in ([], [D(0), D(-1)]):
        with pytest.raises(DomainError):
            max_drawdown(curve)


@PROPERTY
@given(st.lists(st.integers(-100, 100), min_size=1, max_size=50), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_covers_its_share(
    values: list[int], percent: int
) -> None:
    """Nearest rank: the least of the values that at least percent of all do not exceed."""
    found = percentile(values, percent)
    covering = [
        value
        for value in values
        if sum(other <= value for other in values) * 100 >= percent * len(values)
    ]
    assert found == min(covering)


def test_a_distribution_holds_its_tail() -> None:
    """Of 1..200 the median is 100 and p99 is 198; nothing measured gives zeros."""
    spread = distribution(list(range(200, 0, -1)))
    assert (spread.count, spread.p50, spread.p99, spread.max) == (200, 100, 198, 200)
    nothing = distribution([])
    assert (nothing.count, nothing.p50, nothing.p99, nothing.max) == (0, 0, 0, 0)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1], 0), ([1], 101)])
def test_no_percentile_of_nothing(values: list[int], percent: int) -> None:
    """No value, or a share that makes no sense, is refused."""
    with pytest.raises(DomainError):
        percentile(values, percent)


def test_ratios_give_the_published_figures() -> None:
    """The known answers of empyrical for its test series come out."""
    assert sharpe_ratio(PUBLISHED, periods_per_year=252) == pytest.approx(
        1.7238613961706866, rel=1e-12
    )
    assert sortino_ratio(PUBLISHED, periods_per_year=252) == pytest.approx(
        2.605531251673693, rel=1e-12
    )


def test_a_required_return_lowers_the_ratios() -> None:
    """What the riskless alternative earns is not earned by the strategy."""
    assert sharpe_ratio(PUBLISHED, risk_free_per_period=0.00625) == pytest.approx(0, abs=1e-12)
    assert sortino_ratio(PUBLISHED, required_per_period=0.00625) == pytest.approx(0, abs=1e-12)


def test_the_downside_counts_every_period() -> None:
    """One loss of 10 % in four periods has a downside of 5 %, not of 10 %."""
    assert sortino_ratio([-0.1, 0.0, 0.0, 0.3], periods_per_year=1) == pytest.approx(1.0)


@pytest.mark.parametrize("changes", [[], [0.1], [0.1] * 5, [1e-9] * 5, [0.0, 0.0]])
def test_a_ratio_without_variation_is_undefined(changes: list[float]) -> None:
    """Nothing, one point, or a constant has no Sharpe ratio; no loss has no Sortino ratio."""
    assert sharpe_ratio(changes) is None
    assert sortino_ratio(changes) is None


def test_two_returns_are_enough_and_a_steady_loss_is_a_downside() -> None:
    """Two different returns vary; losing the same each time has no volatility but a downside."""
    assert sharpe_ratio([0.0, 0.2], periods_per_year=1) == pytest.approx(0.5**0.5)
    assert sharpe_ratio([-0.1] * 5) is None
    assert sortino_ratio([-0.1] * 5, periods_per_year=1) == pytest.approx(-1)


def test_returns_start_from_equity_above_zero() -> None:
    """Returns are simple ones; a ruined account has none."""
    assert returns([D(100), D(110), D(99)]) == pytest.approx([0.1, -0.1])
    assert returns([D(100)]) == []
    assert returns([D(100), D(0)]) == [-1.0]
    with pytest.raises(DomainError):
        returns([D(0), D(1)])
