"""What a deployment's TOML file may say, as frozen structs; ``config.load`` fills and checks them.

The settings of the actors themselves are in ``actors.settings``; a venue kind brings the schema of
its own table. Units stand in the names: ms of the run's own time, usd, fractions.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from actors.settings import (
    FlattenSettings,
    JournalSettings,
    PairSettings,
    RiskSettings,
    StrategySettings,
    VenueSettings,
)
from domain.instruments import ContractKind, Instrument, MarginTier

__all__ = [
    "ClockSettings",
    "Config",
    "DeploymentSettings",
    "InstrumentTable",
    "PortfolioSettings",
    "StatusSettings",
    "TierTable",
    "VenueTable",
]


class DeploymentSettings(msgspec.Struct, frozen=True):
    """Who trades: a name for people, and a number that every client id of this deployment carries.

    number must differ between deployments that share an account, so that foreign orders show.
    currency is what equity and limits are counted in.
    """

    name: str
    number: int = 1
    currency: str = "usd"


class ClockSettings(msgspec.Struct, frozen=True):
    """How time runs in paper trading, and where its chance comes from.

    speed is seconds of the run per second on the wall: 60 shows an hour in a minute. seed makes a
    simulated market repeatable. start is the first UTC second of paper time, as text
    ("2025-01-01T00:00:00Z"); empty means now.
    """

    speed: float = 1.0
    seed: int = 1
    start: str = ""


class TierTable(msgspec.Struct, frozen=True):
    """One row of a venue's margin table; it holds from notional_floor up to the next row's floor.

    Units: notional_floor in quote currency, the first one 0; maintenance_rate a fraction.
    """

    notional_floor: Decimal
    maintenance_rate: Decimal
    leverage_max: Decimal


class InstrumentTable(msgspec.Struct, frozen=True):
    """A perpetual contract as a venue lists it; only for venues that do not say so themselves.

    Units: tick in quote per base (the price step); lot, quantity_min and quantity_max in base;
    notional_min in quote; fees are fractions of notional, above 0 when paid.
    """

    symbol: str
    base: str
    tick: Decimal
    lot: Decimal
    tiers: tuple[TierTable, ...]
    quote: str = "USDT"
    settle: str = "USDT"
    kind: ContractKind = ContractKind.LINEAR
    multiplier: Decimal = Decimal(1)
    quantity_min: Decimal = Decimal(0)
    quantity_max: Decimal = Decimal(1_000_000_000)
    notional_min: Decimal = Decimal(0)
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal(0)
    funding_interval_h: int = 8

    def instrument(self, venue: str) -> Instrument:
        """Return the listing of a venue.

        Raises: DomainError if no order could satisfy it.
        """
        values = {name: getattr(self, name) for name in self.__struct_fields__ if name != "tiers"}
        tiers = tuple(
            MarginTier(
                notional_floor=tier.notional_floor,
                maintenance_rate=tier.maintenance_rate,
                leverage_max=tier.leverage_max,
            )
            for tier in self.tiers
        )
        return Instrument(venue=venue, tiers=tiers, **values)


class VenueTable(msgspec.Struct, frozen=True):
    """One venue account: its name here, the kind that knows its protocol, and its settings.

    The table named after the kind, ``[venues.<kind>]``, has the kind's own schema. instruments, if
    given, take the place of what the kind lists by itself.
    """

    name: str
    kind: str
    account: str = "main"
    transport: str = ""
    connection: VenueSettings = VenueSettings()
    instruments: tuple[InstrumentTable, ...] = ()


class PortfolioSettings(msgspec.Struct, frozen=True):
    """How often equity is sampled for its curve and drawdown, in ms of the run's own time.

    points_max bounds the curve: beyond it every second point is dropped.
    """

    sample_ms: int = 60_000
    points_max: int = 4_096


class StatusSettings(msgspec.Struct, frozen=True):
    """The live view: how often it is drawn (in ms on the wall), and how many events it shows."""

    refresh_ms: int = 250
    events: int = 8


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A whole deployment, checked: whatever is in it refers to something and fits together.

    options holds each venue's table of its own kind, and listings its instruments, both by venue
    name in the order of the file.
    """

    file: str
    deployment: DeploymentSettings
    clock: ClockSettings
    venues: tuple[VenueTable, ...]
    options: dict[str, msgspec.Struct]
    listings: dict[str, tuple[Instrument, ...]]
    pairs: tuple[PairSettings, ...]
    risk: RiskSettings
    flatten: FlattenSettings
    journal: JournalSettings
    strategies: tuple[StrategySettings, ...]
    portfolio: PortfolioSettings
    status: StatusSettings

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments that pairs use, in the order of the pairs."""
        listed = {item.key: item for items in self.listings.values() for item in items}
        used = dict.fromkeys(key for pair in self.pairs for key in (pair.main, pair.hedge))
        return tuple(listed[key] for key in used)
