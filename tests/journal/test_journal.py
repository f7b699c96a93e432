"""The Journal actor writes what was decided, in groups, and answers once it is written."""

import msgspec
import pytest

from actors.journal.rows import chain_of
from actors.journal.store import RunHeader
from actors.messages.journal import (
    FlushRequested,
    RecordQuery,
    RecordReply,
    RecordStored,
    StoreRecord,
)
from actors.messages.orders import ProposeOrder, SubmitOrder
from actors.messages.pairs import PairSignal
from actors.messages.portfolio import CountsQuery, CountsReported
from actors.runtime import RequestTimedOut
from domain.authority import Mint
from domain.orders import Order, Side
from tests.journal.cast import START_NS, FaultyStore, ManualThreads, World, book, ids, intent

SIGNAL = PairSignal(
    pair="btc", direction=1, confidence=0.5, source="trend", expires_ns=START_NS + 10**12
)


def order() -> Order:
    """Return an order."""
    return Order(
        client_id="c",
        instrument="a:X",
        side=Side.BUY,
        quantity=intent(1).main_target,
        price=intent(1).main_target,
        owner="/hedges/btc",
        created_ns=0,
    )


def test_records_are_written_after_the_flush_time_and_not_before() -> None:
    """What waits is written in one chunk, flush_ms after the first of it came."""
    world = World(flush_ms=50)
    world.decide(3)
    world.advance_ms(49)
    assert world.written() == []
    world.decide(2, start=3)
    world.advance_ms(1)
    assert world.written() == ids(5)
    assert world.store.chunks == [(5, False)]


def test_a_full_chunk_is_written_at_once() -> None:
    """chunk_max records do not wait for the timer."""
    world = World(flush_ms=50, chunk_max=100)
    world.decide(250)
    assert len(world.written()) >= 200
    world.advance_ms(50)
    assert world.written() == ids(250)


def test_nothing_is_polled_while_nothing_is_decided() -> None:
    """An idle journal has no timer that keeps firing."""
    world = World()
    world.decide(1)
    world.advance_ms(2_000)
    assert world.written() == ids(1)
    assert world.kernel.agenda.next_due_ns() is None


def test_many_chunks_become_one_while_one_is_being_written() -> None:
    """Group commit: what came during a write goes to the disk in one transaction."""
    threads = ManualThreads()
    world = World(chunk_max=10, threads=threads)
    while threads.jobs:
        threads.run_one()
        world.runtime.settle()
    world.decide(10)
    for start in range(10, 100, 10):
        world.decide(10, start=start)
    while threads.jobs:
        threads.run_one()
        world.runtime.settle()
    assert world.store.chunks == [(10, False), (90, False)]
    assert world.written() == ids(100)


def test_an_intent_is_answered_once_it_is_durable() -> None:
    """P4: RecordStored comes after the chunk with the intent was written as a durable one."""
    threads = ManualThreads()
    world = World(threads=threads)
    while threads.jobs:
        threads.run_one()
        world.runtime.settle()
    world.kernel.tell("/hedges/btc", SIGNAL)
    world.runtime.settle()
    assert world.heard == []
    threads.run_one()
    world.runtime.settle()
    assert world.heard == [RecordStored(pair="btc", number=1)]
    assert world.store.chunks == [(2, True)]
    assert world.store.messages()[1] == StoreRecord(record=intent(1))


def test_an_intent_that_came_during_another_write_waits_for_its_own() -> None:
    """A write under way does not count for a row that is not in it."""
    threads = ManualThreads()
    world = World(threads=threads, chunk_max=2)
    while threads.jobs:
        threads.run_one()
        world.runtime.settle()
    world.decide(2)
    world.kernel.tell("/hedges/btc", SIGNAL)
    world.runtime.settle()
    threads.run_one()
    world.runtime.settle()
    assert (world.store.chunks, world.heard) == ([(2, False)], [])
    threads.run_one()
    world.runtime.settle()
    assert world.store.chunks[1] == (2, True)
    assert world.heard == [RecordStored(pair="btc", number=1)]


def test_p8_an_order_is_traced_through_the_durable_intent_to_its_signal() -> None:
    """P8: the chain of causes of the first order leads over RecordStored to the PairSignal."""
    world = World()
    world.kernel.tell("/hedges/btc", SIGNAL)
    world.advance_ms(100)
    rows = {entry.sequence: entry for entry in world.store.inner.entries()}
    (proposed,) = [entry for entry in rows.values() if entry.kind == "ProposeOrder"]
    chain = chain_of(proposed.sequence, rows.get)
    kinds = [entry.kind for entry in chain]
    assert kinds == ["ProposeOrder", "RecordStored", "StoreRecord", "PairSignal"]
    assert msgspec.json.decode(proposed.body, type=ProposeOrder).order.client_id == "c1"
    assert world.store.inner.verify().sound


def test_the_latest_records_are_answered_from_memory() -> None:
    """A question is answered with what was written, and with what still waits to be."""
    world = World()
    for number in (1, 2):
        world.kernel.tell("/journal", StoreRecord(record=intent(number)))
    world.kernel.tell("/nobody", book("1"))
    world.advance_ms(100)
    world.kernel.tell("/nobody", book("2"))
    reply = world.runtime.ask("/journal", RecordQuery(pair="btc", instrument="a:X"))
    assert reply == RecordReply(pair=intent(2), position=book("2"))
    nothing = world.runtime.ask("/journal", RecordQuery(pair="eth"))
    assert nothing == RecordReply(pair=None, position=None)


def test_a_question_waits_until_the_store_is_open() -> None:
    """Before the store has said what was there, "nothing" would be a lie: the answer waits."""
    store = FaultyStore()
    before = World(store=store)
    before.kernel.tell("/nobody", book("3"))
    before.kernel.tell("/journal", StoreRecord(record=intent(4)))
    before.advance_ms(100)

    threads = ManualThreads()
    world = World(store=store, threads=threads)
    world.request(RecordQuery(pair="btc", instrument="a:X"))
    assert world.heard == []
    while threads.jobs:
        threads.run_one()
        world.runtime.settle()
    assert world.heard == [RecordReply(pair=intent(4), position=book("3"))]


def test_a_question_to_a_store_that_never_opens_times_out() -> None:
    """No answer is given in place of one that is not known."""
    store = FaultyStore()
    store.refusal = "no such disk"
    world = World(store=store)
    world.request(RecordQuery(pair="btc"), timeout_ms=2_000)
    world.advance_ms(5_000)
    answers = [m for m in world.heard if isinstance(m, RecordReply | RequestTimedOut)]
    assert [type(answer) for answer in answers] == [RequestTimedOut]


def test_a_flush_is_answered_when_everything_is_written() -> None:
    """FlushRequested writes what waits without waiting for the timer."""
    world = World(flush_ms=10_000)
    world.decide(7)
    assert world.runtime.ask("/journal", FlushRequested()) == RecordStored(pair="", number=0)
    assert world.written() == ids(7)
    assert world.runtime.ask("/journal", FlushRequested()) == RecordStored(pair="", number=0)


def test_an_orderly_stop_writes_everything_and_closes_the_store() -> None:
    """P8: what waits at the end is written before the journal ends."""
    world = World(flush_ms=10_000)
    world.decide(7)
    world.kernel.lifecycle.request_stop("/")
    world.advance_ms(1)
    assert world.written() == ids(7)
    assert world.store.closed == 1
    assert not world.kernel.is_alive("/journal")
    assert len(world.audit) <= 1


def test_counts_include_what_still_waits() -> None:
    """Signals and orders are counted as they pass, written or not."""
    world = World()
    approval = Mint(bytes(16)).approve(order(), epoch=1, book_sequence=1, expires_ns=1)
    world.kernel.tell("/nobody", SIGNAL)
    world.kernel.tell("/nobody", SubmitOrder(authority=approval))
    world.advance_ms(100)
    world.kernel.tell("/nobody", SIGNAL)
    for _ in range(2):
        reply = world.runtime.ask("/journal", CountsQuery())
        counts = (("signals", 2), ("orders", 1), ("liquidations", 0))
        assert reply == CountsReported(source="/journal", counts=counts)


def test_the_run_and_what_waits_can_be_read() -> None:
    """P10: the state says which run this is, how much waits, and what is wrong."""
    world = World()
    world.decide(3)
    state = dict(world.kernel.boxes["/journal"].actor.state())  # type: ignore[union-attr]
    assert (state["run"], state["waiting"], state["failure"]) == ("1", "3", "")


@pytest.mark.parametrize("digest", [True, False])
def test_a_digest_is_kept_when_asked_for(digest: bool) -> None:
    """P5: the same decisions have the same digest, written or not yet; others have another."""
    found = []
    for count, wait_ms in ((20, 100), (20, 0), (21, 100)):
        world = World(digest=digest)
        world.decide(count)
        world.advance_ms(wait_ms)
        found.append(world.audit.hexdigest())
    assert found[0] == found[1]
    assert (found[0] != found[2]) is digest


def test_the_header_of_the_run_is_the_first_row() -> None:
    """The run begins with what it is a function of."""
    world = World()
    assert isinstance(world.store.inner.rows[0][2][5], RunHeader)
