"""What the exchange closes of an account that has fallen below its maintenance margin.

One step at a time, the holding with the largest maintenance first, until equity covers maintenance
again. The mark price alone decides. A step trades with the book no worse than the bankruptcy price,
at which the account would be left with nothing; what the book does not take there, the insurance
fund takes at that price. The price is rounded in the account's favour, so rounding never leaves a
debt.
"""

from __future__ import annotations

from decimal import Decimal
from math import ceil

from domain.instruments import ContractKind
from domain.money import round_down, round_up
from domain.positions import apply_fill, trade_fee, unrealised
from simulations.exchange.account import Account, Holding
from simulations.exchange.admission import ExchangeRules

__all__ = ["Step", "bankruptcy_ticks", "forced_fee", "next_step"]

Step = tuple[Holding, int, int]  # what to reduce, by how many lots, limit in ticks (0: any price)

_BACKSTOP = Decimal(2) / Decimal(3)
_ZERO = Decimal(0)


def next_step(account: Account, rules: ExchangeRules) -> Step | None:
    """Return what to close next, None once equity covers maintenance or nothing is held.

    A step closes rules.liquidation_step of the holding; all of it when equity is below 2/3 of
    maintenance, or when less than the minimum quantity would remain.
    """
    worst: Holding | None = None
    largest = total = _ZERO
    for holding in account.holdings.values():
        maintenance = holding.maintenance()
        total += maintenance
        if holding.lots and (worst is None or maintenance > largest):
            worst, largest = holding, maintenance
    equity = account.equity()
    if worst is None or equity >= total:
        return None
    held = abs(worst.lots)
    lots = held
    if equity >= total * _BACKSTOP:
        lots = ceil(held * rules.liquidation_step)
        if worst.market.lot * (held - lots) < worst.market.instrument.quantity_min:
            lots = held
    return worst, lots, bankruptcy_ticks(worst, equity)


def bankruptcy_ticks(holding: Holding, equity: Decimal) -> int:
    """Return the limit at which closing the whole holding leaves equity at 0 or just above.

    0 when no price does that (an inverse short backed by enough coin).
    Raises: AssertionError if the holding is flat or has no mark.
    """
    market, position = holding.market, holding.position
    mark = market.mark
    assert mark is not None, "only what is marked is liquidated"
    assert position.quantity, "only what is held is liquidated"
    contracts = position.quantity * position.multiplier
    if position.kind is ContractKind.INVERSE:
        inverted = 1 / mark + equity / contracts
        if inverted <= 0:
            return 0
        price = 1 / inverted
    else:
        price = mark - equity / contracts
    round_in_favour = round_up if position.quantity > 0 else round_down
    return max(int(round_in_favour(price, market.tick) / market.tick), 1)


def forced_fee(
    account: Account, holding: Holding, quantity: Decimal, price: Decimal, rate: Decimal
) -> Decimal:
    """Return the fee of a forced fill, never more than the equity that the fill leaves.

    Units: quantity signed, in base units (inverse: contracts); rate a fraction of notional.
    """
    mark, before = holding.market.mark, holding.position
    assert mark is not None, "only what is marked is liquidated"
    after = apply_fill(before, quantity, price, _ZERO)
    gain = after.realised - before.realised + unrealised(after, mark) - unrealised(before, mark)
    fee = trade_fee(holding.market.instrument, quantity, price, rate)
    return max(min(fee, account.equity() + gain), _ZERO)
