"""Sessions of a simulated venue: who hears what, and when."""

from __future__ import annotations

from decimal import Decimal
from types import UnionType
from typing import get_args

import msgspec
import pytest

from actors.messages.market import BarClosed, FundingSettled, MarkUpdated, QuoteUpdated
from domain.errors import DomainError
from domain.orders import Side
from simulations import wire
from simulations.latency import ConstantLatency
from simulations.transport import MemoryTransport
from simulations.wire import (
    AccountFrame,
    AccountQueryFrame,
    AckFrame,
    ArmSwitchFrame,
    CancelAllFrame,
    CancelFrame,
    CancelRefusedFrame,
    ErrorFrame,
    ErrorKind,
    FillFrame,
    FinishedFrame,
    FundingFrame,
    MassCancelFrame,
    OrderQueryFrame,
    Ping,
    Pong,
    Subscribe,
    Subscribed,
)
from tests.simulations.scene import MS_NS, Scene
from tests.simulations.stage import (
    KEY,
    SECOND_NS,
    SYMBOL,
    make_funding,
    make_mark,
    make_quote,
    make_submit,
)
from tests.simulations.test_gateway import ACCOUNT, FILL, FINISHED, FUNDING, LOOKUP


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


def test_opening_a_transport_again_ends_its_earlier_session() -> None:
    """One transport has one session: what the venue sends arrives once."""
    scene = Scene()
    client = scene.client()
    client.transport.open(client)
    scene.settle()
    client.transport.send(Subscribe(symbols=(SYMBOL,)))
    scene.settle()
    client.kinds()
    scene.venue.publish_quote(make_quote(98, 102))
    assert client.kinds() == ["QuoteUpdated"]


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


CLIENT_FRAMES = (
    Subscribe(symbols=(SYMBOL,)),
    make_submit("1", Side.BUY, 1, "98.5"),
    CancelFrame(client_id="1", symbol=SYMBOL),
    CancelAllFrame(symbol=None),
    AccountQueryFrame(request=1, fills_after_ns=2),
    OrderQueryFrame(request=1, client_id="1"),
    ArmSwitchFrame(deadline_ns=5),
    Ping(token=1),
)
VENUE_FRAMES = (
    Subscribed(symbol=SYMBOL),
    AckFrame(client_id="1", time_ns=2),
    FILL,
    FINISHED,
    CancelRefusedFrame(client_id="1", reason="unknown", time_ns=2),
    ACCOUNT,
    LOOKUP,
    FUNDING,
    MassCancelFrame(reason="venue", time_ns=2),
    Pong(token=1, time_ns=2),
    ErrorFrame(kind=ErrorKind.MALFORMED, detail="", client_id="", time_ns=2),
)


@pytest.mark.parametrize(
    ("frames", "union"), [(CLIENT_FRAMES, wire.ClientFrame), (VENUE_FRAMES, wire.VenueFrame)]
)
def test_every_frame_can_cross_a_socket(
    frames: tuple[msgspec.Struct, ...], union: UnionType
) -> None:
    """Each frame of either direction keeps its type and values through MessagePack."""
    assert {type(frame) for frame in frames} == set(get_args(union))
    decoder = msgspec.msgpack.Decoder(union)
    for frame in frames:
        assert decoder.decode(msgspec.msgpack.encode(frame)) == frame
