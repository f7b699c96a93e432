"""P8: where the journal cannot keep up, trading stops before records do, and a gap is marked."""

import pytest

from actors.journal.audit import AuditBuffer, RecordsLost
from actors.journal.journal import Journal
from actors.messages.journal import FlushRequested, RecordStored, StoreRecord
from actors.messages.risk import JournalPressure
from actors.runtime import ActorSpec
from actors.runtime.thread import ThreadRuntime
from actors.settings import JournalSettings
from adapters.storage.reader import JournalFile, verify
from adapters.storage.sqlite import SqliteStore
from tests.journal.cast import FaultyStore, ManualThreads, World, ids, intent, refused, stream


class HandClock:
    """A clock that stands still."""

    def read(self) -> tuple[int, int]:
        """Return the same moment."""
        return (1_000, 0)


def hung_world(queue_max: int = 1_000) -> tuple[World, ManualThreads]:
    """Return a world whose store is open and then answers only when the test says so."""
    threads = ManualThreads()
    world = World(threads=threads, queue_max=queue_max, chunk_max=50)
    drain(world, threads)
    return world, threads


def drain(world: World, threads: ManualThreads) -> None:
    """Let the writer do all its work."""
    while threads.jobs:
        threads.run_one()
        world.runtime.settle()


def test_p8_at_half_of_the_queue_trading_reduces() -> None:
    """P8: 499 of 1,000 records wait: no word; 500: JournalPressure of 0.5, once."""
    world, _ = hung_world()
    world.decide(499)
    assert world.pressures() == []
    world.decide(1, start=499)
    (pressure,) = world.pressures()
    assert (pressure.fraction, pressure.failed) == (0.5, False)
    world.decide(200, start=500)
    assert len(world.pressures()) == 1


def test_p8_at_90_percent_of_the_queue_trading_halts_before_a_record_is_lost() -> None:
    """P8: at 900 of 1,000 records the pressure is 0.9, and none is lost yet."""
    world, _ = hung_world()
    for start in range(0, 900, 100):
        world.decide(100, start=start)
    assert [p.fraction >= 0.9 for p in world.pressures()] == [False, True]
    assert world.audit.lost == 0


def test_p8_beyond_90_percent_records_go_to_the_ring_and_to_the_emergency_log() -> None:
    """P8: the last tenth of the queue is kept in the ring, and each record there is a line."""
    world, threads = hung_world()
    world.decide(980)
    assert world.audit.in_ring >= 80
    assert world.audit.lost == 0
    assert any("o979" in line for line in world.lines)
    assert len(world.lines) == world.audit.in_ring
    drain(world, threads)
    world.advance_ms(100)
    drain(world, threads)
    assert world.written() == ids(980)


def test_p8_a_loss_is_counted_and_marked_by_a_gap_row_in_its_place() -> None:
    """P8: 2,000 records for a queue of 1,000: every one is written, or in a gap, or in a line."""
    world, threads = hung_world()
    world.decide(2_000)
    lost = world.audit.lost
    assert lost >= 1_000
    drain(world, threads)
    world.advance_ms(100)
    drain(world, threads)
    gaps = [m for m in world.store.messages() if isinstance(m, RecordsLost)]
    assert [gap.count for gap in gaps] == [lost]
    written = world.written()
    assert len(written) + lost >= 2_000
    missing = [name for name in ids(2_000) if name not in set(written)]
    said = "\n".join(world.lines)
    assert all(f'"client_id":"{name}"' in said for name in missing)
    assert world.store.inner.verify().sound
    assert world.store.inner.verify().lost == lost


def test_p7_the_journal_never_holds_more_than_its_queue() -> None:
    """P7: 5,000 records for a queue of 1,000, and 1,000 are held."""
    world, _ = hung_world()
    world.decide(5_000)
    assert len(world.audit) <= 1_000


def test_the_pressure_is_taken_back_once_the_queue_is_empty_again() -> None:
    """Risk is told when writing has caught up; resuming stays the operator's decision."""
    world, threads = hung_world()
    world.decide(600)
    drain(world, threads)
    assert [(p.fraction >= 0.5, p.failed) for p in world.pressures()] == [
        (True, False),
        (False, False),
    ]


def test_p8_a_write_error_halts_trading_at_once() -> None:
    """P8: a full disk is told to risk with its reason at the first chunk it refuses."""
    world = World()
    world.store.refusal = "database or disk is full"
    world.decide(1)
    world.advance_ms(50)
    (pressure,) = world.pressures()
    assert pressure.failed
    assert pressure.reason == "database or disk is full"


def test_p8_nothing_is_lost_by_a_disk_that_fails_for_a_while() -> None:
    """P8: while the disk fails each record is a line; afterwards each is a row, in order, once."""
    world = World()
    world.decide(10)
    world.advance_ms(50)
    world.store.refusal = "disk full"
    world.decide(10, start=10)
    world.advance_ms(3_000)
    world.decide(5, start=20)
    assert world.written() == ids(10)
    said = "\n".join(world.lines)
    assert all(f'"client_id":"{name}"' in said for name in ids(15, start=10))
    world.store.refusal = ""
    world.advance_ms(2_000)
    assert world.written() == ids(25)
    assert [p.failed for p in world.pressures()] == [True, False]
    assert len(world.lines) == len(set(world.lines))
    assert not world.audit.each
    assert world.store.inner.verify().sound


def test_an_intent_is_not_confirmed_by_a_disk_that_fails() -> None:
    """P4: without a durable row there is no RecordStored; it comes when the row is there."""
    world = World()
    world.store.refusal = "disk full"
    world.request(StoreRecord(record=intent(1)))
    world.advance_ms(5_000)
    assert not any(isinstance(message, RecordStored) for message in world.heard)
    world.store.refusal = ""
    world.advance_ms(2_000)
    assert RecordStored(pair="btc", number=1) in world.heard


def test_an_intent_whose_row_was_lost_is_never_confirmed() -> None:
    """P4: a row that a gap swallowed is not durable, whatever is written behind it."""
    world, threads = hung_world(queue_max=100)
    world.decide(95)
    world.request(StoreRecord(record=intent(1)))
    world.decide(50, start=95)
    drain(world, threads)
    world.advance_ms(100)
    drain(world, threads)
    assert world.audit.lost
    assert RecordsLost in [type(message) for message in world.store.messages()]
    assert StoreRecord not in [type(message) for message in world.store.messages()]
    assert RecordStored not in [type(message) for message in world.heard]


def test_a_store_that_does_not_answer_for_ten_seconds_counts_as_failed() -> None:
    """A hung disk halts trading even when only two records wait."""
    world, threads = hung_world()
    world.decide(1)
    world.advance_ms(1_000)
    world.decide(1, start=1)
    world.advance_ms(8_000)
    assert world.pressures() == []
    world.advance_ms(3_000)
    (pressure,) = world.pressures()
    assert pressure.failed
    assert "not answered for 10 s" in pressure.reason
    drain(world, threads)
    world.advance_ms(100)
    drain(world, threads)
    assert [p.failed for p in world.pressures()] == [True, False]


def test_a_store_that_cannot_be_opened_is_told_and_tried_again() -> None:
    """At the start a missing disk halts trading; once it is there everything is written."""
    store = FaultyStore()
    store.refusal = "no such disk"
    world = World(store=store)
    world.decide(4)
    world.advance_ms(3_000)
    assert world.pressures()[0].reason == "no such disk"
    store.refusal = ""
    world.advance_ms(2_000)
    assert world.written() == ids(4)


@pytest.mark.parametrize("after_write", [True, False])
def test_p8_a_writer_that_crashes_is_replaced_and_its_chunk_written_once(
    after_write: bool,
) -> None:
    """P8: whether the crash came before or after the write, each record is a row exactly once."""
    world = World()
    if after_write:
        world.store.bug_after_write = RuntimeError("bug behind the write")
    else:
        world.store.bug = RuntimeError("bug before the write")
    world.decide(5)
    world.advance_ms(50)
    assert world.pressures()[0].failed
    assert "bug" in world.pressures()[0].reason
    world.decide(5, start=5)
    world.advance_ms(3_000)
    assert world.written() == ids(10)
    assert world.store.inner.verify().runs == 1


@pytest.mark.parametrize("written", [True, False])
def test_p8_a_journal_that_is_replaced_goes_on_with_what_was_in_flight(
    written: bool,
) -> None:
    """P8: killed while its writer works, the next instance loses and repeats nothing."""
    world, threads = hung_world()
    world.decide(50)
    job = threads.jobs.popleft()
    if written:
        job()
    world.kernel.lifecycle.kill("/journal")
    world.runtime.settle()
    world.decide(5, start=50)
    drain(world, threads)
    world.advance_ms(100)
    drain(world, threads)
    assert world.written() == ids(55)
    assert world.store.inner.verify().runs == 1
    assert world.kernel.boxes["/journal"].incarnation == 2


def test_a_journal_that_is_dead_stops_nobody_from_sending() -> None:
    """Between two instances the buffer takes records within its limits and wakes nobody up."""
    world = World(queue_max=100)
    world.kernel.lifecycle.kill("/")
    world.runtime.settle()
    world.decide(500)
    assert len(world.audit) == 100
    assert world.audit.lost > 0


def test_a_stop_while_the_disk_fails_ends_within_the_limit_and_says_every_record() -> None:
    """P8: what cannot be written by the shutdown limit has been said on the emergency log."""
    world = World()
    world.store.refusal = "disk full"
    world.decide(5)
    world.kernel.lifecycle.request_stop("/")
    world.advance_ms(2_500)
    assert not world.kernel.is_alive("/journal")
    said = "\n".join(world.lines)
    assert all(f'"client_id":"{name}"' in said for name in ids(5))


def test_the_writer_works_on_a_thread_of_its_own(tmp_path: pytest.TempPathFactory) -> None:
    """On threads and with a file, a flush returns when every row is in the file."""
    path = f"{tmp_path}/journal.sqlite"
    runtime = ThreadRuntime(stream, HandClock())
    audit = AuditBuffer(queue_max=10_000)
    runtime.kernel.audit = audit
    settings = JournalSettings(path=path, flush_ms=1)
    store = SqliteStore(path)
    runtime.spawn(
        ActorSpec("journal", lambda: Journal(settings=settings, audit=audit, store=store))
    )
    runtime.settle()

    def decide() -> None:
        for number in range(1_000):
            runtime.kernel.tell("/nobody", refused(number))
        runtime.kernel.tell("/journal", FlushRequested())

    runtime.kernel.post(decide)
    runtime.settle()
    assert len(list(JournalFile(path).entries(kind="OrderRefused"))) == 1_000
    assert verify(path).sound
    assert runtime.close()


def test_pressure_messages_are_journalled_themselves() -> None:
    """P8: that the journal was in trouble is part of the journal."""
    world = World()
    world.store.refusal = "disk full"
    world.decide(1)
    world.advance_ms(1_500)
    world.store.refusal = ""
    world.advance_ms(2_000)
    kinds = [type(message) for message in world.store.messages()]
    assert kinds.count(JournalPressure) == 2
