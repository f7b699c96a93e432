"""Drills: market data that is stale, crossed, one-sided or no number at all."""

from __future__ import annotations

from decimal import Decimal

from actors.messages.flatten import FlattenRequested
from actors.messages.market import QuoteUpdated
from actors.messages.orders import OrderRefused
from actors.messages.pairs import PairPhase
from domain.authority import TradingState
from tests.drills.cast import Buy
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, World, leg

KEY = leg(ALPHA)


def refusals(world: World) -> set[str]:
    """Return the reasons for which orders were refused so far."""
    return {str(item.reason) for item in world.said(OrderRefused)}


def test_stale_quotes_get_no_approval_and_no_pair_is_opened_on_them() -> None:
    """P1: without a fresh price there is no consent, to a market order or any other."""
    world = World()
    world.quoting[ALPHA] = False
    world.run(8)
    world.signal(1)
    buy = Buy(instrument=leg(ALPHA, "ETH"), quantity=Decimal("0.5"), price=None)
    world.tell("/trader", buy)
    world.run(1)
    assert not world.witness.submissions
    assert world.phase() is PairPhase.FLAT
    assert world.connection(ALPHA) == "degraded"
    assert {item.reason for item in world.actor("/trader").refused} <= {"stale_quote", "not_live"}
    world.quoting[ALPHA] = True
    world.run(6)
    assert world.connection(ALPHA) == "live"
    verdict(world, exposed_ms_max=0)


def test_a_pair_on_stale_quotes_cannot_close_itself_but_a_permit_closes_it() -> None:
    """A permit needs no fresh price: the flattener goes by the mark and what was last known."""
    world = World()
    world.open_pair()
    world.quoting[ALPHA] = world.quoting[BETA] = False
    world.run(7)
    world.signal(0)
    world.run(2)
    assert not world.flat()
    assert "stale_quote" in refusals(world)
    world.tell("/", FlattenRequested(scope="pair", key="btc", who="operator", reason="drill"))
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    assert len(world.witness.permits()) == 2
    verdict(world, exposed_ms_max=100)


def test_quotes_that_stop_on_one_venue_between_the_legs_end_the_pair_in_time() -> None:
    """A pair whose hedge venue goes silent after the main fill ends flat or hedged."""
    world = World()
    world.quoting[BETA] = False
    world.run(4.4)
    world.signal(1)
    world.until(lambda: world.held(KEY) != 0 or bool(refusals(world)), 2)
    world.run(12)
    assert world.phase() in (PairPhase.FLAT, PairPhase.HEDGED)
    verdict(world, exposed_ms_max=2_300)


def test_crossed_quotes_are_reported_and_move_nothing() -> None:
    """A book with bid above ask is nonsense: it is counted as a problem and never traded on."""
    world = World()
    before = world.kernel.topics[f"quote:{KEY}"].last
    world.venues[ALPHA].cross_next_quotes(2)
    world.run(0.6)
    after = world.kernel.topics[f"quote:{KEY}"].last
    assert after.bid_ticks < after.ask_ticks
    assert after.sequence <= before.sequence + 1
    world.run(2)
    world.open_pair()
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_quotes_that_stay_crossed_trip_a_breaker() -> None:
    """Nonsense without end means that nobody knows the price: no new risk."""
    world = World()
    world.venues[ALPHA].cross_next_quotes(100_000)
    world.run(40)
    assert world.trading().state is TradingState.REDUCING
    assert world.phase() is PairPhase.FLAT
    verdict(world, exposed_ms_max=0)


def test_a_quote_of_no_numbers_reaches_nobody() -> None:
    """NaN and infinity in a quote end at the gateway."""
    world = World()
    nan = float("nan")
    last = world.kernel.topics[f"quote:{KEY}"].last
    for bid in (nan, float("inf"), -1, 0):
        world._quotes[KEY] += 1
        world.venues[ALPHA].publish_quote(
            QuoteUpdated(
                instrument=KEY,
                bid_ticks=bid,  # type: ignore[arg-type]
                bid_lots=10,
                ask_ticks=300_001,
                ask_lots=10,
                venue_time_ns=world.runtime.now_ns,
                sequence=world._quotes[KEY],
            )
        )
    assert world.kernel.topics[f"quote:{KEY}"].last is last
    world.run(1)
    assert not world.kernel.lifecycle.failures
    world.open_pair()
    verdict(world, exposed_ms_max=0)


def test_a_mark_of_no_number_moves_no_margin() -> None:
    """A mark that is not finite is not taken; the last good one stays."""
    world = World()
    world.open_pair()
    world.mark(KEY, Decimal("NaN"))
    world.run(1)
    assert world.kernel.topics[f"mark:{KEY}"].last.mark == Decimal(30_000)
    assert not world.kernel.lifecycle.failures
    verdict(world, exposed_ms_max=0)


def test_an_empty_side_of_the_book_refuses_the_entry() -> None:
    """Where nobody offers nothing is bought."""
    world = World()
    world.quote(KEY, lots=0)
    world.signal(1)
    world.run(0.1)
    assert not world.witness.submissions
    assert world.phase() is PairPhase.FLAT
    verdict(world, exposed_ms_max=0)


def test_a_clock_step_takes_no_new_risk() -> None:
    """UTC that moves against the monotonic clock is noticed and reduces."""
    world = World()
    world.open_pair()
    world.runtime.step_clock(10**10)
    world.run(1)
    assert world.trading().state is TradingState.REDUCING
    assert "clock" in world.trading().reason
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)
