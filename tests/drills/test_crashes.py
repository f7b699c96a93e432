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


# -- the pair ---------------------------------------------------------------------------------


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
    """The dead instance's order is found at the venue and waited for; nothing is sent twice."""
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


# -- the venue connection ---------------------------------------------------------------------


def test_a_connection_that_crashes_with_resting_orders_cancels_them_and_tells_their_owner() -> None:
    """The next instance finds a resting order, cancels it, and its owner hears the end."""
    world = World()
    trader = world.actor("/trader")
    for price in (1_970, 1_980):
        world.tell(
            "/trader",
            Buy(instrument=leg(ALPHA, "ETH"), quantity=Decimal("0.5"), price=Decimal(price)),
        )
    world.run(0.1)
    assert [item.state for item in trader.updates] == [OrderState.OPEN, OrderState.OPEN]
    world.poison("/venues/alpha")
    world.until(lambda: world.connection(ALPHA) == "live", 2)
    world.run(0.5)
    assert not world.venues[ALPHA].exchange.account("main").orders
    last = {item.client_id: item.state for item in trader.updates}
    assert set(last.values()) == {OrderState.CANCELLED}
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0, dead=["/venues/alpha"])


def test_a_connection_that_crashes_with_the_main_order_in_flight_loses_no_fill() -> None:
    """The fill that came while nobody listened is read from the account, and the pair is hedged."""
    crash = Crash(SubmitOrder, after=True)
    world = World(crashes={"/venues/alpha": crash}, latency_ns=50 * MS_NS)
    world.open_pair()
    assert crash.done == 1
    assert len([item for item in world.witness.submissions if item.venue == ALPHA]) == 1
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=500, dead=["/venues/alpha"])


def test_a_connection_that_crashes_with_the_hedge_order_in_flight_sends_no_second_hedge() -> None:
    """The fate of the order is asked of the venue; the pair waits for it rather than assume it."""
    crash = Crash(SubmitOrder, after=True)
    world = World(crashes={"/venues/beta": crash}, latency_ns=50 * MS_NS)
    world.open_pair()
    assert crash.done == 1
    assert len([item for item in world.witness.submissions if item.venue == BETA]) == 1
    world.signal(0)
    world.run(2)
    assert world.flat()
    verdict(world, exposed_ms_max=150, dead=["/venues/beta"])


def test_a_connection_that_crashes_between_trades_leaves_trading_active() -> None:
    """Fills read again after a restart are known by their deployment and counted once."""
    world = World()
    world.open_pair()
    world.poison("/venues/alpha")
    world.until(lambda: world.connection(ALPHA) == "live", 2)
    world.run(1)
    assert world.trading().state is TradingState.ACTIVE
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0, dead=["/venues/alpha"])


def test_a_connection_beyond_its_restart_budget_flattens_its_venue_and_the_other_legs() -> None:
    """The venue's scope is widened to both legs and closed over the flattener's session."""
    world = World()
    world.open_pair()
    for _ in range(4):
        world.until(lambda: world.alive("/venues/alpha"), 5)
        world.poison("/venues/alpha")
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    scopes = {permit.scope for permit in world.witness.permits()}
    assert scopes == {"venue:alpha"}
    world.until(lambda: world.connection(ALPHA) == "live", 10)
    world.run(1)
    venues = ["/venues/alpha", "/venues/beta", "/venues"]
    verdict(world, exposed_ms_max=500, dead=venues)


# -- risk -------------------------------------------------------------------------------------


def test_risk_that_crashes_idle_takes_over_state_reservations_and_figures() -> None:
    """The next instance approves again, in a higher epoch, once it knows orders and positions."""
    world = World()
    world.open_pair()
    epoch = world.trading().epoch
    world.poison("/risk")
    world.run(1)
    assert world.trading().epoch > epoch
    assert not world.actor("/risk").recovering
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0, dead=["/risk"])


def test_risk_that_crashes_with_an_approval_in_flight_voids_it() -> None:
    """The dead instance's approval is refused at the gate; the pair asks again and is hedged."""
    crash = Crash(ProposeOrder, nth=2, after=True)
    world = World(crashes={"/risk": crash})
    world.signal(1)
    world.run(8)
    assert crash.done == 1
    hedges = [item for item in world.witness.submissions if item.venue == BETA]
    assert all(item.authority.epoch > 2_000_000 for item in hedges)
    assert world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)
    verdict(world, exposed_ms_max=600, dead=["/risk"])


def test_risk_that_crashes_with_a_proposal_in_hand_delays_the_hedge_no_longer_than_the_bound() -> (
    None
):
    """A proposal that died with risk is given up within the bound on exposed time."""
    crash = Crash(ProposeOrder, nth=2)
    world = World(crashes={"/risk": crash})
    world.signal(1)
    world.run(12)
    assert crash.done == 1
    assert world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)
    verdict(world, exposed_ms_max=2_300, dead=["/risk"])


def test_risk_beyond_its_restart_budget_flattens_everything_before_the_tree_ends() -> None:
    """Without risk nothing is approved: the root closes every position by permits, then ends."""
    crash = Crash(TradingStateQuery)
    world = World(pairs=[pair_settings(), pair_settings("ETH")])
    world.open_pair()
    world.open_pair(-1, "eth")
    world.stopping = True
    for _ in range(11):
        world.until(lambda: world.alive("/risk") or not world.alive("/"), 10)
        world.poison("/risk")
    world.until(lambda: not world.alive("/"), 40)
    assert crash.done == 0
    assert world.flat()
    assert world.confirmed_flat()
    verdict(world, exposed_ms_max=500, dead=["/risk"])


# -- a strategy -------------------------------------------------------------------------------


def test_a_strategy_that_raises_on_every_message_has_its_pair_flattened() -> None:
    """Beyond its restart budget the exposure that it steers is closed and confirmed flat."""
    world = World(strategy=True)
    world.until(lambda: world.phase() is PairPhase.FLAT, 1)
    world.signal(1)
    world.until(world.confirmed_flat, 20)
    assert world.flat()
    failures = [path for path, *_ in world.kernel.lifecycle.failures]
    assert failures.count("/strategies/raiser") >= 4
    verdict(world, exposed_ms_max=500, dead=["/strategies/raiser", "/strategies"])


# -- the flattener ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "after"),
    [(BeginFlatten, True), (PermitGranted, False), (PermitGranted, True)],
    ids=["after the cancels", "with a permit in hand", "after a submit"],
)
def test_a_flattener_that_crashes_mid_flatten_is_replaced_and_confirms_flat(
    message: type, after: bool
) -> None:
    """The next instance gets the mandate again, measures afresh, and closes what is left."""
    crash = Crash(message, after=after)
    world = World(crashes={"/flatten": crash}, latency_ns=20 * MS_NS)
    world.open_pair()
    ask_flatten(world, "pair", "btc")
    world.until(world.confirmed_flat, 20)
    assert crash.done == 1
    assert world.flat()
    world.until(lambda: world.phase() is PairPhase.FLAT, 2)
    verdict(world, exposed_ms_max=6_000, dead=["/flatten"])


def test_a_flattener_that_crashes_at_every_permit_goes_on_until_the_root_ends() -> None:
    """More restarts than the root allows end the tree; no order went out without a permit."""
    world = World(crashes={"/flatten": Crash(PermitGranted, times=1_000)})
    world.open_pair()
    world.stopping = True
    ask_flatten(world, "pair", "btc")
    world.until(lambda: not world.alive("/"), 300, step_ms=500)
    assert not world.confirmed_flat()
    assert world.flattens()[-1] is not FlattenState.FLAT_CONFIRMED
    verdict(world, exposed_ms_max=0, dead=["/flatten"])


# -- positions, root --------------------------------------------------------------------------


def test_a_position_that_crashes_keeps_its_totals_and_its_size() -> None:
    """Quantity, realised profit and fees survive, and nothing trips."""
    world = World()
    world.open_pair()
    world.signal(0)
    world.run(1)
    world.open_pair(-1)
    before = world.actor("/positions/alpha/main/BTCUSDT").book
    world.poison("/positions/alpha/main/BTCUSDT")
    world.run(1)
    assert world.actor("/positions/alpha/main/BTCUSDT").book == before
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0, dead=["/positions/alpha/main/BTCUSDT"])


def test_a_position_that_crashes_with_a_fill_in_hand_still_books_it() -> None:
    """The fill that died with an instance is asked for again; its fee is not forgotten."""
    crash = Crash(OrderFilled, nth=1)
    world = World(crashes={"/positions/alpha/main/BTCUSDT": crash})
    world.signal(1)
    world.run(6)
    assert crash.done == 1
    assert world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)
    verdict(world, exposed_ms_max=2_300, dead=["/positions/alpha/main/BTCUSDT"])


def test_the_longest_exposure_after_a_crash_is_what_the_exchanges_saw() -> None:
    """P2: the time for which the crashed pair was exposed is measured, not only bounded."""
    world = World(crashes={HEDGE: Crash(PositionChanged, when=main_filled)})
    world.open_pair()
    assert exposed_ms(world) > 50
    assert world.exposed_ms() == pytest.approx(exposed_ms(world), abs=1)
    assert world.runtime.now_ns < 10**9 * SECOND_NS * 10
