"""How hard the journal presses on trading: from half of its queue, and from 90 % or a failure."""

from __future__ import annotations

__all__ = ["HALTING_FRACTION", "REDUCING_FRACTION", "Pressure"]

REDUCING_FRACTION = 0.5
HALTING_FRACTION = 0.9
RELIEVED_FRACTION = 0.25


class Pressure:
    """Level 0 none, 1 reducing, 2 halting; it falls only once the queue is down to a quarter.

    So a queue that hovers around a threshold is reported once and not at every record.
    """

    __slots__ = ("_level",)

    def __init__(self) -> None:
        """Begin without pressure."""
        self._level = 0

    def level(self, fraction: float, *, failed: bool) -> int:
        """Return the level for a queue filled to a fraction."""
        if failed or fraction >= HALTING_FRACTION:
            self._level = 2
        elif fraction >= REDUCING_FRACTION:
            self._level = max(self._level, 1)
        elif fraction <= RELIEVED_FRACTION:
            self._level = 0
        return self._level
