"""A simulated venue with clients, for tests of sessions and faults."""

from __future__ import annotations

from decimal import Decimal

from actors.ports import Frame
from simulations.exchange.book import DepthModel
from simulations.exchange.exchange import Exchange
from simulations.latency import LatencyModel
from simulations.transport import MemoryTransport
from simulations.venue import SimulatedVenue
from simulations.wire import Subscribe
from simulations.world import VirtualWorld
from tests.simulations.stage import SECOND_NS, SYMBOL, make_instrument, make_mark, make_quote

MS_NS = 1_000_000


class Client:
    """One session's end at the client: what it heard, and when."""

    def __init__(self, venue: SimulatedVenue, world: VirtualWorld, account: str) -> None:
        self.heard: list[tuple[int, Frame | str]] = []
        self.transport = MemoryTransport(venue, account)
        self._world = world
        self.transport.open(self)
        world.advance(10 * MS_NS)
        self.transport.send(Subscribe(symbols=(SYMBOL,)))
        world.advance(10 * MS_NS)

    def connected(self) -> None:
        """Note it."""
        self.heard.append((self._world.now_ns, "connected"))

    def disconnected(self, reason: str) -> None:
        """Note it."""
        self.heard.append((self._world.now_ns, f"disconnected: {reason}"))

    def received(self, frame: Frame) -> None:
        """Note it."""
        self.heard.append((self._world.now_ns, frame))

    def of(self, kind: type) -> list[Frame]:
        """Return the frames of a kind."""
        return [
            frame
            for _, frame in self.heard
            if isinstance(frame, kind) and not isinstance(frame, str)
        ]

    def kinds(self) -> list[str]:
        """Return the names of everything heard, then forget it."""
        names = [f if isinstance(f, str) else type(f).__name__ for _, f in self.heard]
        self.heard.clear()
        return names

    @property
    def last(self) -> Frame | str:
        """The last thing heard."""
        return self.heard[-1][1]


class Scene:
    """A venue with accounts a and b, and clients that have subscribed."""

    def __init__(self, latency: LatencyModel | None = None) -> None:
        self.world = VirtualWorld(start_ns=SECOND_NS)
        self.exchange = Exchange("alpha", [make_instrument()], depth=DepthModel(levels_max=1))
        for name in ("a", "b"):
            self.exchange.open_account(name, Decimal(1_000_000))
        self.venue = SimulatedVenue(self.exchange, self.world, latency)
        self.venue.publish_quote(make_quote(99, 101))
        self.venue.publish_mark(make_mark("100"))

    def client(self, account: str = "a") -> Client:
        """Return a client that has connected and subscribed."""
        return Client(self.venue, self.world, account)

    def settle(self) -> None:
        """Let everything that takes less than 50 ms happen."""
        self.world.advance(50 * MS_NS)
