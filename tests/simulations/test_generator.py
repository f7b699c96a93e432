"""A generated market is the same wherever it is made, and behaves like one."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import correlation, mean, pstdev

import pytest

from actors.messages.market import FundingSettled, MarkUpdated, QuoteUpdated, TradePrinted
from domain.errors import DomainError
from simulations.market.generator import GeneratorSource, GeneratorSpec, MarketGenerator
from tests.simulations.stage import SECOND_NS, make_instrument
from tests.simulations.test_chunks import Tape

START_NS = 1_700_000_000 * SECOND_NS
BTC = make_instrument(tick="0.1", lot="0.001")
LISTINGS = (
    BTC,
    make_instrument(venue="beta", tick="0.1", lot="0.001"),
    make_instrument(symbol="ETHUSDT", base="ETH", tick="0.01", lot="0.001"),
)
ASSETS = {
    "BTC": GeneratorSpec(price=Decimal(60_000)),
    "ETH": GeneratorSpec(price=Decimal(3_000)),
}


def generate(seconds: int, seed: int = 7, **assets: GeneratorSpec) -> Tape:
    """Return a tape of a market on two venues; assets replace the usual ones."""
    tape = Tape()
    generator = MarketGenerator(LISTINGS, {**ASSETS, **assets}, Random(seed), START_NS)
    source = GeneratorSource(generator, {"alpha": tape, "beta": tape}, tape.set_time)
    source.pump(START_NS + seconds * SECOND_NS)
    return tape


def digest(tape: Tape) -> str:
    """Return the digest of everything published."""
    return hashlib.sha256(repr(tape.events).encode()).hexdigest()


def mids(tape: Tape, key: str) -> list[float]:
    """Return the mid prices of an instrument, in ticks."""
    return [
        (event.bid_ticks + event.ask_ticks) / 2
        for _, event in tape.events
        if isinstance(event, QuoteUpdated) and event.instrument == key
    ]


def test_the_same_seed_gives_the_same_market_in_every_process() -> None:
    """Two processes with different hash seeds, and this one, agree to the last digit."""
    root = Path(__file__).resolve().parents[2]
    code = "from tests.simulations.test_generator import *; print(digest(generate(60)))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "4242")
    }
    assert found == {digest(generate(60))}
    assert digest(generate(60, seed=8)) not in found


def test_every_quote_is_sound_and_numbered() -> None:
    """Bid below ask, sizes above zero, sequences without gaps, times in order."""
    tape = generate(120)
    times = [time for time, _ in tape.events]
    assert times == sorted(times)
    for listing in LISTINGS:
        of_one = [
            event
            for _, event in tape.events
            if isinstance(event, QuoteUpdated) and event.instrument == listing.key
        ]
        assert [quote.sequence for quote in of_one] == list(range(1, len(of_one) + 1))
        assert all(0 < q.bid_ticks < q.ask_ticks for q in of_one)
        assert all(q.bid_lots > 0 and q.ask_lots > 0 for q in of_one)
        assert len(of_one) >= 4 * 119


def test_two_venues_quote_the_same_asset_with_a_basis_between_them() -> None:
    """Their prices move together, differ by basis points, and not always the same way."""
    tape = generate(1_800)
    ours, theirs = mids(tape, "alpha:BTCUSDT"), mids(tape, "beta:BTCUSDT")
    basis = [(a - b) / b for a, b in zip(ours, theirs, strict=False)]
    assert correlation(ours[: len(theirs)], theirs[: len(ours)]) > 0.9
    assert 0 < pstdev(basis) < 0.001
    assert max(abs(value) for value in basis) < 0.005
    assert digest(tape) != digest(generate(1_800, seed=9))


def test_adding_an_asset_changes_no_other() -> None:
    """Each asset and each listing draws from a stream of its own."""
    alone = Tape()
    generator = MarketGenerator(LISTINGS[:1], {"BTC": ASSETS["BTC"]}, Random(7), START_NS)
    GeneratorSource(generator, {"alpha": alone}, alone.set_time).pump(START_NS + 60 * SECOND_NS)
    assert mids(alone, BTC.key) == mids(generate(60), BTC.key)


def test_volatility_clusters() -> None:
    """Large moves follow large moves: absolute returns are correlated, returns are not."""
    wild = GeneratorSpec(
        price=Decimal(60_000),
        volatility_year=3.0,
        garch_shock=0.15,
        garch_memory=0.8,
        basis_bps=0.0,
        spread_bps=0.0,
        jumps_per_day=0.0,
    )
    prices = mids(generate(3_000, BTC=wild), BTC.key)
    returns = [b / a - 1 for a, b in itertools.pairwise(prices)]
    sizes = [abs(value) for value in returns]
    assert correlation(sizes[:-1], sizes[1:]) > 0.1
    assert abs(correlation(returns[:-1], returns[1:])) < 0.1


def test_a_jump_widens_the_spread_and_thins_the_book() -> None:
    """After the market moved hard, the cost of trading is higher than before."""
    calm = generate(600)
    wild = generate(
        600,
        BTC=GeneratorSpec(price=Decimal(60_000), jumps_per_day=20_000.0, jump_sigma=0.003),
    )

    def shape(tape: Tape) -> tuple[float, float]:
        quotes = [
            event
            for _, event in tape.events
            if isinstance(event, QuoteUpdated) and event.instrument == BTC.key
        ]
        return (
            mean(q.ask_ticks - q.bid_ticks for q in quotes),
            mean(q.bid_lots for q in quotes),
        )

    assert shape(wild)[0] > 1.5 * shape(calm)[0]
    assert shape(wild)[1] < shape(calm)[1]


def test_trades_print_at_the_quotes() -> None:
    """A buyer pays the ask that was just quoted, a seller gets the bid."""
    last: dict[str, QuoteUpdated] = {}
    seen = 0
    for _, event in generate(120).events:
        if isinstance(event, QuoteUpdated):
            last[event.instrument] = event
        elif isinstance(event, TradePrinted):
            quote = last[event.instrument]
            assert event.price_ticks in (quote.bid_ticks, quote.ask_ticks)
            seen += 1
    assert seen > 50


def test_marks_follow_index_and_mid_on_a_clock() -> None:
    """One mark a second and listing, within a few basis points of its index."""
    tape = generate(60)
    marks = [
        (time, event)
        for time, event in tape.events
        if isinstance(event, MarkUpdated) and event.instrument == BTC.key
    ]
    assert [time - START_NS for time, _ in marks] == [n * SECOND_NS for n in range(1, 61)]
    assert all(abs(event.mark / event.index - 1) < Decimal("0.003") for _, event in marks)


def test_funding_settles_at_whole_intervals_on_the_mark() -> None:
    """An hourly market settles every hour, at a rate within its cap, on the mark of that time."""
    hourly = make_instrument(tick="0.1", lot="0.001", funding_interval_h=1)
    tape = Tape()
    spec = GeneratorSpec(price=Decimal(60_000), step_ns=SECOND_NS)
    generator = MarketGenerator([hourly], {"BTC": spec}, Random(3), START_NS)
    GeneratorSource(generator, {"alpha": tape}, tape.set_time).pump(START_NS + 7_200 * SECOND_NS)
    settled = [(t, e) for t, e in tape.events if isinstance(e, FundingSettled)]
    marks = {t: e.mark for t, e in tape.events if isinstance(e, MarkUpdated)}
    assert [time % (3_600 * SECOND_NS) for time, _ in settled] == [0, 0]
    for time, event in settled:
        assert event.reference_price == marks[time]
        assert abs(event.rate) <= Decimal("0.02")


@pytest.mark.parametrize(
    "fields",
    [
        {"price": Decimal(0)},
        {"garch_shock": 0.5, "garch_memory": 0.5},
        {"volatility_year": -1.0},
        {"basis_half_life_s": 0.0},
        {"step_ns": 300_000_000},
        {"step_ns": 1},
    ],
)
def test_impossible_markets_are_refused(fields: dict[str, object]) -> None:
    """Parameters without a market behind them are errors."""
    with pytest.raises(DomainError):
        GeneratorSpec(**{"price": Decimal(1), **fields})  # type: ignore[arg-type] # one field each


def test_a_listing_without_asset_is_refused() -> None:
    """Each listing needs its base asset described, and all assets share their steps."""
    with pytest.raises(DomainError):
        MarketGenerator(LISTINGS, {"BTC": ASSETS["BTC"]}, Random(1), 0)
    other = {**ASSETS, "ETH": GeneratorSpec(price=Decimal(1), step_ns=SECOND_NS)}
    with pytest.raises(DomainError):
        MarketGenerator(LISTINGS, other, Random(1), 0)
