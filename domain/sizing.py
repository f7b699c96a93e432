"""Position sizing: how much to risk, by stop, Kelly, volatility, floor or confidence.

Money is Decimal; estimates of chance (Kelly, volatility) are floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite, log

from domain.errors import DomainError
from domain.liquidation import liquidation_price_isolated
from domain.orders import Side
from domain.value import Value

__all__ = [
    "KellyBinary",
    "KellyContinuous",
    "RiskSize",
    "cppi_exposure",
    "kelly_binary",
    "kelly_continuous",
    "kelly_multivariate",
    "leverage_by_confidence",
    "max_margin_for_floor",
    "size_by_capital",
    "size_by_risk",
    "volatility_target_leverage",
]

_ZERO = Decimal(0)


class RiskSize(Value, kw_only=True):
    """A size whose stop loses a chosen part of the balance, or less where margin caps it.

    Units: quantity > 0 in base units, not yet rounded to lots; money and prices in quote.
    """

    side: Side
    quantity: Decimal
    capped: bool
    margin: Decimal
    loss_at_stop: Decimal
    stop: Decimal
    liquidation_price: Decimal

    @property
    def stop_inside_liquidation(self) -> bool:
        """Whether the stop is reached before liquidation; size_by_risk refuses anything else."""
        return (self.stop - self.liquidation_price) * self.side > _ZERO


def size_by_risk(
    *,
    balance: Decimal,
    risk_fraction: Decimal,
    entry: Decimal,
    stop: Decimal,
    leverage: Decimal,
    maintenance_rate: Decimal,
    margin_use: Decimal,
    fee_rate: Decimal = _ZERO,
    slippage: Decimal = _ZERO,
    side: Side | None = None,
) -> RiskSize:
    """Return the size that loses risk_fraction of the balance at the stop, costs included.

    The side follows from the stop where it is not given.
    Units: fee_rate per fill and slippage once, fractions of price; margin_use is the part of the
    balance that may become margin, above 0 and at most 1.
    Raises: DomainError if a number is out of range, the stop is at the entry or on the winning
    side, or does not lie strictly inside the liquidation price.
    """
    if min(balance, risk_fraction, entry, stop, leverage) <= 0 or not 0 < margin_use <= 1:
        raise DomainError(
            f"above 0: balance {balance}, risk {risk_fraction}, entry {entry}, stop {stop}, "
            f"leverage {leverage}; within 0..1: margin use {margin_use}"
        )
    if stop == entry or min(fee_rate, slippage) < 0:
        raise DomainError(f"stop {stop} at entry {entry}, fee {fee_rate}, slippage {slippage}")
    losing = Side.BUY if stop < entry else Side.SELL
    if side is not None and side is not losing:
        raise DomainError(f"a stop at {stop} is on the winning side of an entry at {entry}")
    loss_per_unit = abs(entry - stop) + fee_rate * (entry + stop) + slippage * entry
    wanted = balance * risk_fraction / loss_per_unit
    allowed = balance * margin_use * leverage / entry
    quantity = min(wanted, allowed)
    liquidation = liquidation_price_isolated(
        quantity=Decimal(losing),
        entry=entry,
        margin=entry / leverage,
        maintenance_rate=maintenance_rate,
    )
    size = RiskSize(
        side=losing,
        quantity=quantity,
        capped=wanted > allowed,
        margin=quantity * entry / leverage,
        loss_at_stop=quantity * loss_per_unit,
        stop=stop,
        liquidation_price=liquidation,
    )
    if not size.stop_inside_liquidation:
        raise DomainError(f"a stop at {stop} is not inside liquidation at {liquidation}")
    return size


def size_by_capital(
    *, balance: Decimal, fraction: Decimal, leverage: Decimal, entry: Decimal
) -> Decimal:
    """Return the base quantity that a fraction of the balance buys as margin, before rounding.

    Raises: DomainError if a number is not above zero, or the fraction above one.
    """
    if min(balance, fraction, leverage, entry) <= 0 or fraction > 1:
        raise DomainError(f"balance {balance}, fraction {fraction}, {leverage}x, entry {entry}")
    return balance * fraction * leverage / entry


class KellyBinary(Value, kw_only=True):
    """The fraction of wealth to bet; below zero: do not. growth is log growth per bet there."""

    fraction: float
    growth: float


def kelly_binary(*, win_chance: float, win: float, loss: float) -> KellyBinary:
    """Return Kelly's fraction for a bet that wins or loses a known part of the stake.

    Units: win and loss per unit staked, both above zero. No growth is stated for a fraction of zero
    or below.
    Raises: DomainError if the chance is not within 0..1 or an outcome not above zero.
    Source: Kelly, Bell System Technical Journal 35 (1956); Thorp (2006).
    """
    if not 0 <= win_chance <= 1 or not (win > 0 and loss > 0):
        raise DomainError(f"chance {win_chance}, win {win}, loss {loss}")
    lose_chance = 1 - win_chance
    fraction = win_chance / loss - lose_chance / win
    growth = 0.0
    if fraction > 0:
        growth = win_chance * log(1 + fraction * win)
        if lose_chance:
            growth += lose_chance * log(1 - fraction * loss)
    return KellyBinary(fraction=fraction, growth=growth)


class KellyContinuous(Value, kw_only=True):
    """Full and fractional Kelly leverage, and the growth rate at each, per unit of time."""

    full: float
    fractional: float
    growth_full: float
    growth_fractional: float


def kelly_continuous(
    *, mean: float, deviation: float, risk_free: float, fraction: float
) -> KellyContinuous:
    """Return Kelly's leverage for a normal return, and a fraction of it.

    Half of it keeps three quarters of the growth above the risk-free rate.
    Units: mean, deviation and risk_free over one unit of time; fraction of full Kelly.
    Raises: DomainError if the deviation is not above zero.
    """
    if not deviation > 0:
        raise DomainError(f"a deviation must be above 0, is {deviation}")
    excess = mean - risk_free
    variance = deviation**2
    full = excess / variance
    used = full * fraction

    def growth(leverage: float) -> float:
        return risk_free + excess * leverage - variance * leverage**2 / 2

    return KellyContinuous(
        full=full, fractional=used, growth_full=growth(full), growth_fractional=growth(used)
    )


def kelly_multivariate(
    means: Sequence[float], covariance: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    """Return Kelly's leverage in each of several assets: Σ⁻¹ μ.

    Shape: covariance[n, n] for n means (excess returns).
    Raises: DomainError if the shapes differ or the covariance is singular.
    """
    count = len(means)
    if len(covariance) != count or any(len(row) != count for row in covariance):
        raise DomainError(f"{count} means against a covariance of another shape")
    rows = [[*row, mean] for row, mean in zip(covariance, means, strict=True)]
    scale = max((abs(value) for row in covariance for value in row), default=0.0)
    for place in range(count):
        pivot = max(range(place, count), key=lambda row: abs(rows[row][place]))
        if not abs(rows[pivot][place]) > scale * 1e-12 or not isfinite(scale):
            raise DomainError("the covariance is singular: one asset repeats others")
        rows[place], rows[pivot] = rows[pivot], rows[place]
        for row in range(place + 1, count):
            factor = rows[row][place] / rows[place][place]
            for column in range(place, count + 1):
                rows[row][column] -= factor * rows[place][column]
    solution = [0.0] * count
    for place in reversed(range(count)):
        known = sum(rows[place][column] * solution[column] for column in range(place + 1, count))
        solution[place] = (rows[place][count] - known) / rows[place][place]
    return tuple(solution)


def volatility_target_leverage(*, target: float, realised: float, leverage_max: float) -> float:
    """Return the leverage at which realised volatility becomes the target, up to the limit.

    Units: volatilities per the same time.
    Raises: DomainError if the realised volatility is not above zero, or another number below it.
    """
    if not (realised > 0 and target >= 0 and leverage_max >= 0):
        raise DomainError(f"target {target}, realised {realised}, leverage_max {leverage_max}")
    return min(leverage_max, target / realised)


def cppi_exposure(
    *, value: Decimal, floor: Decimal, multiplier: Decimal, exposure_max: Decimal
) -> Decimal:
    """Return the exposure that keeps a portfolio above its floor, gaps under 1 / multiplier.

    Zero at or below the floor.
    Source: Black and Jones, Journal of Portfolio Management 14 (1987).
    """
    return min(exposure_max, max(_ZERO, multiplier * (value - floor)))


def max_margin_for_floor(
    *, capital: Decimal, protected_fraction: Decimal, fees: Decimal
) -> Decimal:
    """Return the most isolated margin that may be lost, fees too, with the protected part left.

    Raises: DomainError if the fraction is not within 0..1.
    """
    if not 0 <= protected_fraction <= 1:
        raise DomainError(f"a protected fraction lies within 0..1, not {protected_fraction}")
    return max(_ZERO, (1 - protected_fraction) * capital - fees)


def leverage_by_confidence(
    confidence: Decimal,
    *,
    confidence_min: Decimal,
    leverage_min: Decimal,
    leverage_max: Decimal,
) -> Decimal:
    """Return a leverage that rises with a signal's confidence, zero below the least that counts.

    Linear from leverage_min at confidence_min to leverage_max at full confidence, 1.
    Raises: DomainError if a confidence is not within 0..1 or the leverages are out of order.
    """
    if not (0 <= confidence <= 1 and 0 <= confidence_min < 1):
        raise DomainError(f"confidences lie within 0..1: {confidence}, least {confidence_min}")
    if not 0 < leverage_min <= leverage_max:
        raise DomainError(f"leverages out of order: {leverage_min}, {leverage_max}")
    if confidence < confidence_min:
        return _ZERO
    rise = (confidence - confidence_min) / (1 - confidence_min)
    return leverage_min + (leverage_max - leverage_min) * rise
