"""One contract for every store: what is written is there, in order, chained, and found again."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from actors.journal.rows import Entry
from actors.journal.store import (
    JournalReader,
    JournalStore,
    MemoryStore,
    RunHeader,
    StoreError,
)
from actors.messages.journal import StoreRecord
from adapters.storage.reader import JournalFile
from adapters.storage.sqlite import SqliteStore
from tests.journal.cast import book, intent, record, refused

HEADER = RunHeader(started_ns=7, config_digest="c0ffee", seeds=(1, 2))


class Place(Protocol):
    """One medium: a store on it, the same medium after a restart, and a reader of it."""

    def store(self) -> JournalStore:
        """Return a store on the medium, as a new process would make it."""

    def reader(self) -> JournalReader:
        """Return a reader of what is on the medium."""


class InMemory:
    """The store in memory; it outlives the processes that it pretends to be in."""

    def __init__(self, _: Path) -> None:
        self.memory = MemoryStore()

    def store(self) -> MemoryStore:
        """Return the store."""
        return self.memory

    def reader(self) -> MemoryStore:
        """Return the store."""
        return self.memory


class InFile:
    """A SQLite file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "deep" / "journal.sqlite"

    def store(self) -> SqliteStore:
        """Return a new store on the file."""
        return SqliteStore(self.path)

    def reader(self) -> JournalFile:
        """Return a reader of the file."""
        return JournalFile(self.path)


@pytest.fixture(params=[InMemory, InFile])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return each medium in turn."""
    make: Callable[[Path], Place] = request.param
    return make(tmp_path)


def sequences(place: Place, run: int | None = None) -> list[int]:
    """Return the sequences that are on the medium."""
    return [entry.sequence for entry in place.reader().entries(run=run)]


def test_a_new_run_begins_with_its_header(place: Place) -> None:
    """The first row of a run is what the run is a function of."""
    opened = place.store().open(HEADER)
    assert (opened.run, opened.sequence, opened.records, opened.positions) == (1, 0, (), ())
    (row,) = place.reader().entries()
    assert (row.number, row.run, row.kind, row.utc_ns) == (1, 1, "RunHeader", 7)
    assert msgspec.json.decode(row.body, type=RunHeader) == HEADER
    assert row.hash == opened.hash


def test_rows_are_what_was_written(place: Place) -> None:
    """Every field of a record is in its row, the message as JSON with its type."""
    store = place.store()
    store.open(HEADER)
    last = store.write([record(3, book("0.25"), cause=2), record(8)], durable=False)
    _, first, second = place.reader().entries()
    assert first == Entry(
        number=2,
        run=1,
        sequence=3,
        cause=2,
        utc_ns=record(3)[2],
        sender="/hedges/btc",
        address="/risk",
        kind="PositionChanged",
        body=msgspec.json.encode(book("0.25")).decode(),
        hash=first.hash,
    )
    assert (second.number, second.sequence, second.hash) == (3, 8, last)
    assert [entry.kind for entry in place.reader().entries(kind="OrderRefused")] == ["OrderRefused"]


def test_p8_the_same_chunk_again_changes_nothing(place: Place) -> None:
    """P8: a writer that did not hear that its chunk was written may ask again."""
    store = place.store()
    store.open(HEADER)
    chunk = [record(1), record(2)]
    assert store.write(chunk, durable=False) == store.write(chunk, durable=True)
    assert sequences(place) == [0, 1, 2]


def test_older_records_are_refused_not_skipped(place: Place) -> None:
    """Records older than the last row, and other than its chunk, are an error, never dropped."""
    store = place.store()
    store.open(HEADER)
    store.write([record(1), record(2)], durable=False)
    with pytest.raises(StoreError, match="begin earlier"):
        store.write([record(1), record(2, refused(99))], durable=False)
    assert sequences(place) == [0, 1, 2]


def test_a_store_that_is_not_open_takes_nothing(place: Place) -> None:
    """Writing before opening and after closing is refused."""
    store = place.store()
    with pytest.raises(StoreError, match="not open"):
        store.write([record(1)], durable=False)
    store.open(HEADER)
    store.close()
    with pytest.raises(StoreError, match="not open"):
        store.write([record(1)], durable=False)


def test_a_restarted_writer_goes_on_with_its_run(place: Place) -> None:
    """Opened with the number of the last run, a store goes on behind its last row."""
    store = place.store()
    run = store.open(HEADER).run
    last = store.write([record(1), record(2)], durable=False)
    store.close()
    opened = place.store().open(msgspec.structs.replace(HEADER, run=run))
    assert (opened.run, opened.sequence, opened.hash) == (1, 2, last)
    with pytest.raises(StoreError, match="not the last"):
        place.store().open(msgspec.structs.replace(HEADER, run=5))


def test_a_restarted_process_appends_a_new_run(place: Place) -> None:
    """The same header in a new process is a new run, whose sequences begin again."""
    store = place.store()
    store.open(HEADER)
    store.write([record(1), record(2)], durable=False)
    again = place.store()
    assert again.open(HEADER).run == 2
    again.write([record(1)], durable=False)
    assert sequences(place) == [0, 1, 2, 0, 1]
    assert sequences(place, run=2) == [0, 1]
    found = place.reader().verify()
    assert found.sound
    assert (found.rows, found.runs) == (5, 2)


def test_the_latest_intent_and_book_outlive_the_run(place: Place) -> None:
    """A new run is told the latest record of each pair and the latest book of each instrument."""
    store = place.store()
    store.open(HEADER)
    store.write(
        [
            record(1, StoreRecord(record=intent(1))),
            record(2, StoreRecord(record=intent(1, pair="eth"))),
            record(3, book("1")),
            record(4, book("7", instrument="b:Y")),
        ],
        durable=True,
    )
    store.write([record(5, StoreRecord(record=intent(2))), record(6, book("2"))], durable=True)
    opened = place.store().open(HEADER)
    assert {stored.pair: stored.number for stored in opened.records} == {"btc": 2, "eth": 1}
    assert set(opened.positions) == {book("2"), book("7", instrument="b:Y")}


def test_causes_are_followed_back_to_the_input(place: Place) -> None:
    """A chain leads from a decision to the message that no journalled message caused."""
    store = place.store()
    store.open(HEADER)
    store.write(
        [record(4, cause=2), record(5, cause=4), record(6, cause=1), record(9, cause=5)],
        durable=False,
    )
    assert [entry.sequence for entry in place.reader().chain(9)] == [9, 5, 4]
    assert place.reader().chain(8) == ()
    assert place.reader().chain(9, run=2) == ()


def test_a_message_that_json_cannot_say_is_kept_as_its_representation(place: Place) -> None:
    """One broken text does not hold up the rows behind it."""
    store = place.store()
    store.open(HEADER)
    broken = msgspec.structs.replace(refused(1), detail="\ud800")
    store.write([record(1, broken), record(2)], durable=False)
    _, row, _ = place.reader().entries()
    assert "\\ud800" in row.body
    assert place.reader().verify().sound


def test_both_stores_chain_alike(tmp_path: Path) -> None:
    """The same records have the same hashes in memory and in a file."""
    last = []
    for store in (MemoryStore(), SqliteStore(tmp_path / "journal.sqlite")):
        store.open(HEADER)
        store.write([record(1, book("0.1"))], durable=False)
        last.append(store.write([record(2, cause=1)], durable=True))
    assert last[0] == last[1]


def test_p7_the_store_in_memory_forgets_the_oldest_and_says_how_many() -> None:
    """P7: a store of 100 rows keeps 100 of 1,001, and those still verify."""
    store = MemoryStore(rows_max=100)
    store.open(HEADER)
    store.write([record(sequence) for sequence in range(1, 1_001)], durable=False)
    assert len(list(store.entries())) == 100
    assert store.forgotten == 901
    assert store.verify().sound


def test_an_unchained_store_has_no_hashes_to_verify() -> None:
    """Without a chain, writing keeps references only and verifying is refused."""
    store = MemoryStore(chained=False)
    store.open(HEADER)
    assert store.write([record(1)], durable=False) == ""
    with pytest.raises(StoreError, match="without a chain"):
        store.verify()
