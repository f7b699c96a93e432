"""The one place where parts are joined: a config becomes a supervised tree on a runtime.

The same wiring serves backtest, paper and live trading; only the runtime, the store and the
origin of the keys differ. Nothing is read from the environment here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from actors.journal.audit import AuditBuffer
from actors.journal.store import EmergencyLog, JournalStore, RunHeader
from actors.messages.portfolio import PortfolioReply
from actors.ports import Transport
from actors.runtime import ActorSpec, Kernel
from actors.runtime.ports import Substream
from config.plugins import Plugins, VenueBuild, VenueParts, World
from config.schema import Config
from config.tree import Keys, Parts, root_spec, traded
from domain.client_ids import ClientIdScheme

__all__ = ["Keys", "Runtime", "System", "assemble", "keys_of_seed", "substream"]


class Runtime(World, Protocol):
    """What wiring needs of a runtime; SimulatedRuntime and LoopRuntime have it."""

    kernel: Kernel

    def spawn(self, spec: ActorSpec) -> str:
        """Start an actor without parent."""


class System(msgspec.Struct, frozen=True, kw_only=True):
    """A wired system: started with ``start``, stopped by a StopRequested to the root."""

    config: Config
    runtime: Any
    parts: Parts
    root: ActorSpec
    reports: list[PortfolioReply]

    @property
    def report(self) -> PortfolioReply | None:
        """The final figures, once the tree has stopped in order."""
        return self.reports[-1] if self.reports else None

    def start(self) -> None:
        """Begin to start the tree; its children come up in order."""
        self.runtime.spawn(self.root)


def substream(seed: int) -> Substream:
    """Return the random streams of a run: one per name, independent of the others."""
    return lambda name: random.Random(f"{seed}-{name}")  # noqa: S311 - seeded, not secret


def keys_of_seed(seed: int) -> Keys:
    """Return the keys of a simulated run, the same for the same seed; live ones are random."""

    def key(name: str) -> bytes:
        return blake2b(f"{seed}-{name}".encode(), digest_size=32).digest()

    return Keys(approval=key("approval"), permit=key("permit"))


def assemble(
    config: Config,
    runtime: Runtime,
    *,
    plugins: Plugins,
    store: JournalStore,
    keys: Keys,
    incarnation: int = 1,
    digest: bool = False,
    feeds: bool = True,
    header: RunHeader | None = None,
    emergency: EmergencyLog | None = None,
) -> System:
    """Return the system of a config on a runtime, not started yet; the kernel's audit is set.

    digest says whether decisions are hashed. feeds False leaves simulated markets unattached, for
    whoever brings recorded ones.
    """
    audit = AuditBuffer(queue_max=config.journal.queue_max, digest=digest)
    runtime.kernel.audit = audit
    venues = _venues(config, runtime, plugins, feeds=feeds)
    reports: list[PortfolioReply] = []
    parts = Parts(
        venues=venues,
        transport=_transports(config, plugins, venues),
        keys=keys,
        client_ids=ClientIdScheme(deployment=config.deployment.number, incarnation=incarnation),
        audit=audit,
        store=store,
        header=header or RunHeader(seeds=(config.clock.seed,)),
        emergency=emergency,
        plugins=plugins,
        on_report=reports.append,
    )
    root = root_spec(config, parts)
    return System(config=config, runtime=runtime, parts=parts, root=root, reports=reports)


def _venues(
    config: Config, runtime: Runtime, plugins: Plugins, *, feeds: bool
) -> dict[str, VenueParts]:
    """Return the parts of every venue that a pair trades on, built in the order of the config."""
    seed = config.clock.seed
    shared: dict[str, Any] = {}
    return {
        table.name: plugins.venues.get(table.kind).build(
            VenueBuild(
                venue=table.name,
                account=table.account,
                options=config.options[table.name],
                instruments=traded(config, table.name),
                world=runtime,
                substream=substream(seed),
                shared=shared,
                seed=seed,
                feeds=feeds,
            )
        )
        for table in config.venues
        if traded(config, table.name)
    }


def _transports(
    config: Config, plugins: Plugins, venues: dict[str, VenueParts]
) -> Callable[[str, str], Transport]:
    """Return what makes a session of a venue for a role."""
    tables = {table.name: table for table in config.venues}

    def transport(venue: str, role: str) -> Transport:
        table = tables[venue]
        kind = table.transport or plugins.venues.get(table.kind).transport
        plugin = plugins.transports.get(kind)
        built: Transport = plugin.build(venues[venue].endpoint, table.account, role)
        return built

    return transport
