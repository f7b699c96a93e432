"""What each fault of a simulated venue does, and what it leaves alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.messages.market import QuoteUpdated
from domain.errors import DomainError
from domain.orders import OrderState, Side
from simulations.latency import ConstantLatency
from simulations.wire import (
    AccountFrame,
    AccountQueryFrame,
    AckFrame,
    FillFrame,
    FinishedFrame,
    MassCancelFrame,
    Ping,
)
from tests.simulations.scene import MS_NS, Scene
from tests.simulations.stage import (
    SECOND_NS,
    SYMBOL,
    make_quote,
    make_submit,
)


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
