"""The path of an order: proposed to risk, handed to its venue, followed to its end."""

from __future__ import annotations

from decimal import Decimal

from actors.runtime.message import CONTROL, JOURNALLED, Message
from domain.authority import Approval, FlattenPermit
from domain.orders import Order, OrderState

__all__ = [
    "CancelAll",
    "CancelOrder",
    "LiveOrder",
    "OrderRefused",
    "OrderUpdated",
    "OrdersQuery",
    "OrdersReply",
    "ProposeOrder",
    "ResolveOrder",
    "SubmitOrder",
]


class ProposeOrder(Message, kw_only=True):
    """Ask risk for this order; the answer is an OrderRefused, or updates from the venue."""

    flags = JOURNALLED

    order: Order


class SubmitOrder(Message, kw_only=True):
    """Hand over an order with its authority; it is checked and spent once more at the gate."""

    flags = JOURNALLED

    authority: Approval | FlattenPermit


class OrderRefused(Message, kw_only=True):
    """The order never left: refused by risk or at the gate, in a word and a sentence."""

    flags = JOURNALLED

    client_id: str
    instrument: str
    reason: str
    detail: str


class OrderUpdated(Message, kw_only=True):
    """An order moved to a state; filled is cumulative, in base units."""

    flags = JOURNALLED

    client_id: str
    instrument: str
    state: OrderState
    filled: Decimal
    reason: str = ""


class CancelOrder(Message, kw_only=True):
    """Cancel one order; for an order not seen yet it leaves a tombstone that refuses it later."""

    flags = CONTROL | JOURNALLED

    client_id: str
    instrument: str
    reason: str


class CancelAll(Message, kw_only=True):
    """Cancel every order of an instrument, or of the venue when instrument is empty."""

    flags = CONTROL | JOURNALLED

    instrument: str
    reason: str


class ResolveOrder(Message, kw_only=True):
    """Ask what became of an order; an OrderUpdated answers once the venue has said."""

    flags = JOURNALLED

    order: Order


class LiveOrder(Message, kw_only=True):
    """An order that may still trade, and how much of it is done."""

    order: Order
    state: OrderState
    filled: Decimal


class OrdersQuery(Message, kw_only=True):
    """Ask a venue connection which orders may still trade; behind the orders told before it."""


class OrdersReply(Message, kw_only=True):
    """Every order that may still trade, UNKNOWN ones included; live says how sure that is."""

    venue: str
    live: bool
    orders: tuple[LiveOrder, ...]
