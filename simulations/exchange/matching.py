"""Price-time matching of one instrument: resting orders of all accounts, and the market's own book.

Better prices trade first. At one price the market's lots that were there before an order joined are
ahead of it, as far as the queue model has not moved it forward; then orders in the order of their
arrival; then the rest of the market's lots. Whoever rests sets the price.

Units: integer ticks and lots; side is +1 for buys and -1 for sells.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING

from domain.instruments import Instrument
from simulations.exchange.book import Book, DepthModel
from simulations.exchange.queue import QueueModel, QueuePosition, fillable_lots
from simulations.wire import SubmitFrame

if TYPE_CHECKING:
    from simulations.exchange.account import Account

__all__ = ["Market", "Offer", "Size", "WorkingOrder"]

Size = tuple[int, int, int]  # side, lots, limit ticks or 0
Offer = tuple[int, int, "WorkingOrder | None"]  # ticks, lots, who rests (None: the market)


class WorkingOrder:
    """One accepted order while the exchange works on it.

    number rises with arrival; left counts the lots still to trade; ticks is the limit, 0 without
    one; queue is its place in the book, None while it does not rest.
    """

    __slots__ = ("account", "frame", "left", "lots", "market", "number", "queue", "side", "ticks")

    def __init__(
        self, number: int, account: Account, market: Market, frame: SubmitFrame, size: Size
    ) -> None:
        """Take an order as it arrived."""
        self.number = number
        self.account = account
        self.market = market
        self.frame = frame
        self.side, self.lots, self.ticks = size
        self.left = self.lots
        self.queue: QueuePosition | None = None

    @property
    def filled(self) -> Decimal:
        """The filled quantity in base units."""
        return self.market.lot * (self.lots - self.left)


class RestingSide:
    """The resting orders of one side, by price and then by arrival.

    prices is empty when nothing rests; it holds price * -sign, so that the best is first.
    """

    __slots__ = ("_levels", "_sign", "prices")

    def __init__(self, sign: int) -> None:
        """Take +1 for bids, whose best price is the highest, or -1 for asks."""
        self._sign = sign
        self.prices: list[int] = []
        self._levels: dict[int, dict[int, WorkingOrder]] = {}

    def __iter__(self) -> Iterator[WorkingOrder]:
        for key in tuple(self.prices):
            yield from tuple(self._levels.get(key, {}).values())

    @property
    def best(self) -> WorkingOrder | None:
        """The order that is first in price, then in time."""
        if not self.prices:
            return None
        return next(iter(self._levels[self.prices[0]].values()))

    def at(self, ticks: int) -> tuple[WorkingOrder, ...]:
        """Return the orders at one price, oldest first."""
        return tuple(self._levels.get(ticks * -self._sign, {}).values())

    def add(self, order: WorkingOrder) -> None:
        """Put an order behind those at its price."""
        key = order.ticks * -self._sign
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = {}
            insort(self.prices, key)
        level[order.number] = order

    def remove(self, order: WorkingOrder) -> None:
        """Take an order out, wherever it stands."""
        key = order.ticks * -self._sign
        level = self._levels[key]
        del level[order.number]
        if not level:
            del self._levels[key]
            del self.prices[bisect_left(self.prices, key)]


class Market:
    """One instrument: its listing, the market's book, resting orders, mark and index.

    busy says that a new quote must be looked at: something rests, or something was taken. A quote
    that finds it False costs one attribute.
    """

    __slots__ = (
        "asks",
        "bids",
        "book",
        "busy",
        "index",
        "instrument",
        "lot",
        "lots_max",
        "lots_min",
        "mark",
        "mark_time_ns",
        "queue_model",
        "symbol",
        "tick",
    )

    def __init__(self, instrument: Instrument, depth: DepthModel, queue_model: QueueModel) -> None:
        """List an instrument with an empty book."""
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.tick = instrument.tick
        self.lot = instrument.lot
        self.lots_min = max(ceil(instrument.quantity_min / instrument.lot), 1)
        self.lots_max = int(instrument.quantity_max / instrument.lot)
        self.book = Book(depth)
        self.bids = RestingSide(1)
        self.asks = RestingSide(-1)
        self.queue_model = queue_model
        self.busy = False
        self.mark: Decimal | None = None
        self.index: Decimal | None = None
        self.mark_time_ns = 0

    def resting(self, side: int) -> RestingSide:
        """Return the orders that rest on the bid (+1) or ask (-1) side."""
        return self.bids if side > 0 else self.asks

    def offer(self, side: int, limit_ticks: int) -> Offer | None:
        """Return what a taker of this side would trade with next, or None within its limit.

        limit_ticks 0 stands for any price.
        """
        opposite = -side
        top = self.book.top(opposite)
        resting = self.asks if side > 0 else self.bids
        maker = resting.best if resting.prices else None
        if maker is not None and (top is None or side * (top[0] - maker.ticks) >= 0):
            offered: Offer = (maker.ticks, maker.left, maker)
            if top is not None and top[0] == maker.ticks:
                ahead = min(_ahead(maker), top[1])
                if ahead > 0:
                    offered = (maker.ticks, ahead, None)
        elif top is not None:
            offered = (top[0], top[1], None)
        else:
            return None
        if limit_ticks and side * (offered[0] - limit_ticks) > 0:
            return None
        return offered

    def available(self, side: int, limit_ticks: int, account: Account) -> int:
        """Return the lots that a taker of this side could trade now, others' orders included."""
        lots = sum(
            lots
            for ticks, lots in self.book.ladder(-side)
            if not limit_ticks or side * (ticks - limit_ticks) <= 0
        )
        for order in self.resting(-side):
            if limit_ticks and side * (order.ticks - limit_ticks) > 0:
                break
            if order.account is not account:
                lots += order.left
        return lots

    def take_from_market(self, side: int, ticks: int, lots: int) -> None:
        """Let a taker of this side take lots that the market shows at its best price, ticks."""
        self.book.take(-side, lots)
        self.busy = True
        resting = self.asks if side > 0 else self.bids
        if resting.prices:
            for order in resting.at(ticks):
                if order.queue is not None:
                    self.queue_model.trade(order.queue, lots)

    def exhaust(self, side: int) -> None:
        """Leave nothing of the market for a taker of this side until the next quote."""
        self.book.exhaust(-side)
        self.busy = True

    def rest(self, order: WorkingOrder) -> None:
        """Queue an order behind what the market shows at its price and those that came before."""
        order.queue = QueuePosition(self.book.lots_at(order.side, order.ticks))
        self.resting(order.side).add(order)
        self.busy = True

    def leave(self, order: WorkingOrder) -> None:
        """Take a resting order out of the book."""
        self.resting(order.side).remove(order)
        order.queue = None

    def requote(self) -> None:
        """Take a new quote's sizes into account: nothing is taken any more, queues move up."""
        book = self.book
        book.bid_taken = book.ask_taken = 0
        if not (self.bids.prices or self.asks.prices):
            self.busy = False
            return
        quote = book.quote
        if quote is None or not book.usable:
            return
        for resting, ticks, lots in (
            (self.bids, quote.bid_ticks, quote.bid_lots),
            (self.asks, quote.ask_ticks, quote.ask_lots),
        ):
            for order in resting:
                behind = order.side * (ticks - order.ticks)
                if behind > 0:
                    break
                if order.queue is not None:
                    self.queue_model.resize(order.queue, lots if behind == 0 else 0)

    def crossed(self, side: int) -> tuple[WorkingOrder, int] | None:
        """Return the resting order of a side that the market's quote has reached, and the lots.

        The market comes to the order, so the order's price is the price of the trade.
        """
        order = self.resting(side).best
        if order is None:
            return None
        top = self.book.top(-side)
        if top is None or side * (top[0] - order.ticks) > 0:
            return None
        return order, min(order.left, top[1])

    def printed(self, side: int, ticks: int, lots: int) -> list[tuple[WorkingOrder, int]]:
        """Return which resting orders a printed trade would have filled, and by how many lots.

        side is the aggressor's. Orders at better prices than the print trade first, since the
        aggressor would have met them first; at the print's price the queue decides.
        """
        filled = []
        here = 0
        for order in self.resting(-side):
            better = side * (ticks - order.ticks)
            if better < 0 or lots <= 0:
                break
            if better > 0 or order.queue is None:
                traded = min(order.left, lots)
                lots -= traded
            else:
                self.queue_model.trade(order.queue, lots)
                traded = min(order.left, max(fillable_lots(order.queue.front) - here, 0))
                order.queue.front = max(order.queue.front, 0.0)
                here += traded
            if traded > 0:
                filled.append((order, traded))
        return filled


def _ahead(order: WorkingOrder) -> int:
    return ceil(order.queue.front) if order.queue is not None and order.queue.front > 0 else 0
