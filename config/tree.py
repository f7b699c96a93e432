"""The supervision tree of a config: who supervises whom, how often, and what is closed after that.

It is data before it runs, so that it can be checked and shown; ``table`` is what the docs show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from actors.flatten.flattener import Flattener
from actors.hedges.pair import HedgePair
from actors.journal.audit import AuditBuffer
from actors.journal.journal import Journal
from actors.journal.store import EmergencyLog, JournalStore, RunHeader
from actors.messages.portfolio import PortfolioReply
from actors.portfolio.portfolio import Portfolio
from actors.ports import Transport
from actors.positions.position import Position
from actors.risk.supervisor import RiskSupervisor
from actors.root import RootSupervisor, ScopeMap
from actors.runtime import (
    Actor,
    ActorSpec,
    Backoff,
    ChildSpec,
    FlattenScope,
    OverflowPolicy,
    Strategy,
    Supervisor,
    SupervisorSpec,
)
from actors.runtime.specs import SECOND_NS
from actors.venues.connection import VenueConnection
from config.plugins import Plugins, VenueParts
from config.report import FinalReport
from config.schema import Config, VenueTable
from domain.client_ids import ClientIdScheme
from domain.instruments import Instrument, split_key

__all__ = ["Keys", "Parts", "root_spec", "table", "traded", "tree"]

INDEPENDENT = ("hedges", "strategies")
ROOT_INTENSITY = 10
GROUP_INTENSITY = 5
PERIOD_NS = 60 * SECOND_NS
BACKOFF = Backoff(first_ns=SECOND_NS // 10, max_ns=5 * SECOND_NS)
JOURNAL_STOP_NS = 30 * SECOND_NS
RISK, PORTFOLIO = "/risk", "/portfolio"


class Keys(msgspec.Struct, frozen=True):
    """The keys with which approvals and permits are sealed, for one run."""

    approval: bytes
    permit: bytes

    def __repr__(self) -> str:
        """Return a text without the keys."""
        return "Keys(***)"


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the tree's factories join: venue parts by name, keys, ids, the journal's ends.

    transport returns a session by venue name and role (trade, flatten), a new one at each restart
    of its user; on_report takes the final figures.
    """

    venues: dict[str, VenueParts]
    transport: Callable[[str, str], Transport]
    keys: Keys
    client_ids: ClientIdScheme
    audit: AuditBuffer
    store: JournalStore
    header: RunHeader
    emergency: EmergencyLog | None
    plugins: Plugins
    on_report: Callable[[PortfolioReply], None]


Factory = Callable[[Config, Parts], Actor]


def traded(config: Config, venue: str) -> tuple[Instrument, ...]:
    """Return the instruments of a venue that a pair uses; only those are subscribed to."""
    return tuple(item for item in config.instruments if item.venue == venue)


def root_spec(config: Config, parts: Parts) -> ActorSpec:
    """Return the root of a config's tree."""
    scopes = ScopeMap(
        instruments=tuple(item.key for item in config.instruments),
        pairs=tuple((pair.name, pair.main, pair.hedge) for pair in config.pairs),
    )
    spec = tree(config, parts)
    return ActorSpec(
        id="root",
        factory=lambda: RootSupervisor(
            spec=spec, mint_key=parts.keys.permit, scopes=scopes, settings=config.flatten
        ),
    )


def tree(config: Config, parts: Parts | None) -> SupervisorSpec:
    """Return what the root supervises, in order of starting; without parts it can only be shown."""
    make = _Maker(config, parts)
    children = (
        make.child("journal", _journal, FlattenScope.ALL, shutdown_ns=JOURNAL_STOP_NS),
        make.child("portfolio", _portfolio),
        make.child("flatten", _flattener),
        make.child("risk", _risk, FlattenScope.ALL),
        *make.groups(),
        make.child("report", _report, shutdown_ns=10 * SECOND_NS),
    )
    return SupervisorSpec(
        children=children,
        strategy=Strategy.ONE_FOR_ONE,
        intensity=ROOT_INTENSITY,
        period_ns=PERIOD_NS,
        backoff=BACKOFF,
    )


class _Maker:
    """Makes child specs of one config."""

    def __init__(self, config: Config, parts: Parts | None) -> None:
        self._config = config
        self._parts = parts

    def child(
        self,
        name: str,
        factory: Factory,
        scope: FlattenScope = FlattenScope.NONE,
        key: str = "",
        shutdown_ns: int = 5 * SECOND_NS,
    ) -> ChildSpec:
        """Return a child that a factory builds from config and parts."""
        config, parts = self._config, self._parts

        def build() -> Actor:
            assert parts is not None, "this tree was made to be shown"
            return factory(config, parts)

        return ChildSpec(
            id=name,
            factory=build,
            overflow=OverflowPolicy.FAIL,  # who cannot keep up with its mail cannot trade
            scope=scope,
            scope_key=key,
            shutdown_ns=shutdown_ns,
        )

    def groups(self) -> tuple[ChildSpec, ...]:
        """Return the supervisors of venues, positions, hedges and strategies."""
        config, child = self._config, self.child
        venues = tuple(
            child(venue.name, _venue(venue), FlattenScope.VENUE, venue.name)
            for venue in config.venues
            if traded(config, venue.name)
        )
        positions = tuple(
            child(_place(item), _position(item), FlattenScope.INSTRUMENT, item.key)
            for item in config.instruments
        )
        hedges = tuple(
            child(pair.name, _hedge(index), FlattenScope.PAIR, pair.name)
            for index, pair in enumerate(config.pairs)
        )
        strategies = tuple(
            child(strategy.name, _strategy(index), FlattenScope.PAIR, strategy.pair)
            for index, strategy in enumerate(config.strategies)
        )
        return (
            _group("venues", venues),
            _group("positions", positions),
            _group("hedges", hedges),
            _group("strategies", strategies),
        )


def _place(item: Instrument) -> str:
    return f"{item.venue}/main/{item.symbol}"


def _group(name: str, children: tuple[ChildSpec, ...]) -> ChildSpec:
    """Return a supervisor of equals: each restarts alone.

    Pairs and strategies do not need each other: one beyond its budget is given up alone. Without a
    venue connection or a position nobody knows the facts: those are started again as a group.
    """
    return _Group(
        id=name,
        factory=lambda: Supervisor(
            SupervisorSpec(
                children=children,
                strategy=Strategy.ONE_FOR_ONE,
                intensity=GROUP_INTENSITY,
                period_ns=PERIOD_NS,
                backoff=BACKOFF,
                abandon=name in INDEPENDENT,
            )
        ),
        shutdown_ns=None,
        supervisor=True,
        scope=FlattenScope.ALL,
        children=children,
    )


class _Group(ChildSpec, frozen=True):
    """A supervisor's spec that still shows its children."""

    children: tuple[ChildSpec, ...] = ()


# -- factories ------------------------------------------------------------------------------------


def _journal(config: Config, parts: Parts) -> Actor:
    return Journal(
        settings=config.journal,
        audit=parts.audit,
        store=parts.store,
        header=parts.header,
        emergency=parts.emergency,
    )


def _flattener(config: Config, parts: Parts) -> Actor:
    names = [venue.name for venue in config.venues if traded(config, venue.name)]
    return Flattener(
        settings=config.flatten,
        gateways={name: parts.venues[name].flatten_gateway for name in names},
        transports={name: parts.transport(name, "flatten") for name in names},
        instruments=config.instruments,
        client_ids=parts.client_ids,
        permit_key=parts.keys.permit,
    )


def _risk(config: Config, parts: Parts) -> Actor:
    return RiskSupervisor(
        settings=config.risk,
        approval_key=parts.keys.approval,
        instruments=config.instruments,
        pairs=config.pairs,
        strategies=_strategies(config),
    )


def _strategies(config: Config) -> tuple[str, ...]:
    return tuple(f"/strategies/{strategy.name}" for strategy in config.strategies)


def _venue(venue: VenueTable) -> Factory:
    def build(config: Config, parts: Parts) -> Actor:
        here = [
            f"/hedges/{pair.name}"
            for pair in config.pairs
            if venue.name in (split_key(pair.main)[0], split_key(pair.hedge)[0])
        ]
        return VenueConnection(
            venue=venue.name,
            settings=venue.connection,
            gateway=parts.venues[venue.name].gateway,
            transport=parts.transport(venue.name, "trade"),
            approval_key=parts.keys.approval,
            permit_key=parts.keys.permit,
            deployment=config.deployment.number,
            listeners=(*here, "/flatten", RISK, PORTFOLIO),
            account_listeners=(*here, RISK, PORTFOLIO),
        )

    return build


def _position(item: Instrument) -> Factory:
    def build(config: Config, _: Parts) -> Actor:
        owners = [
            f"/hedges/{pair.name}" for pair in config.pairs if item.key in (pair.main, pair.hedge)
        ]
        return Position(
            instrument=item,
            venue=f"/venues/{item.venue}",
            listeners=(*owners, RISK, PORTFOLIO),
        )

    return build


def _hedge(index: int) -> Factory:
    def build(config: Config, parts: Parts) -> Actor:
        pair = config.pairs[index]
        listed = {item.key: item for item in config.instruments}
        return HedgePair(
            settings=pair,
            main=listed[pair.main],
            hedge=listed[pair.hedge],
            client_ids=parts.client_ids,
            leverage_cap=config.risk.limits.leverage_max,
        )

    return build


def _strategy(index: int) -> Factory:
    def build(config: Config, parts: Parts) -> Actor:
        settings = config.strategies[index]
        pair = next(pair for pair in config.pairs if pair.name == settings.pair)
        actor: Actor = parts.plugins.strategies.get(settings.kind).build(settings, pair)
        return actor

    return build


def _portfolio(config: Config, _: Parts) -> Actor:
    return Portfolio(
        pairs=config.pairs,
        instruments=config.instruments,
        sources=("/journal", *_strategies(config)),
        sample_ms=config.portfolio.sample_ms,
        points_max=config.portfolio.points_max,
    )


def _report(_: Config, parts: Parts) -> Actor:
    return FinalReport(parts.on_report)


# -- showing it -----------------------------------------------------------------------------------


def table(config: Config) -> str:
    """Return the tree as a markdown table: strategies, budgets, restarts, scopes, stop limits."""
    spec = tree(config, None)
    rows = [
        "| address | children restart | budget | itself | flatten when lost | stops within |",
        "|---|---|---|---|---|---|",
        f"| `/` | {_style(spec.strategy)} | {_budget(spec.intensity)} | never | everything | - |",
        *_rows("", spec.children),
    ]
    return "\n".join(rows) + "\n"


def _rows(parent: str, children: tuple[ChildSpec, ...]) -> Iterator[str]:
    for child in children:
        address = f"{parent}/{child.id}"
        inner = child.children if isinstance(child, _Group) else ()
        style = _style(Strategy.ONE_FOR_ONE) if child.supervisor else "-"
        each = ", each" if child.id in INDEPENDENT else ""
        budget = f"{_budget(GROUP_INTENSITY)}{each}" if child.supervisor else "-"
        scope = f"{child.scope} {child.scope_key}".strip()
        limit = (
            "its children" if child.shutdown_ns is None else f"{child.shutdown_ns // SECOND_NS} s"
        )
        yield f"| `{address}` | {style} | {budget} | {child.restart} | {scope} | {limit} |"
        yield from _rows(address, inner)


def _style(strategy: Strategy) -> str:
    return str(strategy).replace("_", " ")


def _budget(intensity: int) -> str:
    return f"{intensity} in {PERIOD_NS // SECOND_NS} s"
