"""Positions: fills and funding booked exactly, profit split into realised and open.

A position keeps its signed open cost, not an entry price: sums of cost are exact, averages are not.
A reduction takes the closed share of the cost, rounded to a quantum, and leaves the rest where it
was. So at any moment, to the last digit,

    realised − fees + funding + unrealised = cash + terminal value

for linear and quanto contracts, where cash is what the fills moved. For inverse contracts the coin
value of a fill (contracts × multiplier / price) is itself a division: it is booked rounded to 1E-18
coin (a flip as two, the close and the opening), and the identity holds exactly over what is booked.
Exact means: while no sum or product needs more than 34 digits.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.errors import DomainError
from domain.instruments import ContractKind, Instrument
from domain.money import COIN_QUANTUM, QUANTUM
from domain.value import Value

__all__ = [
    "Position",
    "apply_fill",
    "apply_funding",
    "break_even_price",
    "contract_value",
    "flat",
    "notional",
    "total_profit",
    "trade_fee",
    "unrealised",
]

_ZERO = Decimal(0)
_LINEAR = ContractKind.LINEAR
_INVERSE = ContractKind.INVERSE


class Position(Value, kw_only=True):
    """What one account holds of one instrument, and what it has earned with it so far.

    Units: quantity in base units (inverse: contracts), positive long. cost is what the open
    quantity was worth when opened, signed like quantity. cost, realised (price only), fees
    (positive when paid) and funding (positive when received) in quote, coin (inverse) or settlement
    currency (quanto). multiplier as in Instrument.
    """

    instrument: str
    kind: ContractKind
    multiplier: Decimal
    quantity: Decimal = _ZERO
    cost: Decimal = _ZERO
    realised: Decimal = _ZERO
    fees: Decimal = _ZERO
    funding: Decimal = _ZERO

    @property
    def entry(self) -> Decimal | None:
        """The average entry price in quote, harmonic for inverse contracts; None when flat."""
        if not self.quantity:
            return None
        if self.kind is _INVERSE:
            return self.quantity * self.multiplier / self.cost
        return self.cost / (self.quantity * self.multiplier)


def flat(instrument: Instrument) -> Position:
    """Return the position of an account that never traded the instrument."""
    return Position(
        instrument=instrument.key, kind=instrument.kind, multiplier=instrument.multiplier
    )


def apply_fill(
    position: Position, signed_quantity: Decimal, price: Decimal, fee: Decimal
) -> Position:
    """Return the position after one fill: increased, reduced, flipped, or exactly flat.

    Whoever calls it sees to it that a fill is applied once. The fee is added to fees, never to
    realised; a rebate is a negative fee.
    Raises: DomainError if the quantity is zero or the price not above zero, or either not finite.
    """
    if not (signed_quantity and signed_quantity.is_finite()):
        raise DomainError(f"{position.instrument}: a fill of quantity {signed_quantity}")
    if not price.is_finite() or price <= _ZERO:
        raise DomainError(f"{position.instrument}: a fill at price {price}")
    kind = position.kind
    multiplier = position.multiplier
    held = position.quantity
    cost = position.cost
    realised = position.realised
    quantity = held + signed_quantity
    if not held or (held > _ZERO) is (signed_quantity > _ZERO):
        cost += contract_value(kind, multiplier, signed_quantity, price)
    else:
        if quantity and (quantity > _ZERO) is (held > _ZERO):
            closed_cost = (cost * -signed_quantity / held).quantize(
                COIN_QUANTUM if kind is _INVERSE else QUANTUM
            )
            closed_value = contract_value(kind, multiplier, -signed_quantity, price)
            cost -= closed_cost
        else:
            closed_cost = cost
            closed_value = contract_value(kind, multiplier, held, price)
            cost = contract_value(kind, multiplier, quantity, price) if quantity else _ZERO
        gain = closed_value - closed_cost
        realised += -gain if kind is _INVERSE else gain
    return Position(
        instrument=position.instrument,
        kind=kind,
        multiplier=multiplier,
        quantity=quantity,
        cost=cost,
        realised=realised,
        fees=position.fees + fee,
        funding=position.funding,
    )


def apply_funding(position: Position, amount: Decimal) -> Position:
    """Return the position after one funding payment; amount is above zero when received."""
    return msgspec.structs.replace(position, funding=position.funding + amount)


def contract_value(
    kind: ContractKind, multiplier: Decimal, quantity: Decimal, price: Decimal
) -> Decimal:
    """Return what a signed quantity is worth at a price, as it is booked.

    Units: linear quote; quanto settlement currency; inverse coin, rounded to 1E-18.
    """
    if kind is _LINEAR:
        return quantity * price
    if kind is _INVERSE:
        return (quantity * multiplier / price).quantize(COIN_QUANTUM)
    return quantity * price * multiplier


def unrealised(position: Position, mark: Decimal) -> Decimal:
    """Return the profit that closing at the mark would realise, before fees; zero when flat.

    Units: as realised. Exact over booked values.
    """
    if not position.quantity:
        return _ZERO
    kind = position.kind
    gain = contract_value(kind, position.multiplier, position.quantity, mark) - position.cost
    return -gain if kind is _INVERSE else gain


def total_profit(position: Position, mark: Decimal) -> Decimal:
    """Return realised − fees + funding + unrealised: what the position changed equity by."""
    return position.realised - position.fees + position.funding + unrealised(position, mark)


def notional(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the size that limits and margin tiers count, above zero for either sign.

    Units: linear quote; inverse dollars (contracts × multiplier, whatever the price); quanto
    settlement currency.
    """
    kind = instrument.kind
    if kind is _LINEAR:
        return abs(quantity * price)
    if kind is _INVERSE:
        return abs(quantity * instrument.multiplier)
    return abs(quantity * price * instrument.multiplier)


def trade_fee(instrument: Instrument, quantity: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """Return the fee of a fill at a rate, negative for a rebate. Units: as Position.fees."""
    value = contract_value(instrument.kind, instrument.multiplier, quantity, price)
    return abs(value) * rate


def break_even_price(
    *,
    quantity: Decimal,
    entry: Decimal,
    fees_paid: Decimal,
    funding_paid: Decimal,
    exit_fee_rate: Decimal,
) -> Decimal:
    """Return the exit price at which a linear position has earned fees and funding, exit included.

    Units: funding_paid is above zero when paid (the negative of Position.funding); exit_fee_rate a
    fraction of the exit's notional.
    Raises: DomainError if the position is flat or the exit fee is not a fraction below one.
    """
    if not quantity or not -1 < exit_fee_rate < 1:
        raise DomainError(f"no break-even for quantity {quantity} at exit fee {exit_fee_rate}")
    costs = fees_paid + funding_paid
    kept = 1 - exit_fee_rate if quantity > _ZERO else 1 + exit_fee_rate
    return (quantity * entry + costs) / (quantity * kept)
