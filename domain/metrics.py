"""Figures of a run: drawdown of an equity curve, order statistics, risk-adjusted return.

A figure that is not defined is None, never NaN and never a huge number made of rounding noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from math import fsum, sqrt

from domain.errors import DomainError
from domain.value import Value

__all__ = [
    "Distribution",
    "Drawdown",
    "distribution",
    "max_drawdown",
    "percentile",
    "returns",
    "sharpe_ratio",
    "sortino_ratio",
]

PERIODS_PER_YEAR = 365
_NOISE = 1e-12


class Drawdown(Value, kw_only=True):
    """The deepest fall of an equity curve, by places in it.

    fraction is zero or below. recovery is the first place after the trough that is back at the
    peak, None if there is none; a curve that never falls has all three at its start.
    """

    fraction: Decimal
    peak: int
    trough: int
    recovery: int | None


def max_drawdown(equity: Sequence[Decimal]) -> Drawdown:
    """Return the deepest fall from a peak; among equals, the earliest.

    Shape: equity in time order.
    Raises: DomainError if the curve is empty, or a peak that it falls from is not above zero.
    """
    if not equity:
        raise DomainError("a drawdown needs an equity curve")
    deepest = Drawdown(fraction=Decimal(0), peak=0, trough=0, recovery=0)
    peak = 0
    low = equity[0]
    for place, value in enumerate(equity):
        if value > equity[peak]:
            peak, low = place, value
        elif value < low:
            low = value
            if equity[peak] <= 0:
                raise DomainError(f"a fall from {equity[peak]} is no fraction: add the capital")
            fraction = value / equity[peak] - 1
            if fraction < deepest.fraction:
                deepest = Drawdown(fraction=fraction, peak=peak, trough=place, recovery=None)
    if not deepest.fraction:
        return deepest
    top = equity[deepest.peak]
    recovery = next((n for n in range(deepest.trough, len(equity)) if equity[n] >= top), None)
    return Drawdown(
        fraction=deepest.fraction, peak=deepest.peak, trough=deepest.trough, recovery=recovery
    )


def percentile(values: Sequence[int], percent: int) -> int:
    """Return the least value that at least this percentage of all values does not exceed.

    That is the nearest-rank definition: always one of the values, never an interpolation; 100 gives
    the greatest.
    Raises: DomainError if there is no value, or percent lies outside 1..100.
    """
    if not values or not 1 <= percent <= 100:  # noqa: PLR2004
        raise DomainError(f"percentile {percent} of {len(values)} values")
    rank = -(-percent * len(values) // 100)
    return sorted(values)[rank - 1]


class Distribution(Value, kw_only=True):
    """Count, median, 99th percentile and greatest of some whole numbers; all zero for none."""

    count: int
    p50: int
    p99: int
    max: int


def distribution(values: Sequence[int]) -> Distribution:
    """Return the order statistics of some whole numbers, by nearest rank."""
    if not values:
        return Distribution(count=0, p50=0, p99=0, max=0)
    ordered = sorted(values)
    return Distribution(
        count=len(ordered),
        p50=percentile(ordered, 50),
        p99=percentile(ordered, 99),
        max=ordered[-1],
    )


def returns(equity: Sequence[Decimal]) -> list[float]:
    """Return the simple returns from each point of an equity curve to the next.

    Raises: DomainError if a point that a return starts from is not above zero.
    """
    changes: list[float] = []
    for before, after in pairwise(equity):
        if before <= 0:
            raise DomainError(f"no return is defined from an equity of {before}")
        changes.append(float(after / before - 1))
    return changes


def sharpe_ratio(
    changes: Sequence[float],
    *,
    periods_per_year: int = PERIODS_PER_YEAR,
    risk_free_per_period: float = 0.0,
) -> float | None:
    """Return mean excess return over its sample deviation, per year; None without variation.

    Units: changes and the risk-free rate are fractions per period.
    """
    count = len(changes)
    if count < 2:  # noqa: PLR2004
        return None
    excess = [change - risk_free_per_period for change in changes]
    mean = fsum(excess) / count
    deviation = sqrt(fsum((value - mean) ** 2 for value in excess) / (count - 1))
    if deviation <= _NOISE * max(abs(value) for value in excess):
        return None
    return mean / deviation * sqrt(periods_per_year)


def sortino_ratio(
    changes: Sequence[float],
    *,
    periods_per_year: int = PERIODS_PER_YEAR,
    required_per_period: float = 0.0,
) -> float | None:
    """Return mean excess return over its downside deviation, per year; None without a downside.

    The downside deviation counts every period, those without a loss as zero.
    """
    count = len(changes)
    if not count:
        return None
    excess = [change - required_per_period for change in changes]
    downside = sqrt(fsum(min(value, 0.0) ** 2 for value in excess) / count)
    if downside <= _NOISE * max(abs(value) for value in excess):
        return None
    return fsum(excess) / count / downside * sqrt(periods_per_year)
