"""The base of every message: frozen and tagged; its type says its lane.

Subclasses repeat ``kw_only=True``, which msgspec does not inherit.
"""

from __future__ import annotations

from typing import ClassVar, dataclass_transform

import msgspec

__all__ = ["CONTROL", "JOURNALLED", "PLAIN", "Message"]

PLAIN = 0
CONTROL = 1
JOURNALLED = 2


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Message(msgspec.Struct, frozen=True, tag=True, gc=False):
    """What actors exchange: scalars, enums, Decimals, tuples and other frozen values.

    flags is CONTROL (delivered ahead of data; never for fills or acknowledgements), JOURNALLED
    (kept in the journal with sequence and cause), both, or PLAIN.
    """

    flags: ClassVar[int] = PLAIN
