"""The latest fills and payments of a venue, kept for a position that has to start again."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.messages.venue import FundingPaid, OrderFilled

__all__ = ["Booked"]

BOOKED_MAX = 10_000


class Booked:
    """What was passed on to positions, in order, bounded."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        """Start empty."""
        self._events: deque[tuple[str, str, OrderFilled | FundingPaid]] = deque(maxlen=BOOKED_MAX)

    def add(self, id_: str, instrument: str, event: OrderFilled | FundingPaid) -> None:
        """Keep a fill or payment by its id."""
        self._events.append((id_, instrument, event))

    def after(self, instrument: str, last_id: str) -> Iterator[OrderFilled | FundingPaid]:
        """Return what came after an event ('': everything), or nothing if it is not remembered."""
        found = not last_id
        for id_, key, event in self._events:
            if found and key == instrument:
                yield event
            found = found or id_ == last_id
