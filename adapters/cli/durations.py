"""Durations and instants as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

__all__ = ["instant_ns", "seconds"]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def seconds(text: str) -> float:
    """Return the seconds of ``500ms``, ``20s``, ``5m``, ``2h`` or ``1d``.

    Raises: ValueError for anything else, or nothing.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not float(match[1]):
        raise ValueError(f"a duration is written like 500ms, 20s, 5m, 2h or 1d, not {text!r}")
    return float(match[1]) * _UNIT_S[match[2]]


def instant_ns(text: str) -> int:
    """Return the UTC ns of ``2020-03-12`` or ``2020-03-12T09:00``; UTC unless it says otherwise.

    Raises: ValueError.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"a time is written like 2020-03-12T09:00, not {text!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000
