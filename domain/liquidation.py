"""Liquidation and bankruptcy prices, under each venue's own rules.

All solve `equity at P = maintenance at P` with maintenance on the notional at P, not at entry: with
the entry notional a short would seem safer than it is. Venues liquidate on the mark price. A price
that is zero or below, or None, means that the position cannot be liquidated.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.errors import DomainError
from domain.instruments import ContractKind, Instrument, MarginTier
from domain.margin import maintenance_deductions
from domain.orders import Side
from domain.value import Value

__all__ = [
    "CrossPosition",
    "bankruptcy_price",
    "liquidation_price",
    "liquidation_price_cross",
    "liquidation_price_hyperliquid",
    "liquidation_price_inverse",
    "liquidation_price_isolated",
    "liquidation_price_of_account",
    "liquidation_price_tiered",
]

_ZERO = Decimal(0)


def liquidation_price_isolated(
    *,
    quantity: Decimal,
    entry: Decimal,
    margin: Decimal,
    maintenance_rate: Decimal,
    deduction: Decimal = _ZERO,
) -> Decimal:
    """Return the liquidation price of a linear position on its own margin, in one known tier.

    Units: quantity signed; margin is the isolated margin now, after fees and funding, in quote.
    Raises: DomainError if the position is flat or the rate is not a fraction below one.
    """
    return liquidation_price_of_account(
        balance=margin,
        maintenance_others=_ZERO,
        unrealised_others=_ZERO,
        quantity=quantity,
        entry=entry,
        maintenance_rate=maintenance_rate,
        deduction=deduction,
    )


def liquidation_price_of_account(
    *,
    balance: Decimal,
    maintenance_others: Decimal,
    unrealised_others: Decimal,
    quantity: Decimal,
    entry: Decimal,
    maintenance_rate: Decimal,
    deduction: Decimal,
) -> Decimal:
    """Return the price of one linear position at which a cross account is liquidated.

    The other positions count at their present marks, as totals.
    Units: quantity signed; balance is the wallet balance, all money in quote.
    Raises: DomainError if the position is flat or the rate is not a fraction below one.
    Source: Binance, "How to calculate liquidation price of USD-M futures contracts".
    """
    _require_position(quantity, maintenance_rate)
    spare = balance - maintenance_others + unrealised_others + deduction
    return (spare - quantity * entry) / (abs(quantity) * maintenance_rate - quantity)


def liquidation_price_tiered(
    *, quantity: Decimal, entry: Decimal, margin: Decimal, tiers: Sequence[MarginTier]
) -> Decimal | None:
    """Return the liquidation price of a linear position, in the tier that holds at that price.

    The tier at entry may be another one. Maintenance is continuous, so at most one tier holds its
    own root; None if none does, and the position cannot be liquidated.
    Raises: DomainError if the position is flat or the tiers do not rise from zero.
    """
    size = abs(quantity)
    ceilings = [*(tier.notional_floor for tier in tiers[1:]), None]
    for tier, deduction, ceiling in zip(
        tiers, maintenance_deductions(tiers), ceilings, strict=True
    ):
        price = liquidation_price_isolated(
            quantity=quantity,
            entry=entry,
            margin=margin,
            maintenance_rate=tier.maintenance_rate,
            deduction=deduction,
        )
        value = size * price
        if tier.notional_floor <= value and (ceiling is None or value <= ceiling):
            return price if price > _ZERO else None
    return None


class CrossPosition(Value, kw_only=True):
    """One linear position of a cross account, with the rate and deduction of its margin tier.

    Units: quantity signed, in base units; prices and deduction in quote.
    """

    quantity: Decimal
    entry: Decimal
    mark: Decimal
    maintenance_rate: Decimal
    deduction: Decimal = _ZERO


def liquidation_price_cross(
    balance: Decimal, positions: Sequence[CrossPosition], index: int
) -> Decimal:
    """Return the price of positions[index] at which the account is liquidated, the others held.

    Raises: DomainError if that position is flat.
    """
    maintenance = unrealised = _ZERO
    for place, other in enumerate(positions):
        if place != index:
            value = abs(other.quantity * other.mark)
            maintenance += value * other.maintenance_rate - other.deduction
            unrealised += other.quantity * (other.mark - other.entry)
    own = positions[index]
    return liquidation_price_of_account(
        balance=balance,
        maintenance_others=maintenance,
        unrealised_others=unrealised,
        quantity=own.quantity,
        entry=own.entry,
        maintenance_rate=own.maintenance_rate,
        deduction=own.deduction,
    )


def liquidation_price_hyperliquid(
    *,
    quantity: Decimal,
    price: Decimal,
    margin: Decimal,
    maintenance_rate: Decimal,
    maintenance_others: Decimal = _ZERO,
) -> Decimal:
    """Return the liquidation price as Hyperliquid states it, from the margin it has at a price.

    Units: quantity signed; margin at that price is the isolated margin, or in cross mode the
    account value, with maintenance_others that of the other positions; all in quote.
    Raises: DomainError if the position is flat or the rate is not a fraction below one.
    Source: Hyperliquid documentation, "Liquidations".
    """
    _require_position(quantity, maintenance_rate)
    side = 1 if quantity > _ZERO else -1
    available = margin - abs(quantity) * price * maintenance_rate - maintenance_others
    return price - available / quantity / (1 - maintenance_rate * side)


def liquidation_price_inverse(
    *,
    notional_usd: Decimal,
    entry: Decimal,
    margin_coin: Decimal,
    maintenance_rate: Decimal,
    deduction: Decimal = _ZERO,
) -> Decimal | None:
    """Return the liquidation price of an inverse position, or None where no price reaches it.

    A short whose margin is worth its whole notional at entry cannot be liquidated.
    Units: notional_usd is contracts × multiplier, signed like the position; deduction in dollars.
    Raises: DomainError if the position is flat or the rate is not a fraction below one.
    """
    _require_position(notional_usd, maintenance_rate)
    numerator = abs(notional_usd) * maintenance_rate - deduction + notional_usd
    denominator = margin_coin + notional_usd / entry
    if not denominator or (numerator > _ZERO) is not (denominator > _ZERO):
        return None
    return numerator / denominator


def bankruptcy_price(*, entry: Decimal, leverage: Decimal, side: Side) -> Decimal:
    """Return the price at which the margin of a linear position is used up entirely.

    Raises: DomainError if the leverage is not above zero.
    """
    if leverage <= _ZERO:
        raise DomainError(f"leverage must be above 0, is {leverage}")
    return entry * (1 - side / leverage)


def liquidation_price(
    instrument: Instrument, *, quantity: Decimal, entry: Decimal, margin: Decimal
) -> Decimal | None:
    """Return the liquidation price of any isolated position by its instrument's tiers, or None.

    Units: quantity signed; margin in the currency that the contract pays in.
    Raises: DomainError if the position is flat.
    """
    if instrument.kind is not ContractKind.INVERSE:
        return liquidation_price_tiered(
            quantity=quantity * instrument.multiplier,
            entry=entry,
            margin=margin,
            tiers=instrument.tiers,
        )
    notional_usd = quantity * instrument.multiplier
    rate = deduction = _ZERO
    for tier, constant in zip(
        instrument.tiers, maintenance_deductions(instrument.tiers), strict=True
    ):
        if tier.notional_floor <= abs(notional_usd):
            rate, deduction = tier.maintenance_rate, constant
    return liquidation_price_inverse(
        notional_usd=notional_usd,
        entry=entry,
        margin_coin=margin,
        maintenance_rate=rate,
        deduction=deduction,
    )


def _require_position(quantity: Decimal, maintenance_rate: Decimal) -> None:
    if not quantity:
        raise DomainError("a flat position has no liquidation price")
    if not 0 <= maintenance_rate < 1:
        raise DomainError(f"a maintenance rate lies in 0..1, not {maintenance_rate}")
