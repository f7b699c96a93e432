"""The Portfolio counts what happened, shows the latest state, and answers in bounded time."""

from decimal import Decimal

import pytest

from actors.messages.flatten import FlattenState, FlattenStatus
from actors.messages.orders import OrderRefused
from actors.messages.pairs import ExposureEnded, PairPhase, PairStateChanged
from actors.messages.risk import MarginWarning, TradingStateChanged
from actors.messages.venue import ConnectionState, VenueStateChanged
from domain.authority import TradingState
from domain.positions import apply_funding
from tests.portfolio.cast import MAIN, MINUTE_NS, World, account, bought, changed, listed


def test_a_fill_is_counted_once_and_funding_is_no_fill() -> None:
    """The same fill id again, and changes without one, count nothing."""
    world = World()
    position = bought(MAIN, "2", "100")
    world.tell(
        changed(position, "f1"),
        changed(position, "f1"),
        changed(apply_funding(position, Decimal(1))),
        changed(position, "f2"),
        changed(position, "f1"),
    )
    assert world.report().fills == 2
    assert world.leg(MAIN).fills == 2


def test_what_happened_is_counted_and_the_latest_state_shown() -> None:
    """Refusals by reason, margin warnings, exposures, states of pairs, venues and mandates."""
    world = World()
    refusal = OrderRefused(client_id="c", instrument=MAIN.key, reason="leverage", detail="")
    status = FlattenStatus(
        mandate=1,
        scope="pair",
        key="btc",
        state=FlattenState.CLOSING,
        reason="drill",
        attempts=1,
        elapsed_ns=1,
        open_quantities=(),
    )
    exposed = [(1_000, 0, "5", "0.1"), (3_000, 70, "9", "0.3"), (2_000, 0, "7", "0.2")]
    world.tell(
        refusal,
        refusal,
        TradingStateChanged(state=TradingState.REDUCING, epoch=2, reason="drawdown"),
        VenueStateChanged(venue="b", state=ConnectionState.DEGRADED, reason="stale"),
        MarginWarning(venue="b", ratio=Decimal("0.4"), action="warn"),
        PairStateChanged(
            pair="btc",
            phase=PairPhase.UNWINDING,
            reason="hedge refused",
            main=Decimal(1),
            hedge=Decimal(0),
        ),
        status,
        *(
            ExposureEnded(
                pair="btc",
                exposed_ns=exposed_ns,
                unreachable_ns=unreachable_ns,
                notional_max=Decimal(notional),
                delta_error_max=Decimal(error),
            )
            for exposed_ns, unreachable_ns, notional, error in exposed
        ),
    )
    report = world.report()
    assert report.refusals == (("leverage", 2),)
    assert (report.trading, report.trading_reason) == (TradingState.REDUCING, "drawdown")
    venue = report.venues[1]
    assert (venue.state, venue.reason, venue.margin_warnings) == (
        ConnectionState.DEGRADED,
        "stale",
        1,
    )
    pair = report.pairs[0]
    assert (pair.phase, pair.reason, pair.exposures) == (PairPhase.UNWINDING, "hedge refused", 3)
    assert pair.delta_error_max == report.max_delta_error == Decimal("0.3")
    assert (report.exposed.count, report.exposed.p50, report.exposed.max) == (3, 2_000, 3_000)
    assert (report.unreachable.max, report.max_notional) == (70, Decimal(9))
    assert [flatten.state for flatten in report.flattens] == [FlattenState.CLOSING]
    assert report.unlisted == 0


def test_p7_reasons_and_mandates_are_bounded() -> None:
    """P7: a thousand different reasons and mandates keep 201 and 100 entries."""
    world = World()
    for number in range(1_000):
        world.tell(
            OrderRefused(client_id="c", instrument="x", reason=f"r{number}", detail=""),
            FlattenStatus(
                mandate=number,
                scope="all",
                key="",
                state=FlattenState.FAILED,
                reason="",
                attempts=0,
                elapsed_ns=0,
                open_quantities=(),
            ),
        )
    report = world.report()
    assert len(report.refusals) == 201
    assert dict(report.refusals)["other"] == 800
    assert [flatten.mandate for flatten in report.flattens] == list(range(900, 1_000))


def test_p8_messages_of_what_is_not_listed_are_counted() -> None:
    """P8: a stranger's message changes no figure and is not lost silently."""
    world = World()
    stranger = listed("z")
    world.tell(
        changed(bought(stranger, "1", "1"), "f"),
        account("z", "1"),
        VenueStateChanged(venue="z", state=ConnectionState.LIVE, reason=""),
    )
    report = world.report()
    assert (report.unlisted, report.fills, report.pnl) == (3, 0, Decimal(0))


def test_counts_come_from_their_sources_at_the_moment_of_the_question() -> None:
    """Bars from strategies, signals and orders from the journal; other names are passed on."""
    world = World(sources=("/journal", "/trend"))
    world.counts["journal"].update(signals=3, orders=8, liquidations=1)
    world.counts["trend"].update(bars=500, missing_bars=2)
    report = world.report()
    assert (report.bars, report.signals, report.orders, report.liquidations) == (500, 3, 8, 1)
    assert report.counts == (("missing_bars", 2),)
    assert report.complete
    world.counts["trend"].update(bars=501)
    assert world.report().bars == 501


def test_a_source_that_starts_again_goes_on_from_what_it_had_counted() -> None:
    """A restarted strategy counts from zero; the run does not."""
    world = World(sources=("/trend",))
    world.counts["trend"].update(bars=500)
    assert world.report().bars == 500
    world.counts["trend"].update(bars=7)
    assert world.report().bars == 507


def test_a_source_that_is_gone_does_not_hold_up_the_answer() -> None:
    """After a second the answer comes with the last known counts, and says so."""
    world = World(sources=("/trend", "/nobody"))
    world.counts["trend"].update(bars=3)
    report = world.report()
    assert (report.bars, report.complete) == (3, False)
    assert world.runtime.now_ns == 1_000_000_000


@pytest.mark.parametrize("curve", [True, False])
def test_the_curve_comes_along_only_when_asked_for(curve: bool) -> None:
    """A status that is drawn every second does not carry thousands of points."""
    world = World()
    world.tell(account("a", "1"), account("b", "1"))
    world.runtime.advance(2 * MINUTE_NS)
    assert len(world.report(curve=curve).curve) == (2 if curve else 0)
