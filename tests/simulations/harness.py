"""What the gateway contract asks of a venue, and the simulated venue's answer to it.

A later adapter joins the contract by adding its harness to HARNESSES: the same tests then run
against it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Protocol

from actors.messages.market import QuoteUpdated
from actors.messages.venue import GatewayEvent
from actors.ports import Frame, Gateway, MarketEvent
from domain.authority import Mint
from domain.instruments import Instrument
from domain.orders import Order, OrderType, Side, TimeInForce
from simulations.exchange.book import DepthModel
from simulations.exchange.exchange import Exchange
from simulations.gateway import SimulatedGateway
from simulations.latency import ConstantLatency, LatencyModel
from simulations.transport import MemoryTransport
from simulations.venue import SimulatedVenue
from simulations.world import VirtualWorld
from tests.simulations.stage import SECOND_NS, make_instrument, make_mark

__all__ = ["HARNESSES", "GatewayHarness", "SimulatedHarness"]

START_NS = 1_700_000_000 * SECOND_NS
KEY_BYTES = b"k" * 32


class GatewayHarness(Protocol):
    """A gateway joined to its venue, which quotes 99 at 101 with 10 lots and a mark of 100.

    events and market hold what the gateway reported, oldest first; sent what it put on the wire.
    Lots and ticks are 1. After each call everything that is due has happened.
    """

    gateway: Gateway
    instrument: Instrument
    events: list[GatewayEvent]
    market: list[MarketEvent]
    sent: list[Frame]

    def connect(self) -> None:
        """Open a session and let the gateway log in."""

    def drop(self) -> None:
        """Let the venue drop the session."""

    def advance(self, delta_ns: int) -> None:
        """Let time pass."""

    def quote(self, bid: int, ask: int, lots: int = 10) -> None:
        """Let the market quote."""

    def submit(
        self,
        side: Side,
        quantity: int,
        price: int | None = None,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        reduce_only: bool = False,
        expires_in_ns: int = 0,
    ) -> Order:
        """Send an order on an approval; without a price it is a market order."""

    def cancel(self, client_id: str) -> None:
        """Cancel through the gateway and let it happen."""

    def query_account(self, request: int, fills_after_ns: int = 0) -> None:
        """Query through the gateway and let the answer come."""

    def query_order(self, request: int, client_id: str) -> None:
        """Query through the gateway and let the answer come."""

    def race(self, client_id: str) -> None:
        """Cancel through the gateway while the market fills the order before the cancel arrives."""

    def late_ack_next(self) -> None:
        """Let the next acknowledgement come after the order's first fill."""

    def lose_next_ack(self) -> None:
        """Let the next acknowledgement be lost; the order lives."""

    def reject_next(self, reason: str) -> None:
        """Let the venue refuse the next order."""

    def partial_next(self) -> None:
        """Let the next order take half of its quantity only."""

    def duplicate_next_fill(self) -> None:
        """Let the next fill be reported twice."""

    def garble_next(self) -> None:
        """Let the next private frame be unreadable."""

    def cross_next_quote(self) -> None:
        """Let the next quote be shown with bid above ask."""

    def gap_next_quote(self) -> None:
        """Let the next quote be lost on the way."""

    def half_open(self) -> None:
        """Let nothing through the session any more, unnoticed."""

    def mass_cancel(self) -> None:
        """Let the venue cancel everything unasked."""

    def held(self) -> Decimal:
        """Return what the venue itself says is held."""

    def live(self) -> list[str]:
        """Return the client ids of the orders that live at the venue."""


class SimulatedHarness:
    """The simulated venue under virtual time; with latency orders take 3 ms each way."""

    def __init__(self, latency: LatencyModel | None = None) -> None:
        self.instrument = make_instrument()
        self.events: list[GatewayEvent] = []
        self.market: list[MarketEvent] = []
        self.sent: list[Frame] = []
        self.world = VirtualWorld(START_NS)
        self.exchange = Exchange("alpha", [self.instrument], depth=DepthModel(levels_max=1))
        self.exchange.open_account("main", Decimal(1_000_000))
        self.venue = SimulatedVenue(self.exchange, self.world, latency)
        self.transport = MemoryTransport(self.venue, "main")
        self.gateway: Gateway = SimulatedGateway((self.instrument,), sink=_Sink(self))
        self._mint = Mint(KEY_BYTES)
        self._ids = count(1)
        self._sequence = 0
        self.quote(99, 101)
        self.venue.publish_mark(make_mark("100"))

    # -- TransportSink: what the venue connection does in production -------------------------------

    def connected(self) -> None:
        """Tell the gateway."""
        self.gateway.connected(self.world.now_ns)

    def disconnected(self, reason: str) -> None:
        """Tell the gateway."""
        self.sent.append(f"disconnected: {reason}".encode())
        self.gateway.disconnected(self.world.now_ns)

    def received(self, frame: Frame) -> None:
        """Hand a frame to the gateway."""
        self.gateway.received(frame, self.world.now_ns)

    # -- the harness -----------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that was set off: a round trip takes at most 10 ms here."""
        self.world.advance(SECOND_NS // 100)

    def connect(self) -> None:
        """Open a session."""
        self.transport.open(self)
        self.settle()

    def drop(self) -> None:
        """Drop the session."""
        self.venue.disconnect("dropped")
        self.settle()

    def advance(self, delta_ns: int) -> None:
        """Let time pass."""
        self.world.advance(delta_ns)

    def quote(self, bid: int, ask: int, lots: int = 10) -> None:
        """Quote."""
        self._sequence += 1
        self.venue.publish_quote(
            QuoteUpdated(
                instrument=self.instrument.key,
                bid_ticks=bid,
                bid_lots=lots,
                ask_ticks=ask,
                ask_lots=lots,
                venue_time_ns=self.world.now_ns,
                sequence=self._sequence,
            )
        )
        self.settle()

    def make_order(
        self,
        side: Side,
        quantity: int,
        price: int | None = None,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        reduce_only: bool = False,
        expires_in_ns: int = 0,
    ) -> Order:
        """Return an order with the next client id."""
        return Order(
            client_id=f"order-{next(self._ids)}",
            instrument=self.instrument.key,
            side=side,
            quantity=Decimal(quantity),
            owner="/tests",
            created_ns=self.world.now_ns,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            price=None if price is None else Decimal(price),
            time_in_force=TimeInForce.IOC if price is None else time_in_force,
            reduce_only=reduce_only,
            expires_ns=self.world.now_ns + expires_in_ns if expires_in_ns else 0,
        )

    def submit(
        self,
        side: Side,
        quantity: int,
        price: int | None = None,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        reduce_only: bool = False,
        expires_in_ns: int = 0,
    ) -> Order:
        """Send an order on an approval."""
        order = self.make_order(
            side,
            quantity,
            price,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            expires_in_ns=expires_in_ns,
        )
        approval = self._mint.approve(order, epoch=0, book_sequence=1, expires_ns=SECOND_NS)
        self.gateway.submit(approval, self.world.now_ns)
        self.settle()
        return order

    def cancel(self, client_id: str) -> None:
        """Cancel."""
        self.gateway.cancel(client_id, self.instrument.key, self.world.now_ns)
        self.settle()

    def query_account(self, request: int, fills_after_ns: int = 0) -> None:
        """Query the account."""
        self.gateway.query_account(request, fills_after_ns, self.world.now_ns)
        self.settle()

    def query_order(self, request: int, client_id: str) -> None:
        """Query an order."""
        self.gateway.query_order(request, client_id, self.instrument.key, self.world.now_ns)
        self.settle()

    def race(self, client_id: str) -> None:
        """Fill while the cancel is on its way."""
        self.gateway.cancel(client_id, self.instrument.key, self.world.now_ns)
        self.quote(90, 91)

    def late_ack_next(self) -> None:
        """Delay the next acknowledgement."""
        self.venue.delay_next_acks(1)

    def lose_next_ack(self) -> None:
        """Lose the next acknowledgement."""
        self.venue.lose_next_acks(1)

    def reject_next(self, reason: str) -> None:
        """Reject the next order."""
        self.venue.reject_next(1, reason)

    def partial_next(self) -> None:
        """Fill half of the next order."""
        self.venue.partial_fill_next(Decimal("0.5"))

    def duplicate_next_fill(self) -> None:
        """Report the next fill twice."""
        self.venue.duplicate_next_fills(1)

    def garble_next(self) -> None:
        """Garble the next private frame."""
        self.venue.malformed_next(1)

    def cross_next_quote(self) -> None:
        """Cross the next quote."""
        self.venue.cross_next_quotes(1)

    def gap_next_quote(self) -> None:
        """Lose the next quote."""
        self.venue.gap_next_sequence()

    def half_open(self) -> None:
        """Break the session silently."""
        self.venue.half_open()

    def mass_cancel(self) -> None:
        """Cancel everything."""
        self.venue.mass_cancel()
        self.settle()

    def held(self) -> Decimal:
        """Return what is held."""
        holding = self.exchange.account("main").holdings.get(self.instrument.symbol)
        return Decimal(0) if holding is None else holding.position.quantity

    def live(self) -> list[str]:
        """Return what lives."""
        return list(self.exchange.account("main").orders)


class _Sink:
    """Where the gateway's output goes: to the wire, and into the harness's lists."""

    def __init__(self, harness: SimulatedHarness) -> None:
        self._harness = harness

    def send(self, frame: Frame) -> None:
        """Put a frame on the wire."""
        self._harness.sent.append(frame)
        self._harness.transport.send(frame)

    def market(self, event: MarketEvent) -> None:
        """Keep market data."""
        self._harness.market.append(event)

    def emit(self, event: GatewayEvent) -> None:
        """Keep an event."""
        self._harness.events.append(event)

    def wake(self, delay_ns: int, token: int) -> None:
        """Wake the gateway later."""
        harness = self._harness
        world = harness.world
        world.at(world.now_ns + delay_ns, lambda: harness.gateway.woken(token, world.now_ns))


HARNESSES: dict[str, Callable[[], GatewayHarness]] = {
    "simulated": SimulatedHarness,
    "simulated with latency": lambda: SimulatedHarness(
        ConstantLatency(entry_ns=3_000_000, response_ns=3_000_000, feed_ns=1_000_000)
    ),
}
