"""The journal in a SQLite file: write-ahead log, one transaction per chunk, rows chained by hash.

    sqlite3 journal.sqlite "select number, sequence, cause, address, body from entry"

A chunk is written with synchronous=NORMAL: it survives the end of the process, and a power cut may
take the latest chunks with it, whole. A durable chunk is written with FULL: the log is on the disk
before the commit returns, and everything written before it as well. The file grows until the disk
is full, which is a write error: trading stops. To begin a new file, name another path.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from actors.addresses import JOURNAL
from actors.journal.rows import GENESIS, Record, body_of, link
from actors.journal.store import OpenedRun, RunHeader, StoreError
from actors.messages.journal import StoreRecord
from actors.messages.positions import PositionChanged

__all__ = ["SCHEMA_VERSION", "SqliteStore"]

SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 2.0
SCHEMA = """
create table meta (key text primary key, value text not null) without rowid;
create table entry (
    number integer primary key,
    run integer not null,
    sequence integer not null,
    cause integer not null,
    utc_ns integer not null,
    sender text not null,
    address text not null,
    type text not null,
    body text not null,
    hash blob not null
);
create index entry_sequence on entry (run, sequence);
create index entry_type on entry (type, number);
create table latest (
    type text not null,
    subject text not null,
    number integer not null,
    primary key (type, subject)
) without rowid;
"""
INSERT = "insert into entry values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_M = TypeVar("_M", StoreRecord, PositionChanged)
_Row = tuple[int, int, int, int, int, str, str, str, str, bytes]


class SqliteStore:
    """One file with every run of a deployment, appended to and never changed.

    ``latest`` points to the newest intent per pair and book per instrument. Another process that
    writes to the same file is noticed at the next write, and refused.
    """

    def __init__(self, path: Path | str) -> None:
        """Name the file; it is made, with its folder, when the store is opened."""
        self.path = Path(path)
        self._connection: sqlite3.Connection | None = None
        self._ready = False
        self._run = 0
        self._number = 0
        self._sequence = 0
        self._hash = GENESIS
        # A writer that hangs may be replaced: its successor waits here for its last call to end.
        self._lock = threading.Lock()

    # -- the port --------------------------------------------------------------------------------

    def open(self, header: RunHeader) -> OpenedRun:
        """Begin a run, or go on with the last one; a file of another schema is refused."""
        with self._lock, _reported(self.path):
            if self._connection is None:
                self._connection = self._connect()
            connection = self._connection
            connection.execute("pragma synchronous=full")
            with _transaction(connection):
                self._load(connection)
                if header.run not in (0, self._run):
                    raise StoreError(
                        f"{self.path}: run {header.run} is not the last one, which is {self._run}"
                    )
                if not header.run:
                    self._begin(connection, header)
            self._ready = True
            return self._opened(connection)

    def write(self, records: Sequence[Record], *, durable: bool) -> str:
        """Add a chunk in one transaction."""
        with self._lock, _reported(self.path):
            connection = self._connection
            if connection is None or not self._ready:
                raise StoreError(f"{self.path} is not open")
            if records[0][0] <= self._sequence:
                self._expect_written(connection, records[-1])
                return self._hash.hex()
            rows, last_hash = self._rows_of(records)
            level = "full" if durable else "normal"
            connection.execute(f"pragma synchronous={level}")
            with _transaction(connection):
                self._expect_own_end(connection)
                connection.executemany(INSERT, rows)
                self._point(connection, records)
                _set_end(connection, rows[-1][0], last_hash)
            self._number, self._hash = rows[-1][0], last_hash
            self._sequence = records[-1][0]
            return last_hash.hex()

    def close(self) -> None:
        """Write the log back into the file and close it; closing twice does nothing."""
        with self._lock, _reported(self.path):
            connection, self._connection, self._ready = self._connection, None, False
            if connection is not None:
                connection.close()

    # -- opening ---------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=full")
            with _transaction(connection):
                tables = connection.execute("select count(*) from sqlite_schema").fetchone()[0]
                if not tables:
                    for statement in SCHEMA.split(";")[:-1]:
                        connection.execute(statement)
                    _set_meta(connection, "schema", str(SCHEMA_VERSION))
                    _set_end(connection, 0, GENESIS)
            version = _meta(connection, "schema") if _has_meta(connection) else "none"
            if version != str(SCHEMA_VERSION):
                raise StoreError(  # noqa: TRY301 - the connection is closed below
                    f"{self.path}: schema {version}, this version reads {SCHEMA_VERSION}"
                )
        except (sqlite3.Error, StoreError):
            connection.close()
            raise
        return connection

    def _load(self, connection: sqlite3.Connection) -> None:
        self._number = int(_meta(connection, "number"))
        self._hash = bytes.fromhex(_meta(connection, "hash"))
        last = "select run, sequence from entry where number = ?"
        found = connection.execute(last, (self._number,)).fetchone()
        if found is None and self._number:
            raise StoreError(f"{self.path}: row {self._number}, the last one, is missing")
        self._run, self._sequence = found or (0, 0)

    def _begin(self, connection: sqlite3.Connection, header: RunHeader) -> None:
        number, run = self._number + 1, self._run + 1
        record: Record = (0, 0, header.started_ns, "", JOURNAL, header)
        row, row_hash = _row(number, run, record, self._hash)
        connection.execute(INSERT, row)
        _set_end(connection, number, row_hash)
        self._number, self._run, self._hash, self._sequence = number, run, row_hash, 0

    def _opened(self, connection: sqlite3.Connection) -> OpenedRun:
        return OpenedRun(
            run=self._run,
            sequence=self._sequence,
            hash=self._hash.hex(),
            records=tuple(stored.record for stored in self._latest(connection, StoreRecord)),
            positions=tuple(self._latest(connection, PositionChanged)),
        )

    def _latest(self, connection: sqlite3.Connection, kind: type[_M]) -> Iterator[_M]:
        query = (
            "select entry.number, body from latest join entry using (number)"
            " where latest.type = ? order by subject"
        )
        for number, body in connection.execute(query, (kind.__name__,)):
            try:
                yield msgspec.json.decode(body, type=kind)
            except msgspec.MsgspecError as error:
                raise StoreError(
                    f"{self.path}: row {number} is no {kind.__name__}: {error}"
                ) from error

    # -- writing ---------------------------------------------------------------------------------

    def _rows_of(self, records: Sequence[Record]) -> tuple[list[_Row], bytes]:
        rows: list[_Row] = []
        row_hash, run = self._hash, self._run
        for number, record in enumerate(records, start=self._number + 1):
            row, row_hash = _row(number, run, record, row_hash)
            rows.append(row)
        return rows, row_hash

    def _expect_own_end(self, connection: sqlite3.Connection) -> None:
        number = int(_meta(connection, "number"))
        if number != self._number:
            raise StoreError(
                f"{self.path} ends at row {number}, not {self._number}: another process writes it"
            )

    def _expect_written(self, connection: sqlite3.Connection, record: Record) -> None:
        """Check that a record is the last row, so that its chunk is the one written last."""
        last = "select sequence, body from entry where number = ?"
        found = connection.execute(last, (self._number,)).fetchone()
        if found != (record[0], body_of(record[5]).decode()):
            raise StoreError(
                f"{self.path}: records up to {self._sequence} are written; these begin earlier"
            )

    def _point(self, connection: sqlite3.Connection, records: Sequence[Record]) -> None:
        places: dict[tuple[str, str], int] = {}
        for number, record in enumerate(records, start=self._number + 1):
            message = record[5]
            if type(message) is StoreRecord:
                places["StoreRecord", message.record.pair] = number
            elif type(message) is PositionChanged:
                places["PositionChanged", message.instrument] = number
        rows = [(*place, number) for place, number in places.items()]
        connection.executemany("insert or replace into latest values (?, ?, ?)", rows)


def _row(number: int, run: int, record: Record, previous: bytes) -> tuple[_Row, bytes]:
    sequence, cause, utc_ns, sender, address, message = record
    body = body_of(message)
    row_hash = link(previous, (number, run), record, body)
    kind = type(message).__name__
    text = body.decode()
    return (
        (number, run, sequence, cause, utc_ns, sender, address, kind, text, row_hash),
        row_hash,
    )


def _has_meta(connection: sqlite3.Connection) -> bool:
    query = "select count(*) from sqlite_schema where name = 'meta'"
    return bool(connection.execute(query).fetchone()[0])


def _meta(connection: sqlite3.Connection, key: str) -> str:
    row = connection.execute("select value from meta where key = ?", (key,)).fetchone()
    return "" if row is None else str(row[0])


def _set_meta(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute("insert or replace into meta values (?, ?)", (key, value))


def _set_end(connection: sqlite3.Connection, number: int, row_hash: bytes) -> None:
    _set_meta(connection, "number", str(number))
    _set_meta(connection, "hash", row_hash.hex())


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, or nothing of it."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    finally:
        if connection.in_transaction:
            connection.execute("rollback")


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into a StoreError that names the file."""
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
        raise StoreError(f"{path}: {error}") from error
