"""P2: never silently naked; exposed time is measured, bounded, and apart from UNREACHABLE."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.hedges.exposure import ExposureMeter
from actors.messages.flatten import FlattenStatus
from actors.messages.pairs import ExposureEnded, PairPhase
from tests.drills.oracles import episodes, exposed_ms, verdict
from tests.drills.world import ALPHA, BETA, MS_NS, World, leg, pair_settings

D = Decimal
PRICE = D(30_000)


def test_p2_an_episode_begins_beyond_the_tolerance_and_ends_within_it() -> None:
    """P2: exactly at the tolerance is hedged; one step more is exposed."""
    meter = ExposureMeter()
    assert not meter.update(0, D("0.1"), D("0.1"), PRICE, reachable=True)
    assert not meter.exposed_now_ns(5)
    assert not meter.update(10, D("-0.101"), D("0.1"), PRICE, reachable=True)
    assert meter.open
    assert meter.update(30, D("-0.1"), D("0.1"), PRICE, reachable=True)
    assert (meter.exposed_ns, meter.unreachable_ns) == (20, 0)


def test_p2_time_counts_by_what_was_reachable_while_it_passed() -> None:
    """P2: a venue that goes away turns the time from then on, not the time before."""
    meter = ExposureMeter()
    meter.update(0, D(1), D(0), PRICE, reachable=True)
    meter.update(100, D(1), D(0), PRICE, reachable=False)
    meter.update(1_100, D(1), D(0), PRICE, reachable=True)
    assert meter.exposed_now_ns(1_150) == 150
    assert meter.update(1_200, D(0), D(0), PRICE, reachable=True)
    assert (meter.exposed_ns, meter.unreachable_ns) == (200, 1_000)


def test_p2_the_largest_error_and_notional_of_an_episode_are_kept() -> None:
    """P2: notional is measured at the price of its own moment."""
    meter = ExposureMeter()
    meter.update(0, D(2), D(0), D(100), reachable=True)
    meter.update(1, D(-3), D(0), D(90), reachable=True)
    meter.update(2, D(1), D(0), D(150), reachable=True)
    assert (meter.delta_error_max, meter.notional_max) == (D(3), D(270))


def test_p2_a_second_episode_starts_from_nothing() -> None:
    """P2: nothing of one episode is charged to the next."""
    meter = ExposureMeter()
    meter.update(0, D(5), D(0), PRICE, reachable=False)
    meter.update(50, D(0), D(0), PRICE, reachable=True)
    meter.update(60, D(1), D(0), PRICE, reachable=True)
    meter.update(65, D(0), D(0), PRICE, reachable=True)
    assert (meter.exposed_ns, meter.unreachable_ns, meter.delta_error_max) == (5, 0, D(1))


def test_p2_an_episode_that_began_unseen_is_measured_from_its_beginning() -> None:
    """P2: what an instance finds exposed counts from the fill that left it so."""
    meter = ExposureMeter()
    meter.update(1_000, D(1), D(0), PRICE, reachable=True, age_ns=300)
    assert meter.exposed_now_ns(1_050) == 350


@pytest.mark.parametrize("bound_ms", [600, 1_000, 2_000, 3_500])
def test_p2_a_hedge_that_is_never_filled_unwinds_at_the_configured_bound(bound_ms: int) -> None:
    """P2: at exposed_ms_max, to the millisecond, the main leg is closed."""
    world = World(pairs=[pair_settings(exposed_ms_max=bound_ms)])
    world.venues[BETA].reject_next(1_000, "no")
    world.signal(1)
    world.run(bound_ms / 1_000 + 0.2)
    assert world.flat()
    assert exposed_ms(world) == bound_ms
    assert world.exposed_ms() == bound_ms


def test_p2_past_three_bounds_without_a_way_out_the_pair_asks_for_a_flatten() -> None:
    """P2: when neither hedge nor unwinding works, permits close the pair from 6,000 ms on."""
    world = World()
    world.venues[BETA].reject_next(1_000, "no")
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1)
    world.venues[ALPHA].reject_next(17, "no")
    world.run(5.9)
    assert not world.said(FlattenStatus)
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    assert 6_000 <= exposed_ms(world) <= 8_100
    assert world.exposed_ms() == pytest.approx(exposed_ms(world), abs=1)


def test_p2_a_hedge_that_rests_nowhere_is_chased_at_market_after_complete_ms() -> None:
    """P2: from 500 ms of exposure on the hedge takes whatever price there is."""
    world = World()
    world.run(1)
    world.venues[BETA].reject_next(2, "no")
    world.signal(1)
    world.run(1)
    assert world.phase() is PairPhase.HEDGED
    types = [s.authority.order.order_type for s in world.witness.submissions if s.venue == BETA]
    assert types == ["limit", "limit", "market"]
    assert exposed_ms(world) == 500


def test_p2_measured_time_agrees_with_the_exchanges_fills_over_many_cycles() -> None:
    """P2: over eight cycles with latency, Keel's own sum is the exchanges' within a response."""
    world = World(latency_ns=20 * MS_NS)
    for direction in (1, -1, 1, -1, 1, -1, 1, -1):
        world.open_pair(direction)
        world.run(1)
        world.signal(0)
        world.run(1)
    assert world.flat()
    measured = [item.exposed_ns for item in world.said(ExposureEnded)]
    truth = [e.ended_ns - e.begun_ns for e in episodes(world, world.pairs[0])]
    assert len(measured) == len(truth) == 16
    for seen_ns, true_ns in zip(measured, truth, strict=True):
        assert abs(seen_ns - true_ns) <= 20 * MS_NS
    verdict(world, exposed_ms_max=40)


def test_p2_the_report_says_how_much_was_exposed_and_for_how_long() -> None:
    """P2: the first leg alone is 0.1665 BTC beyond its target, 4,995 in money."""
    world = World()
    world.open_pair()
    ended = world.said(ExposureEnded)
    assert [item.delta_error_max for item in ended] == [D("0.1665")]
    assert [item.notional_max for item in ended] == [D("0.1665") * D("30000.1")]
