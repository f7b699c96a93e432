"""The kind ``simulated``: an exchange inside the process, and the transport that reaches it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

import msgspec

from actors.ports import Capability, Gateway, GatewaySink, Transport
from config.plugins import VenueBuild, VenueParts
from domain.instruments import Instrument
from domain.orders import OrderType, TimeInForce
from simulations import options as table
from simulations.bars import with_bars
from simulations.exchange.exchange import Exchange
from simulations.gateway import SimulatedGateway
from simulations.market.chunks import ChunkSource
from simulations.market.generator import GeneratorSpec, MarketGenerator
from simulations.options import MS_NS, SECOND_NS, SimulatedOptions
from simulations.transport import MemoryTransport
from simulations.venue import SimulatedVenue

__all__ = ["TRANSPORT", "VENUE"]


class _Venue:
    """Builds simulated venues; those of one system share the fair price of each coin."""

    kind = "simulated"
    options = SimulatedOptions
    transport = "memory"

    def capability(self, options: SimulatedOptions) -> Capability:
        """Return what every simulated exchange can do, at the rate that its table states."""
        return Capability(
            order_types=(OrderType.LIMIT, OrderType.MARKET),
            times_in_force=tuple(TimeInForce),
            reduce_only=True,
            order_expiry=True,
            dead_mans_switch=options.switch_ms > 0,
            query_by_client_id=True,
            own_signer_for_flatten=True,
            netting=True,
            funding_interval_h=8,
            orders_per_second=Decimal(options.orders_per_second),
        )

    def instruments(self, venue: str, options: SimulatedOptions) -> tuple[Instrument, ...]:
        """Return the perpetuals of the table's coins."""
        return table.listings(venue, options)

    def prices(self, options: SimulatedOptions) -> Mapping[str, Decimal]:
        """Return the first prices of a generated market."""
        return table.prices(options)

    def check(self, options: SimulatedOptions) -> list[tuple[str, str]]:
        """Return what cannot work in the table."""
        return table.check(options)

    def build(self, build: VenueBuild) -> VenueParts:
        """Open an exchange with one account; attach a generated market unless told otherwise."""
        options: SimulatedOptions = build.options
        exchange = Exchange(
            build.venue,
            build.instruments,
            rules=table.rules(options),
            depth=table.depth(options),
        )
        exchange.open_account(build.account, options.deposit_usd, options.leverage)
        stream = Random(f"{build.seed}-latency-{build.venue}")
        venue = SimulatedVenue(exchange, build.world, table.latency(options, stream))
        if build.feeds and options.market == "generated":
            _attach(build, options, venue)

        def gateway(sink: GatewaySink) -> Gateway:
            return SimulatedGateway(
                build.instruments,
                sink=sink,
                orders_per_second=options.orders_per_second,
                heartbeat_ns=options.heartbeat_ms * MS_NS,
                switch_ns=options.switch_ms * MS_NS,
            )

        return VenueParts(gateway=gateway, flatten_gateway=gateway, endpoint=venue)


def _attach(build: VenueBuild, options: SimulatedOptions, venue: SimulatedVenue) -> None:
    """Let the venue quote the shared fair prices with a basis, spread and depth of its own.

    Generators with one seed draw the same fair prices, so each venue has its own source.
    """
    agreed: dict[str, GeneratorSpec] = build.shared.setdefault("fair", {})
    specs = {}
    for coin, own in table.generator_specs(options).items():
        first = agreed.setdefault(coin, own)
        specs[coin] = msgspec.structs.replace(
            own,
            price=first.price,
            volatility_year=first.volatility_year,
            jumps_per_day=first.jumps_per_day,
            jump_sigma=first.jump_sigma,
            step_ns=first.step_ns,
        )
    generator = MarketGenerator(
        build.instruments, specs, Random(f"{build.seed}-market"), build.world.now_ns
    )
    series = with_bars(generator.series(), options.bar_s * SECOND_NS)
    build.world.add_source(ChunkSource(series, {build.venue: venue}, build.world.set_time))


class _Memory:
    """Frames by reference to an exchange in the same process."""

    kind = "memory"

    def build(self, endpoint: Any, account: str, role: str) -> Transport:  # noqa: ANN401, ARG002
        """Return a session with a simulated venue; both roles log in to the same account."""
        return MemoryTransport(endpoint, account)


VENUE = _Venue()
TRANSPORT = _Memory()
