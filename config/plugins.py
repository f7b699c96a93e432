"""What plugins export, and how they are found: by entry point, so other packages can add kinds.

Groups: ``keel.venues``, ``keel.transports``, ``keel.strategies``. An entry point names an object of
the protocols below; its module is imported only when a config uses the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

import msgspec

from actors.ports import Capability, Gateway, GatewaySink, Transport
from actors.runtime import Actor
from actors.runtime.ports import Substream
from actors.runtime.simulated import MarketSource
from actors.settings import PairSettings, StrategySettings
from domain.instruments import Instrument

__all__ = [
    "Kinds",
    "PluginError",
    "Plugins",
    "StrategyPlugin",
    "TransportPlugin",
    "VenueBuild",
    "VenueParts",
    "VenuePlugin",
    "World",
    "installed",
]


class PluginError(Exception):
    """A kind is not installed, or its entry point does not lead to a plugin."""


class World(Protocol):
    """The part of a runtime that a venue inside the process lives on."""

    @property
    def now_ns(self) -> int:
        """UTC ns of the latest input."""

    def at(self, due_ns: int, action: Callable[[], None]) -> None:
        """Run an action as an input at a UTC time, now at the earliest."""

    def add_source(self, source: MarketSource) -> None:
        """Publish a source's events when they are due."""

    def set_time(self, utc_ns: int) -> None:
        """Say that a source's next event happens at this time."""


class VenueBuild(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue plugin is given: its table, the process it lives in, and what it may share.

    shared is one dict per system, in which a kind keeps what its venues have in common (the
    underlying market of two simulated venues). feeds is False where recorded markets are attached
    from outside.
    """

    venue: str
    account: str
    options: Any
    instruments: tuple[Instrument, ...]
    world: World
    substream: Substream
    shared: dict[str, Any]
    seed: int
    feeds: bool = True


class VenueParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue plugin builds: gateways for the two sessions, and what a transport connects to.

    gateway makes the session of the venue connection, flatten_gateway that of the flattener, which
    shares nothing with it.
    """

    gateway: Callable[[GatewaySink], Gateway]
    flatten_gateway: Callable[[GatewaySink], Gateway]
    endpoint: Any


class VenuePlugin(Protocol):
    """A kind of venue."""

    kind: str
    options: type[msgspec.Struct]
    transport: str

    def capability(self, options: Any, /) -> Capability:
        """Return what such a venue can do."""

    def instruments(self, venue: str, options: Any, /) -> tuple[Instrument, ...]:
        """Return what the venue lists, without asking it; empty if only the venue knows."""

    def prices(self, options: Any, /) -> Mapping[str, Decimal]:
        """Return a rough price per symbol where one is known, to judge sizes before a start."""

    def check(self, options: Any, /) -> list[tuple[str, str]]:
        """Return what cannot work in a table whose types are right, as (key, problem)."""

    def build(self, build: VenueBuild) -> VenueParts:
        """Build a venue's parts for one system."""


class TransportPlugin(Protocol):
    """A way to reach an endpoint."""

    kind: str

    def build(self, endpoint: Any, account: str, role: str) -> Transport:
        """Return one session of an account, not connected yet; role is trade or flatten."""


class StrategyPlugin(Protocol):
    """A kind of strategy."""

    kind: str

    def build(self, settings: StrategySettings, pair: PairSettings) -> Actor:
        """Return the strategy's actor; called inside a spawn."""

    def check(self, parameters: dict[str, str | int | float | bool]) -> list[str]:
        """Return what is wrong with the parameters."""


class Kinds:
    """The kinds of one group, by name; a module is imported when its kind is asked for."""

    def __init__(self, group: str, entries: Mapping[str, Any]) -> None:
        """Take objects or entry points by kind."""
        self._group = group
        self._entries = dict(entries)

    def names(self) -> tuple[str, ...]:
        """Return the kinds, in order of their names."""
        return tuple(sorted(self._entries))

    def get(self, kind: str) -> Any:
        """Return the plugin of a kind.

        Raises: PluginError if it is not installed, or its entry point leads nowhere.
        """
        found = self._entries.get(kind)
        if found is None:
            known = ", ".join(self.names()) or "none"
            raise PluginError(f'no {self._group} kind "{kind}" is installed; installed: {known}')
        if isinstance(found, EntryPoint):
            try:
                found = found.load()
            except (ImportError, AttributeError) as error:
                place = self._entries[kind].value
                text = f'{self._group} kind "{kind}" ({place}) does not load: {error}'
                raise PluginError(text) from error
            self._entries[kind] = found
        return found


class Plugins(msgspec.Struct, frozen=True):
    """Every kind that a config may name."""

    venues: Kinds
    transports: Kinds
    strategies: Kinds


def installed() -> Plugins:
    """Return the kinds of every installed package."""

    def kinds(group: str, singular: str) -> Kinds:
        return Kinds(singular, {entry.name: entry for entry in entry_points(group=group)})

    return Plugins(
        venues=kinds("keel.venues", "venue"),
        transports=kinds("keel.transports", "transport"),
        strategies=kinds("keel.strategies", "strategy"),
    )
