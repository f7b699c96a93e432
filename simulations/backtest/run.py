"""The backtest: wire a config to virtual time and recorded markets, run it, stop it flat."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from actors.messages.portfolio import PortfolioReply
from actors.runtime.simulated import MarketSource, SimulatedRuntime
from config.schema import Config
from domain.errors import DomainError
from simulations.backtest.data import BacktestData, load_data
from simulations.backtest.episodes import CRASHES, EpisodeRecorder
from simulations.backtest.result import result_object
from simulations.market.chunks import ChunkSource
from simulations.options import SimulatedOptions
from simulations.venue import SimulatedVenue

__all__ = ["BacktestError", "BacktestResult", "Wired", "run_backtest"]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
STOP_BARS = 10
STOP_NS_MAX = 30 * MINUTE_NS
AFTER_NS = 3_600 * SECOND_NS


class BacktestError(Exception):
    """The backtest could not be run to its end; the text says why."""


class Wired(Protocol):
    """What the backtest needs of a wired system; config.wire.System has it."""

    @property
    def parts(self) -> Any:  # noqa: ANN401 - config.tree.Parts, of which two fields are used
        """The venues' parts by name, and the audit buffer."""

    @property
    def report(self) -> PortfolioReply | None:
        """The final figures, once the tree has stopped."""

    def start(self) -> None:
        """Begin to start the tree."""


Wiring = Callable[[SimulatedRuntime], Wired]
Progress = Callable[[int, int, int, int], None]  # now, start and end in ns UTC; events so far


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """The figures (see ``result_object``) and the equity curve of a run."""

    figures: dict[str, Any]
    report: PortfolioReply


class _Counted:
    """A source that counts what it publishes."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source
        self.events = 0

    def next_ns(self) -> int | None:
        """Return when the next event is due."""
        return self._source.next_ns()

    def pump(self, limit_ns: int) -> int:
        """Publish what is due."""
        count = self._source.pump(limit_ns)
        self.events += count
        return count


def run_backtest(
    config: Config,
    data_dir: Path,
    *,
    substream: Any,  # noqa: ANN401 - the random streams of the run, from config.wire
    wire: Wiring,
    start_ns: int | None = None,
    end_ns: int | None = None,
    progress: Progress | None = None,
) -> BacktestResult:
    """Run a config's actors over a folder of recordings and stop them flat before its end.

    wire joins the config to the runtime, without markets of its own. The same config and data give
    the same digest.
    Raises: BacktestError, also for data that cannot be used.
    """
    for venue in config.venues:
        if not isinstance(config.options[venue.name], SimulatedOptions):
            raise BacktestError(f"venue {venue.name} is {venue.kind}, not simulated")
    try:
        data = load_data(config, data_dir, start_ns, end_ns)
    except DomainError as error:
        raise BacktestError(str(error)) from None
    runtime = SimulatedRuntime(substream, data.start_ns)
    system = wire(runtime)
    venues: dict[str, SimulatedVenue] = {
        name: parts.endpoint for name, parts in system.parts.venues.items()
    }
    source = _Counted(ChunkSource(data.series(config), venues, runtime.set_time))
    runtime.add_source(source)
    shown = tuple(
        one for one in CRASHES if one.start_ns < data.end_ns and one.end_ns > data.start_ns
    )
    recorder = EpisodeRecorder(system.parts.audit, shown)
    if shown:
        runtime.kernel.audit = recorder
    began = time.perf_counter()
    system.start()
    _run(runtime, source, data, progress)
    wall_s = time.perf_counter() - began
    report = system.report
    if report is None:
        raise BacktestError(_why(runtime))
    figures = result_object(
        report,
        digest=system.parts.audit.hexdigest(),
        events=source.events,
        wall_s=wall_s,
        liquidations={
            name: venue.exchange.execution.liquidations for name, venue in venues.items()
        },
        data=data.report(),
        episodes=recorder.tell(),
        failures=[f"{path}: {exit_.reason}" for path, exit_, _, _ in _failures(runtime)],
    )
    return BacktestResult(figures=figures, report=report)


def _run(
    runtime: SimulatedRuntime, source: _Counted, data: BacktestData, progress: Progress | None
) -> None:
    """Run to shortly before the end, stop the tree on the last bars, and see it end."""
    stop_ns = data.end_ns - min(STOP_BARS * data.bar_ns, STOP_NS_MAX)
    now_ns = data.start_ns
    while now_ns < stop_ns and runtime.kernel.is_alive("/"):
        now_ns = min(now_ns + DAY_NS, stop_ns)
        runtime.run_until(now_ns)
        if progress is not None:
            progress(now_ns, data.start_ns, data.end_ns, source.events)
    runtime.kernel.lifecycle.request_stop("/")
    while runtime.kernel.is_alive("/") and runtime.now_ns < data.end_ns + AFTER_NS:
        runtime.advance(SECOND_NS)


def _failures(runtime: SimulatedRuntime) -> Any:  # noqa: ANN401 - the engine's tuples
    return runtime.kernel.lifecycle.failures


def _why(runtime: SimulatedRuntime) -> str:
    """Return why there is no final report: the first failure of an actor, if there was one."""
    for path, exit_, text, _ in _failures(runtime):
        return f"{path} failed: {exit_.reason}\n{text}"
    return "the system did not stop in order"
