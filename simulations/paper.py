"""Paper trading: simulated venues in real time, or faster."""

from __future__ import annotations

from datetime import datetime

from actors.runtime.thread import MonotonicClock
from config.schema import ClockSettings, Config
from simulations.options import SimulatedOptions

__all__ = ["not_for_paper", "paper_clock"]

NS_PER_S = 1_000_000_000


def paper_clock(settings: ClockSettings) -> MonotonicClock:
    """Return a clock that starts now, or at the stated time, and runs at the stated speed."""
    start_ns = None
    if settings.start:
        start_ns = int(datetime.fromisoformat(settings.start).timestamp()) * NS_PER_S
    return MonotonicClock(settings.speed, start_ns)


def not_for_paper(config: Config) -> list[str]:
    """Return why a config cannot trade on paper: what is not simulated, or lacks a market."""
    found = []
    for venue in config.venues:
        options = config.options[venue.name]
        if not isinstance(options, SimulatedOptions):
            found.append(
                f'venue "{venue.name}" is {venue.kind}: only simulated ones can be run yet'
            )
        elif options.market != "generated":
            found.append(
                f'venue "{venue.name}" has a recorded market: use keel backtest, or market = '
                '"generated"'
            )
    return found
