"""Whether the exchange takes an order, and if not, the one reason it gives."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from domain.errors import DomainError
from domain.orders import OrderType, Side, TimeInForce
from domain.positions import notional
from domain.value import Value
from simulations.exchange.account import Account, Holding
from simulations.exchange.matching import Size
from simulations.wire import SubmitFrame

__all__ = ["ExchangeRules", "RejectReason", "admit"]

_LIMIT, _MARKET = OrderType.LIMIT, OrderType.MARKET
_BUY = Side.BUY
_POST_ONLY = TimeInForce.POST_ONLY


class RejectReason(StrEnum):
    """Why an order was not taken, in the order in which the rules are checked."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    HALTED = "halted"
    EXPIRED = "expired"
    UNSUPPORTED = "unsupported"
    LOT = "lot"
    TICK = "tick"
    QUANTITY_MIN = "quantity_min"
    QUANTITY_MAX = "quantity_max"
    NO_MARK = "no_mark"
    REDUCE_ONLY = "reduce_only"
    NOTIONAL_MIN = "notional_min"
    POST_ONLY = "post_only"
    INSUFFICIENT_MARGIN = "insufficient_margin"


class ExchangeRules(Value, kw_only=True):
    """The venue's house rules, the same in every market.

    Units: liquidation_fee a fraction of notional; liquidation_step the share of a position that one
    step closes. reduce_only_below_minimum: whether minimum notional is waived for reduce-only
    orders, as Binance does.
    """

    orders_per_second_max: int = 100
    liquidation_fee: Decimal = Decimal("0.005")
    liquidation_step: Decimal = Decimal("0.25")
    reduce_only_below_minimum: bool = True

    def __post_init__(self) -> None:
        """Refuse rules that no venue could have.

        Raises: DomainError with the field at fault.
        """
        if self.orders_per_second_max < 1:
            raise DomainError("orders_per_second_max is at least 1")
        if not 0 <= self.liquidation_fee < 1 or not 0 < self.liquidation_step <= 1:
            raise DomainError("liquidation_fee lies in [0, 1) and liquidation_step in (0, 1]")


def admit(
    account: Account, holding: Holding, frame: SubmitFrame, rules: ExchangeRules, now_ns: int
) -> Size | RejectReason:
    """Return the order's size in lots and ticks, or the first rule that it breaks."""
    market = holding.market
    instrument = market.instrument
    if frame.expires_ns and frame.expires_ns <= now_ns:
        return RejectReason.EXPIRED
    quantity, price = frame.quantity, frame.price
    if not quantity.is_finite():
        return RejectReason.LOT
    whole, rest = divmod(quantity, market.lot)
    lots = int(whole)
    if rest or lots <= 0:
        return RejectReason.LOT
    if lots < market.lots_min:
        return RejectReason.QUANTITY_MIN
    if lots > market.lots_max:
        return RejectReason.QUANTITY_MAX
    ticks = 0
    if frame.order_type is _LIMIT:
        if price is None or not price.is_finite():
            return RejectReason.TICK
        whole, rest = divmod(price, market.tick)
        ticks = int(whole)
        if rest or ticks <= 0:
            return RejectReason.TICK
    elif frame.order_type is not _MARKET or price is not None:
        return RejectReason.UNSUPPORTED
    side = 1 if frame.side is _BUY else -1
    reduce_only = frame.reduce_only
    if reduce_only and not holding.reducible_lots(side):
        return RejectReason.REDUCE_ONLY
    mark = market.mark
    if mark is None:
        return RejectReason.NO_MARK
    if instrument.notional_min and not (reduce_only and rules.reduce_only_below_minimum):
        value = notional(instrument, quantity, mark if price is None else price)
        if value < instrument.notional_min:
            return RejectReason.NOTIONAL_MIN
    if frame.time_in_force is _POST_ONLY and (not ticks or market.offer(side, ticks) is not None):
        return RejectReason.POST_ONLY
    size = (side, lots, ticks)
    if not reduce_only and not account.affords(holding, size, quantity):
        return RejectReason.INSUFFICIENT_MARGIN
    return size
