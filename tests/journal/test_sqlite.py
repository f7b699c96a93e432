"""The journal file shows what was done to it, and a write is whole or not at all."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from actors.journal.audit import RecordsLost
from actors.journal.store import RunHeader, StoreError
from actors.messages.journal import StoreRecord
from adapters.storage.reader import JournalFile, verify
from adapters.storage.sqlite import SqliteStore
from tests.journal.cast import book, intent, record

HEADER = RunHeader(started_ns=7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal file with a header and ten rows."""
    path = tmp_path / "journal.sqlite"
    store = SqliteStore(path)
    store.open(HEADER)
    rows = [record(n, cause=n - 1) for n in range(1, 9)]
    store.write([*rows, record(9, book("1")), record(10, book("2"))], durable=False)
    store.close()
    return path


def tamper(path: Path, statement: str) -> None:
    """Change the file behind the store's back."""
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_file_as_it_was_written_is_sound(path: Path) -> None:
    """Eleven rows of one run verify, and the last hash can be kept elsewhere."""
    found = verify(path)
    assert found.sound
    assert (found.rows, found.runs, found.lost, found.number) == (11, 1, 0, 0)
    assert found.hash == list(JournalFile(path).entries())[-1].hash


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("update entry set body = replace(body, 'o4', 'o5') where number = 5", 5),
        ("update entry set cause = 1 where number = 6", 6),
        ("update entry set utc_ns = utc_ns + 1 where number = 2", 2),
        ("update entry set sender = '/risk' where number = 7", 7),
        ("update entry set address = '/x' where number = 7", 7),
        ("update entry set sequence = 99 where number = 4", 4),
        ("update entry set run = 2 where number = 8", 8),
        ("update entry set type = 'Other' where number = 9", 9),
        ("update entry set hash = x'00' where number = 3", 3),
    ],
)
def test_p8_an_edit_shows_at_its_row(path: Path, statement: str, number: int) -> None:
    """P8: a change of any column of any row is found and named."""
    tamper(path, statement)
    found = verify(path)
    assert not found.sound
    assert (found.number, found.rows) == (number, number - 1)
    assert "changed" in found.problem


def test_p8_a_deletion_shows_as_a_gap(path: Path) -> None:
    """P8: rows that were removed from the middle are named."""
    tamper(path, "delete from entry where number in (5, 6)")
    found = verify(path)
    assert (found.number, found.problem) == (5, "rows 5 to 6 are missing")


def test_p8_a_deletion_that_was_renumbered_shows(path: Path) -> None:
    """P8: closing the gap by new numbers breaks the hashes instead."""
    tamper(path, "delete from entry where number = 5")
    tamper(path, "update entry set number = number - 1 where number > 5")
    assert verify(path).number == 5


def test_p8_a_truncation_shows(path: Path) -> None:
    """P8: rows missing at the end are found, because the store remembers its last row."""
    tamper(path, "delete from entry where number > 8")
    found = verify(path)
    assert (found.number, found.rows) == (9, 8)
    assert "ended at row 11" in found.problem
    with pytest.raises(StoreError, match="row 11, the last one, is missing"):
        SqliteStore(path).open(HEADER)


def test_p8_an_added_row_shows(path: Path) -> None:
    """P8: a row behind the last one is found as well."""
    tamper(path, "insert into entry select 12, 1, 11, 0, 0, '', '', 'X', '{}', hash from entry"
                 " where number = 11")  # fmt: skip
    assert verify(path).number == 12


def test_a_pointer_to_an_older_book_shows(path: Path) -> None:
    """Recovery reads the table of latest rows, so a false pointer is named with its row."""
    tamper(path, "update latest set number = 10 where subject = 'a:X'")
    found = verify(path)
    assert (found.number, found.sound) == (11, False)
    assert "latest" in found.problem


def test_gap_rows_are_counted(path: Path) -> None:
    """What the journal itself marked as lost is part of the verdict."""
    store = SqliteStore(path)
    store.open(HEADER)
    store.write([record(40, RecordsLost(count=39, first=2))], durable=False)
    assert verify(path).lost == 39
    assert verify(path).sound


def test_a_chunk_that_does_not_fit_on_the_disk_leaves_nothing_behind(path: Path) -> None:
    """A full disk refuses the whole chunk; once there is room the same chunk is written."""
    store = SqliteStore(path)
    store.open(HEADER)
    connection = store._connection
    assert connection is not None
    (pages,) = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count={pages + 1}")
    chunk = [record(n) for n in range(1, 2_000)]
    with pytest.raises(StoreError, match="full"):
        store.write(chunk, durable=False)
    assert verify(path).rows == 12
    connection.execute("pragma max_page_count=1000000")
    store.write(chunk, durable=False)
    assert verify(path).rows == 12 + 1_999
    assert verify(path).sound


def test_a_durable_chunk_is_synchronised_in_full_and_others_are_not(tmp_path: Path) -> None:
    """The level is set before the transaction begins, for each chunk."""
    store = SqliteStore(tmp_path / "journal.sqlite")
    store.open(HEADER)
    connection = store._connection
    assert connection is not None
    said: list[str] = []
    connection.set_trace_callback(said.append)
    store.write([record(1, StoreRecord(record=intent(1)))], durable=True)
    store.write([record(2)], durable=False)
    levels = [text for text in said if text.startswith(("pragma", "begin", "commit"))]
    each = ["begin immediate", "commit"]
    assert levels == ["pragma synchronous=full", *each, "pragma synchronous=normal", *each]


def test_another_process_that_writes_is_noticed(path: Path) -> None:
    """Two daemons on one file: the one that began first finds out, and writes nothing."""
    first, second = SqliteStore(path), SqliteStore(path)
    first.open(HEADER)
    second.open(HEADER)
    second.write([record(1)], durable=False)
    with pytest.raises(StoreError, match="another process"):
        first.write([record(1)], durable=False)
    assert verify(path).sound


def test_p4_what_was_written_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    """P4: a process that dies without closing leaves every row it wrote."""
    path = tmp_path / "journal.sqlite"
    code = (
        "import os, sys; from adapters.storage.sqlite import SqliteStore; "
        "from tests.journal.cast import record; "
        "from tests.journal.test_sqlite import HEADER; "
        "store = SqliteStore(sys.argv[1]); store.open(HEADER); "
        "store.write([record(1), record(2)], durable=False); "
        "store.write([record(3)], durable=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert killed.returncode == -9
    assert [entry.sequence for entry in JournalFile(path).entries()] == [0, 1, 2, 3]
    assert SqliteStore(path).open(HEADER).run == 2


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Neither another program's database nor another schema is written to."""
    path = tmp_path / "other.sqlite"
    tamper(path, "create table mine (x)")
    with pytest.raises(StoreError, match="schema none"):
        SqliteStore(path).open(HEADER)
    text = tmp_path / "notes.txt"
    text.write_text("these are not the rows you are looking for " * 30)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(text).open(HEADER)


def test_a_newer_schema_is_refused(path: Path) -> None:
    """A file of a later version is left alone and the versions are named."""
    tamper(path, "update meta set value = '2' where key = 'schema'")
    with pytest.raises(StoreError, match="schema 2, this version reads 1"):
        SqliteStore(path).open(HEADER)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_store(tmp_path: Path) -> None:
    """What the file system says comes as a StoreError that names the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"journal\.sqlite"):
        SqliteStore(tmp_path / "file" / "journal.sqlite").open(HEADER)


def test_a_record_that_cannot_be_read_back_is_named(path: Path) -> None:
    """An intent that recovery cannot decode stops the start; it is never skipped."""
    tamper(path, "update entry set body = '{}' where number = 11")
    with pytest.raises(StoreError, match="row 11 is no PositionChanged"):
        SqliteStore(path).open(HEADER)


def test_reading_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A reader names a missing file and does not make one."""
    missing = tmp_path / "missing.sqlite"
    with pytest.raises(StoreError, match="no such file"):
        verify(missing)
    assert not missing.exists()
