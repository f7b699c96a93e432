"""Recorded quotes through the simulated venue, gateway and connection to strategies that count."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from time import thread_time

from actors.messages.market import QuoteUpdated
from actors.messages.positions import AccountReported, PositionChanged
from actors.runtime import Actor, handles
from simulations.market.chunks import PRICE_UNIT, Chunk, ChunkKind
from tests.bench import feed
from tests.bench.measure import Budget, Line, Scale, interleave
from tests.bench.peers import NAUTILUS, peer_sample
from tests.bench.world import KEY, Options, World, quote_chunks

__all__ = ["quotes_1", "quotes_2", "quotes_5", "quotes_risk"]

QUOTES = 1_000_000
MARK_STEP = 100


class Counter(Actor):
    """Counts the quotes it sees; the account leaves it cold."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_start(self) -> None:
        """Subscribe."""
        self.context.subscribe(f"quote:{KEY}")

    @handles(QuoteUpdated)
    def quoted(self, _: QuoteUpdated) -> None:
        """Count."""
        self.count += 1

    @handles(PositionChanged, AccountReported)
    def other(self, _: object) -> None:
        """Let pass."""


@cache
def _columns(count: int) -> tuple[list[Chunk], list[Chunk], int]:
    rows = list(feed.quotes(count))
    marked = rows[::MARK_STEP]
    units = [round(Decimal(bid) / 10 / PRICE_UNIT) for _, bid, _ in marked]
    marks = Chunk(
        instrument=KEY,
        kind=ChunkKind.MARK,
        times_ns=[time_ns for time_ns, _, _ in marked],
        columns=(units, units),
    )
    return quote_chunks(rows), [marks], rows[-1][0]


def _sample(count: int, subscribers: int, *, risk: bool) -> Callable[[], float]:
    """Return what runs once: quotes per second, from the columns to the last handler."""
    quotes, marks, until_ns = _columns(count)
    owners = {f"counter{number}": Counter for number in range(subscribers)}

    def sample() -> float:
        world = World(Options(owners=dict(owners), trading=risk))
        before = {name: _counter(world, name).count for name in owners}
        start = thread_time()
        world.run([quotes, marks] if risk else [quotes], until_ns)
        taken = thread_time() - start
        world.check()
        for name in owners:
            seen = _counter(world, name).count - before[name]
            assert seen == count, f"{name} saw {seen} quotes of {count}"
        return count / taken

    return sample


def _counter(world: World, name: str) -> Counter:
    actor = world.actor(f"/owners/{name}")
    assert isinstance(actor, Counter), "owners are counters"
    return actor


def _line(name: str, scale: Scale, subscribers: int, budget: Budget, *, risk: bool = False) -> Line:
    count = scale.of(QUOTES)
    ours, peers = interleave(
        scale.runs,
        _sample(count, subscribers, risk=risk),
        peer_sample(scale, "quotes", "per_second", count=count, strategies=subscribers),
    )
    return Line(
        name=name,
        unit="quotes/s",
        better="more",
        ours=ours,
        peer_name=NAUTILUS,
        peers=peers,
        budget=budget,
    )


def quotes_1(scale: Scale) -> list[Line]:
    """Measure one subscriber."""
    return [_line("quotes_1", scale, 1, Budget(ratio_min=1.3))]


def quotes_2(scale: Scale) -> list[Line]:
    """Measure two subscribers."""
    return [_line("quotes_2", scale, 2, Budget())]


def quotes_5(scale: Scale) -> list[Line]:
    """Measure five subscribers."""
    return [_line("quotes_5", scale, 5, Budget())]


def quotes_risk(scale: Scale) -> list[Line]:
    """Measure the whole trading tree: risk reads quotes in a slot and is told each mark."""
    return [_line("quotes_risk", scale, 1, Budget(ratio_min=1.15), risk=True)]
