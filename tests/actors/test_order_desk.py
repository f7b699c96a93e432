"""The order desk and its ledger: states, lost fates, and what may never happen twice."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from actors.messages.orders import OrderUpdated
from actors.messages.venue import OrderAcknowledged, OrderFilled, OrderFinished, OrderLookup
from actors.runtime import Actor, ActorSpec, Message, SimulatedRuntime, handles
from actors.settings import VenueSettings
from actors.venues.desk import OrderDesk
from domain.authority import Approval, FlattenPermit, Mint
from domain.errors import InvariantError
from domain.orders import Fill, Liquidity, Order, OrderState, OrderType, Side, TimeInForce
from tests.drills.world import MS_NS, SECOND_NS, START_NS
from tests.runtime.harness import substream

D = Decimal
S = OrderState
KEY = b"a key of the desk's tests"
SETTINGS = VenueSettings(ack_timeout_ms=2_000, clock_skew_ms_max=1_000)


class Wire:
    """A gateway that only writes down what it is asked to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def submit(self, authority: Approval | FlattenPermit, now_ns: int) -> None:  # noqa: ARG002 - the port's
        self.sent.append(("submit", authority.order.client_id))

    def cancel(self, client_id: str, instrument: str, now_ns: int) -> None:  # noqa: ARG002 - the port's
        self.sent.append(("cancel", client_id))

    def query_order(self, request: int, client_id: str, instrument: str, now_ns: int) -> None:  # noqa: ARG002 - the port's
        self.sent.append((f"query {request}", client_id))

    def questions(self) -> list[int]:
        return [int(what.removeprefix("query ")) for what, _ in self.sent if "query" in what]


class Host(Actor):
    """An actor that owns a desk and, as owner of the orders, hears of every change."""

    def __init__(self, wire: Wire, told: list[OrderUpdated]) -> None:
        super().__init__()
        self.desk = OrderDesk(self.context, SETTINGS, wire, "/nobody")  # type: ignore[arg-type]
        self.told = told

    @handles(OrderUpdated)
    def updated(self, message: OrderUpdated) -> None:
        self.told.append(message)


class Desk:
    """A desk under virtual time."""

    def __init__(self) -> None:
        self.runtime = SimulatedRuntime(substream, start_ns=START_NS)
        self.wire = Wire()
        self.told: list[OrderUpdated] = []
        self.runtime.spawn(ActorSpec("desk", lambda: Host(self.wire, self.told)))
        self.runtime.settle()
        host: Any = self.runtime.kernel.boxes["/desk"].actor
        self.host = host
        self.desk: OrderDesk = host.desk

    def do(self, action: Callable[[], object]) -> None:
        """Run an action as a step of the host."""
        self.host.context.enter(lambda _: action(), None)
        self.runtime.settle()

    def submit(
        self,
        client_id: str = "1",
        *,
        ttl_ns: int = 3 * SECOND_NS,
        gtc: bool = True,
        reduce_only: bool = False,
    ) -> Order:
        """Hand an order of one coin over."""
        order = Order(
            client_id=client_id,
            instrument="alpha:BTCUSDT",
            side=Side.BUY,
            quantity=D(1),
            owner="/desk",
            created_ns=self.runtime.now_ns,
            order_type=OrderType.LIMIT,
            price=D(100),
            time_in_force=TimeInForce.GTC if gtc else TimeInForce.IOC,
            reduce_only=reduce_only,
            expires_ns=self.runtime.now_ns + ttl_ns if ttl_ns else 0,
        )
        approval = Mint(KEY).approve(order, epoch=1, book_sequence=1, expires_ns=1)
        self.do(lambda: self.desk.submit(approval))
        return order

    def states(self) -> list[OrderState]:
        """Return what the owner was told."""
        return [item.state for item in self.told]

    def sweep(self, seconds: float) -> None:
        """Let time pass, then look for orders without an answer."""
        self.runtime.advance(int(seconds * SECOND_NS))
        self.do(self.desk.sweep)

    def answer(
        self, state: OrderState | None, filled: str = "0", request: int | None = None
    ) -> None:
        """Answer a question, the latest unless given."""
        number = self.wire.questions()[-1] if request is None else request
        lookup = OrderLookup(
            request=number, client_id="1", state=state, filled=D(filled), venue_time_ns=0
        )
        self.do(lambda: self.desk.looked_up(lookup))

    def fill(self, fill_id: str, quantity: str, client_id: str = "1") -> None:
        """Report a fill."""
        fill = Fill(
            fill_id=fill_id,
            client_id=client_id,
            instrument="alpha:BTCUSDT",
            side=Side.BUY,
            quantity=D(quantity),
            price=D(100),
            fee=D(0),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            venue_time_ns=0,
        )
        self.do(lambda: self.desk.filled(OrderFilled(fill=fill)))

    def end(self, state: OrderState, filled: str = "0") -> None:
        """Report the end of order 1."""
        finished = OrderFinished(
            client_id="1", state=state, filled=D(filled), reason="", venue_time_ns=0
        )
        self.do(lambda: self.desk.finished(finished))

    def acknowledge(self) -> None:
        """Report that the venue holds order 1."""
        held = OrderAcknowledged(client_id="1", venue_time_ns=0)
        self.do(lambda: self.desk.acknowledged(held))


def test_silence_for_ack_timeout_makes_an_order_unknown_and_asks() -> None:
    """At 1,999 ms nothing, at 2,000 ms UNKNOWN and one question."""
    desk = Desk()
    desk.submit()
    desk.sweep(1.999)
    assert desk.states() == []
    desk.sweep(0.001)
    assert desk.states() == [S.UNKNOWN]
    assert desk.wire.questions() == [1]


def test_not_found_before_expiry_and_skew_resolves_nothing() -> None:
    """Until 3,000 + 1,000 ms the order may still arrive."""
    desk = Desk()
    desk.submit()
    desk.sweep(2)
    desk.runtime.advance(2 * SECOND_NS)
    desk.answer(None)
    assert desk.states() == [S.UNKNOWN]
    assert desk.desk.ledger.live


def test_not_found_counts_late_enough_and_only_the_second_time() -> None:
    """One nanosecond after expiry and skew: the first denial asks again, the second ends it."""
    desk = Desk()
    desk.submit()
    desk.sweep(2)
    desk.runtime.advance(2 * SECOND_NS + 1)
    desk.answer(None)
    assert desk.states() == [S.UNKNOWN]
    assert desk.wire.questions() == [1, 2]
    desk.answer(None)
    assert desk.states() == [S.UNKNOWN, S.EXPIRED]


def test_an_order_that_shows_up_between_two_denials_is_not_expired() -> None:
    """The venue's later word wins; the count of denials starts again."""
    desk = Desk()
    desk.submit()
    desk.sweep(5)
    desk.answer(None)
    desk.answer(S.OPEN)
    assert desk.states() == [S.UNKNOWN, S.OPEN]
    desk.sweep(2)
    desk.answer(None)
    assert desk.states()[-1] is S.UNKNOWN


def test_without_expiry_not_found_never_resolves() -> None:
    """A thousand denials later the order is as UNKNOWN as before."""
    desk = Desk()
    desk.submit(ttl_ns=0)
    desk.sweep(2)
    for _ in range(1_000):
        desk.sweep(2)
        desk.answer(None)
    assert desk.states() == [S.UNKNOWN]


def test_an_unknown_order_is_never_sent_again() -> None:
    """Whatever is asked and answered, one submit is all there is."""
    desk = Desk()
    order = desk.submit()
    desk.sweep(2)
    desk.do(lambda: desk.desk.resolve(order))
    desk.sweep(60)
    desk.answer(None)
    desk.answer(None)
    assert [what for what, _ in desk.wire.sent].count("submit") == 1


def test_an_order_that_cannot_rest_is_asked_about_although_it_was_acknowledged() -> None:
    """An IOC order is at its end once the venue saw it: silence after the ack is a lost end."""
    desk = Desk()
    desk.submit(gtc=False, ttl_ns=60 * SECOND_NS)
    desk.acknowledge()
    desk.sweep(2)
    assert desk.states() == [S.OPEN, S.UNKNOWN]
    desk.answer(S.FILLED, filled="1")
    assert desk.states()[-1] is S.FILLED
    assert desk.desk.fills_wanted


def test_a_resting_order_that_was_acknowledged_is_left_alone() -> None:
    """Silence of a resting order is what one expects of it."""
    desk = Desk()
    desk.submit(ttl_ns=60 * SECOND_NS)
    desk.acknowledge()
    desk.sweep(30)
    assert desk.states() == [S.OPEN]
    assert desk.wire.questions() == []


def test_an_order_beyond_its_expiry_is_asked_about() -> None:
    """The venue should have said EXPIRED: after expiry and skew the desk asks."""
    desk = Desk()
    desk.submit(ttl_ns=10 * SECOND_NS)
    desk.acknowledge()
    desk.sweep(11)
    assert desk.states() == [S.OPEN]
    desk.sweep(0.001)
    assert desk.states() == [S.OPEN, S.UNKNOWN]


def test_a_lost_session_makes_what_is_in_flight_unknown_and_leaves_what_rests() -> None:
    """Orders that the venue holds go on; those on their way may be anywhere."""
    desk = Desk()
    desk.submit("1")
    desk.acknowledge()
    desk.submit("2")
    desk.do(lambda: desk.desk.lose_in_flight("gone"))
    assert [(item.client_id, item.state) for item in desk.told] == [
        ("1", S.OPEN),
        ("2", S.UNKNOWN),
    ]


def test_a_cancel_for_an_order_not_seen_yet_leaves_a_tombstone_and_sends_nothing() -> None:
    """What overtook its order refuses it later."""
    desk = Desk()
    desk.do(lambda: desk.desk.cancel("9", "alpha:BTCUSDT", "too late"))
    assert desk.desk.ledger.tombstone("9") == "too late"
    assert desk.wire.sent == []


def test_a_cancel_that_the_venue_refuses_looks_the_order_up() -> None:
    """The order is final or unknown there; which, only the venue can say."""
    desk = Desk()
    desk.submit()
    desk.acknowledge()
    desk.do(lambda: desk.desk.cancel("1", "alpha:BTCUSDT", "drill"))
    desk.do(lambda: desk.desk.cancel_refused("1", "final"))
    assert desk.wire.questions() == [1]
    desk.answer(S.FILLED, filled="1")
    assert desk.states()[-1] is S.FILLED


def test_a_halt_keeps_what_only_reduces() -> None:
    """cancel_where with keep_reducing leaves reduce-only orders to do their work."""
    desk = Desk()
    desk.submit("1")
    desk.submit("2", reduce_only=True)
    desk.do(lambda: desk.desk.cancel_where("", keep_reducing=True))
    cancelled = [client_id for what, client_id in desk.wire.sent if what == "cancel"]
    assert cancelled == ["1"]
    desk.do(lambda: desk.desk.cancel_where("", keep_reducing=False))
    cancelled = [client_id for what, client_id in desk.wire.sent if what == "cancel"]
    assert "2" in cancelled


@pytest.mark.parametrize("late", [S.CANCELLED, S.EXPIRED, S.REJECTED])
def test_a_fill_after_the_end_of_an_order_still_counts(late: OrderState) -> None:
    """The venue traded: a complete fill makes FILLED of any other end."""
    desk = Desk()
    desk.submit()
    desk.end(late, filled="1")
    assert desk.desk.fills_wanted
    desk.fill("f1", "1")
    assert desk.states() == [late, S.FILLED]
    assert desk.told[-1].filled == 1


def test_a_duplicate_fill_is_told_to_nobody() -> None:
    """The same fill id a second time changes no sum."""
    desk = Desk()
    desk.submit()
    desk.fill("f1", "0.4")
    desk.fill("f1", "0.4")
    desk.fill("f2", "0.6")
    assert [item.filled for item in desk.told] == [D("0.4"), D("1.0")]
    assert desk.states() == [S.PARTIALLY_FILLED, S.FILLED]


def test_an_end_that_names_more_than_arrived_asks_for_fills() -> None:
    """The venue's cumulative figure is compared with the sum of fills."""
    desk = Desk()
    desk.submit()
    desk.fill("f1", "0.4")
    desk.end(S.CANCELLED, filled="0.4")
    assert not desk.desk.fills_wanted
    desk = Desk()
    desk.submit()
    desk.fill("f1", "0.4")
    desk.end(S.CANCELLED, filled="0.5")
    assert desk.desk.fills_wanted


def test_late_and_repeated_events_change_no_final_state() -> None:
    """Acknowledgement, end and cancel after the end are told to nobody."""
    desk = Desk()
    desk.submit()
    desk.end(S.CANCELLED)
    desk.acknowledge()
    desk.end(S.CANCELLED)
    desk.end(S.REJECTED)
    assert desk.states() == [S.CANCELLED]


def test_an_acknowledgement_of_an_order_never_sent_is_a_violation() -> None:
    """What contradicts the state machine is not ignored."""
    desk = Desk()
    order = Order(
        client_id="7",
        instrument="alpha:BTCUSDT",
        side=Side.BUY,
        quantity=D(1),
        owner="/desk",
        created_ns=0,
        order_type=OrderType.MARKET,
    )
    tracked = desk.desk.ledger.add(order, 0)
    assert tracked.state is S.PENDING
    held = OrderAcknowledged(client_id="7", venue_time_ns=0)
    with pytest.raises(InvariantError):
        desk.desk.acknowledged(held)


def test_resolve_tells_the_asker_even_of_an_order_it_did_not_send() -> None:
    """The first asker of an adopted order becomes its owner and hears of its end."""
    desk = Desk()
    order = Order(
        client_id="1",
        instrument="alpha:BTCUSDT",
        side=Side.BUY,
        quantity=D(1),
        owner="/risk",
        created_ns=0,
        price=D(100),
    )
    desk.do(lambda: desk.desk.resolve(order))
    assert desk.states() == []
    mine = Order(
        client_id="1",
        instrument="alpha:BTCUSDT",
        side=Side.BUY,
        quantity=D(1),
        owner="/desk",
        created_ns=0,
        price=D(100),
    )
    desk.do(lambda: desk.desk.resolve(mine))
    desk.end(S.CANCELLED)
    assert desk.states() == [S.UNKNOWN, S.CANCELLED]
    assert isinstance(desk.told[0], Message)
    assert desk.runtime.now_ns >= START_NS - MS_NS
