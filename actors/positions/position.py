"""Position: the one owner of what an account holds of an instrument.

Each fill counts once, by its id. The venue's own figure is compared at every report; only a second
report that still contradicts the book, with every fill up to it applied, corrects the book.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING

from actors.addresses import JOURNAL, RISK
from actors.messages.journal import RecordQuery, RecordReply
from actors.messages.positions import (
    PositionChanged,
    PositionCorrected,
    PositionQuery,
    PositionReported,
)
from actors.messages.venue import FundingPaid, OrderFilled
from actors.runtime import Actor, RequestTimedOut, handles
from domain.orders import Side
from domain.positions import Position as Book
from domain.positions import apply_fill, apply_funding, contract_value, flat

if TYPE_CHECKING:
    from domain.instruments import Instrument

__all__ = ["Position"]

FILLS_MAX = 50_000
PAYMENTS_MAX = 5_000
RECORD_TIMEOUT_NS = 1_000_000_000
ZERO = Decimal(0)
_BUY = Side.BUY


class Position(Actor):
    """Owns the book of one instrument: quantity, cost, realised profit, fees and funding.

    Receives: OrderFilled, FundingPaid, PositionReported. Sends: PositionChanged to its listeners
    after every change, PositionCorrected to risk, PositionQuery to its venue. When it
    fails: the next instance takes its totals from the journal's latest record and its quantity
    from the venue; until both agree it is unconfirmed and carries no new risk.
    """

    def __init__(
        self,
        *,
        instrument: Instrument,
        venue: str,
        listeners: tuple[str, ...],
        journal: str = JOURNAL,
        risk: str = RISK,
    ) -> None:
        """Own one instrument; venue is the address of its connection."""
        super().__init__()
        self.book: Book = flat(instrument)
        self.confirmed = False
        self.venue_time_ns = 0
        self._instrument = instrument
        self._venue = venue
        self._journal = journal
        self._risk = risk
        self._listeners = listeners
        self._fills: OrderedDict[str, None] = OrderedDict()
        self._payments: OrderedDict[str, None] = OrderedDict()
        self._last_id = ""
        self._resumed_ns = -1
        self._doubt: Decimal | None = None
        self._recorded = False

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return the book and whether the venue confirmed it."""
        book = self.book
        return (
            ("quantity", str(book.quantity)),
            ("entry", str(book.entry)),
            ("realised", str(book.realised)),
            ("fees", str(book.fees)),
            ("funding", str(book.funding)),
            ("confirmed", str(self.confirmed)),
        )

    def on_start(self) -> None:
        """Ask for what an earlier instance booked, and for the venue's figure."""
        self.context.request(
            self._journal, RecordQuery(instrument=self._instrument.key), RECORD_TIMEOUT_NS
        )

    @handles(RecordReply)
    def recorded(self, message: RecordReply) -> None:
        """Take over the totals of an earlier instance, and ask for what came after them."""
        record = message.position
        if self._recorded:
            return
        self._recorded = True
        if record is None:
            self._ask_venue("")
            return
        self.book = Book(
            instrument=self.book.instrument,
            kind=self.book.kind,
            multiplier=self.book.multiplier,
            quantity=record.quantity,
            cost=record.cost,
            realised=record.realised,
            fees=record.fees,
            funding=record.funding,
        )
        self.venue_time_ns = self._resumed_ns = record.venue_time_ns
        self._last_id = record.last_id
        self._announce("")
        self._ask_venue(record.last_id)

    def _ask_venue(self, after_id: str | None) -> None:
        key = self._instrument.key
        self.context.tell(self._venue, PositionQuery(instrument=key, after_id=after_id))

    @handles(RequestTimedOut)
    def record_missing(self, _: RequestTimedOut) -> None:
        """Go on without the journal: the venue's figure decides, totals start at zero."""
        if not self._recorded:
            self._recorded = True
            self._ask_venue("")

    @handles(OrderFilled)
    def filled(self, message: OrderFilled) -> None:
        """Book a fill, once.

        What comes before the record is repeated after it. A new connection tells the whole history:
        what is no newer than the record is in it, unless the venue's figure says otherwise.
        """
        fill = message.fill
        fills = self._fills
        known = fill.venue_time_ns <= self._resumed_ns and self._doubt is None
        if known or not self._recorded or fill.fill_id in fills:
            return
        fills[fill.fill_id] = None
        self._last_id = fill.fill_id
        if len(fills) > FILLS_MAX:
            fills.popitem(last=False)
        quantity = fill.quantity if fill.side is _BUY else -fill.quantity
        self.book = apply_fill(self.book, quantity, fill.price, fill.fee)
        self.venue_time_ns = max(self.venue_time_ns, fill.venue_time_ns)
        self._doubt = None
        self._announce(fill.fill_id)

    @handles(FundingPaid)
    def funding_paid(self, message: FundingPaid) -> None:
        """Book a funding payment, once."""
        if not self._recorded or message.payment_id in self._payments:
            return
        self._payments[message.payment_id] = None
        self._last_id = message.payment_id
        if len(self._payments) > PAYMENTS_MAX:
            self._payments.popitem(last=False)
        self.book = apply_funding(self.book, message.amount)
        self._announce("")

    @handles(PositionReported)
    def reported(self, message: PositionReported) -> None:
        """Compare with the venue; a contradiction must be confirmed by a second report to count."""
        venue = message.position.quantity
        if not self._recorded or message.venue_time_ns < self.venue_time_ns:
            return
        if venue == self.book.quantity:
            self._doubt = None
            if not self.confirmed:
                self.confirmed = True
                self._announce("")
            return
        if self.confirmed:
            self.confirmed = False
            self._announce("")
        if self._doubt != venue:
            self._doubt = venue
            self._ask_venue(self._last_id)
            return
        self._correct(message)

    def _correct(self, message: PositionReported) -> None:
        """Set the book to the venue's figure; what fills we never saw earned is not known."""
        reported = message.position
        book, instrument = self.book, self._instrument
        entry = reported.entry
        cost = ZERO
        if reported.quantity and entry is not None:
            cost = contract_value(instrument.kind, instrument.multiplier, reported.quantity, entry)
        self.context.tell(
            self._risk,
            PositionCorrected(
                instrument=instrument.key,
                booked=book.quantity,
                venue=reported.quantity,
                venue_time_ns=message.venue_time_ns,
            ),
        )
        self.book = Book(
            instrument=book.instrument,
            kind=book.kind,
            multiplier=book.multiplier,
            quantity=reported.quantity,
            cost=cost,
            realised=book.realised,
            fees=book.fees,
            funding=book.funding,
        )
        self.venue_time_ns = message.venue_time_ns
        self._doubt = None
        self.confirmed = True
        self._announce("")

    @handles(PositionQuery)
    def query(self, _: PositionQuery) -> None:
        """Answer with the book as it is."""
        self.context.reply(self._changed(""))

    def _announce(self, fill_id: str) -> None:
        changed = self._changed(fill_id)
        tell = self.context.tell
        for listener in self._listeners:
            tell(listener, changed)

    def _changed(self, fill_id: str) -> PositionChanged:
        book = self.book
        return PositionChanged(
            instrument=book.instrument,
            quantity=book.quantity,
            entry=book.entry,
            cost=book.cost,
            realised=book.realised,
            fees=book.fees,
            funding=book.funding,
            confirmed=self.confirmed,
            venue_time_ns=self.venue_time_ns,
            fill_id=fill_id,
            last_id=self._last_id,
        )
