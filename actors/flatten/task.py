"""One venue's part of a flatten mandate, as data: what is known and what is on its way."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.messages.flatten import FlattenState

if TYPE_CHECKING:
    from actors.messages.venue import AccountSnapshot, VenuePosition

__all__ = ["ZERO_SNAPSHOTS", "Task"]

ZERO = Decimal(0)
ZERO_SNAPSHOTS = 2


class Task:
    """State of closing some instruments at one venue.

    last_terminal_ns is the venue's stamp of the last event that ended an order or filled one;
    only a snapshot at least as new counts. token outdates timers of earlier steps;
    failures are those in a row, since something was closed or a session came up.
    """

    __slots__ = (
        "attempts",
        "begun_ns",
        "cancelled",
        "failures",
        "in_flight",
        "instruments",
        "last_reject",
        "last_terminal_ns",
        "open",
        "request",
        "state",
        "token",
        "venue",
        "zeros",
    )

    def __init__(self, venue: str, instruments: tuple[str, ...], begun_ns: int) -> None:
        """Begin with nothing known; begun_ns is monotonic."""
        self.venue = venue
        self.instruments = instruments
        self.begun_ns = begun_ns
        self.state = FlattenState.CANCELLING
        self.request = 0
        self.token = 0
        self.zeros = 0
        self.attempts = 0
        self.failures = 0
        self.cancelled = False
        self.last_terminal_ns = 0
        self.last_reject = ""
        self.in_flight: dict[str, str] = {}
        self.open: dict[str, Decimal] = {}

    def measure(self, snapshot: AccountSnapshot) -> list[VenuePosition] | None:
        """Take a snapshot; return the positions to close, or None when it is too old to count."""
        if snapshot.venue_time_ns < self.last_terminal_ns:
            return None
        self.open = {
            position.instrument: position.quantity
            for position in snapshot.positions
            if position.instrument in self.instruments and position.quantity
        }
        return [item for item in snapshot.positions if item.instrument in self.open]

    def live_orders(self, snapshot: AccountSnapshot) -> tuple[str, ...]:
        """Return the instruments in scope that still have orders, each once."""
        found = dict.fromkeys(order.instrument for order in snapshot.orders)
        return tuple(key for key in found if key in self.instruments)

    @property
    def done(self) -> bool:
        """Whether the venue confirmed flat."""
        return self.state is FlattenState.FLAT_CONFIRMED
