"""Position: each fill once, doubt twice before a correction, and a record to start again from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from actors.messages.journal import RecordQuery, RecordReply
from actors.messages.positions import (
    PositionChanged,
    PositionCorrected,
    PositionQuery,
    PositionReported,
)
from actors.messages.venue import FundingPaid, OrderFilled, VenuePosition, flat_position
from actors.positions.position import Position
from actors.runtime import Actor, ActorSpec, Message, SimulatedRuntime, handles
from domain.money import install_context
from domain.orders import Fill, Liquidity, Side
from simulations.listings import listing
from tests.runtime.harness import substream

D = Decimal
install_context()
BTC = listing("alpha", "BTC", maker_fee=D(0), taker_fee=D(0))


class Listener(Actor):
    """Hears what the position tells, at every address that it tells."""

    def __init__(self, heard: list[Any], record: PositionChanged | None) -> None:
        super().__init__()
        self.heard = heard
        self.record = record

    @handles(PositionChanged, PositionCorrected, PositionQuery)
    def hear(self, message: Message) -> None:
        self.heard.append(message)

    @handles(RecordQuery)
    def query(self, _: RecordQuery) -> None:
        self.context.reply(RecordReply(pair=None, position=self.record))


class Stage:
    """A position with a journal, a risk supervisor and a venue that only listen."""

    def __init__(self, record: PositionChanged | None = None) -> None:
        self.runtime = SimulatedRuntime(substream)
        self.heard: list[Any] = []
        for name in ("journal", "risk", "venue"):
            self.runtime.spawn(ActorSpec(name, lambda: Listener(self.heard, record)))
        self.runtime.spawn(
            ActorSpec(
                "position",
                lambda: Position(instrument=BTC, venue="/venue", listeners=("/risk",)),
            )
        )
        self.runtime.settle()

    def tell(self, message: Message) -> None:
        """Tell the position something."""
        self.runtime.kernel.tell("/position", message)
        self.runtime.settle()

    def fill(self, fill_id: str, quantity: str, time_ns: int = 1, side: Side = Side.BUY) -> None:
        """Report a fill at 100 with a fee of 1."""
        fill = Fill(
            fill_id=fill_id,
            client_id="c",
            instrument=BTC.key,
            side=side,
            quantity=D(quantity),
            price=D(100),
            fee=D(1),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            venue_time_ns=time_ns,
        )
        self.tell(OrderFilled(fill=fill))

    def report(self, quantity: str, time_ns: int) -> None:
        """Report the venue's figure."""
        held = VenuePosition(
            instrument=BTC.key,
            quantity=D(quantity),
            entry=D(100) if D(quantity) else None,
            mark=D(100),
            margin=D(0),
            maintenance=D(0),
            liquidation_price=None,
        )
        self.tell(PositionReported(position=held, venue_time_ns=time_ns))

    def changed(self) -> PositionChanged:
        """Return what was last told of the book."""
        return [item for item in self.heard if type(item) is PositionChanged][-1]

    def corrections(self) -> int:
        """Return how often the book was corrected."""
        return len([item for item in self.heard if type(item) is PositionCorrected])


def recorded(**changes: Any) -> PositionChanged:
    """Return a record of two coins bought at 100 by the fill f9 at time 50."""
    fields: dict[str, Any] = {
        "instrument": BTC.key,
        "quantity": D(2),
        "entry": D(100),
        "cost": D(200),
        "realised": D(5),
        "fees": D(3),
        "funding": D(1),
        "confirmed": True,
        "venue_time_ns": 50,
        "fill_id": "f9",
        "last_id": "f9",
    }
    return PositionChanged(**{**fields, **changes})


def test_a_fill_counts_once_by_its_id() -> None:
    """A second delivery of the same fill moves neither size nor fee."""
    stage = Stage()
    stage.fill("f1", "2")
    stage.fill("f1", "2")
    stage.fill("f2", "1", side=Side.SELL)
    assert (stage.changed().quantity, stage.changed().fees) == (D(1), D(2))


def test_a_payment_counts_once_by_its_id() -> None:
    """Funding that is told twice is paid once."""
    stage = Stage()
    paid = FundingPaid(
        payment_id="p1", instrument=BTC.key, amount=D("-0.3"), rate=D(0), venue_time_ns=1
    )
    stage.tell(paid)
    stage.tell(paid)
    assert stage.changed().funding == D("-0.3")


def test_the_first_report_that_agrees_confirms() -> None:
    """Until the venue has agreed once the figure carries no new risk."""
    stage = Stage()
    stage.fill("f1", "2", time_ns=10)
    assert not stage.changed().confirmed
    stage.report("2", 10)
    assert stage.changed().confirmed


def test_one_contradiction_is_doubt_and_a_second_one_corrects() -> None:
    """The first report that disagrees only takes confidence away and asks again."""
    stage = Stage()
    stage.fill("f1", "2", time_ns=10)
    stage.report("2", 10)
    stage.report("3", 11)
    assert not stage.changed().confirmed
    assert stage.changed().quantity == D(2)
    assert stage.corrections() == 0
    assert type(stage.heard[-1]) is PositionQuery
    stage.report("3", 12)
    assert stage.corrections() == 1
    assert (stage.changed().quantity, stage.changed().confirmed) == (D(3), True)


def test_two_different_contradictions_are_two_first_doubts() -> None:
    """Only the same figure twice corrects."""
    stage = Stage()
    stage.report("0", 1)
    stage.report("3", 11)
    stage.report("4", 12)
    assert stage.corrections() == 0
    stage.report("4", 13)
    assert stage.corrections() == 1


def test_a_fill_between_two_reports_ends_the_doubt() -> None:
    """The report was ahead of its fill: with the fill booked, nothing is corrected."""
    stage = Stage()
    stage.report("0", 1)
    stage.report("2", 11)
    stage.fill("f1", "2", time_ns=11)
    stage.report("2", 12)
    assert stage.corrections() == 0
    assert stage.changed().confirmed


def test_a_report_older_than_the_book_is_not_compared() -> None:
    """A late report contradicts nothing, however often it comes."""
    stage = Stage()
    stage.fill("f1", "2", time_ns=10)
    stage.report("2", 10)
    for _ in range(3):
        stage.report("0", 9)
    assert stage.corrections() == 0
    assert stage.changed().confirmed


def test_a_new_instance_goes_on_from_the_record_and_asks_for_what_came_after() -> None:
    """Totals come from the journal, and the venue repeats what followed the last id booked."""
    stage = Stage(recorded())
    changed = stage.changed()
    assert (changed.quantity, changed.realised, changed.fees) == (D(2), D(5), D(3))
    assert not changed.confirmed
    queries = [item for item in stage.heard if type(item) is PositionQuery]
    assert [query.after_id for query in queries] == ["f9"]
    stage.fill("f10", "1", time_ns=51)
    stage.report("3", 51)
    assert (stage.changed().quantity, stage.changed().fees) == (D(3), D(4))
    assert stage.changed().confirmed


def test_without_a_journal_the_venue_decides() -> None:
    """No record in time: totals are zero, the size is the venue's, and nothing counts before."""
    runtime = SimulatedRuntime(substream)
    heard: list[Any] = []
    for name in ("risk", "venue"):
        runtime.spawn(ActorSpec(name, lambda: Listener(heard, None)))
    position = Position
    runtime.spawn(
        ActorSpec("p", lambda: position(instrument=BTC, venue="/venue", listeners=("/risk",)))
    )
    runtime.settle()
    held = flat_position(BTC.key)
    for time_ns in (1, 2, 3):
        report = PositionReported(
            position=msgspec.structs.replace(held, quantity=D(3)), venue_time_ns=time_ns
        )
        runtime.kernel.tell("/p", report)
        runtime.settle()
    assert not heard
    runtime.advance(1_000_000_000)
    assert [type(item) for item in heard] == [PositionQuery]


def test_the_position_is_unconfirmed_until_the_venue_agrees_with_the_record() -> None:
    """A record is our own word only."""
    stage = Stage(recorded())
    assert not stage.changed().confirmed
    stage.report("2", 60)
    assert stage.changed().confirmed
