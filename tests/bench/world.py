"""A small production tree on one simulated venue, joined as the wiring joins it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from actors.journal.audit import AuditBuffer
from actors.journal.journal import Journal
from actors.journal.store import MemoryStore
from actors.messages.market import MarkUpdated, QuoteUpdated
from actors.portfolio.portfolio import Portfolio
from actors.ports import Transport
from actors.positions.position import Position
from actors.risk.supervisor import RiskSupervisor
from actors.root import RootSupervisor, ScopeMap
from actors.runtime import Actor, ActorSpec, ChildSpec, SimulatedRuntime, Supervisor, SupervisorSpec
from actors.runtime.loop import LoopRuntime
from actors.settings import FlattenSettings, JournalSettings, RiskSettings, VenueSettings
from actors.venues.connection import VenueConnection
from domain.checks import RiskLimits
from domain.client_ids import ClientIdIssuer, ClientIdScheme, owner_number
from domain.instruments import Instrument
from domain.money import install_context
from simulations.exchange.admission import ExchangeRules
from simulations.exchange.exchange import Exchange
from simulations.gateway import SimulatedGateway
from simulations.latency import LatencyModel
from simulations.listings import listing
from simulations.market.chunks import Chunk, ChunkKind, ChunkSource
from simulations.transport import MemoryTransport
from simulations.venue import SimulatedVenue
from tests.bench import feed

__all__ = ["KEY", "World", "issuer", "quote_chunks"]

KEY = "alpha:BTCUSDT"
SECOND_NS = 1_000_000_000
SETTLE_NS = 3 * SECOND_NS
CHUNK = 10_000
UNLIMITED = 1_000_000_000
APPROVAL_KEY = b"a" * 16
PERMIT_KEY = b"p" * 16

install_context()


def issuer(address: str) -> ClientIdIssuer:
    """Return the client ids of an owner."""
    return ClientIdScheme(deployment=7, incarnation=1).issuer(owner_number(address))


def substream(name: str) -> Random:
    """Return the stream of a name."""
    return Random(name)


def _as_it_is(transport: Transport) -> Transport:
    return transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which parts of the tree a benchmark wants; owners hear of positions and accounts."""

    owners: dict[str, Callable[[], Actor]] = field(default_factory=dict)
    trading: bool = True
    journal: bool = False
    latency: LatencyModel | None = None
    heartbeat_s: int = 5
    resync_s: int = 30
    transport: Callable[[Transport], Transport] = _as_it_is
    flattener: Callable[[], Actor] | None = None


class World:
    """One venue, its connection, risk, position, portfolio and the owners that are measured.

    audit counts every journalled message unless a real journal keeps it.
    """

    def __init__(self, options: Options, loop: LoopRuntime | None = None) -> None:
        """Build everything and let it settle, so that it is LIVE when the feed begins.

        On a loop, which lives in real time, the caller waits for that.
        """
        self.options = options
        self.simulated = SimulatedRuntime(substream, start_ns=feed.START_NS - SETTLE_NS)
        self.runtime = loop or self.simulated
        self.instrument = listing(
            "alpha", "BTC", maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0005")
        )
        rules = ExchangeRules(orders_per_second_max=UNLIMITED)
        exchange = Exchange("alpha", [self.instrument], rules=rules)
        exchange.open_account("main", Decimal(100_000_000))
        self.venue = SimulatedVenue(exchange, self.runtime, options.latency)
        self.transport: Transport = options.transport(MemoryTransport(self.venue, "main"))
        self.audit = AuditBuffer()
        if options.journal:
            self.runtime.kernel.audit = self.audit
        self.venue.publish_quote(_first_quote(self.runtime.now_ns))
        self.mark(Decimal(30_000))
        self.runtime.spawn(ActorSpec("root", self._root))
        if loop is None:
            self.simulated.advance(SETTLE_NS)
        self.check()

    def mark(self, price: Decimal) -> None:
        """Publish a mark."""
        now_ns = self.runtime.now_ns
        self.venue.publish_mark(
            MarkUpdated(instrument=KEY, mark=price, index=price, venue_time_ns=now_ns)
        )

    def check(self) -> None:
        """Raise what any actor died of: a benchmark of a broken tree measures nothing."""
        kernel = self.runtime.kernel
        for failure in kernel.lifecycle.failures:
            raise RuntimeError(f"{failure[0]}: {failure[2]}")

    def actor(self, address: str) -> Actor:
        """Return the instance behind an address."""
        actor = self.runtime.kernel.boxes[address].actor
        assert actor is not None, "its tree stands"
        return actor

    def run(self, series: Iterable[Iterable[Chunk]], until_ns: int) -> None:
        """Publish series up to a time."""
        source = ChunkSource(series, {"alpha": self.venue}, self.simulated.set_time)
        self.simulated.add_source(source)
        self.simulated.run_until(until_ns)

    def _root(self) -> RootSupervisor:
        return RootSupervisor(
            spec=self._spec(),
            mint_key=PERMIT_KEY,
            scopes=ScopeMap((KEY,), ()),
            settings=FlattenSettings(),
        )

    def _spec(self) -> SupervisorSpec:
        options = self.options
        owners = tuple(f"/owners/{name}" for name in options.owners)
        children = [_group("owners", options.owners)]
        if options.trading:
            children[:0] = self._trading(owners)
        listeners = ("/risk", "/portfolio") if options.trading else ()
        children.append(
            _group("venues", {"alpha": lambda: self.connection(listeners, self.instrument)})
        )
        if options.flattener is not None:
            children.insert(0, ChildSpec("flatten", options.flattener))
        if options.journal:
            children.insert(0, ChildSpec("journal", self._journal))
        return SupervisorSpec(tuple(children))

    def _trading(self, owners: tuple[str, ...]) -> list[ChildSpec]:
        listeners = (*owners, "/risk", "/portfolio")
        instruments = (self.instrument,)
        return [
            ChildSpec("portfolio", lambda: Portfolio(pairs=(), instruments=instruments)),
            ChildSpec("risk", lambda: _risk(instruments)),
            _group(
                "positions",
                {
                    "alpha/main/BTCUSDT": lambda: Position(
                        instrument=self.instrument, venue="/venues/alpha", listeners=listeners
                    )
                },
            ),
        ]

    def connection(self, listeners: tuple[str, ...], instrument: Instrument) -> VenueConnection:
        """Return the connection to the venue."""
        heartbeat_ns = self.options.heartbeat_s * SECOND_NS
        return VenueConnection(
            venue="alpha",
            settings=VenueSettings(
                orders_per_second=float(UNLIMITED),
                burst=UNLIMITED,
                resync_ms=self.options.resync_s * 1_000,
            ),
            gateway=lambda sink: SimulatedGateway(
                (instrument,), sink=sink, heartbeat_ns=heartbeat_ns, switch_ns=3 * heartbeat_ns
            ),
            transport=self.transport,
            approval_key=APPROVAL_KEY,
            permit_key=PERMIT_KEY,
            deployment=7,
            listeners=listeners,
            account_listeners=listeners,
        )

    def _journal(self) -> Journal:
        return Journal(settings=JournalSettings(), audit=self.audit, store=MemoryStore())


def _risk(instruments: tuple[Instrument, ...]) -> RiskSupervisor:
    limits = RiskLimits(
        order_notional_max=Decimal(10_000_000),
        position_notional_max=Decimal(10_000_000),
        portfolio_notional_max=Decimal(10_000_000),
        price_deviation_max=Decimal("0.5"),
        orders_per_minute_max=UNLIMITED,
        daily_loss_max=Decimal(100_000_000),
    )
    return RiskSupervisor(
        settings=RiskSettings(limits=limits),
        approval_key=APPROVAL_KEY,
        instruments=instruments,
        pairs=(),
    )


def _group(name: str, makers: dict[str, Callable[[], Actor]]) -> ChildSpec:
    children = tuple(ChildSpec(id_, make) for id_, make in makers.items())
    return ChildSpec(
        name, lambda: Supervisor(SupervisorSpec(children)), shutdown_ns=None, supervisor=True
    )


def _first_quote(now_ns: int) -> QuoteUpdated:
    return QuoteUpdated(
        instrument=KEY,
        bid_ticks=299_999,
        bid_lots=feed.LOTS,
        ask_ticks=300_001,
        ask_lots=feed.LOTS,
        venue_time_ns=now_ns,
        sequence=0,
    )


def quote_chunks(rows: list[tuple[int, int, int]]) -> list[Chunk]:
    """Return quotes as a recorded feed holds them: columns, CHUNK rows at a time."""
    chunks = []
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        times, bids, asks = (list(column) for column in zip(*part, strict=True))
        lots = [feed.LOTS] * len(part)
        chunks.append(
            Chunk(
                instrument=KEY,
                kind=ChunkKind.QUOTE,
                times_ns=times,
                columns=(bids, lots, asks, lots),
            )
        )
    return chunks
