"""What an account is told when it asks: balances, orders, positions and past fills."""

from __future__ import annotations

from decimal import Decimal
from itertools import takewhile

from domain.liquidation import liquidation_price
from simulations.exchange.account import Account, Holding
from simulations.wire import AccountFrame, FillFrame, OrderLine, PositionLine

__all__ = ["account_frame"]

_ZERO = Decimal(0)


def account_frame(account: Account, request: int, fills_after_ns: int, now_ns: int) -> AccountFrame:
    """Return the whole account at one instant.

    Fills at the cursor's own instant are included, since several may share it: they may have been
    seen before, and a reader tells them apart by fill id. At most the latest 100,000 are known.
    """
    equity = account.equity()
    return AccountFrame(
        request=request,
        time_ns=now_ns,
        balance=account.balance,
        equity=equity,
        available=max(equity - account.initial(), _ZERO),
        orders=tuple(
            OrderLine(
                client_id=client_id,
                symbol=order.market.symbol,
                side=order.frame.side,
                quantity=order.frame.quantity,
                filled=order.filled,
                price=order.frame.price,
                reduce_only=order.frame.reduce_only,
            )
            for client_id, order in account.orders.items()
        ),
        positions=tuple(_line(account, holding, equity) for holding in account.holdings.values()),
        fills=_since(account, fills_after_ns),
    )


def _line(account: Account, holding: Holding, equity: Decimal) -> PositionLine:
    position, market = holding.position, holding.market
    mark = market.mark or _ZERO
    return PositionLine(
        symbol=market.symbol,
        quantity=position.quantity,
        entry=position.entry,
        mark=mark,
        margin=holding.initial(mark, abs(holding.lots)) if holding.lots else _ZERO,
        maintenance=holding.maintenance(),
        liquidation_price=_liquidation_price(account, holding, equity) if holding.lots else None,
    )


def _liquidation_price(account: Account, holding: Holding, equity: Decimal) -> Decimal | None:
    """Return the mark at which the account would be liquidated, the other marks held."""
    market, position = holding.market, holding.position
    if market.mark is None:
        return None
    # Valued at the mark, the account backs this position with its equity less the others' margin.
    backing = equity - (account.maintenance() - holding.maintenance())
    return liquidation_price(
        market.instrument, quantity=position.quantity, entry=market.mark, margin=backing
    )


def _since(account: Account, fills_after_ns: int) -> tuple[FillFrame, ...]:
    recent = takewhile(lambda fill: fill.time_ns >= fills_after_ns, reversed(account.fills))
    return tuple(recent)[::-1]
