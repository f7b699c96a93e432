"""Drills: an actor crashes, at the moment where it hurts most."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.messages.flatten import BeginFlatten, FlattenRequested, FlattenState, PermitGranted
from actors.messages.orders import OrderUpdated, ProposeOrder, SubmitOrder
from actors.messages.pairs import PairPhase
from actors.messages.positions import PositionChanged
from actors.messages.risk import TradingStateQuery
from actors.messages.venue import OrderFilled
from domain.authority import TradingState
from domain.errors import InvariantError
from domain.orders import OrderState
from tests.drills.cast import Buy
from tests.drills.faults import Crash
from tests.drills.oracles import exposed_ms, verdict
from tests.drills.world import ALPHA, BETA, MS_NS, SECOND_NS, World, leg, pair_settings

HEDGE = "/hedges/btc"


def main_filled(message: PositionChanged) -> bool:
    """Tell whether a position change is the main leg's first fill."""
    return message.instrument == leg(ALPHA) and message.quantity != 0


def ask_flatten(world: World, scope: str, key: str = "") -> None:
    """Ask the root for a flatten, as an operator does."""
    world.tell("/", FlattenRequested(scope=scope, key=key, who="operator", reason="drill"))


# -- the pair ---------------------------------------------------------------------------------------


def test_a_pair_that_crashes_between_main_fill_and_hedge_is_hedged_by_its_next_instance() -> None:
    """The next instance finds the main leg and the record of intent, and hedges within 200 ms."""
    crash = Crash(PositionChanged, when=main_filled)
    world = World(crashes={HEDGE: crash})
    world.open_pair()
    assert crash.done == 1
    assert (world.held(leg(ALPHA)), world.held(leg(BETA))) == (Decimal("0.333"), Decimal("-0.166"))
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=200, dead=[HEDGE])


def test_a_pair_that_crashes_after_it_proposed_the_hedge_sends_no_second_one() -> None:
    """The order of the dead instance is found at the venue and waited for; nothing is sent twice."""
    crash = Crash(PositionChanged, when=main_filled, after=True)
    world = World(crashes={HEDGE: crash}, latency_ns=50 * MS_NS)
    world.open_pair()
    assert crash.done == 1
    assert world.held(leg(BETA)) == Decimal("-0.166")
    sent = [item for item in world.witness.submissions if item.venue == BETA]
    assert len(sent) == 1
    verdict(world, exposed_ms_max=150, dead=[HEDGE])


def test_a_pair_that_crashes_while_hedged_trades_again_with_new_client_ids() -> None:
    """No id of the dead instance is used again: the exit is not refused as a duplicate."""
    world = World()
    world.open_pair()
    world.poison(HEDGE)
    world.until(lambda: world.phase() is PairPhase.HEDGED and world.alive(HEDGE), 2)
    world.signal(0)
    world.run(0.05)
    assert world.flat()
    assert "duplicate" not in world.actor(HEDGE).last_refusal
    verdict(world, exposed_ms_max=0, dead=[HEDGE])


def test_a_pair_that_crashes_while_exiting_goes_on_to_close_both_legs() -> None:
    """A record of EXITING means zero, whatever is still held."""
    crash = Crash(OrderUpdated, nth=3, when=lambda m: m.state is OrderState.FILLED)
    world = World(crashes={HEDGE: crash})
    world.open_pair()
    world.signal(0)
    world.until(lambda: world.flat() and world.phase() is PairPhase.FLAT, 2)
    assert crash.done == 1
    verdict(world, exposed_ms_max=200, dead=[HEDGE])


def test_a_pair_beyond_its_restart_budget_is_flattened() -> None:
    """After more than three restarts the pair's scope is closed by permits and confirmed flat."""
    crash = Crash(PositionChanged, when=main_filled, times=4)
    world = World(crashes={HEDGE: crash})
    world.signal(1)
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    assert crash.done == 4
    assert [permit.scope for permit in world.witness.permits()] == ["pair:btc"]
    verdict(world, exposed_ms_max=3_000, dead=[HEDGE])


def test_a_violation_in_a_pair_flattens_its_scope_and_never_restarts_it() -> None:
    """An InvariantError closes the pair at once; its address stays empty, other pairs trade on."""
    crash = Crash(PositionChanged, when=main_filled, error=InvariantError)
    world = World(crashes={HEDGE: crash}, pairs=[pair_settings(), pair_settings("ETH")])
    world.open_pair(1, "eth")
    world.signal(1)
    world.until(world.confirmed_flat, 10)
    world.run(5)
    assert world.flat("BTC")
    assert not world.alive(HEDGE)
    assert world.phase("eth") is PairPhase.HEDGED
    assert world.held(leg(ALPHA, "ETH")) != 0
    verdict(world, exposed_ms_max=1_100, dead=[HEDGE])
