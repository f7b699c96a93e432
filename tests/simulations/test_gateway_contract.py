"""What every gateway does, whatever its venue: the same tests run against each harness."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar, get_type_hints

import pytest

from actors.messages.market import QuoteUpdated
from actors.messages.venue import (
    AccountSnapshot,
    CancelRefused,
    GatewayEvent,
    GatewayProblem,
    OrderAcknowledged,
    OrderFilled,
    OrderFinished,
    OrderLookup,
    ProblemKind,
)
from domain.authority import Approval, FlattenPermit, Mint
from domain.orders import Liquidity, Order, OrderState, OrderType, Side, TimeInForce
from tests.simulations.harness import HARNESSES, KEY_BYTES, GatewayHarness
from tests.simulations.stage import SECOND_NS

E = TypeVar("E", bound=GatewayEvent)

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture(params=list(HARNESSES.values()), ids=list(HARNESSES))
def harness(request: pytest.FixtureRequest) -> GatewayHarness:
    """Return a connected gateway that has reported nothing yet but the first market data."""
    made: GatewayHarness = request.param()
    made.connect()
    return made


def told(harness: GatewayHarness, kind: type[E]) -> list[E]:
    """Return the events of a kind, in their order."""
    return [event for event in harness.events if isinstance(event, kind)]


def problems(harness: GatewayHarness) -> list[ProblemKind]:
    """Return the kinds of the problems reported."""
    return [event.kind for event in told(harness, GatewayProblem)]


def quotes(harness: GatewayHarness) -> list[tuple[int, int]]:
    """Return the (bid, ask) of the quotes published."""
    return [(e.bid_ticks, e.ask_ticks) for e in harness.market if isinstance(e, QuoteUpdated)]


def test_connecting_brings_market_data_and_no_problem(harness: GatewayHarness) -> None:
    """After login the present quote is published, and later ones follow."""
    harness.quote(98, 102)
    assert quotes(harness) == [(99, 101), (98, 102)]
    assert harness.events == []


def test_an_account_can_be_asked_for_at_once(harness: GatewayHarness) -> None:
    """The snapshot carries the request's number, the balances, and nothing that is not there."""
    harness.query_account(41)
    (snapshot,) = told(harness, AccountSnapshot)
    assert snapshot.request == 41
    assert snapshot.balance == snapshot.equity == 1_000_000
    assert (snapshot.orders, snapshot.fills) == ((), ())
    assert all(position.quantity == 0 for position in snapshot.positions)


def test_an_order_is_acknowledged_and_filled(harness: GatewayHarness) -> None:
    """Acknowledgement and fill name the order; the fill has its facts."""
    order = harness.submit(BUY, 3)
    acknowledged, filled = harness.events
    assert isinstance(acknowledged, OrderAcknowledged)
    assert acknowledged.client_id == order.client_id
    assert isinstance(filled, OrderFilled)
    fill = filled.fill
    assert (fill.client_id, fill.instrument) == (order.client_id, harness.instrument.key)
    assert (fill.side, fill.liquidity, fill.liquidation) == (BUY, Liquidity.TAKER, False)
    assert (int(fill.quantity), int(fill.price), int(fill.fee)) == (3, 101, 0)
    assert fill.fill_id
    assert harness.held() == 3


def test_a_resting_order_is_in_the_snapshot_until_it_is_filled(harness: GatewayHarness) -> None:
    """The venue's list of orders and positions follows what happened."""
    order = harness.submit(BUY, 4, 98)
    harness.query_account(1)
    harness.quote(95, 97)
    harness.query_account(2)
    before, after = told(harness, AccountSnapshot)
    (listed,) = before.orders
    assert (listed.client_id, listed.side, listed.price) == (order.client_id, BUY, Decimal(98))
    assert after.orders == ()
    (position,) = after.positions
    assert (int(position.quantity), position.entry) == (4, Decimal(98))
    assert position.maintenance > 0
    assert [fill.client_id for fill in after.fills] == [order.client_id]


def test_a_snapshot_has_the_fills_since_its_cursor(harness: GatewayHarness) -> None:
    """Fills before the cursor are left out, the others come oldest first."""
    harness.submit(BUY, 1)
    harness.advance(SECOND_NS)
    first, second = harness.submit(BUY, 2), harness.submit(BUY, 3)
    harness.query_account(1, fills_after_ns=first.created_ns)
    (snapshot,) = told(harness, AccountSnapshot)
    assert [fill.client_id for fill in snapshot.fills] == [first.client_id, second.client_id]


def test_a_fill_may_come_before_its_acknowledgement(harness: GatewayHarness) -> None:
    """Both are reported, as they came."""
    harness.late_ack_next()
    harness.submit(BUY, 1)
    assert [type(event) for event in harness.events] == [OrderFilled, OrderAcknowledged]


def test_an_order_whose_acknowledgement_was_lost_lives(harness: GatewayHarness) -> None:
    """Nothing is heard of it, and the venue still fills it."""
    harness.lose_next_ack()
    order = harness.submit(BUY, 1, 98)
    assert harness.events == []
    assert harness.live() == [order.client_id]
    harness.quote(95, 97)
    assert [event.fill.client_id for event in told(harness, OrderFilled)] == [order.client_id]


def test_partial_fills_add_up(harness: GatewayHarness) -> None:
    """Each part is a fill of its own; the remainder lives on and fills later."""
    harness.partial_next()
    order = harness.submit(BUY, 8, 101)
    harness.quote(99, 101)
    fills = [event.fill for event in told(harness, OrderFilled)]
    assert [int(fill.quantity) for fill in fills] == [4, 4]
    assert {fill.client_id for fill in fills} == {order.client_id}
    assert len({fill.fill_id for fill in fills}) == 2


def test_an_immediate_order_reports_what_it_did_not_get(harness: GatewayHarness) -> None:
    """The remainder of an IOC order ends CANCELLED, with the venue's cumulative figure."""
    order = harness.submit(BUY, 15)
    (finished,) = told(harness, OrderFinished)
    assert (finished.client_id, finished.state) == (order.client_id, OrderState.CANCELLED)
    assert finished.filled == 10
    assert finished.reason


def test_a_refused_order_ends_rejected_with_the_reason(harness: GatewayHarness) -> None:
    """The venue's own words come through."""
    harness.reject_next("too busy")
    order = harness.submit(BUY, 1)
    (finished,) = harness.events
    assert isinstance(finished, OrderFinished)
    assert (finished.client_id, finished.state) == (order.client_id, OrderState.REJECTED)
    assert finished.reason == "too busy"
    assert harness.held() == 0


def test_a_cancelled_order_ends_cancelled(harness: GatewayHarness) -> None:
    """The end says how much had been filled."""
    order = harness.submit(BUY, 12, 101)
    harness.cancel(order.client_id)
    (finished,) = told(harness, OrderFinished)
    assert (finished.state, int(finished.filled)) == (OrderState.CANCELLED, 10)
    assert harness.live() == []


def test_a_cancel_of_an_unknown_order_is_refused(harness: GatewayHarness) -> None:
    """Nothing happens, and that is said."""
    harness.cancel("never-sent")
    (refused,) = harness.events
    assert isinstance(refused, CancelRefused)
    assert refused.client_id == "never-sent"


def test_a_fill_can_win_the_race_with_a_cancel(harness: GatewayHarness) -> None:
    """The fill counts, and the order ends once: filled, or cancelled, but not both."""
    order = harness.submit(BUY, 1, 98)
    harness.race(order.client_id)
    filled = [event.fill.client_id for event in told(harness, OrderFilled)]
    ended = [event.client_id for event in told(harness, OrderFinished)]
    refused = [event.client_id for event in told(harness, CancelRefused)]
    assert (filled, refused, ended) in (
        ([order.client_id], [order.client_id], []),
        ([], [], [order.client_id]),
    )
    assert harness.held() == len(filled)


def test_cancel_all_ends_every_order(harness: GatewayHarness) -> None:
    """Each order's end is reported by itself."""
    orders = [harness.submit(BUY, 1, price) for price in (97, 96, 95)]
    harness.gateway.cancel_all(None, orders[0].created_ns)
    harness.advance(SECOND_NS)
    ended = [event.client_id for event in told(harness, OrderFinished)]
    assert ended == [order.client_id for order in orders]


def test_a_reduce_only_order_reduces_only(harness: GatewayHarness) -> None:
    """It never opens and never flips."""
    refused = harness.submit(SELL, 1, reduce_only=True)
    assert [event.client_id for event in told(harness, OrderFinished)] == [refused.client_id]
    harness.submit(BUY, 2)
    harness.submit(SELL, 5, reduce_only=True)
    assert harness.held() == 0


def test_an_order_expires_at_the_venue(harness: GatewayHarness) -> None:
    """After expires_ns the order is EXPIRED, without our doing anything."""
    order = harness.submit(BUY, 1, 98, expires_in_ns=2 * SECOND_NS)
    harness.advance(SECOND_NS)
    assert harness.live() == [order.client_id]
    harness.advance(2 * SECOND_NS)
    (finished,) = told(harness, OrderFinished)
    assert finished.state is OrderState.EXPIRED
    assert harness.live() == []


@pytest.mark.parametrize("time_in_force", [TimeInForce.FOK, TimeInForce.POST_ONLY])
def test_each_time_in_force_that_is_promised_is_kept(
    harness: GatewayHarness, time_in_force: TimeInForce
) -> None:
    """Fill-or-kill does not fill in part; post-only does not take."""
    assert time_in_force in harness.gateway.capability.times_in_force
    quantity = 15 if time_in_force is TimeInForce.FOK else 1
    harness.submit(BUY, quantity, 101, time_in_force=time_in_force)
    assert told(harness, OrderFilled) == []
    assert len(told(harness, OrderFinished)) == 1


def test_an_order_is_found_by_its_client_id(harness: GatewayHarness) -> None:
    """Live, filled, cancelled and unknown are told apart; the request's number comes back."""
    live = harness.submit(BUY, 1, 97)
    filled = harness.submit(BUY, 2)
    gone = harness.submit(BUY, 1, 96)
    harness.cancel(gone.client_id)
    for request, client_id in enumerate(
        (live.client_id, filled.client_id, gone.client_id, "never-sent")
    ):
        harness.query_order(request, client_id)
    found = told(harness, OrderLookup)
    assert [lookup.request for lookup in found] == [0, 1, 2, 3]
    states = [OrderState.OPEN, OrderState.FILLED, OrderState.CANCELLED, None]
    assert [lookup.state for lookup in found] == states
    assert [int(lookup.filled) for lookup in found] == [0, 2, 0, 0]


def test_a_client_id_used_twice_does_not_touch_the_first_order(harness: GatewayHarness) -> None:
    """The second use is a problem; the first order is neither ended nor doubled."""
    order = harness.submit(BUY, 1, 98)
    approval = Mint(KEY_BYTES).approve(order, epoch=0, book_sequence=1, expires_ns=1)
    harness.gateway.submit(approval, order.created_ns)
    harness.advance(SECOND_NS)
    assert problems(harness) == [ProblemKind.MALFORMED]
    assert told(harness, OrderFinished) == []
    assert harness.live() == [order.client_id]


def test_a_disconnect_forgets_the_session_and_not_the_orders(harness: GatewayHarness) -> None:
    """What is sent on a dead session vanishes; after a reconnect the venue still has the order."""
    order = harness.submit(BUY, 1, 98)
    harness.drop()
    harness.cancel(order.client_id)
    seen = len(harness.market)
    harness.quote(98, 102)
    assert len(harness.market) == seen
    assert harness.live() == [order.client_id]
    harness.connect()
    harness.query_account(5)
    (snapshot,) = told(harness, AccountSnapshot)
    assert [line.client_id for line in snapshot.orders] == [order.client_id]
    assert quotes(harness)[-1] == (98, 102)
    assert problems(harness) == []


def test_a_gap_in_the_quotes_is_reported_and_healed(harness: GatewayHarness) -> None:
    """The quote after a lost one is a problem, and the next ones are published again."""
    harness.gap_next_quote()
    harness.quote(98, 102)
    harness.quote(97, 103)
    assert problems(harness) == [ProblemKind.SEQUENCE_GAP]
    harness.quote(96, 104)
    assert quotes(harness)[-1] == (96, 104)
    assert (98, 102) not in quotes(harness)
    assert problems(harness) == [ProblemKind.SEQUENCE_GAP]


def test_a_crossed_quote_is_never_published(harness: GatewayHarness) -> None:
    """It is a problem, names its instrument, and does not look like a gap."""
    harness.cross_next_quote()
    harness.quote(98, 102)
    (problem,) = told(harness, GatewayProblem)
    assert (problem.kind, problem.instrument) == (ProblemKind.BAD_QUOTE, harness.instrument.key)
    harness.quote(97, 103)
    assert quotes(harness) == [(99, 101), (97, 103)]
    assert problems(harness) == [ProblemKind.BAD_QUOTE]


def test_what_cannot_be_read_never_becomes_a_trade(harness: GatewayHarness) -> None:
    """A garbled fill is a problem; the snapshot tells what really happened."""
    order = harness.submit(BUY, 3, 98)
    harness.garble_next()
    harness.quote(95, 97)
    assert told(harness, OrderFilled) == []
    assert problems(harness) == [ProblemKind.MALFORMED]
    harness.query_account(1)
    (snapshot,) = told(harness, AccountSnapshot)
    assert [fill.client_id for fill in snapshot.fills] == [order.client_id]


@pytest.mark.parametrize("frame", [b"", b"\x00\xff", b"{", b"null", b"[]", b"\xc1" * 100])
def test_rubbish_is_a_problem_and_nothing_else(harness: GatewayHarness, frame: bytes) -> None:
    """Bytes that are no frame move nothing and raise nothing."""
    seen = len(harness.market)
    harness.gateway.received(frame, 1)
    assert problems(harness) == [ProblemKind.MALFORMED]
    assert len(harness.market) == seen


def test_a_fill_reported_twice_has_one_id(harness: GatewayHarness) -> None:
    """Both reports come through with the same fill id, by which the position knows."""
    harness.duplicate_next_fill()
    harness.submit(BUY, 1)
    first, second = [event.fill for event in told(harness, OrderFilled)]
    assert first == second
    assert harness.held() == 1


def test_the_dead_mans_switch_cancels_when_nobody_beats(harness: GatewayHarness) -> None:
    """It stays armed while the session lives; when nothing gets through, the orders end."""
    if not harness.gateway.capability.dead_mans_switch:
        pytest.skip("this venue has no dead-man's switch")
    order = harness.submit(BUY, 1, 98)
    harness.advance(120 * SECOND_NS)
    assert harness.live() == [order.client_id]
    harness.half_open()
    harness.advance(120 * SECOND_NS)
    assert harness.live() == []


def test_a_half_open_session_is_noticed(harness: GatewayHarness) -> None:
    """When pings go unanswered the gateway says DISCONNECTED, once."""
    harness.half_open()
    harness.advance(120 * SECOND_NS)
    assert problems(harness) == [ProblemKind.DISCONNECTED]


def test_an_unrequested_mass_cancel_is_a_problem(harness: GatewayHarness) -> None:
    """The orders end one by one, and the venue's doing is reported."""
    order = harness.submit(BUY, 1, 98)
    harness.mass_cancel()
    assert [event.client_id for event in told(harness, OrderFinished)] == [order.client_id]
    assert problems(harness) == [ProblemKind.MASS_CANCEL]


def test_the_capability_record_is_true(harness: GatewayHarness) -> None:
    """What it promises works here, and what it does not promise is refused by the venue."""
    capability = harness.gateway.capability
    promised = {OrderType.LIMIT: 97, OrderType.MARKET: None}
    for order_type in capability.order_types:
        harness.submit(BUY, 1, promised[order_type])
    assert told(harness, OrderFinished) == []
    assert capability.orders_per_second > 0
    assert capability.funding_interval_h == harness.instrument.funding_interval_h
    assert set(capability.times_in_force) <= set(TimeInForce)
    assert capability.reduce_only
    assert capability.query_by_client_id


def test_nothing_is_sent_without_authority(harness: GatewayHarness) -> None:
    """An order by itself, or anything else, is a TypeError and reaches no wire."""
    order = harness.submit(BUY, 1, 98)
    sent = len(harness.sent)
    bare: list[Any] = [order, None, "approved", Order]
    for candidate in bare:
        with pytest.raises(TypeError):
            harness.gateway.submit(candidate, 1)
    assert len(harness.sent) == sent
    hints = get_type_hints(type(harness.gateway).submit)
    assert hints["authority"] == Approval | FlattenPermit


def test_a_permit_is_authority_too(harness: GatewayHarness) -> None:
    """What a flatten permit embeds is sent as it is."""
    harness.submit(BUY, 2)
    order = Order(
        client_id="flatten-1",
        instrument=harness.instrument.key,
        side=SELL,
        quantity=Decimal(2),
        owner="/flatten",
        created_ns=1,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        reduce_only=True,
    )
    permit = Mint(KEY_BYTES).permit(
        order, epoch=1, scope="all", venue_quantity=Decimal(2), expires_ns=1
    )
    harness.gateway.submit(permit, 1)
    harness.advance(SECOND_NS)
    assert harness.held() == 0
