"""What a backtest came to, as one JSON object: exact money as text, durations in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.messages.portfolio import PortfolioReply
from domain.metrics import Distribution

__all__ = ["result_object"]

NS_PER_MS = 1_000_000


def result_object(
    report: PortfolioReply,
    *,
    digest: str,
    events: int,
    wall_s: float,
    liquidations: Mapping[str, int],
    data: dict[str, Any],
    episodes: list[dict[str, Any]],
    failures: list[str],
) -> dict[str, Any]:
    """Return the result; liquidations are the venues' own counts, failures those of actors."""
    last = report.flattens[-1] if report.flattens else None
    return {
        "bars": report.bars,
        "signals": report.signals,
        "orders": report.orders,
        "fills": report.fills,
        "fees": str(report.fees),
        "funding": str(report.funding),
        "pnl": {
            "total": str(report.pnl),
            "legs": {leg.instrument: str(leg.pnl) for leg in report.legs},
            "pairs": {pair.pair: str(pair.pnl) for pair in report.pairs},
        },
        "equity_start": str(report.equity_start),
        "equity_end": str(report.equity),
        "max_drawdown": str(-report.max_drawdown),
        "exposed_ms": _spans(report.exposed),
        "unreachable_ms": _spans(report.unreachable),
        "max_exposed_notional": str(report.max_notional),
        "max_delta_error": str(report.max_delta_error),
        "refusals": dict(report.refusals),
        "margin_warnings": sum(venue.margin_warnings for venue in report.venues),
        "liquidations": sum(liquidations.values()),
        "liquidations_by_venue": dict(liquidations),
        "trading": str(report.trading),
        "trading_reason": report.trading_reason,
        "final_flat": report.final_flat,
        "final_state": str(last.state) if last is not None else None,
        "failures": failures,
        "digest": digest,
        "events": events,
        "wall_s": round(wall_s, 3),
        "events_per_s": round(events / wall_s) if wall_s else 0,
        "data": data,
        "episodes": episodes,
    }


def _spans(spans: Distribution) -> dict[str, float]:
    return {
        "count": spans.count,
        "p50": spans.p50 / NS_PER_MS,
        "p99": spans.p99 / NS_PER_MS,
        "max": spans.max / NS_PER_MS,
    }
