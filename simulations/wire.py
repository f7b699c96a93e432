"""The private wire protocol between the simulated gateway and the simulated exchange.

Frames are passed by reference in process; each is tagged, so that the same frames can cross a
socket as MessagePack. Market data has no frames of its own: the messages of
``actors.messages.market`` are sent as they are. Symbols are the venue's own names, without the
venue in front.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from domain.orders import Liquidity, OrderState, OrderType, Side, TimeInForce
from domain.value import Value

__all__ = [
    "AccountFrame",
    "AccountQueryFrame",
    "AckFrame",
    "ArmSwitchFrame",
    "CancelAllFrame",
    "CancelFrame",
    "CancelRefusedFrame",
    "ClientFrame",
    "ErrorFrame",
    "ErrorKind",
    "FillFrame",
    "FinishedFrame",
    "FundingFrame",
    "MassCancelFrame",
    "OrderFrame",
    "OrderLine",
    "OrderQueryFrame",
    "Ping",
    "Pong",
    "PositionLine",
    "SubmitFrame",
    "Subscribe",
    "Subscribed",
    "VenueFrame",
]


class Subscribe(Value, kw_only=True):
    """Ask for the market data of these symbols; each answer begins with Subscribed."""

    symbols: tuple[str, ...]


class SubmitFrame(Value, kw_only=True):
    """Place an order. Units: base quantity > 0; price in quote, None for a market order."""

    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    order_type: OrderType
    time_in_force: TimeInForce
    reduce_only: bool
    expires_ns: int


class CancelFrame(Value, kw_only=True):
    """Cancel one order; a fill may be on its way and still counts."""

    client_id: str
    symbol: str


class CancelAllFrame(Value, kw_only=True):
    """Cancel every order of the account, in one symbol or (None) in all."""

    symbol: str | None


class AccountQueryFrame(Value, kw_only=True):
    """Ask for an AccountFrame with the fills at or after fills_after_ns."""

    request: int
    fills_after_ns: int


class OrderQueryFrame(Value, kw_only=True):
    """Ask for an OrderFrame by client id."""

    request: int
    client_id: str


class ArmSwitchFrame(Value, kw_only=True):
    """Cancel everything of the account at deadline_ns unless armed anew; 0 disarms."""

    deadline_ns: int


class Ping(Value, kw_only=True):
    """Ask for a Pong with the same token."""

    token: int


class Subscribed(Value, kw_only=True):
    """The symbol's market data starts here, at any sequence; from then on each quote adds 1."""

    symbol: str


class AckFrame(Value, kw_only=True):
    """The venue holds the order."""

    client_id: str
    time_ns: int


class FillFrame(Value, kw_only=True):
    """One execution; client_id is empty when the venue traded by itself (liquidation).

    Units: base quantity > 0; price in quote; fee in fee_currency, above 0 when paid.
    """

    fill_id: str
    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Liquidity
    time_ns: int
    liquidation: bool = False


class FinishedFrame(Value, kw_only=True):
    """The order can trade no more: rejected, cancelled or expired, with its filled quantity."""

    client_id: str
    state: OrderState
    filled: Decimal
    reason: str
    time_ns: int


class CancelRefusedFrame(Value, kw_only=True):
    """A cancel did nothing, because the order is unknown or final."""

    client_id: str
    reason: str
    time_ns: int


class OrderLine(Value, kw_only=True):
    """An open order within an AccountFrame."""

    client_id: str
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    reduce_only: bool


class PositionLine(Value, kw_only=True):
    """A position within an AccountFrame; signed base quantity, entry None when flat."""

    symbol: str
    quantity: Decimal
    entry: Decimal | None
    mark: Decimal
    margin: Decimal
    maintenance: Decimal
    liquidation_price: Decimal | None


class AccountFrame(Value, kw_only=True):
    """The account at time_ns; fills are oldest first, from the query's cursor on."""

    request: int
    time_ns: int
    balance: Decimal
    equity: Decimal
    available: Decimal
    orders: tuple[OrderLine, ...]
    positions: tuple[PositionLine, ...]
    fills: tuple[FillFrame, ...]


class OrderFrame(Value, kw_only=True):
    """What the venue knows of one client id; state None when it knows nothing."""

    request: int
    client_id: str
    state: OrderState | None
    filled: Decimal
    time_ns: int


class FundingFrame(Value, kw_only=True):
    """Funding booked on the account; amount above 0 when received, rate per interval."""

    payment_id: str
    symbol: str
    amount: Decimal
    rate: Decimal
    time_ns: int


class MassCancelFrame(Value, kw_only=True):
    """The venue cancelled orders of the account that nobody asked it to cancel one by one."""

    reason: str
    time_ns: int


class Pong(Value, kw_only=True):
    """The answer to Ping."""

    token: int
    time_ns: int


class ErrorKind(StrEnum):
    """Why the venue did not take a frame."""

    RATE_LIMITED = "rate_limited"
    MALFORMED = "malformed"
    UNKNOWN_SYMBOL = "unknown_symbol"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"


class ErrorFrame(Value, kw_only=True):
    """A frame was not taken; client_id is the order's when the frame was one, otherwise empty."""

    kind: ErrorKind
    detail: str
    client_id: str
    time_ns: int


ClientFrame = (
    Subscribe
    | SubmitFrame
    | CancelFrame
    | CancelAllFrame
    | AccountQueryFrame
    | OrderQueryFrame
    | ArmSwitchFrame
    | Ping
)

VenueFrame = (
    Subscribed
    | AckFrame
    | FillFrame
    | FinishedFrame
    | CancelRefusedFrame
    | AccountFrame
    | OrderFrame
    | FundingFrame
    | MassCancelFrame
    | Pong
    | ErrorFrame
)
