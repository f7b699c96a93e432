"""Profit of legs and equity of venues, from what position owners and venues report."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal

from actors.messages.market import BarClosed, MarkUpdated, QuoteUpdated
from actors.messages.portfolio import LegReport
from actors.messages.positions import AccountReported, PositionChanged
from actors.messages.venue import ConnectionState
from actors.runtime.topics import Topic
from domain.instruments import ContractKind, Instrument
from domain.positions import contract_value, notional

__all__ = ["Leg", "Venue"]

ZERO = Decimal(0)
TWO = Decimal(2)
FILL_IDS_MAX = 4_096


class Leg:
    """One instrument: the latest book its owner reported, and the price to value it at.

    A first report that no fill caused is a position from before this run: its profit so far is
    carried, because the account's equity holds it already. A fill is counted once, also when an
    owner that started again reports it again.
    """

    __slots__ = (
        "_bar",
        "_counted",
        "_mark",
        "_quote",
        "carried",
        "changed",
        "fills",
        "instrument",
        "worth",
    )

    def __init__(self, instrument: Instrument, *, mark: Topic, quote: Topic, bar: Topic) -> None:
        """Watch an instrument; its prices are looked up in the topics' latest messages."""
        self.instrument = instrument
        self.changed: PositionChanged | None = None
        self.carried = ZERO
        self.worth = ZERO
        self.fills = 0
        self._counted: OrderedDict[str, None] = OrderedDict()
        self._mark, self._quote, self._bar = mark, quote, bar

    def take(self, changed: PositionChanged) -> bool:
        """Take a report; return whether a fill caused it that was not counted before."""
        before = self.changed
        self.changed = changed
        if before is None:
            self.carried = ZERO if changed.fill_id else self.earned()
        fill_id, counted = changed.fill_id, self._counted
        if not fill_id or fill_id in counted:
            return False
        counted[fill_id] = None
        if len(counted) > FILL_IDS_MAX:
            counted.popitem(last=False)
        self.fills += 1
        return True

    @property
    def quantity(self) -> Decimal:
        """The signed quantity in base units."""
        return ZERO if self.changed is None else self.changed.quantity

    def price(self) -> Decimal | None:
        """Return the mark; without one the middle of the book, or the last close; None if none."""
        mark = self._mark.last
        if isinstance(mark, MarkUpdated):
            return mark.mark
        quote = self._quote.last
        tick = self.instrument.tick
        if isinstance(quote, QuoteUpdated) and quote.bid_lots and quote.ask_lots:
            return (quote.bid_ticks + quote.ask_ticks) * tick / TWO
        bar = self._bar.last
        return bar.close_ticks * tick if isinstance(bar, BarClosed) else None

    def unrealised(self, price: Decimal | None) -> Decimal:
        """Return what closing at a price would realise, in settlement currency; 0 without one."""
        changed, instrument = self.changed, self.instrument
        if changed is None or price is None or not changed.quantity:
            return ZERO
        kind = instrument.kind
        value = contract_value(kind, instrument.multiplier, changed.quantity, price)
        gain = value - changed.cost
        return -gain if kind is ContractKind.INVERSE else gain

    def earned(self) -> Decimal:
        """Return realised − fees + funding + unrealised, in settlement currency."""
        changed = self.changed
        if changed is None:
            return ZERO
        settled = changed.realised - changed.fees + changed.funding
        return settled + self.unrealised(self.price()) if changed.quantity else settled

    def value(self) -> Decimal:
        """Return what this run earned with the instrument, in quote; it is kept as worth."""
        self.worth = worth = self.in_quote(self.earned() - self.carried)
        return worth

    def in_quote(self, amount: Decimal) -> Decimal:
        """Return an amount of settlement currency in quote: a coin is converted at the price."""
        if self.instrument.kind is not ContractKind.INVERSE or not amount:
            return amount
        price = self.price()
        return amount * price if price is not None else ZERO

    def exposure(self) -> Decimal:
        """Return the signed notional in quote at the price, or at the entry without one."""
        changed = self.changed
        if changed is None or not changed.quantity:
            return ZERO
        price = self.price() or changed.entry or ZERO
        value = notional(self.instrument, changed.quantity, price)
        return value if changed.quantity > ZERO else -value

    def report(self) -> LegReport:
        """Return the figures of the leg; their identity is exact."""
        changed, price = self.changed, self.price()
        unrealised_now = self.unrealised(price)
        realised, fees, funding = (
            (ZERO, ZERO, ZERO)
            if changed is None
            else (changed.realised, changed.fees, changed.funding)
        )
        return LegReport(
            instrument=self.instrument.key,
            quantity=self.quantity,
            entry=None if changed is None else changed.entry,
            mark=price,
            realised=realised,
            fees=fees,
            funding=funding,
            unrealised=unrealised_now,
            carried=self.carried,
            pnl=realised - fees + funding + unrealised_now - self.carried,
            fills=self.fills,
            confirmed=changed is not None and changed.confirmed,
            priced=price is not None,
        )


class Venue:
    """One account: its connection, and its equity at the start, from which the run counts."""

    __slots__ = ("equity_start", "legs", "name", "reason", "reported", "state", "warnings")

    def __init__(self, name: str, legs: Iterable[Leg]) -> None:
        """Count these legs to this venue."""
        self.name = name
        self.legs = tuple(legs)
        self.state: ConnectionState | None = None
        self.reason = ""
        self.reported: AccountReported | None = None
        self.equity_start: Decimal | None = None
        self.warnings = 0

    def take(self, reported: AccountReported) -> None:
        """Take a report; the first one, less what this run earned by then, is the start."""
        self.reported = reported
        if self.equity_start is None:
            self.equity_start = reported.equity - self.pnl()

    def pnl(self) -> Decimal:
        """Return what this run earned here, in quote currency."""
        total = ZERO
        for leg in self.legs:
            if leg.changed is not None:
                total += leg.value()
        return total

    def equity(self) -> Decimal | None:
        """Return the equity by our books, None before the venue's first report."""
        return None if self.equity_start is None else self.equity_start + self.pnl()
