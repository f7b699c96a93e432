"""Drills: the whole process is killed and started again on the same accounts and journal.

What was not written when it died is lost, as on a real machine; the venues live on.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.messages.pairs import PairPhase
from actors.messages.positions import PositionCorrected
from domain.authority import TradingState
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, MS_NS, World, leg


def settled(world: World) -> bool:
    """Tell whether the pair is where nothing more happens."""
    return world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)


def test_a_process_killed_with_a_hedged_pair_goes_on_with_it() -> None:
    """Book and totals are the venue's to the last digit, nothing is sent, nothing trips."""
    first = World()
    first.open_pair()
    first.signal(-1)
    first.until(lambda: first.held(leg(ALPHA)) < 0 and settled(first), 3)
    first.run(1)
    world = World(before=first)
    world.run(5)
    assert world.phase() is PairPhase.HEDGED
    assert not world.witness.submissions
    assert not world.said(PositionCorrected)
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0)
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_a_process_killed_while_flat_counts_no_fill_of_the_past_twice() -> None:
    """The account's history is told again at each start; what the journal has is booked once."""
    first = World()
    for direction in (1, -1, 1):
        first.open_pair(direction)
        first.signal(0)
        first.run(1)
    world = World(before=first)
    again = World(before=world)
    again.run(1)
    assert again.phase() is PairPhase.FLAT
    assert again.trading().state is TradingState.ACTIVE
    verdict(again, exposed_ms_max=0)


def test_a_connection_that_crashes_after_a_restart_tells_the_past_once_more_without_effect() -> (
    None
):
    """History that comes a third time is still older than the record."""
    first = World()
    first.open_pair()
    first.run(1)
    world = World(before=first)
    world.poison("/venues/alpha")
    world.until(lambda: world.connection(ALPHA) == "live", 2)
    world.run(1)
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0, dead=["/venues/alpha"])


@pytest.mark.parametrize("killed_ms", range(0, 240, 12))
def test_a_process_killed_at_any_moment_of_an_entry_ends_flat_or_hedged(killed_ms: int) -> None:
    """Each order is sent once, no fill is lost, and the book is the venue's; exposed under 4 s."""
    first = World(latency_ns=20 * MS_NS)
    first.open_pair()
    first.signal(0)
    first.run(1)
    first.signal(-1)
    first.run(killed_ms / 1_000)
    world = World(before=first, latency_ns=20 * MS_NS)
    world.until(lambda: settled(world), 20)
    world.run(6)
    assert settled(world)
    held = world.held(leg(ALPHA)), world.held(leg(BETA))
    assert held in ((Decimal(0), Decimal(0)), (Decimal("-0.333"), Decimal("0.166")))
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=4_000)
