"""Hedging: how much the second leg must hold, and whether both legs can be traded at all.

A pair with hedge ratio h holds main M and hedge H with opposite signs. Its target net is
M × (1 − h), so H should be −h × M; what is amiss is the delta error, net − target = H + h × M.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import fsum, lcm, sqrt

from domain.checks import RefusalReason, check_listing
from domain.errors import DomainError
from domain.instruments import ContractKind, Instrument
from domain.money import quantity_step_down, round_nearest
from domain.orders import Side
from domain.value import Value

__all__ = [
    "HedgedTrade",
    "Leg",
    "LegProblem",
    "LegRole",
    "MinimumVarianceHedge",
    "PairSize",
    "common_lot",
    "delta_error",
    "hedge_leverage_ratio",
    "hedge_quantity",
    "hedged_trade",
    "legs_executable",
    "min_variance_hedge",
    "min_variance_hedge_from_deviations",
    "net_exposure",
    "pair_size",
    "rebalance_quantity",
    "target_net",
]

_ZERO = Decimal(0)


def hedge_quantity(position: Decimal, ratio: Decimal, lot: Decimal) -> Decimal:
    """Return the signed quantity of leg B that offsets leg A, rounded towards zero to whole lots.

    Units: position in base units of leg A; ratio in B per A, > 0; result and lot in units of B.
    Raises: DomainError if ratio or lot is not above 0.
    """
    _require_ratio(ratio)
    return quantity_step_down(-position * ratio, lot)


def net_exposure(main: Decimal, hedge: Decimal) -> Decimal:
    """Return the signed base quantity that the pair is exposed to."""
    return main + hedge


def target_net(main: Decimal, ratio: Decimal) -> Decimal:
    """Return the net that the pair means to have: the part of the main leg left unhedged."""
    return main * (1 - ratio)


def delta_error(main: Decimal, hedge: Decimal, ratio: Decimal) -> Decimal:
    """Return net − target net, signed: above zero the hedge must sell."""
    return hedge + main * ratio


def rebalance_quantity(
    *, main: Decimal, hedge: Decimal, ratio: Decimal, lot: Decimal, band: Decimal
) -> Decimal:
    """Return the signed quantity that the hedge leg must trade, zero while the band holds.

    Rounded towards zero, so that a hedge never overshoots. Units: base units.
    Raises: DomainError if ratio or lot is not above 0.
    """
    _require_ratio(ratio)
    error = delta_error(main, hedge, ratio)
    if abs(error) <= band:
        return _ZERO
    return quantity_step_down(-error, lot)


class LegRole(StrEnum):
    """Which leg of a pair."""

    MAIN = "main"
    HEDGE = "hedge"


class Leg(Value, kw_only=True):
    """What one leg would trade.

    Units: quantity signed, in base units; price in quote, on the grid.
    """

    instrument: Instrument
    quantity: Decimal
    price: Decimal


class LegProblem(Value, kw_only=True):
    """Why a pair cannot be traded: the leg, its instrument, and the venue's rule that it breaks."""

    role: LegRole
    instrument: str
    reason: RefusalReason


def legs_executable(main: Leg, hedge: Leg) -> LegProblem | None:
    """Return the first of either venue's rules that a leg breaks, or None if both can be traded.

    Asked before the first leg goes out: afterwards it would be too late. Rules: lot, quantity
    limits, tick, minimum notional.
    """
    for role, leg in ((LegRole.MAIN, main), (LegRole.HEDGE, hedge)):
        reason = check_listing(leg.instrument, abs(leg.quantity), leg.price, leg.price)
        if reason is None and not leg.quantity:
            reason = RefusalReason.QUANTITY_MIN
        if reason is not None:
            return LegProblem(role=role, instrument=leg.instrument.key, reason=reason)
    return None


class PairSize(Value, kw_only=True):
    """Quantities that both venues take; signed base units. delta_error is what rounding leaves."""

    main: Decimal
    hedge: Decimal
    delta_error: Decimal


def common_lot(main_lot: Decimal, hedge_lot: Decimal, ratio: Decimal) -> Decimal:
    """Return the least main quantity whose hedge is a whole number of lots as well, exactly.

    Raises: DomainError if an argument is not above 0, or the result has no finite decimal form.
    """
    _require_ratio(ratio)
    first = Fraction(main_lot)
    second = Fraction(hedge_lot) / Fraction(ratio)
    if first <= 0 or second <= 0:
        raise DomainError(f"lots must be above 0: {main_lot}, {hedge_lot}")
    step = Fraction(
        lcm(first.numerator * second.denominator, second.numerator * first.denominator),
        first.denominator * second.denominator,
    )
    result = Decimal(step.numerator) / step.denominator
    if Fraction(result) != step:
        raise DomainError(f"lots {main_lot} and {hedge_lot} have no common one at ratio {ratio}")
    return result


def pair_size(
    requested: Decimal,
    *,
    ratio: Decimal,
    tolerance: Decimal,
    main: Instrument,
    hedge: Instrument,
    main_price: Decimal,
    hedge_price: Decimal,
) -> PairSize | LegProblem:
    """Return the largest pair, at most as requested, that both venues take, or what prevents it.

    The hedge is rounded to its nearest lot. Where that leaves more than the tolerance, the main leg
    shrinks to a common lot, which leaves nothing (LOT of the hedge, if no common lot fits).
    Units: requested signed, base units of both legs; prices in quote, on the grid.
    Raises: DomainError if ratio is not above 0, or a contract is not linear.
    """
    _require_ratio(ratio)
    for instrument in (main, hedge):
        if instrument.kind is not ContractKind.LINEAR:
            raise DomainError(f"{instrument.key}: pairs are sized in base units, linear only")
    main_quantity = quantity_step_down(requested, main.lot)
    hedge_quantity_nearest = round_nearest(-main_quantity * ratio, hedge.lot)
    if abs(delta_error(main_quantity, hedge_quantity_nearest, ratio)) > tolerance:
        main_quantity = quantity_step_down(requested, common_lot(main.lot, hedge.lot, ratio))
        hedge_quantity_nearest = -main_quantity * ratio
        if not main_quantity:
            return LegProblem(role=LegRole.HEDGE, instrument=hedge.key, reason=RefusalReason.LOT)
    problem = legs_executable(
        Leg(instrument=main, quantity=main_quantity, price=main_price),
        Leg(instrument=hedge, quantity=hedge_quantity_nearest, price=hedge_price),
    )
    if problem is not None:
        return problem
    return PairSize(
        main=main_quantity,
        hedge=hedge_quantity_nearest,
        delta_error=delta_error(main_quantity, hedge_quantity_nearest, ratio),
    )


class MinimumVarianceHedge(Value, kw_only=True):
    """The hedge with the least variance; contracts is ratio × value hedged / value of one."""

    ratio: float
    correlation: float
    contracts: float
    variance_reduction: float


def min_variance_hedge(
    returns: Sequence[float],
    hedge_returns: Sequence[float],
    *,
    value: float,
    contract_value: float,
) -> MinimumVarianceHedge:
    """Return the hedge with the least variance of the sum: Cov(s, f) / Var(f).

    Shape: returns of both over the same periods.
    Raises: DomainError if they differ in number, or either does not vary.
    Source: Ederington, Journal of Finance 34 (1979).
    """
    count = len(returns)
    if count < 2 or count != len(hedge_returns):  # noqa: PLR2004
        raise DomainError(f"{count} returns against {len(hedge_returns)} of the hedge")
    mean, hedge_mean = fsum(returns) / count, fsum(hedge_returns) / count
    pairs = [
        (own - mean, other - hedge_mean) for own, other in zip(returns, hedge_returns, strict=True)
    ]
    variance = fsum(own * own for own, _ in pairs) / (count - 1)
    hedge_variance = fsum(other * other for _, other in pairs) / (count - 1)
    if variance <= 0 or hedge_variance <= 0:
        raise DomainError("returns that do not vary have no hedge ratio")
    covariance = fsum(own * other for own, other in pairs) / (count - 1)
    correlation = covariance / sqrt(variance * hedge_variance)
    ratio = covariance / hedge_variance
    return MinimumVarianceHedge(
        ratio=ratio,
        correlation=correlation,
        contracts=ratio * value / contract_value,
        variance_reduction=correlation**2,
    )


def min_variance_hedge_from_deviations(
    *, deviation: float, hedge_deviation: float, correlation: float, size: float, unit: float
) -> MinimumVarianceHedge:
    """Return the hedge with the least variance from known deviations: ρ × σ_s / σ_f.

    Units: size hedged and size of one contract in the same unit.
    Raises: DomainError if a deviation or unit is not above 0.
    Source: Hull, Options, Futures, and Other Derivatives, chapter 3.
    """
    if min(deviation, hedge_deviation, unit) <= 0:
        raise DomainError(f"above 0: deviations {deviation}, {hedge_deviation}, unit {unit}")
    ratio = correlation * deviation / hedge_deviation
    return MinimumVarianceHedge(
        ratio=ratio,
        correlation=correlation,
        contracts=ratio * size / unit,
        variance_reduction=correlation**2,
    )


class HedgedTrade(Value, kw_only=True):
    """What a hedged trade on separate margins is exposed to, and what it costs at the worst.

    Units: money in quote; hedge_ratio is hedge over main notional; leverages over capital;
    main_liquidation_move is the adverse move, a fraction of entry, that seizes the main leg.
    """

    main_notional: Decimal
    hedge_notional: Decimal
    gross: Decimal
    net: Decimal
    hedge_ratio: Decimal
    net_leverage: Decimal
    gross_leverage: Decimal
    main_liquidation_move: Decimal
    main_profit_at_liquidation: Decimal
    equity_if_main_seized: Decimal
    profit_at_1_percent_adverse: Decimal


def hedged_trade(
    *,
    capital: Decimal,
    side: Side,
    main_leverage: Decimal,
    hedge_leverage: Decimal,
    main_share: Decimal,
    maintenance_rate: Decimal,
) -> HedgedTrade:
    """Return the exposure of a main leg with a hedge on the other part of the capital.

    When the main leg is liquidated its whole margin is gone; the hedge has gained by then.
    Units: side is the main leg's; main_share is the fraction of the capital that is its margin.
    Raises: DomainError if the share is not within 0..1, or a leverage not above zero.
    """
    if not 0 < main_share < 1 or main_leverage <= 0 or hedge_leverage <= 0:
        raise DomainError(f"share {main_share}, leverages {main_leverage}, {hedge_leverage}")
    main_notional = capital * main_share * main_leverage
    hedge_notional = capital * (1 - main_share) * hedge_leverage
    gross, net = main_notional + hedge_notional, main_notional - hedge_notional
    move = (1 / main_leverage - maintenance_rate) / (1 - side * maintenance_rate)
    return HedgedTrade(
        main_notional=main_notional,
        hedge_notional=hedge_notional,
        gross=gross,
        net=net,
        hedge_ratio=hedge_notional / main_notional,
        net_leverage=net / capital,
        gross_leverage=gross / capital,
        main_liquidation_move=move,
        main_profit_at_liquidation=-main_notional * move,
        equity_if_main_seized=capital * (1 - main_share) + hedge_notional * move,
        profit_at_1_percent_adverse=-net / 100,
    )


def hedge_leverage_ratio(*, ratio: Decimal, main_share: Decimal) -> Decimal:
    """Return hedge leverage over main leverage for a hedge of ratio × the main notional.

    Units: main_share is the fraction of the margin on the main leg; the hedge has the rest.
    Raises: DomainError if the share is not within 0..1.
    """
    if not 0 < main_share < 1:
        raise DomainError(f"the main leg's share lies within 0..1, not {main_share}")
    return ratio * main_share / (1 - main_share)


def _require_ratio(ratio: Decimal) -> None:
    if ratio <= _ZERO:
        raise DomainError(f"a hedge ratio must be above 0, is {ratio}")
