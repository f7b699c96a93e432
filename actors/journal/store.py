"""The port to durable storage, and the store that keeps rows in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from actors.addresses import JOURNAL
from actors.journal.rows import (
    GENESIS,
    Entry,
    Record,
    Verification,
    body_of,
    chain_of,
    link,
    verify_chain,
)
from actors.messages.journal import StoreRecord
from actors.messages.pairs import PairRecord
from actors.messages.positions import PositionChanged
from actors.runtime.message import Message

__all__ = [
    "EmergencyLog",
    "JournalReader",
    "JournalStore",
    "LatestRecords",
    "MemoryStore",
    "OpenedRun",
    "RunHeader",
    "StoreError",
]


class StoreError(Exception):
    """The store cannot be opened, read or written; the text says what the medium said."""


class RunHeader(Message, kw_only=True):
    """What a run is a function of, beside its inputs; it is the first row of the run.

    run is 0 to begin a run, or the number of the store's last run to go on with that one, after the
    journal or its writer was restarted. seeds are in the order in which the run drew them up.
    """

    run: int = 0
    started_ns: int = 0
    config_digest: str = ""
    seeds: tuple[int, ...] = ()
    lock_hash: str = ""
    cpu_class: str = ""
    version: str = ""


class OpenedRun(Message, kw_only=True):
    """What an open store knows: its run, its last row, and the latest records of all runs.

    sequence is that of the run's last row, 0 in a new run; hash is that of the store's last row.
    """

    run: int
    sequence: int
    hash: str
    records: tuple[PairRecord, ...]
    positions: tuple[PositionChanged, ...]


class JournalStore(Protocol):
    """Where the journal's writer puts rows; every method may block, and only it calls them."""

    def open(self, header: RunHeader) -> OpenedRun:
        """Begin a run, or go on with the one that the header names.

        Raises: StoreError, also if the run to go on with is not the last one.
        """

    def write(self, records: Sequence[Record], *, durable: bool) -> str:
        """Add all of the records or none, in order, and return the hash of the last row.

        A durable write survives a power cut once it returns, and so does what was written before;
        another survives the end of the process. The same records again change nothing: whoever did
        not hear that they were written asks twice.
        Raises: StoreError; then nothing was added. So too for records older than the last row.
        """

    def close(self) -> None:
        """Let go of the medium; the store may be opened again."""


class JournalReader(Protocol):
    """Reads what was written, also while a run goes on."""

    def entries(self, *, run: int | None = None, kind: str | None = None) -> Iterable[Entry]:
        """Return rows in order; of one run or kind if given."""

    def chain(self, sequence: int, run: int | None = None) -> tuple[Entry, ...]:
        """Return a row and its causes, latest first, of a run (the last one unless given)."""

    def verify(self) -> Verification:
        """Walk the chain of hashes and name the first row that is not as it was written."""


# Takes one line without its end while the store takes nothing; it must not block or raise, and may
# drop what it has no room for.
EmergencyLog = Callable[[str], None]


class LatestRecords:
    """The latest intent per pair and the latest book per instrument, of records that pass by."""

    __slots__ = ("pairs", "positions")

    def __init__(self) -> None:
        """Know nothing yet."""
        self.pairs: dict[str, PairRecord] = {}
        self.positions: dict[str, PositionChanged] = {}

    def note(self, records: Iterable[Record]) -> None:
        """Look at records in order; noting one twice changes nothing unless it is out of order."""
        for record in records:
            message = record[5]
            if type(message) is PositionChanged:
                self.positions[message.instrument] = message
            elif type(message) is StoreRecord:
                self.pairs[message.record.pair] = message.record


class MemoryStore:
    """Keeps the latest rows in memory: for simulation, backtests, and a daemon without a path.

    At most rows_max rows are kept, the oldest are forgotten and counted. Unchained, rows have no
    hashes and writing costs next to nothing. It outlives the process that it pretends to be in, so
    a simulated restart finds what was written.
    """

    def __init__(self, *, rows_max: int = 100_000, chained: bool = True) -> None:
        """Begin empty."""
        self.rows: deque[tuple[int, int, Record, bytes]] = deque(maxlen=rows_max)
        self.forgotten = 0
        self._chained = chained
        self._open = False
        self._run = 0
        self._number = 0
        self._sequence = 0
        self._hash = GENESIS
        self._before = GENESIS
        self._latest = LatestRecords()

    def open(self, header: RunHeader) -> OpenedRun:
        """Begin a run, or go on with the last one."""
        if header.run not in (0, self._run):
            raise StoreError(f"run {header.run} is not the last one, which is {self._run}")
        self._open = True
        if not header.run:
            self._run += 1
            self._sequence = 0
            self._add((0, 0, header.started_ns, "", JOURNAL, header))
        return OpenedRun(
            run=self._run,
            sequence=self._sequence,
            hash=self._hash.hex() if self._chained else "",
            records=tuple(self._latest.pairs.values()),
            positions=tuple(self._latest.positions.values()),
        )

    def write(self, records: Sequence[Record], *, durable: bool) -> str:  # noqa: ARG002
        """Add the records; here every write is as durable as any."""
        if not self._open:
            raise StoreError("the store is not open")
        if records[0][0] > self._sequence:
            for record in records:
                self._add(record)
            self._sequence = records[-1][0]
            self._latest.note(records)
        elif records[-1] != self.rows[-1][2]:
            raise StoreError(f"records up to {self._sequence} are written; these begin earlier")
        return self._hash.hex() if self._chained else ""

    def close(self) -> None:
        """Take no more records until it is opened again."""
        self._open = False

    def entries(self, *, run: int | None = None, kind: str | None = None) -> Iterable[Entry]:
        """Return the rows that are kept, in order."""
        return tuple(
            _entry(*row)
            for row in self.rows
            if (run is None or row[1] == run) and (kind is None or type(row[2][5]).__name__ == kind)
        )

    def chain(self, sequence: int, run: int | None = None) -> tuple[Entry, ...]:
        """Return a row and its causes, latest first."""
        wanted = self._run if run is None else run
        found = {row[2][0]: row for row in self.rows if row[1] == wanted}
        look_up: Callable[[int], Entry | None] = lambda number: (  # noqa: E731 - a look-up
            _entry(*found[number]) if number in found else None
        )
        return chain_of(sequence, look_up)

    def verify(self) -> Verification:
        """Walk the rows that are kept, from the hash of the last one forgotten.

        Raises: StoreError for rows that were never chained.
        """
        if not self._chained:
            raise StoreError("this store was made without a chain of hashes")
        return verify_chain(
            self.entries(),
            previous=self._before,
            before=self.forgotten,
            last=(self._number, self._hash),
        )

    def _add(self, record: Record) -> None:
        self._number += 1
        if self._chained:
            body = body_of(record[5])
            self._hash = link(self._hash, (self._number, self._run), record, body)
        if len(self.rows) == self.rows.maxlen:
            self._before = self.rows[0][3]
            self.forgotten += 1
        self.rows.append((self._number, self._run, record, self._hash))


def _entry(number: int, run: int, record: Record, row_hash: bytes) -> Entry:
    sequence, cause, utc_ns, sender, address, message = record
    return Entry(
        number=number,
        run=run,
        sequence=sequence,
        cause=cause,
        utc_ns=utc_ns,
        sender=sender,
        address=address,
        kind=type(message).__name__,
        body=body_of(message).decode(),
        hash=row_hash.hex(),
    )
