"""A seeded market: fair prices with volatility clusters and jumps, quoted by several venues.

Each asset has one fair price. Its log return per step is Gaussian with a GARCH(1,1) variance, so
that quiet and wild times cluster, plus rare jumps. Each venue quotes it with a basis of its own (a
mean-reverting noise), so that two venues agree on where the market goes and differ by little. The
spread widens and the depth thins as volatility rises above its long-run level. Index, mark and
funding follow from fair price and quotes by the venue's own rules.

The same seed gives the same market in every process; each asset and each listing draws from a
stream of its own, so that adding one changes no other. These are assumptions for tests and paper
trading, fitted to no market.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import exp, sqrt
from random import Random

from domain.errors import DomainError
from domain.instruments import Instrument
from domain.value import Value
from simulations.exchange.funding import FundingMeter
from simulations.exchange.marks import BasisMark
from simulations.market.chunks import (
    PRICE_UNIT,
    RATE_UNIT,
    Chunk,
    ChunkKind,
    ChunkSource,
    MarketSink,
    Series,
)

__all__ = ["GeneratorSource", "GeneratorSpec", "MarketGenerator"]

_SECOND_NS = 1_000_000_000
_HOUR_NS = 3600 * _SECOND_NS
_YEAR_S = 365 * 86_400
_CHUNK_STEPS = 1_024
_CAP = Decimal("0.02")


class GeneratorSpec(Value, kw_only=True):
    """How one asset behaves, on every venue that lists it.

    Units: price in quote; volatility_year the long-run standard deviation per year, a fraction;
    jumps_per_day on average, each with jump_sigma log standard deviation; spread_bps and basis_bps
    in hundredths of a percent of the price (full spread; long-run deviation of the basis);
    depth_quote the notional at each best price; trades_per_step the mean number of prints.
    garch_shock + garch_memory < 1 are the weights of the last squared return and variance.
    """

    price: Decimal
    volatility_year: float = 0.6
    garch_shock: float = 0.06
    garch_memory: float = 0.92
    jumps_per_day: float = 2.0
    jump_sigma: float = 0.004
    spread_bps: float = 0.5
    depth_quote: Decimal = Decimal(200_000)
    basis_bps: float = 2.0
    basis_half_life_s: float = 600.0
    trades_per_step: float = 0.3
    step_ns: int = 250_000_000
    mark_step_ns: int = _SECOND_NS

    def __post_init__(self) -> None:
        """Refuse parameters without a market.

        Raises: DomainError with the field at fault.
        """
        if not (self.price.is_finite() and self.price > 0 and self.depth_quote > 0):
            raise DomainError("price and depth_quote must be above 0")
        if not 0 <= self.garch_shock + self.garch_memory < 1 or self.garch_shock < 0:
            raise DomainError("garch_shock and garch_memory are at least 0 and together below 1")
        shares = (self.volatility_year, self.jumps_per_day, self.jump_sigma, self.spread_bps)
        if min(*shares, self.basis_bps, self.trades_per_step) < 0 or self.basis_half_life_s <= 0:
            raise DomainError("a volatility, a rate or a spread is at least 0")
        if self.step_ns < _SECOND_NS // 1000 or self.mark_step_ns % self.step_ns:
            raise DomainError("step_ns is at least 1 ms and divides mark_step_ns")


class _Fair:
    """The fair price of one asset, step by step: log price and relative volatility."""

    __slots__ = ("_jump", "_long_run", "_memory", "_random", "_shock", "_sigma", "log", "wild")

    def __init__(self, spec: GeneratorSpec, random: Random) -> None:
        step_s = spec.step_ns / _SECOND_NS
        self._random = random
        self._long_run = spec.volatility_year**2 * step_s / _YEAR_S
        self._shock = spec.garch_shock
        self._memory = spec.garch_memory
        self._jump = (spec.jumps_per_day * step_s / 86_400, spec.jump_sigma)
        self._sigma = self._long_run
        self.log = 0.0
        self.wild = 1.0  # volatility now over long-run volatility

    def step(self) -> float:
        """Return the next price as a multiple of the first one."""
        random = self._random
        move = random.gauss(0.0, 1.0) * sqrt(self._sigma)
        frequency, size = self._jump
        if random.random() < frequency:
            move += random.gauss(0.0, size)
        rest = 1.0 - self._shock - self._memory
        self._sigma = rest * self._long_run + self._shock * move * move + self._memory * self._sigma
        self.wild = sqrt(self._sigma / self._long_run) if self._long_run > 0 else 1.0
        self.log += move
        return exp(self.log)


class _Listing:
    """One venue's quotes of an asset; columns gather until they are cut into chunks."""

    def __init__(self, instrument: Instrument, spec: GeneratorSpec, random: Random) -> None:
        self.instrument = instrument
        self._spec = spec
        self._random = random
        self._price = float(spec.price)
        self._tick = float(instrument.tick)
        self._lots = float(spec.depth_quote) / float(spec.price) / float(instrument.lot)
        half_life_steps = spec.basis_half_life_s * _SECOND_NS / spec.step_ns
        self._pull = 0.5 ** (1.0 / half_life_steps)
        self._basis_step = spec.basis_bps / 1e4 * sqrt(1.0 - self._pull**2)
        self._basis = 0.0
        self._bid = self._ask = 0
        self._mark = BasisMark()
        self._meter = FundingMeter()
        self._columns: dict[ChunkKind, list[list[int]]] = {}
        self.cut()

    def cut(self) -> dict[ChunkKind, list[list[int]]]:
        """Return what has gathered (times first) and start anew."""
        gathered = self._columns
        self._columns = {kind: [[] for _ in range(1 + len(kind.value))] for kind in ChunkKind}
        return gathered

    def step(self, time_ns: int, multiple: float, wild: float) -> None:
        """Quote once within the step that begins at time_ns, and print what trades there."""
        random, spec = self._random, self._spec
        self._basis = self._basis * self._pull + random.gauss(0.0, self._basis_step)
        price = self._price * multiple * (1.0 + self._basis)
        half = max(price * spec.spread_bps / 2e4 * wild / self._tick, 0.5)
        middle = price / self._tick
        self._bid = max(int(middle - half), 1)
        self._ask = max(int(middle + half), self._bid + 1)
        thin = self._lots / wild
        bid_lots = max(int(thin * (0.5 + random.random())), 1)
        ask_lots = max(int(thin * (0.5 + random.random())), 1)
        quoted_ns = time_ns + int(random.random() * spec.step_ns)
        self._add(ChunkKind.QUOTE, quoted_ns, self._bid, bid_lots, self._ask, ask_lots)
        if random.random() < spec.trades_per_step * min(wild, 3.0):
            side = 1 if random.random() < 0.5 else -1  # noqa: PLR2004 - a fair coin
            shown = ask_lots if side > 0 else bid_lots
            lots = max(int(shown * random.random() ** 2), 1)
            price_ticks = self._ask if side > 0 else self._bid
            self._add(ChunkKind.TRADE, quoted_ns, price_ticks, lots, side)

    def mark(self, time_ns: int, multiple: float) -> None:
        """Sample index and mid, and publish the mark."""
        index = _units(self._price * multiple) * PRICE_UNIT
        tick = self.instrument.tick
        mark = self._mark.sample((self._bid + self._ask) * tick / 2, index)
        self._meter.sample(self._bid * tick, self._ask * tick, index)
        self._add(ChunkKind.MARK, time_ns, int(mark / PRICE_UNIT), int(index / PRICE_UNIT))

    def settle(self, time_ns: int) -> None:
        """Settle funding on the last mark, at the rate of the interval that ends."""
        hours = self.instrument.funding_interval_h
        rate = self._meter.settle(interval_h=hours, cap=_CAP)
        marks = self._columns[ChunkKind.MARK][1]
        if marks:
            self._add(ChunkKind.FUNDING, time_ns, int(rate / RATE_UNIT), marks[-1])

    def _add(self, kind: ChunkKind, *row: int) -> None:
        for column, value in zip(self._columns[kind], row, strict=True):
            column.append(value)


class MarketGenerator:
    """An endless market of one or more assets on one or more venues.

    Every chunk of a stretch of time is made together, so series may be read in any order; a series
    that falls behind keeps its chunks waiting.
    """

    def __init__(
        self,
        listings: Sequence[Instrument],
        assets: dict[str, GeneratorSpec],
        random: Random,
        start_ns: int,
    ) -> None:
        """Take what is listed where, how each base asset behaves, and when it begins (ns UTC).

        The beginning is rounded down to a whole mark step.

        Raises: DomainError if an instrument's base asset is not described, or the assets' steps
        differ.
        """
        missing = [one.key for one in listings if one.base not in assets]
        if missing:
            raise DomainError(f"no generator for the asset of {', '.join(missing)}")
        steps = {(spec.step_ns, spec.mark_step_ns) for spec in assets.values()}
        if len(steps) != 1:
            raise DomainError("all assets of a generator share step_ns and mark_step_ns")
        self._step_ns, self._mark_step_ns = steps.pop()
        seed = random.getrandbits(64)
        self._fair = {base: _Fair(spec, Random(f"{seed}-{base}")) for base, spec in assets.items()}
        self._listings = [
            _Listing(one, assets[one.base], Random(f"{seed}-{one.key}")) for one in listings
        ]
        self._time_ns = start_ns - start_ns % self._mark_step_ns
        self._waiting: dict[tuple[str, ChunkKind], list[Chunk]] = {
            (one.key, kind): [] for one in listings for kind in _KINDS
        }

    def series(self) -> list[Series]:
        """Return the series for a ChunkSource: quotes, trades, marks, funding of each listing.

        Each is endless, and can be read once only.
        """
        return [self._endless(key, kind) for key, kind in self._waiting]

    def _endless(self, key: str, kind: ChunkKind) -> Iterator[Chunk]:
        waiting = self._waiting[key, kind]
        while True:
            while not waiting:
                self._grow()
            yield waiting.pop(0)

    def _grow(self) -> None:
        """Make the next stretch of every series."""
        for _ in range(_CHUNK_STEPS):
            time_ns = self._time_ns
            multiples = {base: fair.step() for base, fair in self._fair.items()}
            for listing in self._listings:
                base = listing.instrument.base
                listing.step(time_ns, multiples[base], self._fair[base].wild)
            self._time_ns = end_ns = time_ns + self._step_ns
            if end_ns % self._mark_step_ns:
                continue
            for listing in self._listings:
                listing.mark(end_ns, multiples[listing.instrument.base])
                if end_ns % (listing.instrument.funding_interval_h * _HOUR_NS) == 0:
                    listing.settle(end_ns)
        for listing in self._listings:
            for kind, (times, *columns) in listing.cut().items():
                if kind in _KINDS:
                    chunk = Chunk(
                        instrument=listing.instrument.key,
                        kind=kind,
                        times_ns=times,
                        columns=tuple(columns),
                        until_ns=self._time_ns,
                    )
                    self._waiting[chunk.instrument, kind].append(chunk)


class GeneratorSource(ChunkSource):
    """Publishes a generated market without end."""

    __slots__ = ()

    def __init__(
        self,
        generator: MarketGenerator,
        sinks: Mapping[str, MarketSink],
        set_time: Callable[[int], object],
    ) -> None:
        """Take the generator, the sink of each venue by its name, and the clock to set."""
        super().__init__(generator.series(), sinks, set_time)


_KINDS = (ChunkKind.QUOTE, ChunkKind.TRADE, ChunkKind.MARK, ChunkKind.FUNDING)


def _units(price: float) -> int:
    return round(price / float(PRICE_UNIT))
