"""The journal's writer: the one actor that touches the store, on a thread of its own."""

from __future__ import annotations

from actors.journal.rows import Record
from actors.journal.store import JournalStore, OpenedRun, RunHeader, StoreError
from actors.runtime.actor import Actor, handles
from actors.runtime.message import Message

__all__ = [
    "CloseStore",
    "JournalWriter",
    "OpenStore",
    "RecordsWritten",
    "StoreClosed",
    "StoreFailed",
    "WriteRecords",
]


class OpenStore(Message, kw_only=True):
    """Open the store for a run; answered with OpenedRun or StoreFailed."""

    header: RunHeader


class WriteRecords(Message, kw_only=True):
    """Write a chunk, all or nothing; answered with RecordsWritten or StoreFailed."""

    records: tuple[Record, ...]
    durable: bool


class RecordsWritten(Message, kw_only=True):
    """The chunk is written up to and including this sequence; hash is that of the last row."""

    sequence: int
    hash: str


class StoreFailed(Message, kw_only=True):
    """The store said no; what was asked was not done and may be asked again."""

    reason: str


class CloseStore(Message, kw_only=True):
    """Let go of the store; answered with StoreClosed."""


class StoreClosed(Message, kw_only=True):
    """The store is closed, or could not be; reason is empty if it is."""

    reason: str


class JournalWriter(Actor):
    """Owns the store: opens, writes and closes it, and says how that went.

    Receives OpenStore, WriteRecords, CloseStore from the journal, one at a time; answers each. A
    store that fails is reported, not raised; anything else that goes wrong ends the writer, and the
    journal starts another.
    """

    def __init__(self, *, store: JournalStore) -> None:
        """Write to this store."""
        super().__init__()
        self.store = store
        self.chunks = 0
        self.records = 0

    @handles(OpenStore)
    def open_store(self, message: OpenStore) -> None:
        """Open the store and report what it knows."""
        try:
            opened: OpenedRun | StoreFailed = self.store.open(message.header)
        except StoreError as error:
            opened = StoreFailed(reason=str(error))
        self.context.reply(opened)

    @handles(WriteRecords)
    def write_records(self, message: WriteRecords) -> None:
        """Write one chunk."""
        records = message.records
        try:
            row_hash = self.store.write(records, durable=message.durable)
        except StoreError as error:
            self.context.reply(StoreFailed(reason=str(error)))
            return
        self.chunks += 1
        self.records += len(records)
        self.context.reply(RecordsWritten(sequence=records[-1][0], hash=row_hash))

    @handles(CloseStore)
    def close_store(self, _: CloseStore) -> None:
        """Close the store."""
        try:
            self.store.close()
        except StoreError as error:
            self.context.reply(StoreClosed(reason=str(error)))
            return
        self.context.reply(StoreClosed(reason=""))
