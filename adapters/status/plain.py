"""The status as lines, where standard output is no terminal."""

from __future__ import annotations

from adapters.status.snapshot import Event, Snapshot
from adapters.status.text import clock, milliseconds, money, quantity, signed

__all__ = ["event_line", "status_line"]


def status_line(snapshot: Snapshot) -> str:
    """Return one line with what matters most."""
    report = snapshot.portfolio
    trading = "starting" if report.trading is None else str(report.trading)
    phases = " ".join(
        f"{pair.pair}={pair.phase or 'starting'}" for pair in snapshot.portfolio.pairs
    )
    venues = " ".join(f"{venue.venue}={venue.state or 'starting'}" for venue in report.venues)
    held = " ".join(
        f"{leg.instrument}={quantity(leg.quantity)}" for leg in report.legs if leg.quantity
    )
    return (
        f"{clock(report.utc_ns)} trading={trading} {phases} {venues} "
        f"equity={money(report.equity)} pnl={signed(report.pnl)} fills={report.fills} "
        f"exposed_max={milliseconds(report.exposed.max).replace(' ', '')} "
        f"restarts={snapshot.counter('restarts')} dead={snapshot.dead} {held or 'flat'}"
    )


def event_line(event: Event) -> str:
    """Return one line for an event."""
    return f"{clock(event.utc_ns)} {event.text}"
