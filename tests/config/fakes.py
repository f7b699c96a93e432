"""A venue kind, a strategy kind and a small valid config, to break in one way at a time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.ports import Capability
from actors.runtime import Actor
from actors.settings import PairSettings, StrategySettings
from config.load import ConfigError, parse
from config.plugins import Kinds, Plugins, VenueBuild, VenueParts
from config.problems import Problem
from config.schema import Config
from config.secrets import SecretRef
from domain.instruments import Instrument, MarginTier
from domain.orders import OrderType, TimeInForce

BASE = """
[deployment]
name = "test"

[[venues]]
name = "alpha"
kind = "fake"

[venues.fake]
deposit_usd = 1000

[[venues]]
name = "beta"
kind = "fake"

[[pairs]]
name = "btc"
main = "alpha:BTC"
hedge = "beta:BTC"
ratio = 0.5
capital_usd = 1000

[[strategies]]
name = "cross"
kind = "fake"
pair = "btc"

[strategies.parameters]
fast = 5
"""


class FakeOptions(msgspec.Struct, frozen=True):
    """The table of the fake kind."""

    deposit_usd: Decimal = Decimal(1)
    key: SecretRef | None = None
    orders: str = "all"


def listing(venue: str, symbol: str, **changes: object) -> Instrument:
    """Return a plain linear contract."""
    fields: dict[str, Any] = {
        "venue": venue,
        "symbol": symbol,
        "base": symbol,
        "quote": "USDT",
        "settle": "USDT",
        "tick": Decimal("0.1"),
        "lot": Decimal("0.001"),
        "quantity_min": Decimal("0.001"),
        "tiers": (
            MarginTier(
                notional_floor=Decimal(0),
                maintenance_rate=Decimal("0.01"),
                leverage_max=Decimal(20),
            ),
            MarginTier(
                notional_floor=Decimal(50_000),
                maintenance_rate=Decimal("0.1"),
                leverage_max=Decimal(4),
            ),
        ),
    }
    return Instrument(**(fields | changes))


class FakeVenue:
    """A venue kind whose capability its own table chooses."""

    kind = "fake"
    options = FakeOptions
    transport = "memory"

    def capability(self, options: FakeOptions) -> Capability:
        """Return what the table's word asks for."""
        poor = options.orders == "few"
        return Capability(
            order_types=() if poor else (OrderType.LIMIT, OrderType.MARKET),
            times_in_force=() if poor else (TimeInForce.GTC, TimeInForce.IOC),
            reduce_only=not poor,
            order_expiry=True,
            dead_mans_switch=True,
            query_by_client_id=True,
            own_signer_for_flatten=False,
            netting=not poor,
            funding_interval_h=8,
            orders_per_second=Decimal(20),
        )

    def instruments(self, venue: str, _: FakeOptions) -> tuple[Instrument, ...]:
        """Return BTC and ETH."""
        return (listing(venue, "BTC"), listing(venue, "ETH"))

    def prices(self, _: FakeOptions) -> Mapping[str, Decimal]:
        """Return a price for BTC only."""
        return {"BTC": Decimal(50_000)}

    def check(self, options: FakeOptions) -> list[tuple[str, str]]:
        """Refuse a deposit of 13."""
        return [("deposit_usd", "is unlucky")] if options.deposit_usd == 13 else []

    def build(self, _: VenueBuild) -> VenueParts:
        """Fail: a file is checked without building anything."""
        raise AssertionError("a check builds nothing")


class FakeStrategy:
    """A strategy kind with one parameter."""

    kind = "fake"

    def build(self, settings: StrategySettings, pair: PairSettings) -> Actor:  # noqa: ARG002
        """Fail: a file is checked without building anything."""
        raise AssertionError("a check builds nothing")

    def check(self, parameters: dict[str, str | int | float | bool]) -> list[str]:
        """Want fast to be a whole number."""
        return [] if type(parameters.get("fast")) is int else ["fast must be a whole number"]


PLUGINS = Plugins(
    venues=Kinds("venue", {"fake": FakeVenue()}),
    transports=Kinds("transport", {"memory": None}),
    strategies=Kinds("strategy", {"fake": FakeStrategy()}),
)


def read(text: str, **environment: str) -> Config:
    """Return the config of a text that must be right, in an environment."""
    return parse(text, "test.toml", PLUGINS, environment)


def problems_of(text: str, **environment: str) -> tuple[Problem, ...]:
    """Return what is wrong with a text in an environment."""
    try:
        read(text, **environment)
    except ConfigError as error:
        return error.problems
    return ()
