"""Half a million candles through the whole tree to a strategy that trades on crossing averages."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from time import thread_time

from actors.messages.market import BarClosed, QuoteUpdated
from actors.messages.orders import OrderRefused, OrderUpdated, ProposeOrder
from actors.messages.positions import AccountReported, PositionChanged
from actors.runtime import Actor, handles
from actors.signals.incremental import Ema
from domain.orders import FINAL_STATES, Order, Side, TimeInForce
from simulations.market.chunks import Chunk, ChunkKind
from tests.bench import feed
from tests.bench.measure import Budget, Line, Scale, interleave
from tests.bench.peers import NAUTILUS, peer_sample
from tests.bench.world import CHUNK, KEY, Options, World, issuer

__all__ = ["bars_500k"]

BARS = 500_000
BARS_PER_SECOND_MIN = 400_000
QUANTITY = Decimal("0.010")
TICK = Decimal("0.1")
REACH = 10
HEARTBEAT_S = 300
RESYNC_S = 600


class Cross(Actor):
    """Reverses its position whenever a fast average crosses a slow one."""

    def __init__(self) -> None:
        super().__init__()
        self.orders = 0
        self.bars = 0
        self.refused: OrderRefused | None = None
        self._fast = Ema(feed.FAST)
        self._slow = Ema(feed.SLOW)
        self._long: bool | None = None
        self._live = False
        self._ids = issuer("/owners/cross")
        self._quote = self.context.topic(f"quote:{KEY}")

    def on_start(self) -> None:
        """Subscribe."""
        self.context.subscribe(f"bar:{KEY}")

    @handles(BarClosed)
    def closed(self, bar: BarClosed) -> None:
        """Follow both averages."""
        self.bars += 1
        close = float(bar.close_ticks)
        long = self._fast.update(close, bar) > (slow := self._slow.update(close, bar))
        if long is not self._long and slow == slow and not self._live:  # noqa: PLR0124 - NaN
            self._reverse(long=long)

    def _reverse(self, *, long: bool) -> None:
        quote: QuoteUpdated = self._quote.last
        first, self._long = self._long is None, long
        self._live = True
        self.orders += 1
        order = Order(
            client_id=self._ids.next(),
            instrument=KEY,
            side=Side.BUY if long else Side.SELL,
            quantity=QUANTITY if first else 2 * QUANTITY,
            owner="/owners/cross",
            created_ns=self.context.now,
            price=TICK * (quote.ask_ticks + REACH if long else quote.bid_ticks - REACH),
            time_in_force=TimeInForce.IOC,
        )
        self.context.tell("/risk", ProposeOrder(order=order))

    @handles(OrderUpdated)
    def updated(self, message: OrderUpdated) -> None:
        """Trade again once the order is over."""
        if message.state in FINAL_STATES:
            self._live = False

    @handles(OrderRefused)
    def refuse(self, message: OrderRefused) -> None:
        """Keep what went wrong."""
        self.refused = message

    @handles(PositionChanged, AccountReported)
    def other(self, _: object) -> None:
        """Let pass."""


@cache
def _chunks(count: int) -> tuple[list[Chunk], list[Chunk], int]:
    """Return a quote at each close, which moves the book, and the bars."""
    rows = list(feed.bars(count))
    quotes, bars = [], []
    for start in range(0, count, CHUNK):
        times, *prices = (list(column) for column in zip(*rows[start : start + CHUNK], strict=True))
        closes = prices[3]
        lots = [feed.LOTS] * len(times)
        asks = [close + 1 for close in closes]
        opened = [time_ns - feed.BAR_STEP_NS for time_ns in times]
        quotes.append(
            Chunk(
                instrument=KEY,
                kind=ChunkKind.QUOTE,
                times_ns=times,
                columns=(closes, lots, asks, lots),
            )
        )
        bars.append(
            Chunk(
                instrument=KEY,
                kind=ChunkKind.BAR,
                times_ns=times,
                columns=(*prices, lots, opened),
            )
        )
    return quotes, bars, rows[-1][0]


def cross_of(world: World) -> Cross:
    """Return the strategy."""
    actor = world.actor("/owners/cross")
    assert isinstance(actor, Cross), "the owner follows averages"
    return actor


def bars_500k(scale: Scale) -> list[Line]:
    """Measure bars per second; heartbeats and account comparisons as in config/hedged.toml."""
    count = scale.of(BARS)
    orders = 0

    def sample() -> float:
        nonlocal orders
        quotes, bars, until_ns = _chunks(count)
        world = World(Options(owners={"cross": Cross}, heartbeat_s=HEARTBEAT_S, resync_s=RESYNC_S))
        start = thread_time()
        world.run([quotes, bars], until_ns)
        taken = thread_time() - start
        world.check()
        cross = cross_of(world)
        assert cross.bars == count, f"{cross.bars} of {count} bars arrived"
        assert cross.refused is None, f"{cross.refused}"
        orders = cross.orders
        return count / taken

    ours, peers = interleave(
        scale.runs, sample, peer_sample(scale, "bars", "per_second", count=count)
    )
    return [
        Line(
            name="bars_500k",
            unit="bars/s",
            better="more",
            ours=ours,
            peer_name=NAUTILUS,
            peers=peers,
            budget=Budget(figure_min=BARS_PER_SECOND_MIN),
            detail={"orders": orders},
        )
    ]
