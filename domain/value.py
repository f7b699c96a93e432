"""The base of every domain value: frozen, tagged, outside the garbage collector.

Subclasses repeat ``kw_only=True``, which msgspec does not inherit.
"""

from __future__ import annotations

from typing import dataclass_transform

import msgspec

__all__ = ["Value"]


# Tells type checkers what msgspec does: subclasses are frozen without saying so again.
@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, frozen=True, tag=True, gc=False):
    """An immutable value whose fields are scalars, enums, Decimals, tuples and other values."""
