"""The table of a simulated venue: what it lists, what it means, and what cannot work in it."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest

from config.load import ConfigError, load, parse, shipped
from domain.margin import leverage_max
from simulations.latency import ConstantLatency, JitteredLatency, NoLatency
from simulations.options import AssetTable, SimulatedOptions, check, latency, listings, prices
from simulations.paper import PaperClock, not_for_paper, paper_clock
from simulations.plugin import VENUE


def test_the_defaults_can_be_used() -> None:
    """A venue without a table of its own works."""
    assert check(SimulatedOptions()) == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"deposit_usd": Decimal(0)}, "deposit_usd"),
        ({"leverage": Decimal(-1)}, "leverage"),
        ({"depth_share": 0.0}, "depth_share"),
        ({"entry_ms": -1}, "entry_ms"),
        ({"quote_ms": 0}, "quote_ms"),
        ({"quote_ms": 300}, "quote_ms"),
        ({"bar_s": 0}, "bar_s"),
        ({"taker_fee": Decimal("0.5")}, "taker_fee"),
        ({"switch_ms": 10_000}, "switch_ms"),
        ({"coins": ()}, "coins"),
        ({"coins": ("BTC", "DOGE")}, "coins"),
        ({"coins": ("BTC", "BTC")}, "coins"),
        ({"assets": (AssetTable(base="SOL", price=Decimal(1)),)}, "assets"),
        ({"assets": (AssetTable(base="BTC", price=Decimal(0)),)}, "assets"),
    ],
)
def test_what_cannot_work_is_named(changes: dict[str, Any], key: str) -> None:
    """Each impossible value is a problem of its key, and of no other."""
    options = msgspec.structs.replace(SimulatedOptions(), **changes)
    assert {found for found, _ in check(options)} == {key}


def test_a_wrong_table_is_reported_with_its_line() -> None:
    """The problems of a kind's own table come with the others, at their place."""
    text = (
        shipped("paper.toml").read_text(encoding="utf-8").replace("entry_ms = 40", "entry_ms = -4")
    )
    with pytest.raises(ConfigError) as caught:
        parse(text, "paper.toml")
    (problem,) = caught.value.problems
    assert problem.key == "venues[0].simulated.entry_ms"
    assert "entry_ms = -4" in text.splitlines()[problem.line - 1]


def test_coins_are_listed_with_fees_steps_and_tiers() -> None:
    """A coin's perpetual has the stated fees, and tiers that allow less at size."""
    options = SimulatedOptions(coins=("ETH",), taker_fee=Decimal("0.001"))
    (eth,) = listings("alpha", options)
    assert (eth.key, eth.base, eth.taker_fee) == ("alpha:ETHUSDT", "ETH", Decimal("0.001"))
    assert leverage_max(Decimal(1), eth.tiers) == 100
    assert leverage_max(Decimal(5_000_000), eth.tiers) == 4


def test_prices_are_known_of_generated_markets_only() -> None:
    """A stated price counts, a default stands in, and a recording is not guessed."""
    stated = (AssetTable(base="BTC", price=Decimal(7)),)
    assert prices(SimulatedOptions(assets=stated)) == {"BTCUSDT": 7, "ETHUSDT": 3_000}
    assert prices(SimulatedOptions(market="recorded")) == {}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"entry_ms": 0, "response_ms": 0}, NoLatency),
        ({}, ConstantLatency),
        ({"jitter_ms": 1}, JitteredLatency),
    ],
)
def test_delays_become_the_simplest_model(changes: dict[str, Any], kind: type) -> None:
    """No delay, fixed delays and jitter have a model each."""
    options = msgspec.structs.replace(SimulatedOptions(), **changes)
    assert type(latency(options, Random(1))) is kind


def test_the_capability_says_what_the_table_chose() -> None:
    """Rate and dead-man's switch follow the table."""
    options = SimulatedOptions(orders_per_second=7, switch_ms=0)
    capability = VENUE.capability(options)
    assert capability.orders_per_second == 7
    assert not capability.dead_mans_switch


def test_paper_trading_needs_a_generated_market() -> None:
    """The shipped paper config can be run; the one for recordings says how it can."""
    assert not_for_paper(load(shipped("paper.toml"))) == []
    problems = not_for_paper(load(shipped("hedged.toml")))
    assert len(problems) == 2
    assert "keel backtest" in problems[0]


def test_paper_time_starts_where_the_config_says() -> None:
    """A stated start is the first instant, and the speed is the clock's."""
    config = load(shipped("paper.toml"))
    clock = msgspec.structs.replace(config.clock, start="2025-01-01T00:00:00Z", speed=120.0)
    utc_ns, monotonic_ns = paper_clock(clock).read()
    assert utc_ns - monotonic_ns == 1_735_689_600_000_000_000
    assert paper_clock(clock).real_seconds(120_000_000_000) == 1.0


def test_a_process_that_was_kept_from_running_loses_no_time_of_the_run() -> None:
    """The clock runs at its speed, but a stall of any length counts as one second."""
    wall = [5_000]
    clock = PaperClock(60.0, 1_000, wall_ns=lambda: wall[0])
    assert clock.read() == (1_000, 0)
    wall[0] += 10_000_000
    assert clock.read() == (1_000 + 600_000_000, 600_000_000)
    wall[0] += 3_000_000_000
    assert clock.read()[1] == 1_600_000_000
    assert clock.read()[1] == 1_600_000_000
