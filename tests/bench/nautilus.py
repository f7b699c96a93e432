"""NautilusTrader's backtest engine on the same work; runs in an environment of its own.

One line of JSON in (what to run, how often), one out (seconds). The engine is loaded before the
clock starts; only ``run`` is timed, on both sides, in CPU time of the thread that runs it.
"""

# The environment of the type checker has no NautilusTrader.
# mypy: disable-error-code="import-not-found,misc,no-any-return"

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from statistics import median
from time import perf_counter_ns, thread_time
from typing import Any

from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig
from nautilus_trader.execution import MakerTakerFeeModel, StaticLatencyModel
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import (
    AccountType,
    Bar,
    BarType,
    CryptoPerpetual,
    Currency,
    InstrumentId,
    Money,
    OmsType,
    OrderSide,
    Price,
    Quantity,
    QuoteTick,
    Symbol,
    Venue,
)
from nautilus_trader.risk import RiskEngineConfig
from nautilus_trader.trading import Strategy, StrategyConfig

from tests.bench import feed

VENUE = Venue("ALPHA")
INSTRUMENT = InstrumentId.from_str("BTCUSDT-PERP.ALPHA")
BAR_TYPE = BarType.from_str("BTCUSDT-PERP.ALPHA-1-MINUTE-LAST-EXTERNAL")
LOT = Quantity.from_str("0.010")
SIDES = (1, 1, -1, -1, -1, -1, 1, 1)


def engine_of(data: list[Any], strategies: list[Strategy], latency_ns: int = 0) -> BacktestEngine:
    """Return an engine that holds the data, without any logging."""
    config = BacktestEngineConfig(
        logging=LoggerConfig(bypass_logging=True),
        bypass_logging=True,
        run_analysis=False,
        risk_engine=RiskEngineConfig(max_order_submit_rate="100000000/00:00:01"),
    )
    engine = BacktestEngine(config)
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(100_000_000.0, Currency.from_str("USDT"))],
        default_leverage=Decimal(20),
        fee_model=MakerTakerFeeModel(Decimal("0.0002"), Decimal("0.0005")),
        latency_model=StaticLatencyModel(base_latency_nanos=latency_ns) if latency_ns else None,
    )
    engine.add_instrument(instrument())
    engine.add_data(data)
    engine.add_strategies(strategies)
    return engine


def instrument() -> CryptoPerpetual:
    """Return the same listing that Keel trades in its own runs."""
    return CryptoPerpetual(
        instrument_id=INSTRUMENT,
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=Currency.from_str("BTC"),
        quote_currency=Currency.from_str("USDT"),
        settlement_currency=Currency.from_str("USDT"),
        is_inverse=False,
        price_precision=1,
        size_precision=3,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.001"),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.004"),
    )


@cache
def kept_quotes(count: int) -> list[QuoteTick]:
    """Return the quotes of the feed as Nautilus holds them."""
    size = Quantity.from_str("50.000")
    prices = {ticks: Price(ticks / 10, 1) for ticks in feed.tick_range()}
    return [
        QuoteTick(INSTRUMENT, prices[bid], prices[ask], size, size, time_ns, time_ns)
        for time_ns, bid, ask in feed.quotes(count)
    ]


@cache
def kept_bars(count: int) -> list[Bar]:
    """Return the bars of the feed as Nautilus holds them."""
    volume = Quantity.from_str("1000.000")
    prices = {ticks: Price(ticks / 10, 1) for ticks in feed.tick_range()}
    return [
        Bar(
            BAR_TYPE,
            prices[opened],
            prices[high],
            prices[low],
            prices[close],
            volume,
            close_ns,
            close_ns,
        )
        for close_ns, opened, high, low, close in feed.bars(count)
    ]


def named(number: int) -> StrategyConfig:
    """Return the configuration of one of several strategies."""
    return StrategyConfig(order_id_tag=f"{number:03d}", log_events=False, log_commands=False)


class Counter(Strategy):
    """Counts quotes."""

    count = 0

    def on_start(self) -> None:
        self.subscribe_quotes(INSTRUMENT)

    def on_quote(self, _: QuoteTick) -> None:
        self.count += 1


class RoundTrips(Strategy):
    """Sends a market order at a quote, and the next once it is filled and the position moved."""

    def __init__(self, _: StrategyConfig) -> None:
        self.left = 0
        self.taken_ns: list[int] = []
        self._begun_ns = 0

    def on_start(self) -> None:
        self.subscribe_quotes(INSTRUMENT)

    def on_quote(self, _: QuoteTick) -> None:
        if self._begun_ns or not self.left:
            return
        side = OrderSide.BUY if SIDES[self.left % len(SIDES)] > 0 else OrderSide.SELL
        self._begun_ns = perf_counter_ns()
        self.submit_order(self.order_factory.market(INSTRUMENT, side, LOT))

    def on_position_event(self, _: object) -> None:
        if self._begun_ns:
            self.taken_ns.append(perf_counter_ns() - self._begun_ns)
            self._begun_ns = 0
            self.left -= 1


class EmaCross(Strategy):
    """Reverses its position whenever a fast average crosses a slow one."""

    def __init__(self, _: StrategyConfig) -> None:
        self.fast = ExponentialMovingAverage(feed.FAST)
        self.slow = ExponentialMovingAverage(feed.SLOW)
        self.long: bool | None = None
        self.orders = 0

    def on_start(self) -> None:
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar: Bar) -> None:
        self.fast.handle_bar(bar)
        self.slow.handle_bar(bar)
        if not self.slow.initialized:
            return
        long = self.fast.value > self.slow.value
        if long is not self.long:
            first, self.long = self.long is None, long
            side = OrderSide.BUY if long else OrderSide.SELL
            quantity = LOT if first else Quantity.from_str("0.020")
            self.orders += 1
            self.submit_order(self.order_factory.market(INSTRUMENT, side, quantity))


def run_quotes(count: int, strategies: int) -> dict[str, float]:
    """Run quotes to strategies that count."""
    counters = [Counter(named(number)) for number in range(strategies)]
    engine = engine_of(kept_quotes(count), list(counters))
    taken = timed(engine)
    assert all(counter.count == count for counter in counters), "every quote was counted"
    return {"per_second": count / taken}


def run_orders(count: int, latency_ns: int) -> dict[str, float]:
    """Run orders one after the other."""
    trips = RoundTrips(named(1))
    trips.left = count
    # With latency its venue answers only at one of the next quotes.
    spare = 3 * count if latency_ns else count // 50
    engine = engine_of(kept_quotes(count + spare + 50), [trips], latency_ns)
    taken = timed(engine)
    assert not trips.left, f"{trips.left} orders did not go"
    return {"median_us": median(trips.taken_ns) / 1e3, "per_second": count / taken}


def run_bars(count: int) -> dict[str, float]:
    """Run bars through the crossing averages."""
    cross = EmaCross(named(1))
    engine = engine_of(kept_bars(count), [cross])
    taken = timed(engine)
    return {"per_second": count / taken, "orders": cross.orders}


def timed(engine: BacktestEngine) -> float:
    """Return the seconds of one run, and let the engine go."""
    gc.collect()
    start = thread_time()
    engine.run()
    taken = thread_time() - start
    engine.dispose()
    return taken


TASKS: dict[str, Callable[..., dict[str, float]]] = {
    "quotes": run_quotes,
    "orders": run_orders,
    "bars": run_bars,
}


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        question = json.loads(line)
        answer = TASKS[question.pop("task")](**question)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
