"""Margin: tiers, maintenance and initial margin, ratio and health.

Maintenance is a piecewise linear function of notional: in tier k it is n × m_k − c_k, where the
deduction c_k = c_(k−1) + floor_k × (m_k − m_(k−1)) makes it continuous at the floors.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.errors import DomainError
from domain.instruments import ContractKind, Instrument, MarginTier
from domain.positions import notional
from domain.value import Value

__all__ = [
    "DeribitMargin",
    "deribit_margin_linear",
    "health",
    "initial_margin",
    "leverage_max",
    "maintenance_deductions",
    "maintenance_margin",
    "margin_ratio",
    "position_maintenance",
    "tier_at",
]

_ZERO = Decimal(0)


def maintenance_deductions(tiers: Sequence[MarginTier]) -> tuple[Decimal, ...]:
    """Return the deduction of every tier, lowest tier first; the first is zero.

    Units: as notional_floor.
    Raises: DomainError if the floors do not rise from zero.
    """
    deductions: list[Decimal] = []
    deduction = rate = _ZERO
    floor = Decimal(-1)
    for tier in tiers:
        if tier.notional_floor <= floor or (not deductions and tier.notional_floor):
            raise DomainError(f"tier floors must rise from 0: {tier.notional_floor} after {floor}")
        deduction += tier.notional_floor * (tier.maintenance_rate - rate)
        deductions.append(deduction)
        floor, rate = tier.notional_floor, tier.maintenance_rate
    return tuple(deductions)


def tier_at(value: Decimal, tiers: Sequence[MarginTier]) -> MarginTier:
    """Return the tier that holds at a notional; at a floor, the tier that begins there."""
    found = tiers[0]
    for tier in tiers:
        if tier.notional_floor > value:
            break
        found = tier
    return found


def maintenance_margin(value: Decimal, tiers: Sequence[MarginTier]) -> Decimal:
    """Return the margin below which a notional is liquidated.

    Units: value, at least zero, and the result in the currency of the floors.
    """
    rate = deduction = _ZERO
    for tier in tiers:
        if tier.notional_floor > value:
            break
        deduction += tier.notional_floor * (tier.maintenance_rate - rate)
        rate = tier.maintenance_rate
    return value * rate - deduction


def position_maintenance(instrument: Instrument, quantity: Decimal, mark: Decimal) -> Decimal:
    """Return the maintenance margin of a signed quantity at the mark.

    Units: the currency the contract pays in: quote, coin (inverse) or settlement currency.
    """
    required = maintenance_margin(notional(instrument, quantity, mark), instrument.tiers)
    return required / mark if instrument.kind is ContractKind.INVERSE else required


def leverage_max(value: Decimal, tiers: Sequence[MarginTier]) -> Decimal:
    """Return the most leverage that a position of this notional may have."""
    return tier_at(value, tiers).leverage_max


def initial_margin(value: Decimal, leverage: Decimal, tiers: Sequence[MarginTier]) -> Decimal:
    """Return the margin that opening a notional takes at a chosen leverage.

    Raises: DomainError if the tier does not allow the leverage, or it is not above zero.
    """
    if not _ZERO < leverage <= leverage_max(value, tiers):
        raise DomainError(
            f"leverage {leverage} at notional {value}: "
            f"must lie above 0 and at most at {leverage_max(value, tiers)}"
        )
    return value / leverage


def margin_ratio(equity: Decimal, quantity: Decimal, mark: Decimal) -> Decimal:
    """Return a linear position's equity over its notional at the mark, never over that at entry.

    Raises: DomainError if there is no position to divide by.
    """
    value = abs(quantity * mark)
    if not value:
        raise DomainError("a flat position has no margin ratio")
    return equity / value


def health(equity: Decimal, maintenance: Decimal, initial: Decimal) -> Decimal:
    """Return how far equity is above liquidation: 1 at the initial margin, 0 at maintenance.

    Raises: DomainError if the initial margin is not above the maintenance margin.
    """
    if initial <= maintenance:
        raise DomainError(f"initial margin {initial} is not above maintenance {maintenance}")
    return (equity - maintenance) / (initial - maintenance)


class DeribitMargin(Value, kw_only=True):
    """Margin rates (fractions of notional) and amounts (quote) of a Deribit linear perpetual."""

    initial_rate: Decimal
    maintenance_rate: Decimal
    initial: Decimal
    maintenance: Decimal


def deribit_margin_linear(
    size: Decimal,
    price: Decimal,
    *,
    initial_base: Decimal = Decimal("0.02"),
    maintenance_base: Decimal = Decimal("0.01"),
    rate_per_unit: Decimal = Decimal("0.00005"),
) -> DeribitMargin:
    """Return Deribit's margins, whose rates grow with the position; the defaults are BTC's.

    Units: size in base units of either sign; price in quote.
    Source: Deribit support, Linear Perpetual.
    """
    growth = abs(size) * rate_per_unit
    value = abs(size) * price
    return DeribitMargin(
        initial_rate=initial_base + growth,
        maintenance_rate=maintenance_base + growth,
        initial=value * (initial_base + growth),
        maintenance=value * (maintenance_base + growth),
    )
