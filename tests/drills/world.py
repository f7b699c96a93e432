"""The drill world: the whole tree on two simulated venues, under virtual time, with every knob out.

Venues alpha and beta list BTC and ETH. A pair of a coin has its main leg on alpha and its hedge on
beta. The market quotes each instrument every 500 ms at ``price``, with its mark, while ``quoting``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from actors.addresses import FLATTEN, PORTFOLIO, RISK, pair_address, position_address
from actors.flatten.flattener import Flattener
from actors.hedges.pair import HedgePair
from actors.journal.audit import AuditBuffer
from actors.journal.journal import Journal
from actors.journal.store import RunHeader
from actors.messages.flatten import FlattenState, FlattenStatus
from actors.messages.market import MarkUpdated, QuoteUpdated
from actors.messages.pairs import ExposureEnded, PairPhase, PairSignal, PairStateChanged
from actors.messages.risk import TradingStateChanged
from actors.messages.venue import VenueStateChanged
from actors.positions.position import Position
from actors.risk.supervisor import RiskSupervisor
from actors.root import RootSupervisor, ScopeMap
from actors.runtime import (
    Actor,
    ActorSpec,
    Backoff,
    ChildSpec,
    FlattenScope,
    Message,
    SimulatedRuntime,
    Supervisor,
    SupervisorSpec,
)
from actors.settings import (
    FlattenSettings,
    JournalSettings,
    PairSettings,
    RiskSettings,
    VenueSettings,
)
from actors.venues.connection import VenueConnection
from domain.checks import RiskLimits
from domain.client_ids import ClientIdScheme
from domain.instruments import Instrument
from domain.money import install_context
from simulations.exchange.exchange import Exchange
from simulations.gateway import SimulatedGateway
from simulations.latency import ConstantLatency
from simulations.listings import listing
from simulations.transport import MemoryTransport
from simulations.venue import SimulatedVenue
from tests.drills.cast import Raiser, Recorder, Trader
from tests.drills.faults import Crash, FailingStore, Line, Poison, crashing
from tests.drills.witness import Witness

__all__ = ["ALPHA", "BETA", "MS_NS", "SECOND_NS", "START_NS", "World", "leg", "pair_settings"]

MS_NS = 1_000_000
SECOND_NS = 1_000 * MS_NS
START_NS = 1_700_000_000 * SECOND_NS
DEPOSIT = Decimal(100_000)
DEPLOYMENT = 7
APPROVAL_KEY = b"approval-of-drills"
PERMIT_KEY = b"permit-of-drills!!"
ALPHA, BETA = "alpha", "beta"
TRADER = "/trader"
VENUES = (ALPHA, BETA)
PRICES = {"BTC": Decimal(30_000), "ETH": Decimal(2_000)}
LIMITS = RiskLimits(
    order_notional_max=Decimal(50_000),
    position_notional_max=Decimal(50_000),
    portfolio_notional_max=Decimal(200_000),
    daily_loss_max=Decimal(5_000),
)
BACKOFF = Backoff(first_ns=100 * MS_NS, max_ns=5 * SECOND_NS)

_M = TypeVar("_M", bound=Message)


def leg(venue: str, coin: str = "BTC") -> str:
    """Return the instrument key of a coin's perpetual at a venue."""
    return f"{venue}:{coin}USDT"


def pair_settings(coin: str = "BTC", **changes: Any) -> PairSettings:
    """Return a pair that is named after its coin, half hedged, with 5,000 to 10,000 of main leg."""
    settings: dict[str, Any] = {
        "name": coin.lower(),
        "main": leg(ALPHA, coin),
        "hedge": leg(BETA, coin),
        "ratio": Decimal("0.5"),
        "capital_usd": Decimal(5_000),
    }
    return PairSettings(**{**settings, **changes})


class World:
    """Everything of a drill; what a test may turn is public, and nothing else is touched."""

    def __init__(
        self,
        *,
        pairs: Sequence[PairSettings] | None = None,
        crashes: dict[str, Crash] | None = None,
        latency_ns: int = 0,
        flatten: FlattenSettings | None = None,
        venue: VenueSettings | None = None,
        risk: RiskSettings | None = None,
        journal: JournalSettings | None = None,
        strategy: bool = False,
        before: World | None = None,
    ) -> None:
        install_context()
        self.before = before
        start_ns = START_NS if before is None else before.runtime.now_ns
        self.runtime: SimulatedRuntime = SimulatedRuntime(_substream, start_ns=start_ns)
        self.kernel = self.runtime.kernel
        self.pairs = tuple((pair_settings(),) if pairs is None else pairs)
        self.log: list[tuple[int, Any]] = []
        self.price = dict(PRICES)
        self.lots = 50_000
        self.quoting = dict.fromkeys(VENUES, True)
        self.crashes = crashes or {}
        incarnation = 1 if before is None else before.ids.incarnation + 1
        self.ids: ClientIdScheme = ClientIdScheme(deployment=DEPLOYMENT, incarnation=incarnation)
        self.instruments: dict[str, Instrument] = {}
        self.venues: dict[str, SimulatedVenue] = {}
        self.lines: dict[tuple[str, str], Line] = {}
        self.store: FailingStore = FailingStore() if before is None else before.store
        self.header = RunHeader(started_ns=start_ns)
        self.witness = Witness(self.kernel, APPROVAL_KEY, PERMIT_KEY, VENUES)
        self.kernel.observer = self.witness.observe
        settings = journal or JournalSettings()
        self.audit = AuditBuffer(queue_max=settings.queue_max)
        self.kernel.audit = self.audit
        self._quotes: dict[str, int] = {}
        self._flatten = flatten or FlattenSettings()
        self._venue = venue or VenueSettings()
        self._risk = risk or RiskSettings(limits=LIMITS)
        self._journal = settings
        self._list_venues(latency_ns, before)
        self.runtime.spawn(self._root(strategy=strategy))
        self._quote_all()
        self.stopping = False
        self.run(1)
        self.ready_sequence = self.kernel.sequence

    # -- the market ------------------------------------------------------------------------------

    def _list_venues(self, latency_ns: int, before: World | None) -> None:
        fees = {"maker_fee": Decimal("0.0002"), "taker_fee": Decimal("0.0005")}
        latency = ConstantLatency(entry_ns=latency_ns, response_ns=latency_ns)
        for venue in VENUES:
            listed = [listing(venue, coin, **fees) for coin in PRICES]
            self.instruments.update({item.key: item for item in listed})
            if before is None:
                exchange = Exchange(venue, listed)
                exchange.open_account("main", DEPOSIT)
            else:
                exchange = before.venues[venue].exchange
            self.venues[venue] = SimulatedVenue(exchange, self.runtime, latency)

    def quote(self, key: str, *, spread_ticks: int = 1, lots: int | None = None) -> None:
        """Publish one quote around the coin's price."""
        instrument = self.instruments[key]
        middle = int(self.price[instrument.base] / instrument.tick)
        size = self.lots if lots is None else lots
        self.venues[instrument.venue].publish_quote(
            QuoteUpdated(
                instrument=key,
                bid_ticks=middle - spread_ticks,
                bid_lots=size,
                ask_ticks=middle + spread_ticks,
                ask_lots=size,
                venue_time_ns=self.runtime.now_ns,
                sequence=self._count(key),
            )
        )

    def _count(self, key: str) -> int:
        self._quotes[key] = self._quotes.get(key, 0) + 1
        return self._quotes[key]

    def mark(self, key: str, price: Decimal | None = None) -> None:
        """Publish the mark, the coin's price unless given."""
        instrument = self.instruments[key]
        mark = self.price[instrument.base] if price is None else price
        self.venues[instrument.venue].publish_mark(
            MarkUpdated(instrument=key, mark=mark, index=mark, venue_time_ns=self.runtime.now_ns)
        )

    def _quote_all(self) -> None:
        for key, instrument in self.instruments.items():
            if self.quoting[instrument.venue]:
                self.quote(key)
                self.mark(key)
        self.runtime.at(self.runtime.now_ns + 500 * MS_NS, self._quote_all)

    # -- the tree --------------------------------------------------------------------------------

    def _spec(
        self, path: str, actor: type[Actor], scope: str = "none", key: str = "", **parts: Any
    ) -> ChildSpec:
        crash = self.crashes.get(path)
        made = actor if crash is None else crashing(actor, crash)
        return ChildSpec(
            id=path.strip("/").partition("/")[2] or path.strip("/"),
            factory=lambda: made(**parts),
            scope=FlattenScope(scope),
            scope_key=key,
        )

    def _root(self, *, strategy: bool) -> ActorSpec:
        instruments = tuple(self.instruments.values())
        scopes = ScopeMap(
            tuple(self.instruments), tuple((p.name, p.main, p.hedge) for p in self.pairs)
        )
        risk = self._spec(
            RISK,
            RiskSupervisor,
            "all",
            settings=self._risk,
            approval_key=APPROVAL_KEY,
            instruments=instruments,
            pairs=self.pairs,
        )
        journal = self._spec(
            "/journal",
            Journal,
            settings=self._journal,
            audit=self.audit,
            store=self.store,
            header=self.header,
        )
        children: tuple[ChildSpec, ...] = (
            journal,
            self._spec(PORTFOLIO, Recorder, log=self.log),
            self._flattener(instruments),
            risk,
            _group("venues", [self._connection(venue) for venue in VENUES]),
            _group("positions", [self._position(item) for item in instruments]),
            _group("hedges", [self._pair(pair) for pair in self.pairs]),
            self._spec(TRADER, Trader, scheme=self.ids),
        )
        if strategy:
            pair = self.pairs[0]
            raiser = self._spec(
                "/strategies/raiser", Raiser, "pair", pair.name, instrument=pair.main
            )
            children = (*children, _group("strategies", [raiser]))
        spec = SupervisorSpec(children, intensity=10, backoff=BACKOFF)
        made: Any = RootSupervisor
        if "/" in self.crashes:
            made = crashing(RootSupervisor, self.crashes["/"])
        return ActorSpec(
            "root",
            lambda: made(spec=spec, mint_key=PERMIT_KEY, scopes=scopes, settings=self._flatten),
        )

    def _transport(self, venue: str, role: str) -> Line:
        line = Line(MemoryTransport(self.venues[venue], "main"), self.runtime)
        self.lines[venue, role] = line
        return line

    def _listed(self, venue: str) -> tuple[Instrument, ...]:
        return tuple(item for item in self.instruments.values() if item.venue == venue)

    def _gateway(self, venue: str, role: str, switch_ns: int) -> Callable[[Any], Any]:
        return lambda sink: self.witness.guarded(
            venue, role, SimulatedGateway(self._listed(venue), sink=sink, switch_ns=switch_ns)
        )

    def _flattener(self, instruments: tuple[Instrument, ...]) -> ChildSpec:
        return self._spec(
            FLATTEN,
            Flattener,
            settings=self._flatten,
            gateways={venue: self._gateway(venue, "flatten", 0) for venue in VENUES},
            transports={venue: self._transport(venue, "flatten") for venue in VENUES},
            instruments=instruments,
            client_ids=self.ids,
            permit_key=PERMIT_KEY,
        )

    def _connection(self, venue: str) -> ChildSpec:
        pairs = tuple(pair_address(pair.name) for pair in self.pairs)
        return self._spec(
            f"/venues/{venue}",
            VenueConnection,
            "venue",
            venue,
            venue=venue,
            settings=self._venue,
            gateway=self._gateway(venue, "main", 15 * SECOND_NS),
            transport=self._transport(venue, "main"),
            approval_key=APPROVAL_KEY,
            permit_key=PERMIT_KEY,
            deployment=DEPLOYMENT,
            listeners=(RISK, PORTFOLIO, FLATTEN, TRADER, *pairs),
            account_listeners=(RISK, PORTFOLIO, *pairs),
        )

    def _position(self, item: Instrument) -> ChildSpec:
        owners = (pair_address(p.name) for p in self.pairs if item.key in (p.main, p.hedge))
        return self._spec(
            position_address(item.key),
            Position,
            "instrument",
            item.key,
            instrument=item,
            venue=f"/venues/{item.venue}",
            listeners=(RISK, PORTFOLIO, *owners),
        )

    def _pair(self, pair: PairSettings) -> ChildSpec:
        return self._spec(
            pair_address(pair.name),
            HedgePair,
            "pair",
            pair.name,
            settings=pair,
            main=self.instruments[pair.main],
            hedge=self.instruments[pair.hedge],
            client_ids=self.ids,
            leverage_cap=self._risk.limits.leverage_max,
        )

    # -- acting ----------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.runtime.advance(int(seconds * SECOND_NS))

    def until(self, wanted: Callable[[], bool], seconds: float, step_ms: int = 10) -> None:
        """Let time pass until something holds, at most this long; else the drill has failed."""
        end_ns = self.runtime.now_ns + int(seconds * SECOND_NS)
        while not wanted():
            assert self.runtime.now_ns < end_ns, f"not within {seconds} s: {self.story()}"
            self.runtime.advance(step_ms * MS_NS)

    def tell(self, address: str, message: Message) -> None:
        """Send a message from outside, and let everything happen that follows at this instant."""
        self.kernel.tell(address, message)
        self.runtime.settle()

    def signal(self, direction: int, pair: str = "btc", confidence: float = 1.0) -> None:
        """Tell a pair what a strategy wants."""
        self.tell(
            pair_address(pair),
            PairSignal(
                pair=pair,
                direction=direction,
                confidence=confidence,
                source="drill",
                expires_ns=self.runtime.now_ns + 10 * SECOND_NS,
            ),
        )

    def open_pair(self, direction: int = 1, pair: str = "btc") -> None:
        """Bring a pair to HEDGED."""
        self.signal(direction, pair)
        self.until(lambda: self.phase(pair) is PairPhase.HEDGED, 5)

    def poison(self, address: str) -> None:
        """Make an actor fail between two messages."""
        self.tell(address, Poison())

    def stop(self) -> None:
        """Ask for an orderly stop."""
        self.stopping = True
        self.kernel.lifecycle.request_stop("/")
        self.runtime.settle()

    # -- looking ---------------------------------------------------------------------------------

    def said(self, kind: type[_M]) -> list[_M]:
        """Return everything of a type that the portfolio was told."""
        return [message for _, message in self.log if type(message) is kind]

    def phase(self, pair: str = "btc") -> PairPhase:
        """Return the phase that a pair last reported."""
        return [item for item in self.said(PairStateChanged) if item.pair == pair][-1].phase

    def phases(self, pair: str = "btc") -> list[PairPhase]:
        """Return the phases that a pair reported, in order."""
        return [item.phase for item in self.said(PairStateChanged) if item.pair == pair]

    def trading(self) -> TradingStateChanged:
        """Return the trading state that was last told."""
        return self.said(TradingStateChanged)[-1]

    def connection(self, venue: str) -> str:
        """Return the state that a venue's connection last told."""
        told = [item for item in self.said(VenueStateChanged) if item.venue == venue]
        return str(told[-1].state)

    def held(self, key: str) -> Decimal:
        """Return what the exchange says is held."""
        venue, _, symbol = key.partition(":")
        holding = self.venues[venue].exchange.account("main").holdings.get(symbol)
        return Decimal(0) if holding is None else holding.position.quantity

    def flat(self, *coins: str) -> bool:
        """Tell whether the exchanges hold nothing (of some coins, or at all)."""
        wanted = coins or tuple(PRICES)
        return not any(self.held(leg(venue, coin)) for venue in VENUES for coin in wanted)

    def flattens(self) -> list[FlattenState]:
        """Return the states of mandates as they were told, without repeats in a row."""
        states = [status.state for status in self.said(FlattenStatus)]
        return [s for i, s in enumerate(states) if i == 0 or states[i - 1] is not s]

    def confirmed_flat(self) -> bool:
        """Tell whether the latest mandate ended confirmed."""
        states = self.flattens()
        return bool(states) and states[-1] is FlattenState.FLAT_CONFIRMED

    def actor(self, address: str) -> Any:
        """Return the instance behind an address, to look at."""
        return self.kernel.boxes[address].actor

    def alive(self, address: str) -> bool:
        """Tell whether an instance is behind an address."""
        return self.kernel.is_alive(address)

    def exposed_ms(self, pair: str = "btc") -> float:
        """Return the longest exposed time that the pair measured, in ms, unreachable apart."""
        ended = [item for item in self.said(ExposureEnded) if item.pair == pair]
        return max((item.exposed_ns for item in ended), default=0) / MS_NS

    def story(self) -> str:
        """Return the latest of what was told, for a failing test."""
        return "\n".join(f"{at / SECOND_NS:9.3f} {message}" for at, message in self.log[-30:])


def _group(name: str, children: list[ChildSpec]) -> ChildSpec:
    abandon = name in ("hedges", "strategies")
    spec = SupervisorSpec(tuple(children), intensity=3, backoff=BACKOFF, abandon=abandon)
    return ChildSpec(name, lambda: Supervisor(spec), shutdown_ns=None, supervisor=True)


def _substream(name: str) -> random.Random:
    return random.Random(f"drill-{name}")
