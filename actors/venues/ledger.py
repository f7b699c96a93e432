"""Our orders at one venue, from hand-over to their end: state, fills, and what is not known."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING

from domain.orders import FINAL_STATES, Fill, Order, OrderEvent, OrderState, advance

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Ledger", "Tracked"]

FINISHED_MAX = 10_000
FILLS_MAX = 50_000
TOMBSTONES_MAX = 10_000
ZERO = Decimal(0)


class Tracked:
    """One order with its state; filled is the sum of the fills that arrived, each counted once."""

    __slots__ = (
        "asked_ns",
        "filled",
        "not_found",
        "order",
        "sent_ns",
        "state",
        "venue_filled",
    )

    def __init__(self, order: Order, sent_ns: int) -> None:
        """Begin PENDING; sent_ns is monotonic."""
        self.order = order
        self.state = OrderState.PENDING
        self.filled = ZERO
        self.venue_filled = ZERO
        self.sent_ns = sent_ns
        self.asked_ns = 0
        self.not_found = 0

    @property
    def live(self) -> bool:
        """Whether the order may still trade."""
        return self.state not in FINAL_STATES

    @property
    def fills_missing(self) -> bool:
        """Whether the venue says that more was filled than arrived."""
        return self.venue_filled > self.filled


class Ledger:
    """Every order that may still trade, the latest that cannot, and the fills seen.

    What is remembered of the past is bounded; a fill or event older than that is reported as
    unknown, never applied twice by the position, which keeps its own fill ids.
    """

    __slots__ = ("_fills", "_finished", "_tombstones", "live")

    def __init__(self) -> None:
        """Start empty."""
        self.live: dict[str, Tracked] = {}
        self._finished: OrderedDict[str, Tracked] = OrderedDict()
        self._fills: OrderedDict[str, None] = OrderedDict()
        self._tombstones: OrderedDict[str, str] = OrderedDict()

    def add(self, order: Order, sent_ns: int) -> Tracked:
        """Track an order that is about to be sent."""
        tracked = self.live[order.client_id] = Tracked(order, sent_ns)
        return tracked

    def find(self, client_id: str) -> Tracked | None:
        """Return an order, live or finished lately, or None."""
        return self.live.get(client_id) or self._finished.get(client_id)

    def knows(self, client_id: str) -> bool:
        """Return whether this id was ever used here, as far as is remembered."""
        return client_id in self.live or client_id in self._finished

    def apply(self, tracked: Tracked, event: OrderEvent) -> bool:
        """Advance an order and return whether its state changed.

        Raises: InvariantError when the event cannot follow the state.
        """
        before = tracked.state
        after = advance(before, event)
        if after is before:
            return False
        tracked.state = after
        if after in FINAL_STATES and before not in FINAL_STATES:
            self._finish(tracked)
        return True

    def _finish(self, tracked: Tracked) -> None:
        client_id = tracked.order.client_id
        self.live.pop(client_id, None)
        self._finished[client_id] = tracked
        if len(self._finished) > FINISHED_MAX:
            self._finished.popitem(last=False)

    def fill(self, fill: Fill) -> bool:
        """Note a fill and return whether it is new."""
        if fill.fill_id in self._fills:
            return False
        self._fills[fill.fill_id] = None
        if len(self._fills) > FILLS_MAX:
            self._fills.popitem(last=False)
        return True

    def bury(self, client_id: str, reason: str) -> None:
        """Leave a tombstone: an order that was cancelled before it arrived."""
        self._tombstones[client_id] = reason
        if len(self._tombstones) > TOMBSTONES_MAX:
            self._tombstones.popitem(last=False)

    def tombstone(self, client_id: str) -> str | None:
        """Return why an order must not be sent any more, or None."""
        return self._tombstones.get(client_id)

    def of_instrument(self, instrument: str) -> Iterator[Tracked]:
        """Return the live orders of one instrument, or of all when it is empty."""
        return iter(
            [
                tracked
                for tracked in self.live.values()
                if not instrument or tracked.order.instrument == instrument
            ]
        )
