"""What risk knows: positions, reservations, accounts and prices, ready to be asked."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

from domain.checks import OrderContext, reduces_net
from domain.hedging import delta_error
from domain.margin import position_maintenance
from domain.orders import FINAL_STATES, OrderState, Side
from domain.positions import contract_value, notional

if TYPE_CHECKING:
    from actors.messages.market import MarkUpdated, QuoteUpdated
    from actors.messages.orders import OrderUpdated
    from actors.messages.positions import AccountReported, PositionChanged
    from actors.runtime.topics import Topic
    from actors.settings import PairSettings
    from domain.authority import TradingState
    from domain.instruments import Instrument
    from domain.orders import Order

__all__ = ["Account", "Holding", "RiskBook"]

ZERO = Decimal(0)
# A member of an enumeration costs as much as a call where it is looked up by its class.
_BUY = Side.BUY
_UNKNOWN = OrderState.UNKNOWN
MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000


class Holding:
    """One instrument: its position, its prices, and the orders that may still change it."""

    __slots__ = (
        "booked",
        "confirmed",
        "cost",
        "instrument",
        "mark",
        "orders",
        "quantity",
        "quote",
        "reserved_buy",
        "reserved_sell",
        "unknown",
    )

    def __init__(self, instrument: Instrument, quote: Topic, mark: Topic) -> None:
        """Start flat and unconfirmed."""
        self.instrument = instrument
        self.quote = quote
        self.mark = mark
        self.quantity = ZERO
        self.cost = ZERO
        self.booked = ZERO
        self.confirmed = False
        self.reserved_buy = ZERO
        self.reserved_sell = ZERO
        self.orders = 0
        self.unknown = 0

    def prices(self) -> tuple[Decimal, Decimal, Decimal]:
        """Return bid, ask and mark, 0 where there is none; without a mark the mid stands in."""
        quote: QuoteUpdated | None = self.quote.last
        if quote is None:
            return ZERO, ZERO, ZERO
        tick = self.instrument.tick
        bid = quote.bid_ticks * tick if quote.bid_lots else ZERO
        ask = quote.ask_ticks * tick if quote.ask_lots else ZERO
        marked: MarkUpdated | None = self.mark.last
        return bid, ask, (bid + ask) / 2 if marked is None else marked.mark

    def mark_price(self) -> Decimal:
        """Return the mark, or the mid without one."""
        marked: MarkUpdated | None = self.mark.last
        return self.prices()[2] if marked is None else marked.mark

    def unrealised(self, mark: Decimal) -> Decimal:
        """Return the open profit at a mark."""
        if not self.quantity:
            return ZERO
        instrument = self.instrument
        value = contract_value(instrument.kind, instrument.multiplier, self.quantity, mark)
        gain = value - self.cost
        return -gain if instrument.kind == "inverse" else gain

    def gross(self) -> Decimal:
        """Return the notional of the position and of all that may still be bought or sold."""
        reserved = self.reserved_buy + self.reserved_sell
        if not self.quantity and not reserved:
            return ZERO
        return notional(self.instrument, abs(self.quantity) + reserved, self.mark_price())


class Account:
    """One venue's account: the balance it reported, and what was booked since."""

    __slots__ = ("available", "balance", "booked", "equity", "holdings", "live", "reported")

    def __init__(self, holdings: list[Holding]) -> None:
        """Start without a report."""
        self.holdings = holdings
        self.balance = ZERO
        self.booked = ZERO
        self.equity = ZERO
        self.available = ZERO
        self.reported = False
        self.live = False

    def margin(self) -> tuple[Decimal, Decimal]:
        """Return (equity, maintenance margin) at the present marks."""
        equity = self.balance - self.booked
        maintenance = ZERO
        for holding in self.holdings:
            equity += holding.booked
            if holding.quantity:
                mark = holding.mark_price()
                equity += holding.unrealised(mark)
                maintenance += position_maintenance(holding.instrument, holding.quantity, mark)
        self.equity = equity
        return equity, maintenance


class RiskBook:
    """All holdings and accounts; answers what an order would be checked against."""

    def __init__(
        self,
        holdings: dict[str, Holding],
        pairs: tuple[PairSettings, ...],
    ) -> None:
        """Keep the books of these instruments, by key."""
        self.holdings = holdings
        self.live: dict[str, tuple[Order, OrderState]] = {}
        self.accounts: dict[str, Account] = {}
        for venue in sorted({holding.instrument.venue for holding in holdings.values()}):
            own = [item for item in holdings.values() if item.instrument.venue == venue]
            self.accounts[venue] = Account(own)
        self._hedge_of = {pair.hedge: pair for pair in pairs}
        self._recent: deque[int] = deque()
        self._day = -1
        self._day_start = ZERO

    # -- orders --------------------------------------------------------------------------------

    def reserve(self, order: Order, monotonic_ns: int, state: OrderState) -> None:
        """Count an order at full size until it is final."""
        holding = self.holdings[order.instrument]
        self.live[order.client_id] = (order, state)
        holding.orders += 1
        holding.unknown += state is _UNKNOWN
        if order.side is _BUY:
            holding.reserved_buy += order.quantity
        else:
            holding.reserved_sell += order.quantity
        self._recent.append(monotonic_ns)

    def updated(self, message: OrderUpdated) -> None:
        """Follow an order; a final state releases its reservation."""
        kept = self.live.get(message.client_id)
        if kept is None:
            return
        state = message.state
        if state in FINAL_STATES:
            self.release(message.client_id)
            return
        order, before = kept
        if state is not before:
            holding = self.holdings[order.instrument]
            holding.unknown += (state is _UNKNOWN) - (before is _UNKNOWN)
            self.live[message.client_id] = (order, state)

    def release(self, client_id: str) -> None:
        """Forget an order that can trade no more."""
        kept = self.live.pop(client_id, None)
        if kept is None:
            return
        order, state = kept
        holding = self.holdings[order.instrument]
        holding.orders -= 1
        holding.unknown -= state is _UNKNOWN
        if order.side is _BUY:
            holding.reserved_buy -= order.quantity
        else:
            holding.reserved_sell -= order.quantity

    # -- facts ---------------------------------------------------------------------------------

    def position_changed(self, message: PositionChanged) -> Holding:
        """Take a position's new figures."""
        holding = self.holdings[message.instrument]
        holding.quantity = message.quantity
        holding.cost = message.cost
        holding.booked = message.realised - message.fees + message.funding
        holding.confirmed = message.confirmed
        return holding

    def account_reported(self, message: AccountReported) -> None:
        """Take a venue's own balance; what is booked from here on is added to it."""
        account = self.accounts[message.venue]
        account.balance = message.balance
        account.booked = sum((item.booked for item in account.holdings), ZERO)
        account.equity = message.equity
        account.available = message.available
        account.reported = True

    def booked_today(self, utc_ns: int) -> Decimal:
        """Return what was realised since midnight UTC, fees and funding included."""
        total = ZERO
        for holding in self.holdings.values():
            total += holding.booked
        day = utc_ns // DAY_NS
        if day != self._day:
            self._day, self._day_start = day, total
        return total - self._day_start

    def orders_last_minute(self, monotonic_ns: int) -> int:
        """Return how many orders were approved within the last minute."""
        recent = self._recent
        while recent and monotonic_ns - recent[0] > MINUTE_NS:
            recent.popleft()
        return len(recent)

    # -- the question --------------------------------------------------------------------------

    def context(
        self, order: Order, state: TradingState, utc_ns: int, monotonic_ns: int
    ) -> OrderContext:
        """Return everything that check_order wants to know about the world."""
        holding = self.holdings[order.instrument]
        bid, ask, mark = holding.prices()
        account = self.accounts[holding.instrument.venue]
        gross = equity = ZERO
        for other in self.holdings.values():
            gross += other.gross()
        for held in self.accounts.values():
            equity += held.equity
        seen_ns = holding.quote.seen_ns
        return OrderContext(
            quantity=holding.quantity,
            reserved_buy=holding.reserved_buy,
            reserved_sell=holding.reserved_sell,
            bid=bid,
            ask=ask,
            mark=mark,
            quote_age_ns=monotonic_ns - seen_ns,
            equity=equity,
            available_margin=account.available,
            gross_notional=gross,
            open_orders=len(self.live),
            orders_last_minute=self.orders_last_minute(monotonic_ns),
            realised_today=self.booked_today(utc_ns),
            trading_state=state,
            unknown_on_instrument=holding.unknown > 0,
            net_target_reduces=self._lowers_net(order, holding),
        )

    def _lowers_net(self, order: Order, hedge: Holding) -> bool:
        pair = self._hedge_of.get(order.instrument)
        if pair is None:
            return False
        main = self.holdings[pair.main]
        error = delta_error(main.quantity, hedge.quantity, pair.ratio)
        return reduces_net(
            order.side, order.quantity, error, hedge.reserved_buy, hedge.reserved_sell
        )
