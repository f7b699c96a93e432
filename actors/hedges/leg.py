"""One leg of a pair: what is held, what is on its way, and whether the two are known to agree."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.messages.venue import ConnectionState
from domain.money import from_ticks, marketable_price
from domain.orders import FINAL_STATES

if TYPE_CHECKING:
    from actors.messages.market import QuoteUpdated
    from actors.messages.orders import OrderUpdated
    from actors.messages.positions import PositionChanged
    from actors.runtime.topics import Topic
    from domain.client_ids import ClientIdIssuer
    from domain.instruments import Instrument
    from domain.orders import Order, Side

__all__ = ["Leg"]

ZERO = Decimal(0)


class Leg:
    """The pair's view of one instrument.

    At most one order of the pair is live per leg. After it ended, the leg is unsettled until the
    position shows every fill that the order had: nothing is sent on a figure that is known to be
    old.
    """

    __slots__ = (
        "available",
        "base",
        "confirmed",
        "connection",
        "expected",
        "instrument",
        "issuer",
        "order",
        "quantity",
        "quote",
        "retry_ns",
        "sent_ns",
        "venue",
        "venue_time_ns",
    )

    def __init__(self, instrument: Instrument, issuer: ClientIdIssuer, quote: Topic) -> None:
        """Start with nothing known."""
        self.instrument = instrument
        self.venue = f"/venues/{instrument.venue}"
        self.issuer = issuer
        self.quote = quote
        self.quantity = ZERO
        self.confirmed = False
        self.available: Decimal | None = None
        self.connection = ConnectionState.DISCONNECTED
        self.order: Order | None = None
        self.base = ZERO
        self.expected: Decimal | None = None
        self.sent_ns = 0
        self.retry_ns = 0
        self.venue_time_ns = 0

    @property
    def reachable(self) -> bool:
        """Whether the venue answers."""
        return self.connection in (ConnectionState.LIVE, ConnectionState.DEGRADED)

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and the figure held is the latest."""
        return self.order is None and self.expected is None

    def sent(self, order: Order, monotonic_ns: int) -> None:
        """Note an order that was proposed."""
        self.order = order
        self.base = self.quantity
        self.sent_ns = monotonic_ns

    def moved(self, message: PositionChanged) -> None:
        """Take a new figure of the position."""
        self.quantity = message.quantity
        self.confirmed = message.confirmed
        self.venue_time_ns = message.venue_time_ns
        if self.expected is not None and self.quantity == self.expected:
            self.expected = None

    def updated(self, message: OrderUpdated) -> bool:
        """Take an order's new state; return whether the order of this leg has just ended."""
        order = self.order
        if order is None or order.client_id != message.client_id:
            return False
        if message.state not in FINAL_STATES:
            return False
        expected = self.base + order.side * message.filled
        self.order = None
        self.expected = None if expected == self.quantity else expected
        return True

    def forget(self) -> None:
        """Give up what was on its way; somebody else finds out what became of it."""
        self.order = None
        self.expected = None

    def touch(self, *, buy: bool) -> Decimal | None:
        """Return the best price that a buy or sell would take, or None without one."""
        quote: QuoteUpdated | None = self.quote.last
        if quote is None:
            return None
        ticks, lots = (
            (quote.ask_ticks, quote.ask_lots) if buy else (quote.bid_ticks, quote.bid_lots)
        )
        return from_ticks(ticks, self.instrument.tick) if ticks > 0 and lots > 0 else None

    def limit_price(self, touch: Decimal, side: Side, slippage_max: Decimal) -> Decimal:
        """Return the worst price on the grid that an order may take, given the touch."""
        return marketable_price(side, touch * (1 + slippage_max * side), self.instrument.tick)

    def too_small(self, quantity: Decimal) -> bool:
        """Return whether the venue would refuse to open this quantity for its size."""
        price = self.touch(buy=quantity > ZERO) or ZERO
        instrument = self.instrument
        size = abs(quantity)
        return size < instrument.quantity_min or size * price < instrument.notional_min

    def quote_age_ns(self, monotonic_ns: int) -> int | None:
        """Return how long ago the latest quote came, or None if none ever did."""
        return None if self.quote.seen_ns < 0 else monotonic_ns - self.quote.seen_ns
