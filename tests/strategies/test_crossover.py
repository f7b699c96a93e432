"""The crossover strategy signals where a vectorised TA-Lib reference crosses, and says why not."""

import random
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from actors.messages.market import BarClosed
from actors.messages.pairs import PairSignal
from actors.messages.portfolio import CountsQuery, CountsReported
from actors.messages.risk import TradingStateChanged
from actors.runtime import Actor, ActorSpec, SimulatedRuntime, handles
from actors.settings import PairSettings, StrategySettings
from actors.strategies.crossover import STRATEGY
from domain.authority import TradingState
from tests.strategies.bars import KEY, MINUTE_NS, bar, columns_of, recorded, resampled, walk

talib: Any = import_module("talib")

PAIR = PairSettings(
    name="btc", main=KEY, hedge="b:BTC", ratio=Decimal(1), capital_usd=Decimal(1_000)
)
SHORT: dict[str, str | int | float | bool] = {
    "fast": "SMA",
    "fast_period": 2,
    "slow": "SMA",
    "slow_period": 4,
}
UP, DOWN = [100, 100, 100, 100, 90, 80, 70], [200, 300, 400]


def stream(name: str) -> random.Random:
    """Return a random stream of its own for each name."""
    return random.Random(name)


class Pair(Actor):
    """Keeps the signals it is sent, with the time they came."""

    def __init__(self, heard: list[PairSignal]) -> None:
        super().__init__()
        self.heard = heard

    @handles(PairSignal)
    def signal(self, message: PairSignal) -> None:
        """Keep it."""
        self.heard.append(message)


class World:
    """A strategy and its pair, fed bars when they close."""

    def __init__(self, **parameters: str | float | bool) -> None:
        settings = StrategySettings(
            name="trend", kind="crossover", pair="btc", parameters=dict(parameters)
        )
        self.runtime = SimulatedRuntime(stream)
        self.heard: list[PairSignal] = []
        self.runtime.spawn(ActorSpec("hedges/btc", lambda: Pair(self.heard)))
        self.spec = ActorSpec("strategies/trend", lambda: STRATEGY.build(settings, PAIR))
        self.runtime.spawn(self.spec)
        self.runtime.settle()
        self.fed = 0

    def feed(self, bars: list[BarClosed]) -> list[tuple[int, int]]:
        """Publish bars at their closes; return (close time, direction) of the signals sent."""
        before = len(self.heard)
        kernel = self.runtime.kernel
        topic = kernel.lifecycle.topic(f"bar:{KEY}")
        stamps: list[int] = []
        for item in bars:
            self.runtime.set_time(item.close_time_ns)
            kernel.publish(topic, item)
            self.runtime.settle()
            stamps += [item.close_time_ns] * (len(self.heard) - before - len(stamps))
        signals = self.heard[before:]
        return [(stamp, signal.direction) for stamp, signal in zip(stamps, signals, strict=True)]

    def closes(self, *prices: int, volume: int = 5) -> list[int]:
        """Publish bars with these closes behind those already fed; return the directions."""
        bars = [bar(self.fed + n, price, volume=volume) for n, price in enumerate(prices)]
        self.fed += len(bars)
        return [direction for _, direction in self.feed(bars)]

    def trade(self, state: TradingState) -> None:
        """Tell what may be sent."""
        changed = TradingStateChanged(state=state, epoch=1, reason="drill")
        self.runtime.kernel.tell("/strategies/trend", changed)
        self.runtime.settle()

    def state(self) -> dict[str, str]:
        """Return what introspection shows."""
        actor = self.runtime.kernel.boxes["/strategies/trend"].actor
        assert actor is not None
        return dict(actor.state())


def reference(bars: list[BarClosed], fast: Any, slow: Any) -> list[tuple[int, int]]:
    """Return (close time, direction) of every crossing of two batch results, by arrays alone."""
    gap = fast - slow
    closes = np.array([item.close_time_ns for item in bars])
    sided = np.isfinite(gap) & (gap != 0)
    side, times = np.sign(gap[sided]), closes[sided]
    turns = np.flatnonzero(np.diff(side)) + 1
    return [(int(times[n]), int(side[n])) for n in turns]


@pytest.mark.parametrize(("fast", "slow"), [(12, 26), (5, 90)])
def test_ema_crossings_of_recorded_minutes_are_those_of_the_reference(fast: int, slow: int) -> None:
    """A month of recorded Bitcoin minutes: the same signals at the same bars, none more."""
    bars = recorded()
    closes = columns_of(bars)["close"]
    expected = reference(bars, talib.EMA(closes, fast), talib.EMA(closes, slow))
    assert len(expected) > 300
    assert World(fast_period=fast, slow_period=slow).feed(bars) == expected


def test_defaults_are_ema_12_and_26() -> None:
    """Without parameters the strategy is the textbook's."""
    bars = walk(2_000)
    closes = columns_of(bars)["close"]
    expected = reference(bars, talib.EMA(closes, 12), talib.EMA(closes, 26))
    assert World().feed(bars) == expected


@pytest.mark.parametrize(
    ("parameters", "fast", "slow"),
    [
        (
            {"fast": "SMA", "fast_period": 7, "slow": "DEMA", "slow_period": 30},
            lambda c: talib.SMA(c["close"], 7),
            lambda c: talib.DEMA(c["close"], 30),
        ),
        (
            {"fast": "RSI", "fast_period": 7, "slow": "RSI", "slow_timeperiod": 21},
            lambda c: talib.RSI(c["close"], 7),
            lambda c: talib.RSI(c["close"], 21),
        ),
        (
            {"fast": "MACD", "slow": "MACD", "slow_output": "macdsignal"},
            lambda c: talib.MACD(c["close"])[0],
            lambda c: talib.MACD(c["close"])[1],
        ),
        (
            {"fast": "MA", "fast_period": 1, "slow": "BBANDS", "slow_nbdevup": 1.5},
            lambda c: c["close"],
            lambda c: talib.BBANDS(c["close"], nbdevup=1.5)[0],
        ),
        (
            {"fast": "PLUS_DI", "slow": "MINUS_DI", "fast_period": 10, "slow_period": 10},
            lambda c: talib.PLUS_DI(c["high"], c["low"], c["close"], 10),
            lambda c: talib.MINUS_DI(c["high"], c["low"], c["close"], 10),
        ),
    ],
)
def test_any_two_functions_cross_as_their_batch_results_do(
    parameters: dict[str, str | int | float | bool],
    fast: Any,
    slow: Any,
) -> None:
    """Functions by name, with outputs and parameters of their own, on generated bars."""
    bars = walk(1_500, seed=5)
    columns = columns_of(bars)
    expected = reference(bars, fast(columns), slow(columns))
    assert len(expected) > 10
    assert World(**parameters).feed(bars) == expected


def test_longer_frames_cross_as_a_batch_of_resampled_bars_does() -> None:
    """Signals come at the close of the frame's last minute."""
    bars = walk(4_000, seed=2)
    frames = list(resampled(bars, 15))
    closes = columns_of(frames)["close"]
    expected = reference(frames, talib.EMA(closes, 12), talib.EMA(closes, 26))
    assert expected
    assert World(bar_minutes=15).feed(bars) == expected


def test_the_unit_of_price_does_not_matter() -> None:
    """A tick of 0.1 gives the signals of a tick of 1."""
    bars = walk(1_000)
    assert World(tick=0.1).feed(bars) == World().feed(bars)


def test_no_signal_before_both_lines_are_valid_and_one_crossing_was_seen() -> None:
    """The first known side is not a crossing."""
    world = World(**SHORT)
    assert world.closes(*UP) == []
    assert world.state()["silent because"] == "the lines have not crossed since both are valid"
    assert world.closes(*DOWN) == [1]


def test_why_there_is_no_signal_can_be_read() -> None:
    """P10: how long the warm-up takes, and what stands in the way after it."""
    world = World(**SHORT)
    assert world.state()["silent because"] == "warming up: 4 bars to go"
    world.closes(100, 101, 102)
    assert world.state()["silent because"] == "warming up: 1 bars to go"
    world.closes(103)
    state = world.state()
    assert (state["side"], state["bars"], state["signals"]) == ("above", "4", "0")


@pytest.mark.parametrize(
    ("side", "expected"),
    [("both", [1, -1, 1]), ("long_only", [1, 0, 1]), ("short_only", [-1, 0])],
)
def test_a_side_that_is_not_traded_closes_instead(side: str, expected: list[int]) -> None:
    """long_only never asks for a short, short_only never for a long."""
    world = World(side=side, **SHORT)
    found = world.closes(*UP, *DOWN) + world.closes(300, 200, 100) + world.closes(200, 300, 400)
    assert found == expected


def test_a_signal_names_its_pair_source_expiry_and_confidence() -> None:
    """Void after one bar by default; confidence is the gap over confidence_bps, 1 at most."""
    world = World(confidence_bps=10_000, **SHORT)
    world.closes(*UP, *DOWN)
    (signal,) = world.heard
    fast, slow = (70 + 200) / 2, (90 + 80 + 70 + 200) / 4
    assert (signal.pair, signal.source, signal.direction) == ("btc", "trend", 1)
    assert signal.confidence == pytest.approx((fast - slow) / 200)
    assert signal.expires_ns == (len(UP) + 1) * MINUTE_NS + MINUTE_NS
    sure = World(confidence_bps=1, ttl_ms=5, **SHORT)
    sure.closes(*UP, *DOWN)
    assert sure.heard[0].confidence == 1.0
    assert sure.heard[0].expires_ns == (len(UP) + 1) * MINUTE_NS + 5_000_000


def test_a_crossing_counts_once_the_gap_is_wide_enough() -> None:
    """Below gap_bps nothing is sent; the bar that reaches it sends."""
    world = World(gap_bps=200, **SHORT)
    assert world.closes(*[10_000] * 4, 9_900, 9_800, 9_700) == []
    assert world.closes(10_050) == []
    assert world.state()["silent because"] == "the gap is 12.4 bps, below 200"
    assert world.closes(10_200) == []
    assert world.closes(10_600) == [1]


def test_after_a_signal_the_cool_down_passes_before_the_next() -> None:
    """With a cool-down of four bars the turn is acted on when it is over, not forgotten."""
    world = World(cooldown_bars=4, **SHORT)
    assert world.closes(*UP, 200) == [1]
    assert world.closes(100, 50, 40, 30) == []
    assert "cool-down" in world.state()["silent because"]
    assert world.closes(20) == [-1]


def test_a_stale_bar_moves_the_lines_but_sends_nothing() -> None:
    """Volume 0 without range is an outage: the turn is acted on at the first live bar."""
    world = World(**SHORT)
    world.closes(*UP)
    stale = bar(world.fed, 200, volume=0)
    stale = BarClosed(
        instrument=KEY,
        open_ticks=200,
        high_ticks=200,
        low_ticks=200,
        close_ticks=200,
        volume_lots=0,
        open_time_ns=stale.open_time_ns,
        close_time_ns=stale.close_time_ns,
    )
    world.fed += 1
    assert world.feed([stale]) == []
    assert world.state()["silent because"].startswith("the bar is stale")
    assert world.closes(210) == [1]


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_while_trading_is_not_active_only_the_closing_signal_is_sent(state: TradingState) -> None:
    """A turn against the position closes it; the new side waits until trading is active."""
    world = World(**SHORT)
    assert world.closes(*UP, *DOWN) == [1]
    world.trade(state)
    assert world.closes(300, 200, 100, 50) == [0]
    assert world.state()["silent because"] == f"trading is {state}"
    world.trade(TradingState.ACTIVE)
    assert world.closes(40) == [-1]


def test_a_successor_says_where_the_lines_stand_once_it_is_warm() -> None:
    """P4: after a crash no crossing is waited for: what the pair holds may be wrong by then."""
    world = World(**SHORT)
    world.closes(*UP, *DOWN)
    world.runtime.kernel.lifecycle.kill("/strategies/trend")
    world.runtime.settle()
    world.runtime.spawn(world.spec)
    world.runtime.settle()
    assert world.closes(500, 600, 700) == []
    assert world.closes(800) == [1]
    assert world.closes(900, 1_000) == []


def test_bad_bars_are_never_fed_to_the_lines() -> None:
    """Duplicates, late and broken bars among good ones leave every signal where it was."""
    bars = walk(600, seed=4)
    dirty: list[BarClosed] = []
    generator = random.Random(9)
    for n, item in enumerate(bars):
        dirty.append(item)
        if n > 5 and generator.random() < 0.2:
            dirty.append(bars[n - generator.randrange(5)])
        if n > 5 and generator.random() < 0.1:
            dirty.append(bar(n + 1, -5))
    world, clean = World(), World()
    assert len(dirty) > 700
    runtime = world.runtime
    topic = runtime.kernel.lifecycle.topic(f"bar:{KEY}")
    for item in dirty:
        runtime.set_time(max(runtime.now_ns, item.close_time_ns))
        runtime.kernel.publish(topic, item)
        runtime.settle()
    expected = clean.feed(bars)
    assert [signal.direction for signal in world.heard] == [sign for _, sign in expected]
    counts = dict(_counts(world).counts)
    assert (counts["bars"], counts["missing_bars"]) == (600, 0)
    assert counts["refused_bars"] == len(dirty) - 600


def _counts(world: World) -> CountsReported:
    reply = world.runtime.ask("/strategies/trend", CountsQuery())
    assert isinstance(reply, CountsReported)
    return reply


def test_what_was_counted_can_be_asked() -> None:
    """The portfolio asks for bars, and what was wrong with others."""
    world = World(**SHORT)
    world.closes(100, 101)
    world.fed += 3
    world.closes(102)
    assert _counts(world) == CountsReported(
        source="/strategies/trend",
        counts=(
            ("bars", 3),
            ("missing_bars", 3),
            ("refused_bars", 0),
            ("incomplete_frames", 0),
        ),
    )


@pytest.mark.parametrize(
    ("parameters", "problems"),
    [
        ({}, []),
        ({"fast": "SMA", "slow": "WMA", "slow_timeperiod": 50}, []),
        ({"fast": "EMMA"}, ["fast: TA-Lib has no function 'EMMA'; the nearest is EMA"]),
        (
            {"slow": "MACD", "slow_output": "signal"},
            ["slow: MACD has no output 'signal'; it has macd, macdsignal, macdhist"],
        ),
        ({"fast": 3}, ["fast and fast_output are names, not 3 and ''"]),
        ({"fast_period": "12"}, ["fast_period is a number, not '12'"]),
        (
            {"fast": "EMA", "fast_perod": 3},
            ["fast: EMA has no parameter 'perod' (it has timeperiod); the nearest is timeperiod"],
        ),
        ({"sides": "both"}, ["there is no parameter 'sides'; the nearest is side"]),
        ({"side": "up"}, ["side is one of both, long_only, short_only, not 'up'"]),
        ({"gap_bps": -1}, ["gap_bps is a number of at least 0, not -1"]),
        ({"gap_bps": float("nan")}, ["gap_bps is a number of at least 0, not nan"]),
        ({"confidence_bps": 0}, ["confidence_bps is a number of at least 1e-06, not 0"]),
        ({"cooldown_bars": 1.5}, ["cooldown_bars is a whole number of at least 0, not 1.5"]),
        ({"bar_minutes": True}, ["bar_minutes is a whole number of at least 0, not True"]),
        (
            {"fast_period": 9, "slow_period": 9},
            ["fast and slow are the same line, which never crosses itself"],
        ),
        (
            {"fast": "OBV", "slow_period": 0},
            [
                "fast: OBV depends on every bar since the first: no window is enough",
                "slow: EMA does not take timeperiod 0: a value is out of range",
            ],
        ),
    ],
)
def test_parameters_are_checked_before_anything_starts(
    parameters: dict[str, str | int | float | bool], problems: list[str]
) -> None:
    """Each problem is a sentence that names the parameter, and the nearest valid name."""
    assert STRATEGY.check(parameters) == problems
