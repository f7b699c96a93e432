"""Drills: orders and fills that arrive twice, late, out of order, in part, or from nowhere."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.messages.orders import CancelOrder
from actors.messages.pairs import ExposureEnded, PairPhase, PairStateChanged
from actors.messages.positions import PositionCorrected
from actors.settings import VenueSettings
from domain.authority import TradingState
from domain.orders import OrderState, OrderType, Side, TimeInForce
from simulations.wire import (
    AckFrame,
    CancelFrame,
    FillFrame,
    FinishedFrame,
    OrderFrame,
    SubmitFrame,
)
from tests.drills.cast import Buy, Sell, Withdraw
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, MS_NS, SECOND_NS, World, leg, pair_settings

ETH = leg(ALPHA, "ETH")
BOUND_MS = 2_000


def states(world: World) -> list[OrderState]:
    """Return what the trader was told of its orders."""
    return [item.state for item in world.actor("/trader").updates]


def stranger(world: World, venue: str, side: Side, quantity: str, coin: str = "BTC") -> None:
    """Let somebody else trade at market on our account."""
    simulated = world.venues[venue]
    simulated.exchange.submit(
        "main",
        SubmitFrame(
            client_id="by-hand",
            symbol=f"{coin}USDT",
            side=side,
            quantity=Decimal(quantity),
            price=None,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            reduce_only=False,
            expires_ns=0,
        ),
        world.runtime.now_ns,
    )
    simulated._drain(None)
    world.runtime.settle()


# -- parts ------------------------------------------------------------------------------------


def test_a_partial_main_fill_with_the_rest_rejected_is_hedged_at_the_size_it_got() -> None:
    """Forty percent filled, every further main order rejected: the pair hedges what there is."""
    world = World(pairs=[pair_settings(entry_ms_max=1_000)])
    world.venues[ALPHA].partial_fill_next(Decimal("0.4"))
    line = world.lines[ALPHA, "main"]
    seen: list[SubmitFrame] = []

    def after_first(frame: object) -> int:
        if isinstance(frame, SubmitFrame):
            seen.append(frame)
            if len(seen) == 2:
                world.venues[ALPHA].reject_next(9, "no")
        return 0

    line.outbound = after_first
    world.signal(1)
    world.run(7)
    assert world.held(leg(ALPHA)) == Decimal("0.133")
    assert world.held(leg(BETA)) in (Decimal("-0.066"), Decimal("-0.067"))
    assert world.phase() is PairPhase.HEDGED
    verdict(world, exposed_ms_max=0)


def test_a_partial_hedge_fill_with_the_rest_rejected_unwinds_both_legs_within_the_bound() -> None:
    """The hedge stays incomplete: after 2,000 ms both legs are closed again."""
    world = World()
    world.venues[BETA].partial_fill_next(Decimal("0.4"))
    line = world.lines[BETA, "main"]
    seen: list[SubmitFrame] = []

    def after_first(frame: object) -> int:
        if isinstance(frame, SubmitFrame):
            seen.append(frame)
            if len(seen) == 2:
                world.venues[BETA].reject_next(8, "no")
        return 0

    line.outbound = after_first
    world.signal(1)
    world.run(6)
    assert world.flat()
    assert world.phase() is PairPhase.FLAT
    reasons = [item.reason for item in world.said(PairStateChanged)]
    assert "exposed_too_long" in reasons
    verdict(world, exposed_ms_max=BOUND_MS + 300)


def test_a_hedge_below_the_minimum_size_gives_the_main_leg_up() -> None:
    """A main leg that ended at a size the hedge venue refuses is unwound, not left naked."""
    world = World(pairs=[pair_settings(entry_ms_max=1_000)])
    world.venues[ALPHA].partial_fill_next(Decimal("0.01"))
    line = world.lines[ALPHA, "main"]
    seen: list[SubmitFrame] = []

    def after_first(frame: object) -> int:
        if isinstance(frame, SubmitFrame) and not frame.reduce_only:
            seen.append(frame)
            if len(seen) == 2:
                world.venues[ALPHA].reject_next(8, "no")
        return 0

    line.outbound = after_first
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1)
    assert world.held(leg(ALPHA)) == Decimal("0.003")
    world.run(4)
    assert world.flat()
    reasons = [item.reason for item in world.said(PairStateChanged)]
    assert "hedge_impossible" in reasons
    assert not [item for item in world.witness.submissions if item.venue == BETA]
    verdict(world, exposed_ms_max=2_300)


def test_a_pair_too_small_for_the_hedge_venue_is_refused_before_its_first_leg() -> None:
    """The check before entry looks at both legs: nothing is sent."""
    world = World(pairs=[pair_settings(ratio=Decimal("0.01"))])
    world.signal(1)
    world.run(1)
    assert not world.witness.submissions
    assert world.phase() is PairPhase.FLAT
    assert "hedge leg" in world.actor("/hedges/btc").last_refusal
    verdict(world, exposed_ms_max=0)


# -- acknowledgements --------------------------------------------------------------------------


def test_an_order_whose_ack_was_lost_becomes_unknown_and_is_found_alive() -> None:
    """Silence makes it UNKNOWN, the venue's word makes it OPEN; it is never sent again."""
    world = World()
    world.venues[ALPHA].lose_next_acks(1)
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(1.9)
    assert states(world) == []
    world.run(0.2)
    assert states(world) == [OrderState.UNKNOWN, OrderState.OPEN]
    assert len(world.witness.submissions) == 1
    world.tell("/trader", Withdraw())
    world.run(0.1)
    assert states(world)[-1] is OrderState.CANCELLED
    verdict(world, exposed_ms_max=0)


def test_an_order_that_never_arrived_is_expired_only_after_expiry_and_skew_and_asked_twice() -> (
    None
):
    """Not found counts from expiry plus 1,000 ms on, the second time; UNKNOWN until then."""
    world = World()
    questions: list[OrderFrame] = []
    line = world.lines[ALPHA, "main"]
    line.outbound = lambda frame: None if isinstance(frame, SubmitFrame) else 0

    def count(frame: object) -> int:
        if isinstance(frame, OrderFrame):
            questions.append(frame)
        return 0

    line.inbound = count
    buy = Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980), ttl_ns=5 * SECOND_NS)
    world.tell("/trader", buy)
    final_ns = world.runtime.now_ns + (5 + 1) * SECOND_NS
    world.run(6)
    assert states(world) == [OrderState.UNKNOWN]
    world.run(3)
    assert states(world) == [OrderState.UNKNOWN, OrderState.EXPIRED]
    assert len(questions) > 2
    assert len([item for item in questions if item.time_ns > final_ns]) == 2
    assert len(world.witness.submissions) == 1
    verdict(world, exposed_ms_max=0)


def test_an_unknown_order_blocks_new_risk_on_its_instrument_at_full_size() -> None:
    """While the fate of one order is open, another that adds risk there is refused."""
    world = World()
    world.lines[ALPHA, "main"].outbound = lambda f: None if isinstance(f, SubmitFrame) else 0
    buy = Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980), ttl_ns=20 * SECOND_NS)
    world.tell("/trader", buy)
    world.run(2.5)
    assert states(world) == [OrderState.UNKNOWN]
    assert world.actor("/risk")._book.holdings[ETH].reserved_buy == Decimal("0.5")
    world.tell("/trader", buy)
    assert [item.reason for item in world.actor("/trader").refused] == ["unknown_order"]
    world.run(25)
    assert world.actor("/risk")._book.holdings[ETH].reserved_buy == 0
    verdict(world, exposed_ms_max=0)


def test_an_order_without_expiry_that_is_not_found_stays_unknown() -> None:
    """With neither expiry nor fence nothing may be assumed, however often the venue denies it."""
    world = World()
    world.lines[ALPHA, "main"].outbound = lambda f: None if isinstance(f, SubmitFrame) else 0
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(120)
    assert states(world) == [OrderState.UNKNOWN]
    verdict(world, exposed_ms_max=0, fates_open=True)


def test_a_fill_before_its_acknowledgement_counts_once_and_opens_nothing_again() -> None:
    """The acknowledgement that comes after the fills changes no state."""
    world = World()
    world.venues[ALPHA].delay_next_acks(1)
    world.venues[BETA].delay_next_acks(1)
    world.open_pair()
    assert world.held(leg(ALPHA)) == Decimal("0.333")
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


# -- fills ------------------------------------------------------------------------------------


def test_duplicate_fills_are_booked_once() -> None:
    """P9: the same fill id twice moves neither size nor fees, and trips nothing."""
    world = World()
    for venue in world.venues.values():
        venue.duplicate_next_fills(10)
    world.open_pair()
    world.signal(0)
    world.run(1)
    assert world.flat()
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0)


@pytest.mark.parametrize("venue", [ALPHA, BETA])
def test_fills_that_come_a_second_after_the_end_of_their_order_still_count(venue: str) -> None:
    """FINISHED says what was filled; the pair waits for those fills rather than trade again."""
    world = World()
    line = world.lines[venue, "main"]
    line.inbound = lambda frame: SECOND_NS if isinstance(frame, FillFrame) else 0
    world.venues[venue].partial_fill_next(Decimal("0.5"))
    world.signal(1)
    world.run(10)
    assert world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)
    assert not world.said(PositionCorrected)
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=BOUND_MS + 300)


def test_a_fill_that_is_lost_on_the_way_is_found_in_the_account() -> None:
    """The venue's cumulative figure shows what is missing; the account query brings it."""
    world = World()
    line = world.lines[ALPHA, "main"]
    line.inbound = lambda frame: None if isinstance(frame, FillFrame) else 0
    world.venues[ALPHA].partial_fill_next(Decimal("0.5"))
    world.signal(1)
    world.run(1)
    line.inbound = lambda _: 0
    world.run(10)
    assert world.phase() in (PairPhase.HEDGED, PairPhase.FLAT)
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=2_500)


def test_a_fill_during_a_cancel_wins_and_is_booked() -> None:
    """The cancel finds nothing left to cancel: the order is FILLED, the position is right."""
    world = World(latency_ns=50 * MS_NS)
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_990)))
    world.run(0.3)
    world.tell("/trader", Withdraw())
    world.price["ETH"] = Decimal(1_985)
    world.quote(ETH)
    world.run(1)
    assert states(world)[-1] is OrderState.FILLED
    assert world.held(ETH) == Decimal("0.5")
    world.tell(
        "/trader", Sell(instrument=ETH, quantity=Decimal("0.5"), price=None, reduce_only=True)
    )
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_a_cancel_that_overtakes_its_order_leaves_a_tombstone_that_refuses_it() -> None:
    """The order that comes after its own cancel is never sent."""
    world = World()
    trader = world.actor("/trader")
    trader.context.tell(
        "/venues/alpha",
        CancelOrder(client_id=trader._issuer.next()[:-1] + "2", instrument=ETH, reason="drill"),
    )
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(0.1)
    assert [item.reason for item in trader.refused] == ["cancelled"]
    assert not world.witness.submissions
    verdict(world, exposed_ms_max=0)


def test_an_ack_and_an_end_out_of_order_leave_the_order_ended() -> None:
    """What comes late changes no final state."""
    world = World()
    world.lines[ALPHA, "main"].inbound = lambda f: SECOND_NS if isinstance(f, AckFrame) else 0
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(0.1)
    world.tell("/trader", Withdraw())
    world.run(2)
    assert states(world) == [OrderState.CANCELLED]
    verdict(world, exposed_ms_max=0)


def test_an_end_that_is_lost_is_found_by_asking() -> None:
    """An order cancelled at the venue without a word is asked about until its end is known."""
    world = World()
    line = world.lines[ALPHA, "main"]
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(0.1)
    line.inbound = lambda frame: None if isinstance(frame, FinishedFrame) else 0
    world.tell("/trader", Withdraw())
    world.run(5)
    assert states(world)[-1] is OrderState.CANCELLED
    verdict(world, exposed_ms_max=0)


def test_a_cancel_that_is_lost_leaves_the_order_known_to_live() -> None:
    """A cancel without an answer makes the order UNKNOWN, and the venue's word makes it OPEN."""
    world = World()
    line = world.lines[ALPHA, "main"]
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(0.1)
    line.outbound = lambda frame: None if isinstance(frame, CancelFrame) else 0
    world.tell("/trader", Withdraw())
    world.run(5)
    assert states(world)[-2:] == [OrderState.UNKNOWN, OrderState.OPEN]
    line.outbound = lambda _: 0
    world.tell("/trader", Withdraw())
    world.run(1)
    assert states(world)[-1] is OrderState.CANCELLED
    verdict(world, exposed_ms_max=0)


# -- strangers --------------------------------------------------------------------------------


def test_a_person_who_trades_on_the_account_reduces_trading_and_is_unwound() -> None:
    """A fill that no order of ours made is booked, stops new risk, and does not stay open."""
    world = World()
    stranger(world, ALPHA, Side.BUY, "0.1")
    world.run(3)
    assert world.flat()
    assert world.trading().state is TradingState.REDUCING
    assert "is not ours" in world.trading().reason
    world.signal(1)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=BOUND_MS + 300, strangers=True)


def test_a_person_who_sells_part_of_a_leg_leaves_the_pair_hedged_at_what_is_left() -> None:
    """The hedge follows what the main leg really holds."""
    world = World()
    world.open_pair()
    stranger(world, ALPHA, Side.SELL, "0.133")
    world.run(3)
    assert world.held(leg(ALPHA)) == Decimal("0.200")
    assert world.held(leg(BETA)) == Decimal("-0.100")
    assert world.phase() is PairPhase.HEDGED
    verdict(world, exposed_ms_max=300, strangers=True)


def test_a_liquidation_of_the_main_leg_closes_its_hedge() -> None:
    """A leg that the venue took away is not a leg any more: the pair ends flat."""
    world = World()
    world.open_pair()
    account = world.venues[ALPHA].exchange.account("main")
    taken = account.balance - Decimal(30)
    account.balance -= taken
    account.deposits -= taken
    world.mark(leg(ALPHA))
    world.run(5)
    assert world.flat()
    assert world.trading().state is TradingState.REDUCING
    assert "liquidation" in world.trading().reason
    verdict(world, exposed_ms_max=500, strangers=True)


def test_a_hidden_fill_is_found_at_the_next_comparison_and_takes_no_new_risk() -> None:
    """A stranger's fill of which no word came shows in the account within resync_ms."""
    world = World(venue=VenueSettings(resync_ms=5_000))
    line = world.lines[ALPHA, "main"]
    line.inbound = lambda frame: None if isinstance(frame, FillFrame | AckFrame) else 0
    stranger(world, ALPHA, Side.BUY, "0.5", coin="ETH")
    line.inbound = lambda _: 0
    assert world.actor("/positions/alpha/main/ETHUSDT").book.quantity == 0
    world.run(6)
    assert world.actor("/positions/alpha/main/ETHUSDT").book.quantity == Decimal("0.5")
    assert world.trading().state is TradingState.REDUCING
    assert not world.said(ExposureEnded)
    verdict(world, exposed_ms_max=0, strangers=True)
