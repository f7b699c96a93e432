"""P7: nothing unbounded; every memory, retry and queue has a limit that holds."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.messages.market import QuoteUpdated
from actors.messages.venue import FundingPaid, OrderFilled
from actors.venues import booked, ledger
from actors.venues.booked import Booked
from actors.venues.ledger import Ledger
from domain.orders import Fill, Liquidity, Order, OrderEvent, OrderState, OrderType, Side
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, World, leg

D = Decimal


def order(number: int) -> Order:
    """Return an order with a number for an id."""
    return Order(
        client_id=str(number),
        instrument="alpha:BTCUSDT",
        side=Side.BUY,
        quantity=D(1),
        owner="/x",
        created_ns=0,
        order_type=OrderType.MARKET,
    )


def fill(number: int) -> Fill:
    """Return a fill with a number for an id."""
    return Fill(
        fill_id=str(number),
        client_id="1",
        instrument="alpha:BTCUSDT",
        side=Side.BUY,
        quantity=D(1),
        price=D(1),
        fee=D(0),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        venue_time_ns=0,
    )


def test_p7_a_ledger_remembers_a_bounded_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """P7: finished orders, fills and tombstones are forgotten oldest first; live ones never."""
    for name in ("FINISHED_MAX", "FILLS_MAX", "TOMBSTONES_MAX"):
        monkeypatch.setattr(ledger, name, 3)
    kept = Ledger()
    alive = kept.add(order(0), 0)
    kept.apply(alive, OrderEvent.SUBMIT)
    for number in range(1, 10):
        tracked = kept.add(order(number), 0)
        kept.apply(tracked, OrderEvent.SUBMIT)
        kept.apply(tracked, OrderEvent.REJECT)
        assert kept.fill(fill(number))
        kept.bury(f"t{number}", "drill")
    assert kept.find("0") is alive
    assert [kept.knows(str(number)) for number in (6, 7, 8, 9)] == [False, True, True, True]
    assert [kept.fill(fill(number)) for number in (9, 8, 7, 6)] == [False, False, False, True]
    assert kept.tombstone("t6") is None
    assert kept.tombstone("t7") == "drill"


def test_p7_the_fills_kept_for_a_position_that_restarts_are_bounded() -> None:
    """P7: beyond 10,000 the oldest go; what followed a forgotten one is not guessed."""
    memory = Booked()
    for number in range(booked.BOOKED_MAX + 5):
        memory.add(str(number), "alpha:BTCUSDT", OrderFilled(fill=fill(number)))
    assert list(memory.after("alpha:BTCUSDT", "4")) == []
    last = booked.BOOKED_MAX + 4
    found = list(memory.after("alpha:BTCUSDT", str(last - 1)))
    assert [item.fill.fill_id for item in found if type(item) is OrderFilled] == [str(last)]
    assert len(list(memory.after("alpha:BTCUSDT", ""))) == booked.BOOKED_MAX


def test_p7_a_position_that_never_booked_anything_is_told_everything_of_its_own() -> None:
    """P7: the memory repeats by instrument, fills and payments in their order."""
    memory = Booked()
    paid = FundingPaid(
        payment_id="p", instrument="alpha:ETHUSDT", amount=D(1), rate=D(0), venue_time_ns=0
    )
    memory.add("1", "alpha:BTCUSDT", OrderFilled(fill=fill(1)))
    memory.add("p", "alpha:ETHUSDT", paid)
    assert list(memory.after("alpha:ETHUSDT", "")) == [paid]


def test_p7_five_thousand_quotes_leave_no_queue_behind() -> None:
    """P7: market data is conflated, never queued, however fast it comes."""
    world = World()
    world.open_pair()
    topic = world.kernel.topics[f"quote:{leg(ALPHA)}"]
    for _ in range(5_000):
        world.quote(leg(ALPHA))
    assert isinstance(topic.last, QuoteUpdated)
    assert max(world.witness.deepest.values()) < 50
    world.signal(0)
    world.run(1)
    verdict(world, exposed_ms_max=0)


def test_p7_a_hedge_that_is_refused_for_ever_is_retried_at_a_bounded_rate() -> None:
    """P7: a pair tries each leg at most once per retry_ms, and stops at the bound."""
    world = World()
    world.venues[BETA].reject_next(10_000, "no")
    world.signal(1)
    world.run(10)
    tried = [item for item in world.witness.submissions if item.venue == BETA]
    assert len(tried) <= 2_000 // 250 + 1
    assert world.flat()


def test_p7_a_connection_that_is_refused_waits_longer_each_time_up_to_a_limit() -> None:
    """P7: reconnects double from 500 ms to 30,000 ms: ten dark minutes cost under 30 tries."""
    world = World()
    world.venues[ALPHA].go_dark()
    before = len(world.log)
    world.run(600)
    tries = [
        message
        for _, message in world.log[before:]
        if getattr(message, "venue", "") == ALPHA
        and str(getattr(message, "state", "")) == "connecting"
    ]
    assert 10 < len(tries) < 30
    gaps = world.actor("/venues/alpha")._backoff_ms
    assert gaps == 30_000


def test_p7_timers_do_not_pile_up_over_an_hour() -> None:
    """P7: what every actor has armed after an hour is what it had armed after a minute."""
    world = World()
    world.open_pair()
    world.run(60)
    early = {path: len(box.timers) for path, box in world.kernel.boxes.items()}
    world.run(3_600)
    late = {path: len(box.timers) for path, box in world.kernel.boxes.items()}
    for path, count in late.items():
        assert count <= early[path] + 4, path
    assert world.trading().state == "active"
    assert OrderState.UNKNOWN not in [
        item.state for item in world.actor("/venues/alpha")._desk.ledger.live.values()
    ]
