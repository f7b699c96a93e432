"""P8: nothing lost silently; what happened can be read with its cause."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from actors.messages.flatten import BeginFlatten, FlattenRequested, PermitGranted, PermitRequested
from actors.messages.orders import OrderRefused, OrderUpdated, ProposeOrder, SubmitOrder
from actors.messages.pairs import PairSignal, PairStateChanged
from actors.messages.positions import PositionChanged
from actors.messages.risk import HaltRequested, TradingStateChanged
from actors.messages.venue import OrderFilled
from actors.runtime import ChildEnded, Message
from tests.drills.cast import Buy
from tests.drills.faults import Poison
from tests.drills.oracles import records, verdict
from tests.drills.world import ALPHA, BETA, World, leg

Row = tuple[int, int, int, str, str, Any]


def of(world: World, kind: type) -> list[Row]:
    """Return the records of a type, in order."""
    return [record for record in records(world) if type(record[5]) is kind]


def chain(world: World, record: Row) -> list[str]:
    """Return the types of a record and its journalled causes, latest first."""
    by_sequence = {item[0]: item for item in records(world)}
    found = []
    here: Row | None = record
    while here is not None:
        found.append(type(here[5]).__name__)
        here = by_sequence.get(here[1]) if here[1] else None
    return found


def test_p8_the_first_leg_s_order_leads_back_to_the_signal() -> None:
    """P8: submit, proposal, durable intent, its request, signal: each caused the one before."""
    world = World()
    world.open_pair()
    submit = of(world, SubmitOrder)[0]
    assert submit[5].authority.order.instrument == leg(ALPHA)
    names = chain(world, submit)
    assert names == ["SubmitOrder", "ProposeOrder", "RecordStored", "StoreRecord", "PairSignal"]
    verdict(world, exposed_ms_max=0)


def test_p8_the_hedge_order_leads_back_to_the_fill_of_the_main_leg() -> None:
    """P8: the hedge was sent because a position changed, because an order was filled."""
    world = World()
    world.open_pair()
    hedge = next(r for r in of(world, SubmitOrder) if r[5].authority.order.instrument == leg(BETA))
    assert chain(world, hedge) == ["SubmitOrder", "ProposeOrder", "PositionChanged", "OrderFilled"]


def test_p8_a_closing_order_leads_back_to_who_asked_for_the_flatten() -> None:
    """P8: the permit was granted on request, under a mandate, for an operator."""
    world = World()
    world.open_pair()
    request = FlattenRequested(scope="pair", key="btc", who="operator", reason="drill")
    world.tell("/", request)
    world.until(world.confirmed_flat, 10)
    permit = of(world, PermitGranted)[0]
    assert chain(world, permit)[:2] == ["PermitGranted", "PermitRequested"]
    assert of(world, FlattenRequested)[0][5] == request
    assert of(world, BeginFlatten)[0][1] == of(world, FlattenRequested)[0][0]
    assert len(of(world, PermitRequested)) == len(of(world, PermitGranted)) == 2


def test_p8_every_refusal_is_on_record_with_the_order_it_refused() -> None:
    """P8: a decision against an order is kept as well as one for it."""
    world = World()
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    buy = Buy(instrument=leg(ALPHA, "ETH"), quantity=Decimal("0.5"), price=None)
    world.tell("/trader", buy)
    refused = of(world, OrderRefused)
    assert {record[4] for record in refused} == {"/trader", "/portfolio"}
    proposal = of(world, ProposeOrder)[0]
    assert all(record[1] == proposal[0] for record in refused)


def test_p8_every_order_state_fill_and_position_is_on_record() -> None:
    """P8: for each fill of the exchanges one row, and an order's whole life in its rows."""
    world = World()
    world.open_pair()
    world.signal(0)
    world.run(1)
    fills = [record[5].fill.fill_id for record in of(world, OrderFilled)]
    truth = [
        fill.fill_id
        for venue in world.venues.values()
        for fill in venue.exchange.account("main").fills
    ]
    assert sorted(fills) == sorted(truth)
    changed = {record[5].fill_id for record in of(world, PositionChanged)}
    assert set(truth) <= changed
    states = {record[5].state for record in of(world, OrderUpdated)}
    assert {"open", "filled"} <= set(states)


def test_p8_a_failure_is_on_record_with_its_reason() -> None:
    """P8: what ended an actor is kept, with message and place."""
    world = World()
    world.poison("/risk")
    ended = of(world, ChildEnded)[0][5]
    assert ended.address == "/risk"
    assert ended.exit.message == Poison.__name__
    assert "has no handler for Poison" in ended.exit.reason


def test_p8_a_message_without_a_handler_is_an_error_of_its_receiver() -> None:
    """P8: it is not skipped: the receiver fails and its supervisor decides."""
    world = World()
    world.poison("/positions/alpha/main/ETHUSDT")
    assert [path for path, *_ in world.kernel.lifecycle.failures] == [
        "/positions/alpha/main/ETHUSDT"
    ]
    world.run(1)
    assert world.alive("/positions/alpha/main/ETHUSDT")


def test_p8_mail_for_nobody_is_a_dead_letter_and_on_record() -> None:
    """P8: an address without an actor loses nothing silently."""
    world = World()
    signal = PairSignal(pair="doge", direction=1, confidence=1.0, source="x", expires_ns=1)
    world.tell("/hedges/doge", signal)
    assert world.kernel.dead[-1][0] == "/hedges/doge"
    assert of(world, PairSignal)[-1][5] == signal


def test_p8_every_change_of_the_trading_state_is_on_record_with_its_reason() -> None:
    """P8: who halted trading, and why."""
    world = World()
    world.tell("/risk", HaltRequested(who="maria", reason="storm"))
    changed: list[Any] = [record[5] for record in of(world, TradingStateChanged)]
    assert changed[-1].reason == "maria: storm"


def test_p8_a_pair_s_phases_are_on_record_in_order() -> None:
    """P8: from the rows alone one can tell what a pair did."""
    world = World()
    world.open_pair()
    world.signal(0)
    world.run(1)
    told: list[Message] = [r[5] for r in of(world, PairStateChanged) if r[4] == "/portfolio"]
    phases = [str(item.phase) for item in told if isinstance(item, PairStateChanged)]
    assert phases == [
        "recovering",
        "flat",
        "recording",
        "entering",
        "hedged",
        "exiting",
        "flat",
    ]
