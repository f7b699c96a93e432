"""Authority to trade: approvals minted by risk, flatten permits minted by the root.

A gateway takes only these two types. Each embeds the exact order it covers, names the epoch it was
made in, expires on the monotonic clock, and carries a seal that only a holder of the mint's key can
make, over every field of the order and of the authority. A gate checks all of it once more at
hand-over and spends the order's client id, so that an authority is used at most once and an order,
whoever approved it again, is handed over at most once.

The seal is BLAKE2b over the key and the fields; msgpack keeps the bounds of the fields apart.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b

import msgspec
from msgspec.structs import astuple

from domain.errors import DomainError, InvariantError
from domain.orders import Order
from domain.value import Value

__all__ = ["Approval", "FlattenPermit", "Gate", "GateRefusal", "Mint", "TradingState"]

_KEY_LENGTH_MIN = 16
_KEY_LENGTH_MAX = 64
_SEAL_LENGTH = 16
_SPENT_MAX = 65_536
_APPROVAL = 0
_PERMIT = 1
_encode = msgspec.msgpack.Encoder().encode


class TradingState(StrEnum):
    """What may be sent: anything approved, only what reduces, or permits only."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Approval(Value, kw_only=True):
    """Risk's consent to exactly this order, once, until it expires or the epoch changes.

    Units: expires_ns on the monotonic clock. book_sequence is the quote it was valued against.
    """

    order: Order
    number: int
    epoch: int
    book_sequence: int
    expires_ns: int
    seal: bytes


class FlattenPermit(Value, kw_only=True):
    """The root's consent to one reduce-only order of at most the venue's own figure."""

    order: Order
    number: int
    epoch: int
    scope: str
    venue_quantity: Decimal
    expires_ns: int
    seal: bytes


class GateRefusal(StrEnum):
    """Why a gate turned an authority away."""

    FORGED = "forged"
    SPENT = "spent"
    STALE_EPOCH = "stale_epoch"
    EXPIRED = "expired"
    NOT_REDUCING = "not_reducing"


def _derived(key: bytes) -> bytes:
    if not _KEY_LENGTH_MIN <= len(key) <= _KEY_LENGTH_MAX:
        raise DomainError(f"a key of {len(key)} bytes: it must have 16 to 64")
    return blake2b(key, digest_size=_SEAL_LENGTH).digest()


def _seal(key: bytes, fields: tuple[object, ...]) -> bytes:
    return blake2b(key + _encode(fields)).digest()[:_SEAL_LENGTH]


class Mint:
    """Makes approvals or permits; whoever holds one holds the authority."""

    __slots__ = ("_key", "_number")

    def __init__(self, key: bytes) -> None:
        """Take a key of 16 to 64 bytes, shared with the gates and nobody else.

        Raises: DomainError for a key of another length.
        """
        self._key = _derived(key)
        self._number = 0

    def approve(self, order: Order, *, epoch: int, book_sequence: int, expires_ns: int) -> Approval:
        """Return an approval of this order, single-use, valid while epoch and expiry hold."""
        self._number = number = self._number + 1
        return Approval(
            order=order,
            number=number,
            epoch=epoch,
            book_sequence=book_sequence,
            expires_ns=expires_ns,
            seal=_seal(
                self._key,
                (_APPROVAL, number, epoch, book_sequence, expires_ns, astuple(order)),
            ),
        )

    def permit(
        self, order: Order, *, epoch: int, scope: str, venue_quantity: Decimal, expires_ns: int
    ) -> FlattenPermit:
        """Return a permit for a reduce-only order no larger than the venue's own figure.

        Raises: InvariantError if the order is not reduce-only or is larger.
        """
        if not order.reduce_only or order.quantity > abs(venue_quantity):
            raise InvariantError(
                f"a permit is reduce-only and at most {abs(venue_quantity)}: {order}"
            )
        self._number = number = self._number + 1
        fields = (_PERMIT, number, epoch, scope, venue_quantity, expires_ns, astuple(order))
        return FlattenPermit(
            order=order,
            number=number,
            epoch=epoch,
            scope=scope,
            venue_quantity=venue_quantity,
            expires_ns=expires_ns,
            seal=_seal(self._key, fields),
        )


class Gate:
    """Checks an authority at hand-over and spends it; holds the epoch as its venue knows it.

    It remembers the last 65,536 orders; an authority for an older one has expired.
    """

    __slots__ = ("_key", "_oldest", "_spent", "epoch")

    def __init__(self, key: bytes) -> None:
        """Take the mint's key.

        Raises: DomainError for a key of another length than a mint takes.
        """
        self._key = _derived(key)
        self._spent: dict[str, None] = {}
        # The oldest key of a dict is found in time linear in those deleted before it.
        self._oldest: deque[str] = deque()
        self.epoch = 0

    def raise_epoch(self, epoch: int) -> None:
        """Refuse from now on every approval made before this epoch; an epoch never falls."""
        self.epoch = max(self.epoch, epoch)

    def redeem(self, authority: Approval | FlattenPermit, monotonic_ns: int) -> GateRefusal | None:
        """Spend the authority and return None, or say why it does not hold.

        A permit outlives epochs (it is made for them); an approval of an older epoch does not.
        """
        number, epoch, expires_ns = authority.number, authority.epoch, authority.expires_ns
        order = authority.order
        fields: tuple[object, ...]
        if type(authority) is Approval:
            sequence = authority.book_sequence
            fields = (_APPROVAL, number, epoch, sequence, expires_ns, astuple(order))
        elif type(authority) is FlattenPermit:
            scope, quantity = authority.scope, authority.venue_quantity
            fields = (_PERMIT, number, epoch, scope, quantity, expires_ns, astuple(order))
        else:
            return GateRefusal.FORGED
        if _seal(self._key, fields) != authority.seal:
            return GateRefusal.FORGED
        if fields[0] == _PERMIT:
            if not order.reduce_only:
                return GateRefusal.NOT_REDUCING
        elif epoch < self.epoch:
            return GateRefusal.STALE_EPOCH
        if monotonic_ns > expires_ns:
            return GateRefusal.EXPIRED
        spent = self._spent
        client_id = order.client_id
        if client_id in spent:
            return GateRefusal.SPENT
        spent[client_id] = None
        self._oldest.append(client_id)
        if len(spent) > _SPENT_MAX:
            del spent[self._oldest.popleft()]
        return None
