"""Drills: others trade, or parts start again, while trading is halted or a flatten runs."""

from __future__ import annotations

from decimal import Decimal

from actors.messages.flatten import FlattenRequested
from actors.messages.pairs import PairPhase
from actors.messages.risk import HaltRequested
from domain.orders import Side
from simulations.wire import SubmitFrame
from tests.drills.oracles import verdict
from tests.drills.test_orders import stranger
from tests.drills.world import ALPHA, SECOND_NS, World, leg


def test_a_stranger_s_fill_during_a_flatten_sends_no_second_order_beside_the_first() -> None:
    """Only the end of its own order lets the flattener send another for the instrument."""
    world = World()
    world.open_pair()
    line = world.lines[ALPHA, "flatten"]
    line.outbound = lambda frame: 2 * SECOND_NS if isinstance(frame, SubmitFrame) else 0
    world.tell("/", FlattenRequested(scope="pair", key="btc", who="operator", reason="drill"))
    world.until(lambda: len(world.witness.permits()) > 1, 3)
    stranger(world, ALPHA, Side.SELL, "0.1")
    world.until(world.confirmed_flat, 20)
    assert world.flat()
    sent = [permit.order.instrument for permit in world.witness.permits()]
    assert sent.count(leg(ALPHA)) == 1
    verdict(world, exposed_ms_max=2_100, strangers=True)


def test_a_pair_that_starts_again_while_halted_knows_that_only_permits_close_it() -> None:
    """The root tells a new instance what may be sent: its exit is done by permit at once."""
    world = World()
    world.open_pair()
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.poison("/hedges/btc")
    world.until(lambda: world.phase() is PairPhase.HEDGED and world.alive("/hedges/btc"), 2)
    world.signal(0)
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    assert sorted(permit.order.quantity for permit in world.witness.permits()) == [
        Decimal("0.166"),
        Decimal("0.333"),
    ]
    verdict(world, exposed_ms_max=0, dead=["/hedges/btc"])
