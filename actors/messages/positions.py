"""What a position owner says, and how it gets its truth from the venue."""

from __future__ import annotations

from decimal import Decimal

from actors.messages.venue import VenuePosition
from actors.runtime.message import JOURNALLED, Message

__all__ = [
    "AccountReported",
    "PositionChanged",
    "PositionCorrected",
    "PositionQuery",
    "PositionReported",
]


class PositionChanged(Message, kw_only=True):
    """The book of one instrument; told to pair, risk and portfolio after every change.

    Units: quantity signed in base units; entry in quote (None when flat); realised, fees (paid) and
    funding (received) are running totals in settlement currency. confirmed is False while the
    owner is recovering or disagrees with the venue: such a figure must not carry new risk. fill_id
    is the fill that made the change, empty for other changes; last_id the latest fill or payment
    that is booked, from which a new owner goes on.
    """

    flags = JOURNALLED

    instrument: str
    quantity: Decimal
    entry: Decimal | None
    cost: Decimal
    realised: Decimal
    fees: Decimal
    funding: Decimal
    confirmed: bool
    venue_time_ns: int
    fill_id: str = ""
    last_id: str = ""


class PositionQuery(Message, kw_only=True):
    """Ask a venue connection for the venue's own figure, or a position for its book.

    With after_id the connection first repeats every fill and payment that came after that one; ''
    means that none was ever booked.
    """

    instrument: str
    after_id: str | None = None


class PositionReported(Message, kw_only=True):
    """The venue's own figure; every fill up to venue_time_ns was passed on before."""

    position: VenuePosition
    venue_time_ns: int


class PositionCorrected(Message, kw_only=True):
    """The book was set to the venue's figure because two reports contradicted it."""

    flags = JOURNALLED

    instrument: str
    booked: Decimal
    venue: Decimal
    venue_time_ns: int


class AccountReported(Message, kw_only=True):
    """Balance and margin of an account as the venue states them, in its settlement currency."""

    flags = JOURNALLED

    venue: str
    balance: Decimal
    equity: Decimal
    available: Decimal
    venue_time_ns: int
