"""NautilusTrader's backtest engine on the same work; runs in an environment of its own.

One line of JSON in (what to run, how often), one out (seconds). The engine is loaded before the
clock starts; only ``run`` is timed, on both sides.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from time import perf_counter
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


def quotes(count: int) -> list[QuoteTick]:
    """Return the quotes of the feed as Nautilus holds them."""
    size = Quantity.from_str("50.000")
    prices = {ticks: Price(ticks / 10, 1) for ticks in feed.tick_range()}
    return [
        QuoteTick(INSTRUMENT, prices[bid], prices[ask], size, size, time_ns, time_ns)
        for time_ns, bid, ask in feed.quotes(count)
    ]


def bars(count: int) -> list[Bar]:
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

    def __init__(self, config: StrategyConfig) -> None:
        self.count = 0

    def __new__(cls, config: StrategyConfig) -> Counter:
        return super().__new__(cls, config)

    def on_start(self) -> None:
        self.subscribe_quotes(INSTRUMENT)

    def on_quote(self, quote: QuoteTick) -> None:
        self.count += 1


class RoundTrips(Strategy):
    """Sends a market order, waits until it is filled, and sends the opposite one."""

    def __init__(self, config: StrategyConfig) -> None:
        self.left = 0
        self.side = OrderSide.BUY

    def on_start(self) -> None:
        self.subscribe_quotes(INSTRUMENT)

    def on_quote(self, quote: QuoteTick) -> None:
        if self.side is OrderSide.BUY and self.left > 0:
            self.send()

    def on_order_filled(self, event: Any) -> None:
        self.left -= 1

    def send(self) -> None:
        self.submit_order(self.order_factory.market(INSTRUMENT, self.side, LOT))


class EmaCross(Strategy):
    """Reverses its position whenever a fast average crosses a slow one."""

    def __init__(self, config: StrategyConfig) -> None:
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
