"""Rows of the journal: how a record becomes text, and the chain of hashes that binds the rows.

The hash of a row is SHA-256 over the hash before it and everything in the row, its number included.
So a changed, removed or inserted row breaks the chain at that row. The chain alone cannot show that
rows are missing at its end: for that, a store keeps the number and hash of its last row apart, and
whoever wants to be sure of the store itself keeps that hash elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256

import msgspec

from actors.runtime.message import Message
from domain.value import Value

__all__ = [
    "GENESIS",
    "Entry",
    "Record",
    "Verification",
    "body_of",
    "chain_of",
    "link",
    "verify_chain",
]

# sequence, cause, utc_ns, sender, address, message; as the kernel hands it to its audit sink.
Record = tuple[int, int, int, str, str, Message]

GENESIS = bytes(32)
CHAIN_MAX = 1_000
LOST = "RecordsLost"

_json = msgspec.json.Encoder().encode
_packed = msgspec.msgpack.Encoder().encode


class Entry(Value, kw_only=True):
    """One row: number counts through all runs from 1, sequence is the kernel's within its run.

    kind is the message's type, body the message as JSON, hash hexadecimal.
    """

    number: int
    run: int
    sequence: int
    cause: int
    utc_ns: int
    sender: str
    address: str
    kind: str
    body: str
    hash: str


class Verification(Value, kw_only=True):
    """Whether the rows are as they were written; number is that of the first bad row, 0 if none.

    lost counts records that the journal itself marked as lost in gap rows.
    """

    rows: int
    runs: int
    lost: int
    hash: str
    number: int
    problem: str

    @property
    def sound(self) -> bool:
        """Whether no row is bad."""
        return not self.problem


def body_of(message: Message) -> bytes:
    """Return a message as JSON; one that JSON cannot say is kept as its representation."""
    try:
        return _json(message)
    except (TypeError, ValueError, OverflowError):
        return _json({"type": type(message).__name__, "representation": ascii(message)})


def link(
    previous: bytes,
    place: tuple[int, int],
    record: Record,
    body: bytes,
) -> bytes:
    """Return the hash of a row; place is (number, run)."""
    sequence, cause, utc_ns, sender, address, message = record
    kind = type(message).__name__
    return sha256(
        previous + _packed((*place, sequence, cause, utc_ns, sender, address, kind, body))
    ).digest()


def verify_chain(
    entries: Iterable[Entry],
    *,
    previous: bytes = GENESIS,
    before: int = 0,
    last: tuple[int, bytes] | None = None,
) -> Verification:
    """Walk rows in order of number and name the first that is not as it was written.

    previous and before are hash and number of the row before the first; last is what the store
    remembers as its last row.
    """
    number, runs, run, lost = before, 0, 0, 0
    bad, problem = 0, ""
    for entry in entries:
        if entry.number != number + 1:
            problem = f"rows {number + 1} to {entry.number - 1} are missing"
        elif entry.hash != _hash_of(previous, entry):
            problem = f"row {entry.number} or the hash of the row before it was changed"
        if problem:
            bad = number + 1
            break
        number = entry.number
        previous = bytes.fromhex(entry.hash)
        if entry.run != run:
            runs, run = runs + 1, entry.run
        if entry.kind == LOST:
            lost += int(msgspec.json.decode(entry.body)["count"])
    else:
        if last is not None and last != (number, previous):
            problem = f"the store ended at row {last[0]}, its rows end at {number}"
            bad = min(number, last[0]) + 1
    return Verification(
        rows=number - before,
        runs=runs,
        lost=lost,
        hash=previous.hex(),
        number=bad,
        problem=problem,
    )


def chain_of(
    sequence: int, look_up: Callable[[int], Entry | None], entries_max: int = CHAIN_MAX
) -> tuple[Entry, ...]:
    """Return the row of a sequence, the row that caused it, and so on, latest first.

    It ends where a cause is not journalled: market data, a timer, another input.
    """
    found: list[Entry] = []
    while sequence and len(found) < entries_max:
        entry = look_up(sequence)
        if entry is None:
            break
        found.append(entry)
        if entry.cause >= sequence:
            break
        sequence = entry.cause
    return tuple(found)


def _hash_of(previous: bytes, entry: Entry) -> str:
    fields = (
        *(entry.number, entry.run, entry.sequence, entry.cause, entry.utc_ns),
        *(entry.sender, entry.address, entry.kind, entry.body.encode()),
    )
    return sha256(previous + _packed(fields)).hexdigest()
