"""Reads a journal file: its rows, the causes of a row, and whether it is as it was written."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from actors.journal.rows import Entry, Verification, chain_of, verify_chain
from actors.journal.store import StoreError

__all__ = ["JournalFile", "verify"]

COLUMNS = "number, run, sequence, cause, utc_ns, sender, address, type, body, hash"
POINTED_KINDS = ("PositionChanged", "StoreRecord")
_Row = tuple[int, int, int, int, int, str, str, str, str, bytes]


class JournalFile:
    """One journal file, opened for each question and never written to.

    Reading beside a daemon that writes is safe: each question sees one moment of the file.
    Raises, from every method: StoreError if the file is not there or cannot be read.
    """

    def __init__(self, path: Path | str) -> None:
        """Name the file."""
        self.path = Path(path)

    def entries(self, *, run: int | None = None, kind: str | None = None) -> Iterator[Entry]:
        """Return rows in order; of one run or kind if given."""
        query = (
            f"select {COLUMNS} from entry"  # noqa: S608 - constants
            " where (?1 is null or run = ?1) and (?2 is null or type = ?2) order by number"
        )
        with self._connection() as connection:
            for row in connection.execute(query, (run, kind)):
                yield _entry(row)

    def last_run(self) -> int:
        """Return the number of the latest run, 0 if there is none."""
        with self._connection() as connection:
            return int(connection.execute("select max(run) from entry").fetchone()[0] or 0)

    def chain(self, sequence: int, run: int | None = None) -> tuple[Entry, ...]:
        """Return the row of a sequence and its causes, latest first; of the last run by default."""
        wanted = self.last_run() if run is None else run
        query = f"select {COLUMNS} from entry where run = ? and sequence = ?"  # noqa: S608 - constants
        with self._connection() as connection:

            def look_up(number: int) -> Entry | None:
                row = connection.execute(query, (wanted, number)).fetchone()
                return None if row is None else _entry(row)

            return chain_of(sequence, look_up)

    def verify(self) -> Verification:
        """Walk the chain of hashes and name the first row that is not as it was written.

        Shows: a changed, removed, inserted or moved row, rows missing at the end, a pointer to a
        row that is not the latest of its kind. Not whether somebody wrote the whole file anew: for
        that, compare the hash with one that was kept elsewhere.
        """
        with self._connection() as connection:
            connection.execute("begin")
            meta = dict(connection.execute("select key, value from meta").fetchall())
            try:
                last = (int(meta["number"]), bytes.fromhex(meta["hash"]))
            except (KeyError, ValueError):
                last = (0, b"")
            rows = connection.execute(f"select {COLUMNS} from entry order by number")  # noqa: S608
            found = verify_chain((_entry(row) for row in rows), last=last)
            bad = _bad_pointer(connection) if found.sound else None
        if bad is None:
            return found
        return Verification(
            rows=found.rows,
            runs=found.runs,
            lost=found.lost,
            hash=found.hash,
            number=bad,
            problem=f"the table 'latest' does not name row {bad}, the latest of its kind",
        )

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise StoreError(f"{self.path}: there is no such file")
        try:
            connection = sqlite3.connect(
                f"{self.path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None
            )
            try:
                yield connection
            finally:
                connection.close()
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"{self.path}: {error}") from error


def verify(path: Path | str) -> Verification:
    """Return whether the rows of a journal file are as they were written."""
    return JournalFile(path).verify()


def _entry(row: _Row) -> Entry:
    number, run, sequence, cause, utc_ns, sender, address, kind, body, row_hash = row
    return Entry(
        number=number,
        run=run,
        sequence=sequence,
        cause=cause,
        utc_ns=utc_ns,
        sender=sender,
        address=address,
        kind=kind,
        body=body,
        hash=row_hash.hex(),
    )


def _bad_pointer(connection: sqlite3.Connection) -> int | None:
    """Return the row that ``latest`` should name and does not, or None."""
    subject = (
        "case type when 'StoreRecord' then json_extract(body, '$.record.pair')"
        " else json_extract(body, '$.instrument') end"
    )
    query = f"select type, {subject}, max(number) from entry where type in (?, ?) group by 1, 2"  # noqa: S608
    expected = {row[:2]: row[2] for row in connection.execute(query, POINTED_KINDS)}
    pointed = {
        row[:2]: row[2] for row in connection.execute("select type, subject, number from latest")
    }
    wrong = [number for place, number in expected.items() if pointed.get(place) != number]
    wrong += [number for place, number in pointed.items() if place not in expected]
    return min(wrong, default=None)
