"""The round trip of an order in simulation, from the proposal to the position's new figure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from statistics import median
from time import perf_counter_ns

from actors.messages.market import QuoteUpdated
from actors.messages.orders import OrderRefused, OrderUpdated, ProposeOrder
from actors.messages.positions import AccountReported, PositionChanged
from actors.runtime import Actor, handles
from domain.orders import Order, OrderState, OrderType, Side, TimeInForce
from simulations.latency import ConstantLatency
from tests.bench import feed
from tests.bench.measure import Budget, Line, Scale, interleave
from tests.bench.peers import NAUTILUS, peer_sample
from tests.bench.world import KEY, Options, World, issuer, quote_chunks

__all__ = ["Trips", "orders_1k", "orders_10k", "orders_50k", "orders_growth", "orders_latency"]

QUANTITY = Decimal("0.010")
TICK = Decimal("0.1")
REACH = 10
MESSAGES_MAX = 12
LATENCY_NS = 1_000_000
_BUY, _SELL = Side.BUY, Side.SELL
_FILLED, _LIMIT, _IOC = OrderState.FILLED, OrderType.LIMIT, TimeInForce.IOC
# Open, add, reduce and close, long and then short: half of the orders raise the exposure.
SIDES = (1, 1, -1, -1, -1, -1, 1, 1)


class Trips(Actor):
    """Proposes an order at a quote and waits for FILLED and the position before the next."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count
        self.taken_ns: list[int] = []
        self.messages = 0
        self.refused: OrderRefused | None = None
        self._ids = issuer("/owners/trips")
        self._waiting = 0
        self._begun_ns = 0
        self._sequence = 0

    def on_start(self) -> None:
        """Subscribe."""
        self.context.subscribe(f"quote:{KEY}")

    @handles(QuoteUpdated)
    def quoted(self, quote: QuoteUpdated) -> None:
        """Send the next order if none is out."""
        if self._waiting or not self.left or quote.venue_time_ns < feed.START_NS:
            return
        buys = SIDES[self.left % len(SIDES)] > 0
        self._waiting = 2
        self._sequence = self.context.sequence
        self._begun_ns = perf_counter_ns()
        order = Order(
            client_id=self._ids.next(),
            instrument=KEY,
            side=_BUY if buys else _SELL,
            quantity=QUANTITY,
            owner="/owners/trips",
            created_ns=self.context.now,
            order_type=_LIMIT,
            price=TICK * (quote.ask_ticks + REACH if buys else quote.bid_ticks - REACH),
            time_in_force=_IOC,
        )
        self.context.tell("/risk", ProposeOrder(order=order))

    @handles(OrderUpdated)
    def updated(self, message: OrderUpdated) -> None:
        """Note the end of the order."""
        if message.state is _FILLED:
            self._done()

    @handles(PositionChanged)
    def moved(self, message: PositionChanged) -> None:
        """Note the new figure."""
        if message.fill_id:
            self._done()

    def _done(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            self.taken_ns.append(perf_counter_ns() - self._begun_ns)
            self.messages = self.context.sequence - self._sequence
            self.left -= 1

    @handles(OrderRefused)
    def refuse(self, message: OrderRefused) -> None:
        """Keep what went wrong."""
        self.refused = message

    @handles(AccountReported)
    def reported(self, _: AccountReported) -> None:
        """Let pass."""


@cache
def _rows(count: int) -> list[tuple[int, int, int]]:
    # A snapshot in between may hold an order up: there are quotes to spare.
    return list(feed.quotes(count + count // 50 + 50))


def trip_world(count: int, *, latency: bool, journal: bool) -> World:
    """Return a world in which count orders have made their trip; Trips knows how long each took."""
    rows = _rows(count)
    model = None
    if latency:
        model = ConstantLatency(entry_ns=LATENCY_NS, response_ns=LATENCY_NS)
    world = World(Options(owners={"trips": lambda: Trips(count)}, latency=model, journal=journal))
    world.run([quote_chunks(rows)], rows[-1][0])
    world.check()
    trips = trips_of(world)
    assert not trips.left, f"{trips.left} orders did not go: {trips.refused}"
    return world


def trips_of(world: World) -> Trips:
    """Return the owner that measured."""
    trips = world.actor("/owners/trips")
    assert isinstance(trips, Trips), "the owner measures"
    return trips


class Trial:
    """One kind of order run; it remembers how many messages an order took."""

    def __init__(self, count: int, *, latency: bool = False, journal: bool = False) -> None:
        """Take how many orders go, and through what."""
        self.count = count
        self.messages = 0
        self._latency = latency
        self._journal = journal

    def sample(self) -> float:
        """Return the median µs of one round trip."""
        trips = trips_of(trip_world(self.count, latency=self._latency, journal=self._journal))
        self.messages = trips.messages
        return median(trips.taken_ns) / 1e3

    def peer(self, scale: Scale) -> Callable[[], float] | None:
        """Return the same of the peer."""
        latency_ns = LATENCY_NS if self._latency else 0
        return peer_sample(scale, "orders", "median_us", count=self.count, latency_ns=latency_ns)


def _line(name: str, scale: Scale, trial: Trial, figure_max: float) -> Line:
    ours, peers = interleave(scale.runs, trial.sample, trial.peer(scale))
    return Line(
        name=name,
        unit="us",
        better="less",
        ours=ours,
        peer_name=NAUTILUS,
        peers=peers,
        budget=Budget(figure_max=figure_max, messages_max=MESSAGES_MAX),
        detail={"messages": trial.messages},
    )


def orders_1k(scale: Scale) -> list[Line]:
    """Measure 1,000 orders without latency."""
    return [_line("orders_1k", scale, Trial(scale.of(1_000)), 12.0)]


def orders_10k(scale: Scale) -> list[Line]:
    """Measure 10,000 orders without latency."""
    return [_line("orders_10k", scale, Trial(scale.of(10_000)), 12.0)]


def orders_50k(scale: Scale) -> list[Line]:
    """Measure 50,000 orders without latency."""
    return [_line("orders_50k", scale, Trial(scale.of(50_000)), 12.0)]


def orders_latency(scale: Scale) -> list[Line]:
    """Measure 10,000 orders with latency events, then with the journal's audit as well."""
    count = scale.of(10_000)
    return [
        _line("orders_latency", scale, Trial(count, latency=True), 15.0),
        _line("orders_journal", scale, Trial(count, latency=True, journal=True), 15.0),
    ]


def orders_growth(scale: Scale) -> list[Line]:
    """Measure how much dearer the median of 50,000 orders is than that of 1,000, in turn."""
    many, few = Trial(scale.of(50_000)), Trial(scale.of(1_000))
    ours, base = interleave(scale.runs, many.sample, few.sample)
    return [
        Line(
            name="orders_growth",
            unit="x",
            better="less",
            ours=[after / before for after, before in zip(ours, base, strict=True)],
            budget=Budget(figure_max=1.15),
        )
    ]
