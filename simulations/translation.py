"""From the simulated venue's frames to our own events; what cannot have happened becomes None."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from actors.messages.market import BarClosed, FundingSettled, MarkUpdated, TradePrinted
from actors.messages.venue import (
    AccountSnapshot,
    CancelRefused,
    FundingPaid,
    GatewayEvent,
    OrderAcknowledged,
    OrderFilled,
    OrderFinished,
    OrderLookup,
    VenueOrder,
    VenuePosition,
)
from domain.orders import Fill, OrderState
from simulations.wire import (
    AccountFrame,
    AckFrame,
    CancelRefusedFrame,
    FillFrame,
    FinishedFrame,
    FundingFrame,
    OrderFrame,
    OrderLine,
    PositionLine,
)

__all__ = ["LIMIT", "SANE", "TRANSLATORS", "Keys", "Translator"]

Keys = Mapping[str, str]  # from the venue's symbol to our instrument key
Translator = Callable[[Any, Keys], GatewayEvent | None]

LIMIT = 1 << 62
_ENDED = (OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED)


def _positive(*values: Decimal) -> bool:
    return all(value.is_finite() and value > 0 for value in values)


def _amount(value: Decimal) -> bool:
    return value.is_finite() and value >= 0


# -- market data ---------------------------------------------------------------------------------


def _trade(trade: TradePrinted) -> bool:
    return 0 < trade.price_ticks < LIMIT and 0 < trade.quantity_lots < LIMIT


def _bar(bar: BarClosed) -> bool:
    low, high = bar.low_ticks, bar.high_ticks
    return (
        0 < low <= bar.open_ticks <= high < LIMIT
        and low <= bar.close_ticks <= high
        and bar.volume_lots >= 0
        and bar.open_time_ns < bar.close_time_ns
    )


def _mark(mark: MarkUpdated) -> bool:
    return _positive(mark.mark, mark.index)


def _settled(funding: FundingSettled) -> bool:
    return funding.rate.is_finite() and _positive(funding.reference_price)


SANE: dict[type, Callable[[Any], bool]] = {
    TradePrinted: _trade,
    BarClosed: _bar,
    MarkUpdated: _mark,
    FundingSettled: _settled,
}


# -- account -------------------------------------------------------------------------------------


def _acknowledged(frame: AckFrame, _: Keys) -> OrderAcknowledged:
    return OrderAcknowledged(client_id=frame.client_id, venue_time_ns=frame.time_ns)


def _filled(frame: FillFrame, keys: Keys) -> OrderFilled | None:
    fill = _fill(frame, keys)
    return None if fill is None else OrderFilled(fill=fill)


def _fill(frame: FillFrame, keys: Keys) -> Fill | None:
    key = keys.get(frame.symbol)
    if key is None or not frame.fill_id or not frame.fee.is_finite():
        return None
    quantity, price = frame.quantity, frame.price
    if not (quantity.is_finite() and quantity > 0 and price.is_finite() and price > 0):
        return None
    # Only a liquidation has no client id, and it never has one.
    if frame.liquidation is bool(frame.client_id):
        return None
    return Fill(
        fill_id=frame.fill_id,
        client_id=frame.client_id,
        instrument=key,
        side=frame.side,
        quantity=quantity,
        price=price,
        fee=frame.fee,
        fee_currency=frame.fee_currency,
        liquidity=frame.liquidity,
        venue_time_ns=frame.time_ns,
        liquidation=frame.liquidation,
    )


def _finished(frame: FinishedFrame, _: Keys) -> OrderFinished | None:
    if frame.state not in _ENDED or not _amount(frame.filled):
        return None
    return OrderFinished(
        client_id=frame.client_id,
        state=frame.state,
        filled=frame.filled,
        reason=frame.reason,
        venue_time_ns=frame.time_ns,
    )


def _cancel_refused(frame: CancelRefusedFrame, _: Keys) -> CancelRefused:
    return CancelRefused(
        client_id=frame.client_id, reason=frame.reason, venue_time_ns=frame.time_ns
    )


def _looked_up(frame: OrderFrame, _: Keys) -> OrderLookup | None:
    if not _amount(frame.filled):
        return None
    return OrderLookup(
        request=frame.request,
        client_id=frame.client_id,
        state=frame.state,
        filled=frame.filled,
        venue_time_ns=frame.time_ns,
    )


def _funding_paid(frame: FundingFrame, keys: Keys) -> FundingPaid | None:
    key = keys.get(frame.symbol)
    if key is None or not (frame.amount.is_finite() and frame.rate.is_finite()):
        return None
    return FundingPaid(
        payment_id=frame.payment_id,
        instrument=key,
        amount=frame.amount,
        rate=frame.rate,
        venue_time_ns=frame.time_ns,
    )


def _snapshot(frame: AccountFrame, keys: Keys) -> AccountSnapshot | None:
    """Return the snapshot, None if any line of it is impossible: half a truth is none."""
    fills = tuple(fill for line in frame.fills if (fill := _fill(line, keys)) is not None)
    orders = tuple(made for line in frame.orders if (made := _order(line, keys)) is not None)
    positions = tuple(
        held for line in frame.positions if (held := _position(line, keys)) is not None
    )
    complete = (
        len(fills) == len(frame.fills)
        and len(orders) == len(frame.orders)
        and len(positions) == len(frame.positions)
    )
    money = (frame.balance, frame.equity, frame.available)
    if not complete or not all(value.is_finite() for value in money):
        return None
    return AccountSnapshot(
        request=frame.request,
        venue_time_ns=frame.time_ns,
        balance=frame.balance,
        equity=frame.equity,
        available=frame.available,
        orders=orders,
        positions=positions,
        fills=fills,
    )


def _order(line: OrderLine, keys: Keys) -> VenueOrder | None:
    key = keys.get(line.symbol)
    if key is None or not _positive(line.quantity) or not _amount(line.filled):
        return None
    if line.price is not None and not _positive(line.price):
        return None
    return VenueOrder(
        client_id=line.client_id,
        instrument=key,
        side=line.side,
        quantity=line.quantity,
        filled=line.filled,
        price=line.price,
        reduce_only=line.reduce_only,
    )


def _position(line: PositionLine, keys: Keys) -> VenuePosition | None:
    key = keys.get(line.symbol)
    if key is None or not line.quantity.is_finite():
        return None
    if not (_amount(line.mark) and _amount(line.margin) and _amount(line.maintenance)):
        return None
    if line.entry is not None and not _positive(line.entry):
        return None
    return VenuePosition(
        instrument=key,
        quantity=line.quantity,
        entry=line.entry,
        mark=line.mark,
        margin=line.margin,
        maintenance=line.maintenance,
        liquidation_price=line.liquidation_price,
    )


TRANSLATORS: dict[type, Translator] = {
    AckFrame: _acknowledged,
    FillFrame: _filled,
    FinishedFrame: _finished,
    CancelRefusedFrame: _cancel_refused,
    OrderFrame: _looked_up,
    FundingFrame: _funding_paid,
    AccountFrame: _snapshot,
}
