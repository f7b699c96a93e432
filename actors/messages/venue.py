"""What a gateway reports of our own account at a venue, in the venue's words made uniform."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from actors.runtime.message import CONTROL, JOURNALLED, Message
from domain.orders import Fill, OrderState, Side

__all__ = [
    "AccountSnapshot",
    "CancelRefused",
    "ConnectionState",
    "FundingPaid",
    "GatewayEvent",
    "GatewayProblem",
    "OrderAcknowledged",
    "OrderFilled",
    "OrderFinished",
    "OrderLookup",
    "ProblemKind",
    "VenueOrder",
    "VenuePosition",
    "VenueStateChanged",
    "flat_position",
]


class ConnectionState(StrEnum):
    """How far a venue connection can be trusted; only LIVE takes new risk."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    LIVE = "live"
    DEGRADED = "degraded"


class VenueOrder(Message, kw_only=True):
    """An open order as the venue lists it. Units: base quantity, quote price, both exact."""

    client_id: str
    instrument: str
    side: Side
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    reduce_only: bool


class VenuePosition(Message, kw_only=True):
    """A position as the venue lists it; quantity is signed, entry None when it is flat.

    liquidation_price is None where the venue gives none; margin is what backs the position.
    """

    instrument: str
    quantity: Decimal
    entry: Decimal | None
    mark: Decimal
    margin: Decimal
    maintenance: Decimal
    liquidation_price: Decimal | None


class AccountSnapshot(Message, kw_only=True):
    """Everything of the account at one venue instant: the truth that books are compared with.

    fills are those after the cursor that the query named, oldest first. equity, balance and
    available are in the account's settlement currency.
    """

    request: int
    venue_time_ns: int
    balance: Decimal
    equity: Decimal
    available: Decimal
    orders: tuple[VenueOrder, ...]
    positions: tuple[VenuePosition, ...]
    fills: tuple[Fill, ...]


class OrderAcknowledged(Message, kw_only=True):
    """The venue holds the order; it may come after its first fill."""

    client_id: str
    venue_time_ns: int


class OrderFilled(Message, kw_only=True):
    """The venue executed part or all of an order of ours; it may arrive twice."""

    flags = JOURNALLED

    fill: Fill


class OrderFinished(Message, kw_only=True):
    """The order can no longer trade: cancelled, rejected or expired, with the venue's reason.

    filled is the venue's cumulative figure, so that a lost fill shows.
    """

    client_id: str
    state: OrderState
    filled: Decimal
    reason: str
    venue_time_ns: int


class CancelRefused(Message, kw_only=True):
    """A cancel did nothing: the order is unknown to the venue or already final."""

    client_id: str
    reason: str
    venue_time_ns: int


class OrderLookup(Message, kw_only=True):
    """The answer to a query for one order; state None says that the venue does not know it."""

    request: int
    client_id: str
    state: OrderState | None
    filled: Decimal
    venue_time_ns: int


class FundingPaid(Message, kw_only=True):
    """Funding booked on our account; amount is signed from our side, above 0 when received."""

    flags = JOURNALLED

    payment_id: str
    instrument: str
    amount: Decimal
    rate: Decimal
    venue_time_ns: int


class ProblemKind(StrEnum):
    """What went wrong at the border, by what must be done about it."""

    DISCONNECTED = "disconnected"
    SEQUENCE_GAP = "sequence_gap"
    MALFORMED = "malformed"
    BAD_QUOTE = "bad_quote"
    MASS_CANCEL = "mass_cancel"
    RATE_LIMITED = "rate_limited"
    UNKNOWN_FILL = "unknown_fill"


class GatewayProblem(Message, kw_only=True):
    """The gateway met something it cannot use; it says what and carries the evidence as text."""

    flags = JOURNALLED

    kind: ProblemKind
    detail: str
    instrument: str = ""


class VenueStateChanged(Message, kw_only=True):
    """A venue connection moved to another state; published to whoever trades there."""

    flags = CONTROL | JOURNALLED

    venue: str
    state: ConnectionState
    reason: str


GatewayEvent = (
    OrderAcknowledged
    | OrderFilled
    | OrderFinished
    | CancelRefused
    | OrderLookup
    | AccountSnapshot
    | FundingPaid
    | GatewayProblem
)


def flat_position(instrument: str) -> VenuePosition:
    """Return what a venue means by not listing an instrument."""
    return VenuePosition(
        instrument=instrument,
        quantity=Decimal(0),
        entry=None,
        mark=Decimal(0),
        margin=Decimal(0),
        maintenance=Decimal(0),
        liquidation_price=None,
    )
