"""The decision digest: one hash over everything that was journalled, in order."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from actors.journal.rows import Record, body_of

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["DecisionDigest"]


class DecisionDigest:
    """SHA-256 over records in order: sequence, cause, utc_ns, sender, address and message.

    Two runs that decided the same have the same digest, in any process, under any PYTHONHASHSEED
    and however the records were cut into chunks. A message is hashed as MessagePack with its tag.
    """

    __slots__ = ("_encoder", "_hash")

    def __init__(self) -> None:
        """Begin with no records."""
        self._hash: _Hash = sha256()
        self._encoder = msgspec.msgpack.Encoder()

    def update(self, records: Iterable[Record]) -> None:
        """Add records."""
        self._hash.update(self._bytes_of(records))

    def hexdigest(self, then: Iterable[Record] = ()) -> str:
        """Return the digest so far, as if ``then`` had been added."""
        copy = self._hash.copy()
        copy.update(self._bytes_of(then))
        return copy.hexdigest()

    def _bytes_of(self, records: Iterable[Record]) -> bytearray:
        text = bytearray()
        encode_into = self._encoder.encode_into
        for record in records:
            end = len(text)
            try:
                encode_into(record, text, -1)
            except (TypeError, ValueError, OverflowError):
                del text[end:]
                encode_into((*record[:5], body_of(record[5])), text, -1)
        return text
