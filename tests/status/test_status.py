"""What people see of a run: tables, lines, the summary, and events in words."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from actors.messages.flatten import FlattenState, FlattenStatus
from actors.messages.orders import OrderRefused
from actors.messages.pairs import PairPhase, PairStateChanged
from actors.messages.risk import MarginWarning
from actors.messages.venue import OrderFilled
from adapters.status.plain import event_line, status_line
from adapters.status.snapshot import Snapshot
from adapters.status.summary import summary_object, summary_text
from adapters.status.tail import EventTail
from adapters.status.text import clock, duration, milliseconds, quantity, signed
from adapters.status.view import render
from domain.orders import Fill, Liquidity, Side
from tests.status.examples import NOON_NS, inspected, report, snapshot


def drawn(shown: Snapshot, note: str = "", width: int = 160) -> str:
    """Return the status as text."""
    console = Console(width=width, record=True, force_terminal=False, file=StringIO())
    console.print(render(shown, note))
    return console.export_text()


@pytest.mark.parametrize(
    "expected",
    [
        "2025-03-12 12:00:00 UTC",
        "trading reducing (drawdown)",
        "equity 1,958.50",
        "pnl -41.50",
        "drawdown 2.56 % (max 3.00 %)",
        "exposed 2 times, p50 150 ms, p99 1,200 ms, max 1,200 ms, at most 2,500.00",
        "hedged",
        "730 ms",
        "2,000 ms",
        "51,000.00",
        "-0.05 ?",
        "degraded (no fresh quote)",
        "3 of 3 alive, 2 restarts, 4 dead letters, 5 messages wait at /risk",
        "12:00:00  margin at 40 %",
    ],
)
def test_the_status_shows_what_is_known(expected: str) -> None:
    """Trading state, figures, both legs, exposure now, venues, actors and events are all there."""
    assert expected in drawn(snapshot())


def test_net_and_target_stand_side_by_side() -> None:
    """A pair with 0.1 against 0.05 has net 0.05, which is its target at ratio 0.5."""
    row = next(line for line in drawn(snapshot()).splitlines() if "hedged" in line)
    columns = row.split()
    assert columns[:6] == ["btc", "hedged", "0.1", "-0.05", "0.05", "0.05"]
    assert columns[6:] == ["730", "ms", "2,000", "ms", "-41.50"]


def test_the_status_fits_eighty_columns() -> None:
    """Nothing is cut short in a terminal of 80 columns."""
    assert "…" not in drawn(snapshot(), width=80)


def test_margin_use_follows_from_positions_tiers_and_equity() -> None:
    """Maintenance of 1 % on 5,100 against an equity of 102 is half of it."""
    shown = snapshot()
    assert shown.margin_ratio("alpha") == Decimal("0.5")
    assert shown.margin_ratio("beta") is None
    assert "50.00 %" in drawn(shown)


def test_a_status_before_anything_is_known_is_not_empty() -> None:
    """Before the first reports, state and equity are said to be unknown."""
    bare = report(trading=None, equity=None, pairs=(), legs=(), venues=())
    text = drawn(snapshot(portfolio=bare, actors=(), events=()))
    assert "trading starting" in text
    assert "equity -" in text


def test_a_dead_actor_and_a_note_are_seen() -> None:
    """An actor that is down is named, and so is what the user must know."""
    shown = snapshot(actors=(inspected("/risk", alive=False),), stopping="stopping (SIGINT)")
    text = drawn(shown, "Still closing")
    assert "down: /risk" in text
    assert "stopping (SIGINT)" in text
    assert "Still closing" in text


def test_one_line_has_what_matters_most() -> None:
    """The line for logs names state, phases, venues, equity, exposure and open positions."""
    line = status_line(snapshot())
    assert line == (
        "2025-03-12 12:00:00 trading=reducing btc=hedged alpha=live beta=degraded "
        "equity=1,958.50 pnl=-41.50 fills=5 exposed_max=1,200ms restarts=2 dead=4 "
        "alpha:BTC=0.1 beta:BTC=-0.05"
    )


def test_the_summary_says_how_it_ended() -> None:
    """Time, pairs, orders, profit, exposure, refusals and the venues' word are in the summary."""
    text = summary_text(snapshot(), opened=3, closed=2)
    for part in (
        "1 min 05 s on the wall, 1 h 00 min of the run",
        "opened 3 times, closed 2 times",
        "4 sent, 5 fills, from 2 signals",
        "-41.50 (btc -41.50)",
        "margin 3, stale_quote 1",
        "FLAT_CONFIRMED, still open: alpha:BTC 0.100, beta:BTC -0.050",
    ):
        assert part in text


def test_the_summary_as_json_keeps_money_exact() -> None:
    """The JSON object holds money as text and durations in ms."""
    found = json.loads(json.dumps(summary_object(snapshot(), 3, 2)))
    assert found["pnl"]["legs"]["alpha:BTC"] == "98.75"
    assert found["exposed_ms"] == {"count": 2, "p50": 150.0, "p99": 1200.0, "max": 1200.0}
    assert found["final_flat"] is False
    assert found["run_s"] == 3600.0


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[object] = []

    def append(self, record: object) -> None:
        """Keep a record."""
        self.records.append(record)


def moved(phase: PairPhase) -> PairStateChanged:
    """Return a pair's move to a phase."""
    return PairStateChanged(
        pair="btc", phase=phase, reason="signal", main=Decimal("0.1"), hedge=Decimal(0)
    )


def test_the_tail_passes_everything_on_and_keeps_what_people_want() -> None:
    """Every record reaches the journal; one message told twice is one event."""
    kept = Kept()
    tail = EventTail(kept, events_max=2)
    message = moved(PairPhase.HEDGED)
    for address in ("/risk", "/portfolio"):
        tail.append((1, 0, NOON_NS, "/hedges/btc", address, message))
    tail.append((3, 0, NOON_NS, "", "/risk", object()))
    assert len(kept.records) == 3
    assert [event_line(event) for event in tail.latest(5)] == [
        "2025-03-12 12:00:00 pair btc: hedged (signal), main 0.1, hedge 0"
    ]
    assert tail.since(1) == ()


def test_the_tail_counts_complete_openings_and_closings() -> None:
    """A pair that was hedged and is flat was opened and closed once, whatever came between."""
    tail = EventTail(Kept())
    phases = ("flat", "entering", "hedged", "exiting", "hedged", "exiting", "flat", "flat")
    for number, phase in enumerate(phases):
        tail.append((number, 0, NOON_NS, "", "/portfolio", moved(PairPhase(phase))))
    assert (tail.opened, tail.closed) == (1, 1)


@pytest.mark.parametrize(
    ("message", "level", "text"),
    [
        (
            OrderRefused(client_id="x", instrument="alpha:BTC", reason="margin", detail="no"),
            1,
            "alpha:BTC: order refused: margin (no)",
        ),
        (
            MarginWarning(venue="alpha", ratio=Decimal("0.455"), action="reduced"),
            2,
            "venue alpha: margin at 45.5 % of equity: reduced",
        ),
        (
            FlattenStatus(
                mandate=1,
                scope="all",
                key="",
                state=FlattenState.FLAT_UNCONFIRMED,
                reason="beta is away",
                attempts=2,
                elapsed_ns=1,
                open_quantities=(),
            ),
            2,
            "flatten all: flat_unconfirmed (beta is away)",
        ),
    ],
)
def test_events_are_said_in_words(message: object, level: int, text: str) -> None:
    """Each kind of event has a sentence and a weight."""
    tail = EventTail(Kept())
    tail.append((1, 0, NOON_NS, "", "/portfolio", message))
    (event,) = tail.latest(1)
    assert (event.level, event.text) == (level, text)


@pytest.mark.parametrize("liquidation", [False, True])
def test_a_liquidation_stands_out_among_fills(liquidation: bool) -> None:
    """A fill that the venue forced is marked, an ordinary one is news."""
    fill = Fill(
        fill_id="1",
        client_id="",
        instrument="alpha:BTC",
        side=Side.SELL,
        quantity=Decimal("0.10"),
        price=Decimal(50_000),
        fee=Decimal(0),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        venue_time_ns=NOON_NS,
        liquidation=liquidation,
    )
    tail = EventTail(Kept())
    tail.append((1, 0, NOON_NS, "", "/positions/alpha/main/BTC", OrderFilled(fill=fill)))
    (event,) = tail.latest(1)
    assert event.text.startswith("alpha:BTC: sold 0.1 at 50,000.00")
    assert event.level == (2 if liquidation else 0)


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (milliseconds(1), "1 ms"),
        (milliseconds(1_500_000_001), "1,501 ms"),
        (quantity(Decimal("1E+2")), "100"),
        (quantity(Decimal("0.1000")), "0.1"),
        (quantity(None), "-"),
        (signed(Decimal("0.004")), "+0.00"),
        (duration(3), "3 s"),
        (duration(125), "2 min 05 s"),
        (duration(90_000), "1 d 01 h"),
        (clock(0), "1970-01-01 00:00:00"),
    ],
)
def test_figures_read_as_people_write_them(shown: str, text: str) -> None:
    """Spans never look shorter than they were, and quantities have no trailing zeros."""
    assert shown == text
