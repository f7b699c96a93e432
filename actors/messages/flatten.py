"""The flatten protocol: mandates from the root, permits for single orders, and what came of it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from actors.runtime.message import CONTROL, JOURNALLED, Message
from domain.authority import FlattenPermit
from domain.orders import Order

__all__ = [
    "BeginFlatten",
    "FlattenRequested",
    "FlattenState",
    "FlattenStatus",
    "FlattenerStarted",
    "PermitDenied",
    "PermitGranted",
    "PermitRequested",
]


class FlattenState(StrEnum):
    """How far a flatten is; the last three are outcomes, of which UNCONFIRMED goes on."""

    CANCELLING = "cancelling"
    MEASURING = "measuring"
    CLOSING = "closing"
    CONFIRMING = "confirming"
    FLAT_CONFIRMED = "flat_confirmed"
    FLAT_UNCONFIRMED = "flat_unconfirmed"
    FAILED = "failed"


class FlattenRequested(Message, kw_only=True):
    """An operator or an actor asks the root to flatten a scope (instrument, pair, venue, all)."""

    flags = CONTROL | JOURNALLED

    scope: str
    key: str
    who: str
    reason: str


class BeginFlatten(Message, kw_only=True):
    """The root's mandate: close these instruments, in epoch; idempotent per mandate number.

    pairs lists (main, hedge) in scope; held what their owner last said of each leg. A leg whose
    partner's venue is dark is closed only as far as that does not leave the partner more naked.
    """

    flags = CONTROL | JOURNALLED

    mandate: int
    epoch: int
    scope: str
    key: str
    instruments: tuple[str, ...]
    reason: str
    pairs: tuple[tuple[str, str], ...] = ()
    held: tuple[tuple[str, Decimal], ...] = ()


class PermitRequested(Message, kw_only=True):
    """The flattener asks for the right to send exactly this reduce-only order."""

    flags = CONTROL | JOURNALLED

    mandate: int
    order: Order
    venue_quantity: Decimal


class PermitGranted(Message, kw_only=True):
    """The root's permit for one order."""

    flags = CONTROL | JOURNALLED

    permit: FlattenPermit


class PermitDenied(Message, kw_only=True):
    """The root sees no mandate that covers the order, or the order does not fit it."""

    flags = CONTROL | JOURNALLED

    client_id: str
    reason: str


class FlattenStatus(Message, kw_only=True):
    """Where a mandate stands; sent at each change.

    open_quantities lists (instrument, quantity) that the venue last showed, empty when all are
    flat.
    """

    flags = CONTROL | JOURNALLED

    mandate: int
    scope: str
    key: str
    state: FlattenState
    reason: str
    attempts: int
    elapsed_ns: int
    open_quantities: tuple[tuple[str, Decimal], ...]


class FlattenerStarted(Message, kw_only=True):
    """A new instance of the flattener asks for every mandate that is not done."""

    flags = CONTROL | JOURNALLED
