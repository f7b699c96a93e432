"""Pre-trade checks: whether risk may consent to an order, and if not, the first rule it breaks.

Rules in the order in which they are asked; what holds for every order comes first:

    1  HALTED                                       nothing but permits passes
    2  NO_QUOTE, STALE_QUOTE, CROSSED_QUOTE         no consent without a fresh, sane book
    3  LOT, QUANTITY_MIN, QUANTITY_MAX, TICK,
       NOTIONAL_MIN                                 the venue would refuse it; the least notional is
                                                    not asked of reduce-only orders: many venues
                                                    waive it there, and the others say so
    4  PRICE_BAND                                   too far from the mark to be meant
    -  an order that reduces its position passes here: refusing it would be the greater harm,
       and the position bounds it
    5  NOT_REDUCING, REDUCING                       it claimed to reduce, or nothing else passes
    6  UNKNOWN_ORDER, DAILY_LOSS, OPEN_ORDERS,
       ORDER_RATE                                   new risk; not asked if a pair's error falls
    7  ORDER_QUANTITY, ORDER_NOTIONAL,
       POSITION_NOTIONAL, PORTFOLIO_NOTIONAL,
       LEVERAGE, MARGIN                             size, at the worst price

Every order is valued: one without a price at the far side of the book plus the slippage band. NaN
raises decimal.InvalidOperation (a failure, not a refusal).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from domain.authority import TradingState
from domain.instruments import Instrument
from domain.margin import leverage_max
from domain.orders import Order, OrderType, Side
from domain.positions import notional
from domain.value import Value

__all__ = [
    "OrderContext",
    "RefusalReason",
    "RiskLimits",
    "check_listing",
    "check_order",
    "reduces_net",
    "reduces_position",
    "worst_price",
]

_ZERO = Decimal(0)
_BUY = Side.BUY
_MARKET = OrderType.MARKET
_HALTED, _REDUCING = TradingState.HALTED, TradingState.REDUCING
_LIMIT = OrderType.LIMIT


class RefusalReason(StrEnum):
    """Why an order has no consent; the module says when each is given.

    NOT_LIVE, RECOVERING, BREAKER and DRAWDOWN are the risk supervisor's own; check_order never
    returns them.
    """

    HALTED = "halted"
    NO_QUOTE = "no_quote"
    STALE_QUOTE = "stale_quote"
    CROSSED_QUOTE = "crossed_quote"
    LOT = "lot"
    QUANTITY_MIN = "quantity_min"
    QUANTITY_MAX = "quantity_max"
    TICK = "tick"
    NOTIONAL_MIN = "notional_min"
    PRICE_BAND = "price_band"
    NOT_REDUCING = "not_reducing"
    REDUCING = "reducing"
    UNKNOWN_ORDER = "unknown_order"
    DAILY_LOSS = "daily_loss"
    OPEN_ORDERS = "open_orders"
    ORDER_RATE = "order_rate"
    ORDER_QUANTITY = "order_quantity"
    ORDER_NOTIONAL = "order_notional"
    POSITION_NOTIONAL = "position_notional"
    PORTFOLIO_NOTIONAL = "portfolio_notional"
    LEVERAGE = "leverage"
    MARGIN = "margin"
    NOT_LIVE = "not_live"
    RECOVERING = "recovering"
    BREAKER = "breaker"
    DRAWDOWN = "drawdown"


class RiskLimits(Value, kw_only=True):
    """What one order, position, day and portfolio may come to; the defaults suit a small account.

    Units: order_quantity_max in base units (inverse: contracts); notionals and daily_loss_max in
    quote; leverage_max is gross notional over equity; price_deviation_max and market_slippage_max
    are fractions, of the mark and of the touched price; quote_age_ns_max in monotonic ns.
    """

    order_quantity_max: Decimal = Decimal(1_000_000)
    order_notional_max: Decimal = Decimal(10_000)
    position_notional_max: Decimal = Decimal(25_000)
    portfolio_notional_max: Decimal = Decimal(50_000)
    leverage_max: Decimal = Decimal(3)
    price_deviation_max: Decimal = Decimal("0.02")
    market_slippage_max: Decimal = Decimal("0.01")
    open_orders_max: int = 20
    orders_per_minute_max: int = 60
    daily_loss_max: Decimal = Decimal(500)
    quote_age_ns_max: int = 2_000_000_000


class OrderContext(Value, kw_only=True):
    """What risk knows of the world at the moment it is asked about one order.

    Units: quantities in base units (inverse: contracts), quantity signed; reserved_buy and
    reserved_sell are the unfilled sizes of live orders of the instrument, UNKNOWN ones at full
    size; bid, ask and mark in quote per base, 0 for a side without orders; money in quote.
    gross_notional counts positions and reservations of the whole portfolio; available_margin is
    what both leave free. realised_today has fees and funding in it, below zero for a loss.
    net_target_reduces: reduces_net holds for the order's pair.
    """

    quantity: Decimal
    reserved_buy: Decimal
    reserved_sell: Decimal
    bid: Decimal
    ask: Decimal
    mark: Decimal
    quote_age_ns: int
    equity: Decimal
    available_margin: Decimal
    gross_notional: Decimal
    open_orders: int
    orders_last_minute: int
    realised_today: Decimal
    trading_state: TradingState
    unknown_on_instrument: bool
    net_target_reduces: bool


def check_order(
    order: Order, instrument: Instrument, limits: RiskLimits, context: OrderContext
) -> RefusalReason | None:
    """Return the first rule that the order breaks, in the module's order, or None for consent."""
    state = context.trading_state
    if state is _HALTED:
        return RefusalReason.HALTED
    bid, ask, mark = context.bid, context.ask, context.mark
    if not (bid > _ZERO and ask > _ZERO and mark > _ZERO):
        return RefusalReason.NO_QUOTE
    if context.quote_age_ns > limits.quote_age_ns_max:
        return RefusalReason.STALE_QUOTE
    if bid > ask:
        return RefusalReason.CROSSED_QUOTE
    quantity = order.quantity
    price = order.price
    # A sell may fill above its limit, at the bid; margin is counted at the mark.
    value_price = max(worst_price(order, bid, ask, limits.market_slippage_max), bid, mark)
    refused = check_listing(instrument, quantity, price, bid if price is None else price)
    if refused is RefusalReason.NOTIONAL_MIN and order.reduce_only:
        refused = None  # it is the last rule of the listing
    if refused is not None:
        return refused
    if order.order_type in _PRICED_NOW:  # a trigger may lie far away on purpose
        touched = price
        if touched is None:
            touched = ask if order.side is _BUY else bid
        if abs(touched - mark) > limits.price_deviation_max * mark:
            return RefusalReason.PRICE_BAND
    if reduces_position(
        order.side, quantity, context.quantity, context.reserved_buy, context.reserved_sell
    ):
        return None
    if order.reduce_only:
        return RefusalReason.NOT_REDUCING
    if not context.net_target_reduces:
        if state is _REDUCING:
            return RefusalReason.REDUCING
        refused = _check_activity(limits, context)
        if refused is not None:
            return refused
    return _check_size(order, instrument, limits, context, value_price)


_PRICED_NOW = (OrderType.LIMIT, OrderType.MARKET)


def _check_activity(limits: RiskLimits, context: OrderContext) -> RefusalReason | None:
    if context.unknown_on_instrument:
        return RefusalReason.UNKNOWN_ORDER
    if context.realised_today <= -limits.daily_loss_max:
        return RefusalReason.DAILY_LOSS
    if context.open_orders >= limits.open_orders_max:
        return RefusalReason.OPEN_ORDERS
    if context.orders_last_minute >= limits.orders_per_minute_max:
        return RefusalReason.ORDER_RATE
    return None


def _check_size(
    order: Order,
    instrument: Instrument,
    limits: RiskLimits,
    context: OrderContext,
    value_price: Decimal,
) -> RefusalReason | None:
    quantity = order.quantity
    if quantity > limits.order_quantity_max:
        return RefusalReason.ORDER_QUANTITY
    value = notional(instrument, quantity, value_price)
    if value > limits.order_notional_max:
        return RefusalReason.ORDER_NOTIONAL
    if order.side is _BUY:
        held = context.quantity + context.reserved_buy + quantity
    else:
        held = context.quantity - context.reserved_sell - quantity
    position_value = notional(instrument, held, value_price)
    if position_value > limits.position_notional_max:
        return RefusalReason.POSITION_NOTIONAL
    gross = context.gross_notional + value
    if gross > limits.portfolio_notional_max:
        return RefusalReason.PORTFOLIO_NOTIONAL
    if gross > limits.leverage_max * context.equity:
        return RefusalReason.LEVERAGE
    leverage = min(limits.leverage_max, leverage_max(position_value, instrument.tiers))
    if value / leverage + value * instrument.taker_fee > context.available_margin:
        return RefusalReason.MARGIN
    return None


def check_listing(
    instrument: Instrument, quantity: Decimal, price: Decimal | None, value_price: Decimal
) -> RefusalReason | None:
    """Return the first of the venue's own rules that a size and price break, or None.

    Units: quantity above zero; price None for a market order; value_price values the order for
    the minimum notional, no higher than the venue will.
    """
    if quantity % instrument.lot:
        return RefusalReason.LOT
    if quantity < instrument.quantity_min:
        return RefusalReason.QUANTITY_MIN
    if quantity > instrument.quantity_max:
        return RefusalReason.QUANTITY_MAX
    if price is not None and price % instrument.tick:
        return RefusalReason.TICK
    notional_min = instrument.notional_min
    if notional_min and notional(instrument, quantity, value_price) < notional_min:
        return RefusalReason.NOTIONAL_MIN
    return None


def worst_price(order: Order, bid: Decimal, ask: Decimal, band: Decimal) -> Decimal:
    """Return the least favourable price at which the order may execute.

    A limit holds its price. Anything that becomes a market order is valued at the far side of the
    book, or its trigger where that is worse, moved by the band against us.
    Units: band is a fraction, at least zero.
    """
    price = order.price
    if order.order_type is _LIMIT and price is not None:
        return price
    if order.side is _BUY:
        return (ask if price is None else max(ask, price)) * (1 + band)
    return (bid if price is None else min(bid, price)) * (1 - band)


def reduces_position(
    side: Side, quantity: Decimal, held: Decimal, reserved_buy: Decimal, reserved_sell: Decimal
) -> bool:
    """Tell whether an order only lowers abs(position), and never crosses zero.

    Orders already out on the same side count as filled: two that each close the position would
    together open another.
    """
    if side is _BUY:
        return held < _ZERO and quantity + reserved_buy + held <= _ZERO
    return held > _ZERO and quantity + reserved_sell <= held


def reduces_net(
    side: Side,
    quantity: Decimal,
    net_error: Decimal,
    reserved_buy: Decimal,
    reserved_sell: Decimal,
) -> bool:
    """Tell whether an order lowers abs(net − target) of its pair, whatever becomes of the others.

    Units: base units; net_error is net − target; reservations are those of both legs.
    """
    if side is _BUY:
        return 2 * (net_error + reserved_buy) + quantity < _ZERO
    return 2 * (net_error - reserved_sell) - quantity > _ZERO
