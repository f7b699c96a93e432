"""Drills: a venue goes away, bans, halts, cancels everything, or loses messages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.messages.flatten import FlattenRequested, FlattenState, FlattenStatus
from actors.messages.orders import CancelAll
from actors.messages.pairs import ExposureEnded, PairPhase
from domain.authority import TradingState
from domain.orders import OrderState
from simulations.wire import SubmitFrame
from tests.drills.cast import Buy
from tests.drills.oracles import exposed_ms, verdict
from tests.drills.world import ALPHA, BETA, MS_NS, SECOND_NS, World, leg, pair_settings

BOUND_MS = 2_000


def dark_at_submit(world: World, venue: str, nth: int, *, seconds: float) -> None:
    """Make a venue go dark when the nth order is on its way to it: that order is lost."""
    line = world.lines[venue, "main"]
    seen = 0

    def outbound(frame: object) -> int | None:
        nonlocal seen
        if isinstance(frame, SubmitFrame):
            seen += 1
            if seen == nth:
                world.venues[venue].go_dark(world.runtime.now_ns + int(seconds * SECOND_NS))
        return 0

    line.outbound = outbound


def test_main_venue_dark_after_the_main_fill_is_hedged_on_the_other_venue() -> None:
    """The hedge needs only the hedge venue: the pair is hedged although its main venue is away."""
    world = World(latency_ns=10 * MS_NS)
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1)
    world.run(0.015)
    world.venues[ALPHA].go_dark(world.runtime.now_ns + 5 * SECOND_NS)
    world.run(1)
    assert world.held(leg(BETA)) == Decimal("-0.166")
    world.until(lambda: world.connection(ALPHA) == "live", 10)
    world.until(lambda: world.phase() is PairPhase.HEDGED, 10)
    verdict(world, exposed_ms_max=50)


def test_main_venue_dark_before_its_fill_is_told_is_reconciled_when_it_returns() -> None:
    """A fill that nobody told is found in the account; the pair ends hedged or flat."""
    world = World(latency_ns=10 * MS_NS)
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1, step_ms=1)
    world.venues[ALPHA].go_dark(world.runtime.now_ns + 3 * SECOND_NS)
    world.until(lambda: world.connection(ALPHA) == "live", 10)
    world.run(5)
    assert world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)
    dark_ms = 3_000 + 1_500
    verdict(world, exposed_ms_max=dark_ms)


def test_hedge_venue_dark_before_the_hedge_unwinds_the_main_leg_within_the_bound() -> None:
    """P2: the main venue answers, so the pair is unwound 2,000 ms after the main fill."""
    world = World(latency_ns=10 * MS_NS)
    dark_at_submit(world, BETA, 1, seconds=20)
    world.signal(1)
    world.run(4)
    assert world.flat()
    world.until(lambda: world.phase() is PairPhase.FLAT, 40)
    assert world.exposed_ms() == pytest.approx(exposed_ms(world), abs=50)
    verdict(world, exposed_ms_max=BOUND_MS + 30)


def test_hedge_venue_half_open_before_the_hedge_unwinds_the_main_leg_within_the_bound() -> None:
    """A connection that only seems to stand is worth no more than one that is known to be gone."""
    world = World(latency_ns=10 * MS_NS)
    world.run(2)
    world.venues[BETA].half_open(account="main")
    world.signal(1)
    world.run(3)
    assert world.flat()
    world.run(30)
    assert world.phase() is PairPhase.FLAT
    assert world.connection(BETA) == "live"
    verdict(world, exposed_ms_max=BOUND_MS + 30)


def test_hedge_venue_dark_during_the_exit_is_unreachable_until_it_returns() -> None:
    """With the main leg gone only the dark venue could help: the time counts as UNREACHABLE."""
    world = World(latency_ns=10 * MS_NS)
    world.open_pair()
    dark_at_submit(world, BETA, 1, seconds=10)
    world.signal(0)
    world.run(5)
    assert world.held(leg(ALPHA)) == 0
    assert world.held(leg(BETA)) == Decimal("-0.166")
    world.until(lambda: world.phase() is PairPhase.FLAT, 30)
    assert world.flat()
    ended = world.said(ExposureEnded)[-1]
    assert ended.exposed_ns < BOUND_MS * MS_NS
    assert ended.unreachable_ns > 9 * SECOND_NS
    verdict(world, exposed_ms_max=20_000)


def test_main_venue_dark_with_the_pair_hedged_keeps_the_hedge_until_it_returns() -> None:
    """A hedged pair is not exposed by silence: nothing is traded, nothing is doubted."""
    world = World()
    world.open_pair()
    world.venues[ALPHA].go_dark(world.runtime.now_ns + 20 * SECOND_NS)
    world.run(19)
    assert world.held(leg(BETA)) == Decimal("-0.166")
    world.until(lambda: world.connection(ALPHA) == "live", 20)
    world.signal(0)
    world.run(2)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_main_venue_dark_during_an_exit_is_unconfirmed_while_away_and_confirmed_after() -> None:
    """A flatten on a dark venue says FLAT_UNCONFIRMED, goes on, and then FLAT_CONFIRMED."""
    world = World()
    world.open_pair()
    world.venues[ALPHA].go_dark(world.runtime.now_ns + 40 * SECOND_NS)
    world.run(0.1)
    request = FlattenRequested(scope="pair", key="btc", who="operator", reason="drill")
    world.tell("/", request)
    world.run(10.1)
    assert world.flattens()[-1] is FlattenState.FLAT_UNCONFIRMED
    assert world.held(leg(BETA)) == Decimal("-0.166"), "closing it would leave alpha more naked"
    assert world.held(leg(ALPHA)) == Decimal("0.333")
    world.until(world.confirmed_flat, 60)
    assert world.flat()
    assert world.said(FlattenStatus)[-1].open_quantities == ()
    world.until(lambda: world.phase() is PairPhase.FLAT, 40)
    verdict(world, exposed_ms_max=0)


def test_both_venues_dark_with_a_leg_open_counts_as_unreachable_and_ends_flat_or_hedged() -> None:
    """While nobody answers, time is UNREACHABLE; on return the pair completes or unwinds."""
    world = World(latency_ns=10 * MS_NS)
    dark_at_submit(world, BETA, 1, seconds=15)
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1)
    world.run(0.1)
    world.venues[ALPHA].go_dark(world.runtime.now_ns + 15 * SECOND_NS)
    world.run(14)
    assert not world.flat()
    world.until(lambda: world.connection(BETA) == "live" and world.connection(ALPHA) == "live", 40)
    world.until(lambda: world.phase() in (PairPhase.HEDGED, PairPhase.FLAT), 10)
    ended = world.said(ExposureEnded)[-1]
    assert ended.exposed_ns < (BOUND_MS + 500) * MS_NS
    assert ended.unreachable_ns > 12 * SECOND_NS
    verdict(world, exposed_ms_max=45_000)


def test_both_venues_dark_while_flattening_goes_on_until_both_confirm() -> None:
    """The flattener keeps trying with growing pauses and reports each change of the outcome."""
    world = World()
    world.open_pair()
    for venue in world.venues.values():
        venue.go_dark(world.runtime.now_ns + 30 * SECOND_NS)
    world.tell("/", FlattenRequested(scope="all", key="", who="operator", reason="drill"))
    world.run(10.1)
    assert world.flattens()[-1] is FlattenState.FLAT_UNCONFIRMED
    world.until(world.confirmed_flat, 60)
    assert world.flat()
    world.until(lambda: world.phase() is PairPhase.FLAT, 40)
    verdict(world, exposed_ms_max=5_000)


def test_a_rate_limit_ban_on_the_hedge_venue_with_a_leg_open_unwinds_within_the_bound() -> None:
    """Every hedge is refused by the ban: the main leg is unwound after 2,000 ms."""
    world = World()
    world.run(2)
    world.venues[BETA].rate_limit_ban(world.runtime.now_ns + 10 * SECOND_NS)
    world.signal(1)
    world.run(3)
    assert world.flat()
    world.run(30)
    assert world.phase() is PairPhase.FLAT
    verdict(world, exposed_ms_max=BOUND_MS + 30)


def test_a_halted_hedge_venue_unwinds_the_main_leg_and_its_rejects_trip_the_breaker() -> None:
    """A halted venue rejects each hedge; ten rejects in a row take no new risk until resumed."""
    world = World(pairs=[pair_settings(retry_ms=100)])
    world.run(1)
    world.venues[BETA].halt()
    world.signal(1)
    world.run(4)
    assert world.flat()
    assert world.trading().state is TradingState.REDUCING
    assert "rejects in a row" in world.trading().reason
    world.venues[BETA].resume()
    world.run(1)
    verdict(world, exposed_ms_max=BOUND_MS + 30)


def test_a_reject_storm_on_both_venues_trips_the_breaker_and_leaves_nothing_open() -> None:
    """Ten rejects in a row are enough; the pair gives its entry up and stays flat."""
    world = World(pairs=[pair_settings(retry_ms=100)])
    world.venues[ALPHA].reject_next(50, "we do not like it")
    world.signal(1)
    world.run(8)
    assert world.trading().state is TradingState.REDUCING
    assert world.trading().reason == "10 rejects in a row"
    assert world.phase() is PairPhase.FLAT
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_an_unrequested_mass_cancel_reduces_resyncs_and_ends_the_owner_s_orders() -> None:
    """The venue cancelled what nobody asked it to: no new risk, and every order's end is known."""
    world = World()
    world.open_pair()
    buy = Buy(instrument=leg(ALPHA, "ETH"), quantity=Decimal("0.5"), price=Decimal(1_980))
    world.tell("/trader", buy)
    world.run(0.1)
    world.venues[ALPHA].mass_cancel("maintenance")
    world.run(1)
    assert world.trading().state is TradingState.REDUCING
    assert "mass_cancel" in world.trading().reason
    assert world.connection(ALPHA) == "live"
    assert world.actor("/trader").updates[-1].state is OrderState.CANCELLED
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_a_cancel_all_that_we_asked_for_trips_nothing() -> None:
    """Only what nobody asked for is a mass cancel."""
    world = World()
    world.tell("/venues/alpha", CancelAll(instrument="", reason="drill"))
    world.run(1)
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0)


def test_a_sequence_gap_degrades_resyncs_and_returns_to_live() -> None:
    """A lost quote is noticed at the next one; nothing is traded on a feed with a hole."""
    world = World()
    world.open_pair()
    world.venues[ALPHA].gap_next_sequence()
    world.run(3)
    states = [
        str(item.state)
        for _, item in world.log
        if getattr(item, "venue", "") == ALPHA and hasattr(item, "state")
    ]
    assert states[-3:] == ["degraded", "syncing", "live"]
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_malformed_frames_move_no_book_and_the_account_query_repairs_what_they_hid() -> None:
    """A fill that cannot be read is never booked as read; it is found in the account."""
    world = World()
    world.run(1)
    world.venues[ALPHA].malformed_next(2)
    world.signal(1)
    world.run(8)
    assert world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)
    verdict(world, exposed_ms_max=BOUND_MS + 1_000)


def test_late_snapshots_do_not_undo_fills_that_are_newer() -> None:
    """A stale answer to an account query is older than the book and changes nothing."""
    world = World()
    world.run(1)
    for venue in world.venues.values():
        venue.stale_next_snapshots(2)
    world.open_pair()
    world.run(65)
    assert world.phase() is PairPhase.HEDGED
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0)
