"""Orders, their states, and the one table of legal transitions.

    PENDING --submit--> SUBMITTED --ack--> OPEN --fill--> PARTIALLY_FILLED --fill--> FILLED
       |                    |                |                   |
       '--refuse--> REJECTED'--reject        '--cancel sent--> CANCEL_PENDING --> CANCELLED
                            '--lost--> UNKNOWN --(the venue says)--> any state

Venue events may be late or arrive twice: those leave the state as it is. An event that contradicts
the state (an acknowledgement of an order never sent) is a violation.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum, StrEnum

from domain.errors import DomainError, InvariantError
from domain.value import Value

__all__ = [
    "FINAL_STATES",
    "Fill",
    "Liquidity",
    "Order",
    "OrderEvent",
    "OrderState",
    "OrderType",
    "Side",
    "TimeInForce",
    "advance",
]


class Side(IntEnum):
    """Buy is +1 and sell is -1, so that side * quantity is a signed quantity."""

    BUY = 1
    SELL = -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """What fixes the price of an order."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"


class TimeInForce(StrEnum):
    """How long an order may rest, and whether it may take."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class Liquidity(StrEnum):
    """Whether a fill rested (maker) or crossed (taker)."""

    MAKER = "maker"
    TAKER = "taker"


class OrderState(StrEnum):
    """Where an order is in its life; UNKNOWN means that only the venue can say."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    CANCEL_PENDING = "cancel_pending"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


FINAL_STATES = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED}
)


class OrderEvent(StrEnum):
    """What can happen to an order, ours (submit, cancel) or the venue's."""

    SUBMIT = "submit"
    REFUSE = "refuse"
    ACKNOWLEDGE = "acknowledge"
    FILL_PART = "fill_part"
    FILL_ALL = "fill_all"
    CANCEL_SENT = "cancel_sent"
    CANCEL_REFUSED = "cancel_refused"
    CANCEL = "cancel"
    REJECT = "reject"
    EXPIRE = "expire"
    LOSE = "lose"


class Order(Value, kw_only=True):
    """An intention to trade, complete and immutable from the moment it is proposed.

    Units: quantity > 0 in base units (inverse: contracts); price in quote per base, the trigger of
    a stop or take profit, None for a market order; stamps in ns UTC. owner is the address that is
    told of every change. expires_ns is enforced by the venue where it can; 0 means that the order
    does not expire by itself.
    """

    client_id: str
    instrument: str
    side: Side
    quantity: Decimal
    owner: str
    created_ns: int
    order_type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    expires_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse an order that no venue could take.

        Raises: DomainError for a quantity or price that is not finite and above 0, a market order
        with a price, or any other without one.
        """
        quantity, price = self.quantity, self.price
        if not (quantity.is_finite() and quantity > 0):
            raise DomainError(f"order {self.client_id}: quantity must be above 0, is {quantity}")
        if self.order_type is OrderType.MARKET:
            if price is not None:
                raise DomainError(f"order {self.client_id}: a market order has no price: {price}")
        elif price is None or not (price.is_finite() and price > 0):
            raise DomainError(
                f"order {self.client_id}: {self.order_type} needs a price above 0, not {price}"
            )

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its side, positive for a buy."""
        return self.quantity if self.side is Side.BUY else -self.quantity


class Fill(Value, kw_only=True):
    """One execution as the venue reports it; it may arrive twice and before the acknowledgement.

    Units: quantity > 0 in base units; price in quote per base; fee in fee_currency, positive when
    paid, negative for a rebate. fill_id is unique per venue and account. client_id is empty for a
    fill that the venue made by itself (liquidation).
    """

    fill_id: str
    client_id: str
    instrument: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    venue_time_ns: int
    liquidation: bool = False

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its side, positive for a buy."""
        return self.quantity if self.side is Side.BUY else -self.quantity


_S = OrderState
_E = OrderEvent
_LIVE = (_S.SUBMITTED, _S.OPEN, _S.PARTIALLY_FILLED, _S.CANCEL_PENDING, _S.UNKNOWN)
_VENUE_FINAL = {
    _E.FILL_ALL: _S.FILLED,
    _E.CANCEL: _S.CANCELLED,
    _E.REJECT: _S.REJECTED,
    _E.EXPIRE: _S.EXPIRED,
}


def _table() -> dict[tuple[OrderState, OrderEvent], OrderState]:
    table = {
        (_S.PENDING, _E.SUBMIT): _S.SUBMITTED,
        (_S.PENDING, _E.REFUSE): _S.REJECTED,
        (_S.PENDING, _E.CANCEL): _S.CANCELLED,
        (_S.SUBMITTED, _E.ACKNOWLEDGE): _S.OPEN,
        (_S.UNKNOWN, _E.ACKNOWLEDGE): _S.OPEN,
        (_S.CANCEL_PENDING, _E.CANCEL_REFUSED): _S.OPEN,
    }
    for state in _LIVE:
        for event, final in _VENUE_FINAL.items():
            table[state, event] = final
        table[state, _E.LOSE] = _S.UNKNOWN
        table[state, _E.CANCEL_SENT] = _S.CANCEL_PENDING
        table[state, _E.FILL_PART] = _S.PARTIALLY_FILLED
        table.setdefault((state, _E.ACKNOWLEDGE), state)
        table.setdefault((state, _E.CANCEL_REFUSED), state)
    table[_S.CANCEL_PENDING, _E.FILL_PART] = _S.CANCEL_PENDING
    table[_S.UNKNOWN, _E.CANCEL_SENT] = _S.UNKNOWN
    for final in sorted(FINAL_STATES):
        for event in (*_VENUE_FINAL, _E.ACKNOWLEDGE, _E.CANCEL_REFUSED, _E.FILL_PART, _E.LOSE):
            table[final, event] = final
        table[final, _E.CANCEL_SENT] = final
    for late in (_S.CANCELLED, _S.EXPIRED, _S.REJECTED):
        table[late, _E.FILL_ALL] = _S.FILLED
    return table


_TRANSITIONS = _table()


def advance(state: OrderState, event: OrderEvent) -> OrderState:
    """Return the state after an event; late and repeated venue events change nothing they must not.

    A complete fill that arrives after a cancel, an expiry or a reject wins: the venue traded.
    Raises: InvariantError when the event cannot follow the state.
    """
    try:
        return _TRANSITIONS[state, event]
    except KeyError:
        raise InvariantError(f"an order that is {state} cannot {event}") from None
