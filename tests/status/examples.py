"""A known state of a system, for every way of showing it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from actors.messages.flatten import FlattenState
from actors.messages.pairs import PairPhase
from actors.messages.portfolio import (
    FlattenReport,
    LegReport,
    PairReport,
    PortfolioReply,
    VenueReport,
)
from actors.messages.venue import ConnectionState
from actors.runtime import InspectReply
from adapters.status.snapshot import Event, Snapshot
from domain.authority import TradingState
from domain.metrics import distribution
from tests.config.fakes import BASE, read

MS_NS = 1_000_000
NOON_NS = 1_741_780_800 * 1_000_000_000  # 2025-03-12 12:00:00 UTC
HOUR_NS = 3_600 * 1_000_000_000


def leg(instrument: str, quantity: str, **changes: object) -> LegReport:
    """Return the report of one leg."""
    fields: dict[str, Any] = {
        "instrument": instrument,
        "quantity": Decimal(quantity),
        "entry": Decimal(50_000),
        "mark": Decimal(51_000),
        "realised": Decimal(0),
        "fees": Decimal("1.25"),
        "funding": Decimal("-0.5"),
        "unrealised": Decimal("100.5"),
        "carried": Decimal(0),
        "pnl": Decimal("98.75"),
        "fills": 3,
        "confirmed": True,
        "priced": True,
    }
    return LegReport(**(fields | changes))


def report(**changes: object) -> PortfolioReply:
    """Return the figures of a run with one open pair."""
    fields: dict[str, Any] = {
        "utc_ns": NOON_NS,
        "trading": TradingState.REDUCING,
        "trading_reason": "drawdown",
        "bars": 10,
        "signals": 2,
        "orders": 4,
        "fills": 5,
        "liquidations": 0,
        "fees": Decimal("2.50"),
        "funding": Decimal(-1),
        "pnl": Decimal("-41.5"),
        "legs": (
            leg("alpha:BTC", "0.100"),
            leg("beta:BTC", "-0.050", confirmed=False, unrealised=Decimal("-50.25")),
        ),
        "pairs": (
            PairReport(
                pair="btc",
                phase=PairPhase.HEDGED,
                reason="signal of cross",
                pnl=Decimal("-41.5"),
                exposures=2,
                delta_error_max=Decimal("0.05"),
            ),
        ),
        "venues": (
            VenueReport(
                venue="alpha",
                state=ConnectionState.LIVE,
                reason="",
                equity_start=Decimal(1_000),
                equity=Decimal(102),
                equity_reported=Decimal(101),
                margin_warnings=1,
            ),
            VenueReport(
                venue="beta",
                state=ConnectionState.DEGRADED,
                reason="no fresh quote",
                equity_start=Decimal(1_000),
                equity=None,
                equity_reported=None,
                margin_warnings=0,
            ),
        ),
        "flattens": (
            FlattenReport(
                mandate=1,
                scope="pair",
                key="btc",
                state=FlattenState.FLAT_CONFIRMED,
                reason="",
            ),
        ),
        "equity_start": Decimal(2_000),
        "equity": Decimal("1958.5"),
        "peak": Decimal(2_010),
        "drawdown": Decimal("0.0256"),
        "max_drawdown": Decimal("0.03"),
        "gross": Decimal(7_650),
        "net": Decimal(2_550),
        "exposed": distribution((150 * MS_NS, 1_200 * MS_NS)),
        "unreachable": distribution((0, 0)),
        "max_notional": Decimal(2_500),
        "max_delta_error": Decimal("0.05"),
        "refusals": (("margin", 3), ("stale_quote", 1)),
        "final_flat": False,
        "unlisted": 0,
        "counts": (),
        "complete": True,
        "curve": (),
    }
    return PortfolioReply(**(fields | changes))


def inspected(address: str, **changes: object) -> InspectReply:
    """Return the introspection of one actor."""
    fields: dict[str, Any] = {
        "address": address,
        "alive": True,
        "incarnation": 1,
        "state": (),
        "control": 0,
        "data": 0,
        "conflated": 0,
        "timers": (),
        "children": (),
        "last": (),
        "counters": (("restarts", 0),),
    }
    return InspectReply(**(fields | changes))


def snapshot(**changes: object) -> Snapshot:
    """Return a snapshot with an exposed pair, a restarted actor, waiting mail and an event."""
    fields: dict[str, Any] = {
        "config": read(BASE),
        "portfolio": report(),
        "actors": (
            inspected("/"),
            inspected("/hedges/btc", state=(("exposed_ms", "730"),)),
            inspected("/risk", counters=(("restarts", 2),), data=5),
        ),
        "dead": 4,
        "wall_s": 65.0,
        "start_ns": NOON_NS - HOUR_NS,
        "events": (Event(utc_ns=NOON_NS, level=2, text="margin at 40 %"),),
    }
    return Snapshot(**(fields | changes))
