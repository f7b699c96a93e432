"""Paper trading: simulated venues in real time, or faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from config.schema import ClockSettings, Config
from simulations.options import SimulatedOptions

__all__ = ["PaperClock", "not_for_paper", "paper_clock"]

NS_PER_S = 1_000_000_000
STEP_NS_MAX = NS_PER_S


class PaperClock:
    """A clock for venues inside the process: as fast as wanted, and still while the process is.

    Between two readings it moves by at most step_ns_max. So a process that was kept from running
    loses no time of the run, in which the venues stood still as well; at 60 times real time every
    quote would otherwise be a minute old after a second.
    """

    def __init__(
        self,
        speed: float,
        start_ns: int,
        *,
        step_ns_max: int = STEP_NS_MAX,
        wall_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Start at a UTC time; wall_ns is what the wall's clock says."""
        self.speed = speed
        self._start_ns = start_ns
        self._step_ns_max = step_ns_max
        self._wall_ns = wall_ns
        self._seen_ns = wall_ns()
        self._elapsed_ns = 0

    def read(self) -> tuple[int, int]:
        """Return (UTC, monotonic) ns; monotonic time starts at 0."""
        seen_ns = self._wall_ns()
        step_ns = int((seen_ns - self._seen_ns) * self.speed)
        self._seen_ns = seen_ns
        self._elapsed_ns += min(step_ns, self._step_ns_max)
        return self._start_ns + self._elapsed_ns, self._elapsed_ns

    def real_seconds(self, delta_ns: int) -> float:
        """Return how many real seconds a span of this clock takes."""
        return delta_ns / NS_PER_S / self.speed


def paper_clock(settings: ClockSettings) -> PaperClock:
    """Return a clock that starts now, or at the stated time, and runs at the stated speed."""
    start_ns = time.time_ns()
    if settings.start:
        start_ns = int(datetime.fromisoformat(settings.start).timestamp()) * NS_PER_S
    return PaperClock(settings.speed, start_ns)


def not_for_paper(config: Config) -> list[str]:
    """Return why a config cannot trade on paper: what is not simulated, or lacks a market."""
    found = []
    for venue in config.venues:
        options = config.options[venue.name]
        if not isinstance(options, SimulatedOptions):
            found.append(f'venue "{venue.name}" is {venue.kind}: only simulated ones run so far')
        elif options.market != "generated":
            found.append(
                f'venue "{venue.name}" has a recorded market: use keel backtest, or market = '
                '"generated"'
            )
    return found
