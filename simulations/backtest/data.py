"""The recorded markets of a backtest: which files, which span, and what was found in them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from config.schema import Config
from domain.errors import DomainError
from domain.instruments import Instrument
from simulations.market.candles import PathSpec
from simulations.market.chunks import Series
from simulations.market.folders import RecordedMarket, list_folder, load_market
from simulations.options import SimulatedOptions

__all__ = ["BacktestData", "load_data"]

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
STEP_S_MAX = 60
POINTS_MIN = 4
BARS_MIN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestData:
    """The markets of all instruments, by key, and the span [start_ns, end_ns) that they share.

    left_out says what part of the files is not used, empty if none. step_s is the time between
    quotes within a bar.
    """

    folder: Path
    markets: dict[str, RecordedMarket]
    start_ns: int
    end_ns: int
    bar_ns: int
    step_s: int
    left_out: str

    def series(self, config: Config) -> list[Series]:
        """Return every instrument's series, each with the spread and depth of its venue."""
        series: list[Series] = []
        for key, market in self.markets.items():
            options = config.options[market.instrument.venue]
            assert isinstance(options, SimulatedOptions), f"{key} is simulated here"
            spec = PathSpec(
                step_s=self.step_s,
                half_spread_ticks=options.half_spread_ticks,
                depth_share=options.depth_share,
            )
            series += market.series(spec, start_ns=self.start_ns, end_ns=self.end_ns)
        return series

    def _gaps(self, open_ns: list[int]) -> int:
        """Return how many bars are missing within the span."""
        used = [time_ns for time_ns in open_ns if self.start_ns <= time_ns < self.end_ns]
        return (used[-1] - used[0]) // self.bar_ns + 1 - len(used)

    def report(self) -> dict[str, Any]:
        """Return the files with their digests, the span, and everything found wrong in them.

        gaps are bars that are missing within the span; the findings are those of the whole files.
        """
        first = {market.instrument.base: market for market in reversed(self.markets.values())}
        reports = [report for market in first.values() for report in market.reports]
        names = {name for report in reports for name in report.name.split(" + ")}
        files = [one.path for one in list_folder(self.folder) if one.path.name in names]
        return {
            "folder": self.folder.name,
            "files": {path.name: sha256(path.read_bytes()).hexdigest() for path in files},
            "from": _text(self.start_ns),
            "to": _text(self.end_ns),
            "bar_s": self.bar_ns // SECOND_NS,
            "quote_step_s": self.step_s,
            "left_out": self.left_out,
            "gaps": sum(self._gaps(market.candles.open_ns) for market in first.values()),
            "bad_bars": sum(
                _count(report.issues, "impossible_bar", "not_finite", "out_of_order", "duplicate")
                for report in reports
            ),
            "findings": [
                {
                    "file": report.name,
                    "issue": str(issue.kind),
                    "count": issue.count,
                    "first": _text(issue.first_ns),
                    "treatment": str(issue.treatment),
                }
                for report in reports
                for issue in report.issues
            ],
        }


def load_data(
    config: Config, folder: Path, start_ns: int | None = None, end_ns: int | None = None
) -> BacktestData:
    """Return the recorded market of every instrument of a config.

    Both venues of a pair quote the same recording. The span is the one that candles and marks of
    all instruments share; unless an end is asked for, it ends where the candles pause for more than
    a day.
    Raises: DomainError if candles are missing, differ in length, or share no span.
    """
    markets = _markets(config.instruments, folder)
    bars = {market.candles.step_ns for market in markets.values()}
    if len(bars) != 1:
        raise DomainError(f"{folder.name}: candles of different lengths, {sorted(bars)} ns")
    bar_ns = bars.pop()
    first, last = _shared_span(markets)
    begin = first if start_ns is None else max(first, start_ns)
    begin = max(_next_bar(market.candles.open_ns, begin) for market in markets.values())
    end = last if end_ns is None else min(last, end_ns)
    left_out = ""
    if end_ns is None:
        pause = min(_pause(market.candles.open_ns, begin, bar_ns) for market in markets.values())
        if pause < end:
            left_out = f"the candles pause from {_text(pause)}; name --from to begin after that"
            end = pause
    if end - begin < BARS_MIN * bar_ns:
        raise DomainError(
            f"{folder.name}: from {_text(begin)} to {_text(end)} is less than {BARS_MIN} bars"
        )
    return BacktestData(
        folder=folder,
        markets=markets,
        start_ns=begin,
        end_ns=end,
        bar_ns=bar_ns,
        step_s=_step_s(bar_ns),
        left_out=left_out,
    )


def _markets(instruments: tuple[Instrument, ...], folder: Path) -> dict[str, RecordedMarket]:
    """Return a market per instrument; listings of one coin with equal steps share their columns."""
    loaded: dict[tuple[object, ...], RecordedMarket] = {}
    markets = {}
    for item in instruments:
        likeness = (item.base, item.tick, item.lot)
        known = loaded.get(likeness)
        if known is None:
            loaded[likeness] = markets[item.key] = load_market(folder, item)
            continue
        markets[item.key] = RecordedMarket(
            instrument=item,
            candles=replace(known.candles, instrument=item.key),
            marks=known.marks and replace(known.marks, instrument=item.key),
            funding=known.funding and replace(known.funding, instrument=item.key),
        )
    return markets


def _shared_span(markets: dict[str, RecordedMarket]) -> tuple[int, int]:
    """Return from when and until when every instrument has candles, and marks of its own."""
    first, last = 0, 1 << 62
    for market in markets.values():
        candles = market.candles
        first = max(first, candles.open_ns[0])
        last = min(last, candles.open_ns[-1] + candles.step_ns)
        if market.marks is not None:
            first = max(first, market.marks.open_ns[0])
            last = min(last, market.marks.open_ns[-1] + market.marks.step_ns)
    return first, last


def _next_bar(open_ns: list[int], time_ns: int) -> int:
    """Return when the first bar at or after a time opens, the time itself after the last."""
    index = bisect_left(open_ns, time_ns)
    return open_ns[index] if index < len(open_ns) else time_ns


def _pause(open_ns: list[int], begin_ns: int, bar_ns: int) -> int:
    """Return where the bars from begin on stop for more than a day."""
    for earlier, later in pairwise(open_ns):
        if earlier >= begin_ns and later - earlier > DAY_NS:
            return earlier + bar_ns
    return open_ns[-1] + bar_ns


def _step_s(bar_ns: int) -> int:
    """Return the longest step that is at most a minute and divides a bar into at least four."""
    bar_s = bar_ns // SECOND_NS
    steps = range(min(STEP_S_MAX, bar_s // POINTS_MIN), 0, -1)
    return next(step for step in steps if bar_s % step == 0)


def _count(issues: Any, *kinds: str) -> int:  # noqa: ANN401 - DataIssue tuples
    return sum(issue.count for issue in issues if issue.kind in kinds)


def _text(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, UTC):%Y-%m-%dT%H:%M:%SZ}"
