"""The config table of a simulated venue, what it means, and what cannot work in it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Literal

import msgspec

from domain.errors import DomainError
from domain.instruments import Instrument
from simulations.exchange.admission import ExchangeRules
from simulations.exchange.book import DepthModel
from simulations.latency import ConstantLatency, JitteredLatency, LatencyModel, NoLatency
from simulations.listings import COINS, MAKER_FEE, TAKER_FEE, listing
from simulations.market.generator import GeneratorSpec

__all__ = ["AssetTable", "SimulatedOptions", "check", "generator_specs", "latency", "listings"]

MS_NS = 1_000_000
SECOND_NS = 1_000 * MS_NS
PRICES = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "SOL": Decimal(150)}


class AssetTable(msgspec.Struct, frozen=True):
    """How one coin of a generated market behaves; the first venue that describes it is believed.

    Units: price in USDT; volatility_year a fraction per year; jumps_per_day on average, each of
    jump_sigma (log standard deviation); spread_bps and basis_bps in hundredths of a percent of the
    price (the full spread; the deviation of this venue from the fair price); depth_usd the notional
    at each best price.
    """

    base: str
    price: Decimal
    volatility_year: float = 0.6
    jumps_per_day: float = 2.0
    jump_sigma: float = 0.004
    spread_bps: float = 0.5
    basis_bps: float = 2.0
    depth_usd: Decimal = Decimal(200_000)


class SimulatedOptions(msgspec.Struct, frozen=True):
    """A simulated exchange inside the process: its market, its account, its fees and its delays.

    market: "generated" draws a seeded market that all simulated venues share, "recorded" waits for
    the data of `keel backtest`. coins are listed as perpetuals in USDT with the steps and margin
    tiers of Binance. leverage is the account's, as far as the tiers allow. entry_ms is the way of
    an order to the exchange, response_ms the way back, feed_ms that of market data; each gets a
    random excess of jitter_ms on average. quote_ms is how often a generated market quotes, and
    bar_s how long its candles last. Of a
    recorded market, half_spread_ticks is the way from its price to bid and to ask here, and
    depth_share what rests at each, as a share of the volume per minute. switch_ms is the dead-man's
    switch, 0 for off.
    """

    market: Literal["generated", "recorded"] = "generated"
    coins: tuple[str, ...] = ("BTC", "ETH")
    deposit_usd: Decimal = Decimal(10_000)
    leverage: Decimal = Decimal(20)
    maker_fee: Decimal = MAKER_FEE
    taker_fee: Decimal = TAKER_FEE
    liquidation_fee: Decimal = Decimal("0.005")
    orders_per_second: int = 100
    entry_ms: int = 20
    response_ms: int = 20
    feed_ms: int = 0
    jitter_ms: int = 0
    quote_ms: int = 500
    bar_s: int = 60
    half_spread_ticks: int = 1
    depth_share: float = 0.05
    depth_levels: int = 10
    heartbeat_ms: int = 5_000
    switch_ms: int = 15_000
    assets: tuple[AssetTable, ...] = ()


def check(options: SimulatedOptions) -> list[tuple[str, str]]:
    """Return what cannot work, as (key, problem)."""
    return [*_own(options), *_assets(options)]


def _own(options: SimulatedOptions) -> Iterator[tuple[str, str]]:
    for name in ("deposit_usd", "leverage", "depth_share"):
        if getattr(options, name) <= 0:
            yield name, f"must be above 0, is {getattr(options, name)}"
    for name in ("entry_ms", "response_ms", "feed_ms", "jitter_ms", "switch_ms"):
        if getattr(options, name) < 0:
            yield name, f"must be at least 0, is {getattr(options, name)}"
    for name in _COUNTS:
        if getattr(options, name) < 1:
            yield name, f"must be at least 1, is {getattr(options, name)}"
    for name in ("maker_fee", "taker_fee", "liquidation_fee"):
        if abs(getattr(options, name)) >= Decimal("0.1"):
            yield name, f"must be a fraction below 0.1, is {getattr(options, name)}"
    if 0 < options.switch_ms <= 2 * options.heartbeat_ms:
        text = f"must be 0 or more than two heartbeats ({2 * options.heartbeat_ms} ms)"
        yield "switch_ms", f"{text}, is {options.switch_ms}"
    if options.quote_ms > 0 and _SECOND_MS % options.quote_ms:
        yield "quote_ms", f"must divide {_SECOND_MS}, is {options.quote_ms}"
    if not options.coins:
        yield "coins", f"names at least one of {', '.join(COINS)}"
    for index, coin in enumerate(options.coins):
        if coin not in COINS:
            yield "coins", f'"{coin}" is not one of {", ".join(COINS)}'
        elif coin in options.coins[:index]:
            yield "coins", f'"{coin}" is named twice'


_SECOND_MS = 1_000
_COUNTS = (
    *("quote_ms", "bar_s", "heartbeat_ms"),
    *("orders_per_second", "depth_levels", "half_spread_ticks"),
)


def _assets(options: SimulatedOptions) -> Iterator[tuple[str, str]]:
    for asset in options.assets:
        if asset.base not in options.coins:
            yield "assets", f'"{asset.base}" is not in coins'
        try:
            _spec(asset, options)
        except DomainError as error:
            yield "assets", f"{asset.base}: {error}"


def listings(venue: str, options: SimulatedOptions) -> tuple[Instrument, ...]:
    """Return what the venue lists."""
    return tuple(
        listing(venue, coin, maker_fee=options.maker_fee, taker_fee=options.taker_fee)
        for coin in options.coins
        if coin in COINS
    )


def prices(options: SimulatedOptions) -> dict[str, Decimal]:
    """Return a rough price per symbol of a generated market; a recorded one is not known yet."""
    if options.market == "recorded":
        return {}
    stated = {asset.base: asset.price for asset in options.assets}
    return {
        f"{coin}USDT": stated.get(coin, PRICES[coin]) for coin in options.coins if coin in PRICES
    }


def generator_specs(options: SimulatedOptions) -> dict[str, GeneratorSpec]:
    """Return how each coin behaves, stated or by default."""
    stated = {asset.base: asset for asset in options.assets}
    return {
        coin: _spec(stated.get(coin, AssetTable(base=coin, price=PRICES[coin])), options)
        for coin in options.coins
    }


def _spec(asset: AssetTable, options: SimulatedOptions) -> GeneratorSpec:
    return GeneratorSpec(
        price=asset.price,
        volatility_year=asset.volatility_year,
        jumps_per_day=asset.jumps_per_day,
        jump_sigma=asset.jump_sigma,
        spread_bps=asset.spread_bps,
        basis_bps=asset.basis_bps,
        depth_quote=asset.depth_usd,
        step_ns=options.quote_ms * MS_NS,
    )


def latency(options: SimulatedOptions, random: Random) -> LatencyModel:
    """Return the delays of the venue; jitter draws from the given stream."""
    entry_ns, response_ns = options.entry_ms * MS_NS, options.response_ms * MS_NS
    feed_ns = options.feed_ms * MS_NS
    if options.jitter_ms:
        return JitteredLatency(
            random,
            entry_ns=entry_ns,
            response_ns=response_ns,
            feed_ns=feed_ns,
            jitter_ns=options.jitter_ms * MS_NS,
        )
    if entry_ns or response_ns or feed_ns:
        return ConstantLatency(entry_ns=entry_ns, response_ns=response_ns, feed_ns=feed_ns)
    return NoLatency()


def rules(options: SimulatedOptions) -> ExchangeRules:
    """Return the house rules."""
    return ExchangeRules(
        orders_per_second_max=options.orders_per_second, liquidation_fee=options.liquidation_fee
    )


def depth(options: SimulatedOptions) -> DepthModel:
    """Return what rests beyond the best price."""
    return DepthModel(levels_max=options.depth_levels)
