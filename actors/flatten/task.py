"""One venue's part of a flatten mandate, as data: what is known and what is on its way."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.messages.flatten import FlattenState

if TYPE_CHECKING:
    from actors.messages.flatten import BeginFlatten
    from actors.messages.venue import AccountSnapshot, VenuePosition

__all__ = ["ZERO_SNAPSHOTS", "Mandate", "Task"]

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
        "holding",
        "in_flight",
        "instruments",
        "last_reject",
        "last_terminal_ns",
        "measured",
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
        self.holding = False
        self.measured = False
        self.cancelled = False
        self.last_terminal_ns = 0
        self.last_reject = ""
        self.in_flight: dict[str, str] = {}
        self.open: dict[str, Decimal] = {}

    def measure(self, snapshot: AccountSnapshot) -> list[VenuePosition] | None:
        """Take a snapshot; return the positions to close, or None when it is too old to count."""
        if snapshot.venue_time_ns < self.last_terminal_ns:
            return None
        self.measured = True
        self.open = {
            position.instrument: position.quantity
            for position in snapshot.positions
            if position.instrument in self.instruments and position.quantity
        }
        return [item for item in snapshot.positions if item.instrument in self.open]

    def kept(self, held: Decimal, partner: str, known: Decimal, *, reachable: bool) -> Decimal:
        """Return how much of a leg must stay because of its partner, whose task this is.

        Nothing once the partner's venue answers and was measured, for then both close. Until then
        all of it; and while that venue is dark, as much as offsets what the partner still holds.
        Units: signed base quantities; known is the partner's figure if it was not measured.
        """
        if self.done or (reachable and self.measured):
            return ZERO
        if reachable:
            return held
        offset = -(self.open.get(partner, ZERO) if self.measured else known)
        if held > ZERO:
            return min(max(offset, ZERO), held)
        return max(min(offset, ZERO), held)

    def live_orders(self, snapshot: AccountSnapshot) -> tuple[str, ...]:
        """Return the instruments in scope that still have orders, each once."""
        found = dict.fromkeys(order.instrument for order in snapshot.orders)
        return tuple(key for key in found if key in self.instruments)

    @property
    def done(self) -> bool:
        """Whether the venue confirmed flat."""
        return self.state is FlattenState.FLAT_CONFIRMED


class Mandate:
    """What the root asked for, and the tasks it became."""

    def __init__(self, message: BeginFlatten, tasks: dict[str, Task], begun_ns: int) -> None:
        self.message = message
        self.tasks = tasks
        self.begun_ns = begun_ns
        self.state = FlattenState.CANCELLING
        self.reported = ""
        self.held = dict(message.held)
        self.partners = {
            leg: partner for pair in message.pairs for leg, partner in (pair, pair[::-1])
        }
