"""What actors ask of the journal, and what the journal asks of its writer thread."""

from __future__ import annotations

from actors.messages.pairs import PairRecord
from actors.messages.positions import PositionChanged
from actors.runtime.message import CONTROL, JOURNALLED, Message

__all__ = ["FlushRequested", "RecordQuery", "RecordReply", "RecordStored", "StoreRecord"]


class StoreRecord(Message, kw_only=True):
    """Make a pair's intent durable; the reply comes once it is on disk."""

    flags = JOURNALLED

    record: PairRecord


class RecordStored(Message, kw_only=True):
    """The record with this number of this pair is durable."""

    pair: str
    number: int


class RecordQuery(Message, kw_only=True):
    """Ask for the latest record: of a pair by name, or of a position by instrument key."""

    pair: str = ""
    instrument: str = ""


class RecordReply(Message, kw_only=True):
    """The latest record, or None when there is none."""

    pair: PairRecord | None
    position: PositionChanged | None


class FlushRequested(Message, kw_only=True):
    """Write everything that waits; replied to with RecordStored(pair="", number=0)."""

    flags = CONTROL
