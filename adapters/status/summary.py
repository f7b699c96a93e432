"""What a run came to, said once at its end: as text for people, and as one JSON object."""

from __future__ import annotations

from typing import Any

from actors.messages.portfolio import PortfolioReply
from adapters.status.snapshot import Snapshot
from adapters.status.text import duration, milliseconds, money, percent, signed
from domain.metrics import Distribution

__all__ = ["summary_object", "summary_text"]

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def summary_text(snapshot: Snapshot, opened: int, closed: int) -> str:
    """Return the summary as lines."""
    report = snapshot.portfolio
    simulated_s = (report.utc_ns - snapshot.start_ns) / NS_PER_S
    pairs = ", ".join(f"{pair.pair} {signed(pair.pnl)}" for pair in report.pairs)
    rows = (
        ("time", f"{duration(snapshot.wall_s)} on the wall, {duration(simulated_s)} of the run"),
        ("pairs", f"opened {opened} times, closed {closed} times"),
        ("orders", f"{report.orders} sent, {report.fills} fills, from {report.signals} signals"),
        ("pnl", f"{signed(report.pnl)} ({pairs})"),
        ("of it", f"fees {money(-report.fees)}, funding {signed(report.funding)}"),
        ("equity", f"{money(report.equity)}, drawdown at most {percent(report.max_drawdown)}"),
        ("exposed", _exposed(report)),
        ("refusals", _counted(report.refusals)),
        ("restarts", str(snapshot.counter("restarts"))),
        ("dead letters", str(snapshot.dead)),
        ("final state", _final(report)),
    )
    return "\n".join(f"  {name:<13}{text}" for name, text in rows)


def summary_object(snapshot: Snapshot, opened: int, closed: int) -> dict[str, Any]:
    """Return the summary with exact money as text and durations in ms."""
    report = snapshot.portfolio
    return {
        "deployment": snapshot.config.deployment.name,
        "wall_s": round(snapshot.wall_s, 3),
        "run_s": (report.utc_ns - snapshot.start_ns) / NS_PER_S,
        "pairs_opened": opened,
        "pairs_closed": closed,
        "signals": report.signals,
        "orders": report.orders,
        "fills": report.fills,
        "fees": str(report.fees),
        "funding": str(report.funding),
        "pnl": {
            "total": str(report.pnl),
            "pairs": {pair.pair: str(pair.pnl) for pair in report.pairs},
            "legs": {leg.instrument: str(leg.pnl) for leg in report.legs},
        },
        "max_drawdown": str(report.max_drawdown),
        "exposed_ms": _spans(report.exposed),
        "unreachable_ms": _spans(report.unreachable),
        "max_delta_error": str(report.max_delta_error),
        "refusals": dict(report.refusals),
        "liquidations": report.liquidations,
        "restarts": snapshot.counter("restarts"),
        "dead_letters": snapshot.dead,
        "venues": {venue.venue: str(venue.state) for venue in report.venues},
        "flattens": [
            {"scope": flat.scope, "key": flat.key, "state": str(flat.state), "reason": flat.reason}
            for flat in report.flattens
        ],
        "final_flat": report.final_flat,
    }


def _spans(spans: Distribution) -> dict[str, float]:
    return {
        "count": spans.count,
        "p50": spans.p50 / NS_PER_MS,
        "p99": spans.p99 / NS_PER_MS,
        "max": spans.max / NS_PER_MS,
    }


def _exposed(report: PortfolioReply) -> str:
    exposed = report.exposed
    return (
        f"{exposed.count} times, p50 {milliseconds(exposed.p50)}, p99 {milliseconds(exposed.p99)}, "
        f"max {milliseconds(exposed.max)}, at most {money(report.max_notional)}"
    )


def _counted(counts: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in counts) or "none"


def _final(report: PortfolioReply) -> str:
    """Return what the venues confirmed; only their word makes the book flat."""
    last = report.flattens[-1] if report.flattens else None
    state = "no flatten was asked for" if last is None else f"{last.state}".upper()
    open_legs = ", ".join(f"{leg.instrument} {leg.quantity}" for leg in report.legs if leg.quantity)
    return f"{state}, {f'still open: {open_legs}' if open_legs else 'flat on every venue'}"
