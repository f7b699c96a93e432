"""Sessions of a simulated venue: who hears what, when, and what each fault does."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from actors.messages.market import BarClosed, FundingSettled, MarkUpdated, QuoteUpdated
from actors.ports import Frame
from domain.errors import DomainError
from domain.orders import OrderState, Side
from simulations import wire
from simulations.exchange.book import DepthModel
from simulations.exchange.exchange import Exchange
from simulations.latency import ConstantLatency, LatencyModel
from simulations.transport import MemoryTransport
from simulations.venue import SimulatedVenue
from simulations.wire import (
    AccountFrame,
    AccountQueryFrame,
    AckFrame,
    CancelFrame,
    CancelRefusedFrame,
    ErrorFrame,
    ErrorKind,
    FillFrame,
    FinishedFrame,
    FundingFrame,
    MassCancelFrame,
    Ping,
    Pong,
    SubmitFrame,
    Subscribe,
    Subscribed,
)
from simulations.world import VirtualWorld
from tests.simulations.stage import (
    KEY,
    SECOND_NS,
    SYMBOL,
    make_funding,
    make_instrument,
    make_mark,
    make_quote,
    make_submit,
)

MS_NS = 1_000_000


class Client:
    """One session's end at the client: what it heard, and when."""

    def __init__(self, venue: SimulatedVenue, world: VirtualWorld, account: str) -> None:
        self.heard: list[tuple[int, Frame | str]] = []
        self.transport = MemoryTransport(venue, account)
        self._world = world
        self.transport.open(self)
        world.advance(10 * MS_NS)
        self.transport.send(Subscribe(symbols=(SYMBOL,)))
        world.advance(10 * MS_NS)

    def connected(self) -> None:
        """Note it."""
        self.heard.append((self._world.now_ns, "connected"))

    def disconnected(self, reason: str) -> None:
        """Note it."""
        self.heard.append((self._world.now_ns, f"disconnected: {reason}"))

    def received(self, frame: Frame) -> None:
        """Note it."""
        self.heard.append((self._world.now_ns, frame))

    def of(self, kind: type) -> list[Frame]:
        """Return the frames of a kind."""
        return [
            frame
            for _, frame in self.heard
            if isinstance(frame, kind) and not isinstance(frame, str)
        ]

    def kinds(self) -> list[str]:
        """Return the names of everything heard, then forget it."""
        names = [f if isinstance(f, str) else type(f).__name__ for _, f in self.heard]
        self.heard.clear()
        return names

    @property
    def last(self) -> Frame | str:
        """The last thing heard."""
        return self.heard[-1][1]


class Scene:
    """A venue with accounts a and b, and clients that have subscribed."""

    def __init__(self, latency: LatencyModel | None = None) -> None:
        self.world = VirtualWorld(start_ns=SECOND_NS)
        self.exchange = Exchange("alpha", [make_instrument()], depth=DepthModel(levels_max=1))
        for name in ("a", "b"):
            self.exchange.open_account(name, Decimal(1_000_000))
        self.venue = SimulatedVenue(self.exchange, self.world, latency)
        self.venue.publish_quote(make_quote(99, 101))
        self.venue.publish_mark(make_mark("100"))

    def client(self, account: str = "a") -> Client:
        """Return a client that has connected and subscribed."""
        return Client(self.venue, self.world, account)

    def settle(self) -> None:
        """Let everything that takes less than 50 ms happen."""
        self.world.advance(50 * MS_NS)


def test_a_subscription_begins_with_the_present() -> None:
    """Subscribed comes first, then the last quote and the last mark."""
    scene = Scene()
    assert scene.client().kinds() == ["connected", "Subscribed", "QuoteUpdated", "MarkUpdated"]


def test_every_kind_of_market_data_reaches_subscribers_alone() -> None:
    """Quotes, bars, marks and settlements go to who asked for the symbol."""
    scene = Scene()
    client, other = scene.client(), scene.client("b")
    client.kinds()
    other.kinds()
    stranger = MemoryTransport(scene.venue, "b")
    stranger.open(other)
    scene.settle()
    bar = BarClosed(
        instrument=KEY,
        open_ticks=1,
        high_ticks=1,
        low_ticks=1,
        close_ticks=1,
        volume_lots=1,
        open_time_ns=0,
        close_time_ns=1,
    )
    scene.venue.publish_quote(make_quote(98, 102))
    scene.venue.publish_bar(bar)
    scene.venue.publish_mark(make_mark("100"))
    scene.venue.publish_funding(make_funding("0.0001", "100"))
    expected = [QuoteUpdated, BarClosed, MarkUpdated, FundingSettled]
    assert [type(frame) for _, frame in client.heard] == expected
    assert [type(frame) for _, frame in other.heard] == [str, *expected]


def test_private_frames_go_to_every_session_of_their_account_and_no_other() -> None:
    """Two sessions of one account both hear of a fill; another account does not."""
    scene = Scene()
    first, second, other = scene.client(), scene.client(), scene.client("b")
    first.transport.send(make_submit("1", Side.BUY, 1))
    scene.settle()
    assert len(first.of(FillFrame)) == len(second.of(FillFrame)) == 1
    assert len(first.of(AckFrame)) == len(second.of(AckFrame)) == 1
    assert other.of(FillFrame) == other.of(AckFrame) == []


def test_answers_go_to_whoever_asked() -> None:
    """A snapshot, a pong and a refused cancel concern one session only."""
    scene = Scene()
    first, second = scene.client(), scene.client()
    second.kinds()
    for frame in (
        AccountQueryFrame(request=1, fills_after_ns=0),
        Ping(token=4),
        CancelFrame(client_id="x", symbol=SYMBOL),
    ):
        first.transport.send(frame)
    scene.settle()
    assert [len(first.of(kind)) for kind in (AccountFrame, Pong, CancelRefusedFrame)] == [1, 1, 1]
    assert second.heard == []


def test_nothing_is_delivered_within_send() -> None:
    """Even without latency an order acts after the call that sent it."""
    scene = Scene()
    client = scene.client()
    client.kinds()
    client.transport.send(make_submit("1", Side.BUY, 1))
    assert client.heard == []
    assert scene.exchange.account("a").holdings == {}
    scene.world.settle()
    assert client.kinds() == ["AckFrame", "FillFrame"]


def test_an_order_acts_after_its_entry_and_is_answered_after_its_response() -> None:
    """It meets the book as it is when it arrives, and the answer takes its own time."""
    scene = Scene(ConstantLatency(entry_ns=5 * MS_NS, response_ns=7 * MS_NS))
    client = scene.client()
    client.kinds()
    sent_ns = scene.world.now_ns
    client.transport.send(make_submit("1", Side.BUY, 1))
    scene.world.advance(4 * MS_NS)
    scene.venue.publish_quote(make_quote(109, 111))
    client.kinds()
    scene.settle()
    times = [time_ns - sent_ns for time_ns, frame in client.heard]
    assert times == [12 * MS_NS, 12 * MS_NS]
    (fill,) = client.of(FillFrame)
    assert isinstance(fill, FillFrame)
    assert (int(fill.price), fill.time_ns - sent_ns) == (111, 5 * MS_NS)


def test_market_data_takes_its_feed_latency_and_stays_in_order() -> None:
    """Each event arrives that much later; when the delay ends nothing overtakes."""
    scene = Scene(ConstantLatency(entry_ns=0, response_ns=0, feed_ns=9 * MS_NS))
    client = scene.client()
    client.kinds()
    start_ns = scene.world.now_ns
    scene.venue.publish_quote(make_quote(98, 102))
    assert client.heard == []
    scene.settle()
    assert [time_ns - start_ns for time_ns, _ in client.heard] == [9 * MS_NS]


def test_a_delay_slows_everything_and_ends() -> None:
    """Extra time counts for quotes too, and what is under way is not overtaken afterwards."""
    scene = Scene()
    client = scene.client()
    client.kinds()
    scene.venue.delay(20 * MS_NS)
    scene.venue.publish_quote(make_quote(90, 91))
    scene.venue.delay(0)
    scene.venue.publish_quote(make_quote(92, 93))
    assert client.heard == []
    scene.settle()
    scene.venue.publish_quote(make_quote(94, 95))
    bids = [f.bid_ticks for f in client.of(QuoteUpdated) if isinstance(f, QuoteUpdated)]
    assert bids == [90, 92, 94]


def test_an_unknown_account_has_no_sessions() -> None:
    """A transport for an account that does not exist is refused when made."""
    with pytest.raises(DomainError):
        MemoryTransport(Scene().venue, "nobody")


def test_a_closed_session_hears_nothing_more() -> None:
    """After close neither answers nor market data arrive; what was sent before still acts."""
    scene = Scene()
    client = scene.client()
    client.transport.send(make_submit("1", Side.BUY, 1))
    client.transport.close()
    client.kinds()
    scene.settle()
    scene.venue.publish_quote(make_quote(98, 102))
    assert client.heard == []
    assert scene.exchange.account("a").holdings[SYMBOL].lots == 1


def test_a_session_closed_by_another_ones_handler_hears_nothing_of_that_event() -> None:
    """Of two sessions the first closes the second while it receives a quote."""
    scene = Scene()
    first, second = scene.client(), scene.client("b")
    first.received = lambda _: second.transport.close()  # type: ignore[method-assign,assignment]
    second.kinds()
    scene.venue.publish_quote(make_quote(98, 102))
    assert second.heard == []


def test_an_unreadable_frame_gets_an_error() -> None:
    """Bytes and frames of the wrong direction are malformed, and nothing else happens."""
    scene = Scene()
    client = scene.client()
    client.kinds()
    client.transport.send(b"hello")
    client.transport.send(Pong(token=1, time_ns=1))
    client.transport.send(Subscribe(symbols=("DOGE",)))
    scene.settle()
    errors = [frame for frame in client.of(ErrorFrame) if isinstance(frame, ErrorFrame)]
    assert [frame.kind for frame in errors] == [
        ErrorKind.MALFORMED,
        ErrorKind.MALFORMED,
        ErrorKind.UNKNOWN_SYMBOL,
    ]


def test_a_dark_venue_drops_everybody_and_takes_nobody() -> None:
    """Sessions end, connecting fails, orders live, and at its time the venue is back."""
    scene = Scene()
    client = scene.client()
    client.transport.send(make_submit("1", Side.BUY, 1, 98))
    scene.settle()
    client.kinds()
    scene.venue.go_dark(scene.world.now_ns + SECOND_NS)
    scene.settle()
    assert client.kinds() == ["disconnected: the venue is unreachable"]
    client.transport.open(client)
    scene.world.advance(SECOND_NS // 2)
    assert client.kinds() == ["disconnected: the venue is unreachable"]
    assert list(scene.exchange.account("a").orders) == ["1"]
    scene.world.advance(SECOND_NS)
    client.transport.open(client)
    scene.settle()
    assert client.kinds() == ["connected"]


def test_a_venue_that_goes_dark_silently_tells_nobody() -> None:
    """Frames are lost both ways, those under way too, and no disconnect is seen."""
    scene = Scene(ConstantLatency(entry_ns=5 * MS_NS, response_ns=5 * MS_NS))
    client = scene.client()
    client.kinds()
    client.transport.send(make_submit("1", Side.BUY, 1))
    scene.venue.go_dark(silent=True)
    client.transport.send(make_submit("2", Side.BUY, 1))
    scene.venue.publish_quote(make_quote(98, 102))
    scene.settle()
    assert client.heard == []
    assert scene.exchange.account("a").holdings == {}
    scene.venue.return_()
    client.transport.open(client)
    scene.settle()
    assert client.kinds() == ["connected"]


def test_a_disconnect_loses_the_answer_and_not_the_order() -> None:
    """What was sent before still arrives; its acknowledgement has nowhere to go."""
    scene = Scene(ConstantLatency(entry_ns=5 * MS_NS, response_ns=5 * MS_NS))
    client, other = scene.client(), scene.client("b")
    client.kinds()
    client.transport.send(make_submit("1", Side.BUY, 1, 98))
    scene.venue.disconnect("maintenance", account="a")
    scene.settle()
    assert client.kinds() == ["disconnected: maintenance"]
    assert list(scene.exchange.account("a").orders) == ["1"]
    assert "disconnected: maintenance" not in other.kinds()


def test_a_half_open_session_carries_nothing_and_another_one_does() -> None:
    """Neither direction works; a new session of the account is fine."""
    scene = Scene()
    client = scene.client()
    client.kinds()
    scene.venue.half_open()
    client.transport.send(make_submit("1", Side.BUY, 1))
    scene.venue.publish_quote(make_quote(98, 102))
    scene.settle()
    assert client.heard == []
    assert scene.exchange.account("a").holdings == {}
    fresh = scene.client()
    fresh.transport.send(make_submit("2", Side.BUY, 1))
    scene.settle()
    assert len(fresh.of(FillFrame)) == 1


def test_lost_acknowledgements_are_counted() -> None:
    """The first is lost while its order lives, the second arrives."""
    scene = Scene()
    client = scene.client()
    scene.venue.lose_next_acks(1)
    for client_id in ("1", "2"):
        client.transport.send(make_submit(client_id, Side.BUY, 1, 98))
    scene.settle()
    assert [f.client_id for f in client.of(AckFrame) if isinstance(f, AckFrame)] == ["2"]
    assert list(scene.exchange.account("a").orders) == ["1", "2"]


def test_a_late_acknowledgement_of_a_resting_order_still_comes() -> None:
    """Without a fill to wait for it is sent at once."""
    scene = Scene()
    client = scene.client()
    client.kinds()
    scene.venue.delay_next_acks(1)
    client.transport.send(make_submit("1", Side.BUY, 1, 98))
    scene.settle()
    assert client.kinds() == ["AckFrame"]


def test_an_order_refused_by_a_fault_never_existed() -> None:
    """The reason is the one given; the order is on record as rejected; the next one passes."""
    scene = Scene()
    client = scene.client()
    scene.venue.reject_next(1, "storm")
    for client_id in ("1", "2"):
        client.transport.send(make_submit(client_id, Side.BUY, 1))
    scene.settle()
    (finished,) = client.of(FinishedFrame)
    assert isinstance(finished, FinishedFrame)
    assert (finished.client_id, finished.state, finished.reason) == (
        "1",
        OrderState.REJECTED,
        "storm",
    )
    assert scene.exchange.order_frame("a", 1, "1", 0).state is OrderState.REJECTED
    assert scene.exchange.account("a").holdings[SYMBOL].lots == 1


def test_a_ban_refuses_every_frame_but_pings_until_its_end() -> None:
    """Orders and queries come back as rate limited; afterwards they work."""
    scene = Scene()
    client = scene.client()
    client.kinds()
    scene.venue.rate_limit_ban(scene.world.now_ns + SECOND_NS)
    client.transport.send(make_submit("1", Side.BUY, 1))
    client.transport.send(AccountQueryFrame(request=1, fills_after_ns=0))
    client.transport.send(Ping(token=1))
    scene.settle()
    assert client.kinds() == ["ErrorFrame", "ErrorFrame", "Pong"]
    scene.world.advance(SECOND_NS)
    client.transport.send(make_submit("1", Side.BUY, 1))
    scene.settle()
    assert client.kinds() == ["AckFrame", "FillFrame"]


def test_a_stale_snapshot_is_the_previous_one_with_its_own_time() -> None:
    """It carries the new request's number and the old venue time, so that a reader can tell."""
    scene = Scene()
    client = scene.client()
    client.transport.send(AccountQueryFrame(request=1, fills_after_ns=0))
    scene.settle()
    client.transport.send(make_submit("1", Side.BUY, 1))
    scene.venue.stale_next_snapshots(1)
    for request in (2, 3):
        client.transport.send(AccountQueryFrame(request=request, fills_after_ns=0))
    scene.settle()
    first, stale, fresh = [f for f in client.of(AccountFrame) if isinstance(f, AccountFrame)]
    assert (stale.request, stale.time_ns) == (2, first.time_ns)
    assert stale.positions == first.positions
    assert fresh.time_ns > stale.time_ns
    assert [int(line.quantity) for line in fresh.positions] == [1]


def test_a_mass_cancel_reaches_every_account() -> None:
    """Each hears of its orders' ends and of the venue's doing."""
    scene = Scene()
    clients = [scene.client("a"), scene.client("b")]
    for client in clients:
        client.transport.send(make_submit("1", Side.BUY, 1, 98))
    scene.settle()
    scene.venue.mass_cancel("maintenance")
    for client in clients:
        assert len(client.of(FinishedFrame)) == len(client.of(MassCancelFrame)) == 1


def test_a_halt_refuses_orders_until_resumed() -> None:
    """Orders are rejected, cancels work, and on resuming the book is matched again."""
    scene = Scene()
    client = scene.client()
    client.transport.send(make_submit("1", Side.BUY, 1, 98))
    scene.settle()
    scene.venue.halt()
    scene.venue.publish_quote(make_quote(95, 97))
    client.transport.send(make_submit("2", Side.BUY, 1))
    scene.settle()
    (finished,) = client.of(FinishedFrame)
    assert isinstance(finished, FinishedFrame)
    assert (finished.client_id, finished.reason) == ("2", "halted")
    assert client.of(FillFrame) == []
    scene.venue.resume()
    assert len(client.of(FillFrame)) == 1


def test_a_crossed_quote_is_only_what_clients_see() -> None:
    """The exchange's own book stays sound and trades."""
    scene = Scene()
    client = scene.client()
    scene.venue.cross_next_quotes(1)
    scene.venue.publish_quote(make_quote(98, 102))
    scene.venue.publish_quote(make_quote(98, 102))
    client.transport.send(make_submit("1", Side.BUY, 1))
    scene.settle()
    seen = [f for f in client.of(QuoteUpdated) if isinstance(f, QuoteUpdated)]
    assert [(f.bid_ticks, f.ask_ticks) for f in seen] == [(99, 101), (102, 98), (98, 102)]
    (fill,) = client.of(FillFrame)
    assert isinstance(fill, FillFrame)
    assert fill.price == 102


def test_funding_is_paid_when_it_is_settled() -> None:
    """The account hears of its payment, everybody of the settlement."""
    scene = Scene()
    client, other = scene.client(), scene.client("b")
    client.transport.send(make_submit("1", Side.BUY, 2))
    scene.settle()
    scene.venue.publish_funding(make_funding("0.01", "100"))
    (paid,) = client.of(FundingFrame)
    assert isinstance(paid, FundingFrame)
    assert (paid.amount, paid.rate) == (Decimal(-2), Decimal("0.01"))
    assert other.of(FundingFrame) == []
    assert len(other.of(FundingSettled)) == 1


def test_an_expiry_happens_at_its_time_without_anybody_asking() -> None:
    """The venue asks the world to be called when something is due."""
    scene = Scene()
    client = scene.client()
    for client_id, seconds in (("late", 9), ("soon", 3)):
        submit = make_submit(
            client_id, Side.BUY, 1, 98, expires_ns=scene.world.now_ns + seconds * SECOND_NS
        )
        client.transport.send(submit)
    start_ns = scene.world.now_ns
    scene.world.advance(20 * SECOND_NS)
    ends = [
        (frame.client_id, (time_ns - start_ns) // SECOND_NS)
        for time_ns, frame in client.heard
        if isinstance(frame, FinishedFrame)
    ]
    assert ends == [("soon", 3), ("late", 9)]


def test_a_partial_fill_is_a_true_share() -> None:
    """All of the order, more, or less than nothing is no partial fill."""
    venue = Scene().venue
    for fraction in ("1", "-0.1", "NaN"):
        with pytest.raises((DomainError, ArithmeticError)):
            venue.partial_fill_next(Decimal(fraction))


def test_a_gap_loses_one_quote_on_each_session() -> None:
    """Later quotes arrive; sessions made afterwards lose nothing."""
    scene = Scene()
    client = scene.client()
    scene.venue.gap_next_sequence()
    fresh = scene.client("b")
    for bid in (90, 91):
        scene.venue.publish_quote(make_quote(bid, 102))
    bids = [
        [f.bid_ticks for f in one.of(QuoteUpdated) if isinstance(f, QuoteUpdated)]
        for one in (client, fresh)
    ]
    assert bids == [[99, 91], [99, 90, 91]]


def test_frames_can_cross_a_socket() -> None:
    """Every frame keeps its type and values through MessagePack."""
    order = make_submit("1", Side.BUY, 1, "98.5")
    fill = Subscribed(symbol=SYMBOL)
    for frame, union in ((order, wire.ClientFrame), (fill, wire.VenueFrame)):
        decoder = msgspec.msgpack.Decoder(union)
        assert decoder.decode(msgspec.msgpack.encode(frame)) == frame
    assert isinstance(order, SubmitFrame)
