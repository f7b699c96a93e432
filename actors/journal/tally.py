"""Counts of what was decided, from the records that pass by: signals, orders, liquidations."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from actors.journal.rows import Record
from actors.messages.orders import SubmitOrder
from actors.messages.pairs import PairSignal
from actors.messages.venue import OrderFilled
from actors.runtime.message import Message

__all__ = ["Tally"]

LIQUIDATIONS_MAX = 10_000


class Tally:
    """Running totals since this journal instance started.

    An order is a SubmitOrder, approved or permitted: what was handed to a venue connection. A
    liquidation is a fill that the venue made by itself, counted once per fill id.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self.signals = 0
        self.orders = 0
        self.liquidated: dict[str, None] = {}
        self._by_type: dict[type[Message], Callable[[Message], None]] = {
            PairSignal: self._signal,
            SubmitOrder: self._order,
            OrderFilled: self._filled,
        }

    def note(self, records: Iterable[Record]) -> None:
        """Count records; each record is noted once."""
        by_type = self._by_type
        for record in records:
            count = by_type.get(type(record[5]))
            if count is not None:
                count(record[5])

    def counts(self, ahead: Iterable[Record] = ()) -> tuple[tuple[str, int], ...]:
        """Return the totals by name, with records ahead that will only be noted later."""
        total = Tally()
        total.signals, total.orders = self.signals, self.orders
        total.liquidated = dict(self.liquidated)
        total.note(ahead)
        return (
            ("signals", total.signals),
            ("orders", total.orders),
            ("liquidations", len(total.liquidated)),
        )

    def _signal(self, _: Message) -> None:
        self.signals += 1

    def _order(self, _: Message) -> None:
        self.orders += 1

    def _filled(self, message: Message) -> None:
        assert isinstance(message, OrderFilled)
        fill = message.fill
        if fill.liquidation and len(self.liquidated) < LIQUIDATIONS_MAX:
            self.liquidated[fill.fill_id] = None
