"""The market's own liquidity: the latest quote, a modelled ladder beyond it, and what was taken.

The recorded or generated market is not an account: it quotes, and our simulated accounts trade with
what it shows. What they take stays taken until its next quote, which is its answer to the trade.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.messages.market import QuoteUpdated
from domain.errors import DomainError
from domain.value import Value

__all__ = ["Book", "DepthModel", "sound"]


_LEVELS_LIMIT = 1_000


class DepthModel(Value, kw_only=True):
    """What rests beyond the best price, which a quote does not tell.

    Assumption: levels_max prices, step_ticks apart, the best one as quoted and each further one
    larger by growth_percent of the best. One level means that nothing rests beyond the best.
    """

    levels_max: int = 10
    step_ticks: int = 1
    growth_percent: int = 50

    def __post_init__(self) -> None:
        """Refuse a ladder that cannot be walked.

        Raises: DomainError with the field at fault.
        """
        if not 1 <= self.levels_max <= _LEVELS_LIMIT:
            raise DomainError(f"levels_max is 1 to {_LEVELS_LIMIT}, not {self.levels_max}")
        if self.step_ticks < 1 or self.growth_percent < 0:
            raise DomainError("step_ticks is at least 1 and growth_percent at least 0")

    def lots_at(self, level: int, best_lots: int) -> int:
        """Return the lots that rest at a level, 0 being the best."""
        return best_lots + best_lots * self.growth_percent * level // 100


class Book:
    """The market's side of one instrument. Units: integer ticks and lots; side is +1 for bids."""

    __slots__ = ("_checked", "_usable", "ask_taken", "bid_taken", "depth", "quote")

    def __init__(self, depth: DepthModel) -> None:
        """Start without a quote, hence without liquidity."""
        self.depth = depth
        self.quote: QuoteUpdated | None = None
        self.bid_taken = 0
        self.ask_taken = 0
        self._checked: QuoteUpdated | None = None
        self._usable = False

    @property
    def usable(self) -> bool:
        """Whether the quote can be traded with: whole numbers, priced where sized, not crossed."""
        if self.quote is not self._checked:
            self._check()
        return self._usable

    def _check(self) -> None:
        quote = self._checked = self.quote
        self._usable = quote is not None and sound(quote)

    def top(self, side: int) -> tuple[int, int] | None:
        """Return the best (ticks, lots left) of the bid (+1) or ask (-1) side, None if empty."""
        quote = self.quote
        if quote is not self._checked:
            self._check()
        if quote is None or not self._usable:
            return None
        if side > 0:
            if quote.bid_lots > self.bid_taken:
                return quote.bid_ticks, quote.bid_lots - self.bid_taken
        elif quote.ask_lots > self.ask_taken:
            return quote.ask_ticks, quote.ask_lots - self.ask_taken
        return next(self.ladder(side), None)

    def reach(self, side: int, lots: int) -> int | None:
        """Return the price that lots taken from a side would reach, the last one if too many."""
        top = self.top(side)
        if top is None or top[1] >= lots:
            return top and top[0]
        reached = None
        for reached, offered in self.ladder(side):  # noqa: B007 - the last one is wanted
            lots -= offered
            if lots <= 0:
                break
        return reached

    def ladder(self, side: int) -> Iterator[tuple[int, int]]:
        """Yield (ticks, lots left) of the bid (+1) or ask (-1) side, best first."""
        quote = self.quote
        if quote is None or not self.usable:
            return
        depth = self.depth
        if side > 0:
            ticks, best_lots, taken = quote.bid_ticks, quote.bid_lots, self.bid_taken
        else:
            ticks, best_lots, taken = quote.ask_ticks, quote.ask_lots, self.ask_taken
        if best_lots == 0:
            return
        step = -side * depth.step_ticks
        for level in range(depth.levels_max):
            if ticks <= 0:
                return
            lots = depth.lots_at(level, best_lots)
            if taken < lots:
                yield ticks, lots - taken
                taken = 0
            else:
                taken -= lots
            ticks += step

    def lots_at(self, side: int, ticks: int) -> int:
        """Return what is left at one price of a side, 0 off the ladder."""
        for price, lots in self.ladder(side):
            if price == ticks:
                return lots
        return 0

    def take(self, side: int, lots: int) -> None:
        """Remove lots from the best prices of a side until the market quotes again."""
        if side > 0:
            self.bid_taken += lots
        else:
            self.ask_taken += lots

    def exhaust(self, side: int) -> None:
        """Remove everything from a side until the market quotes again."""
        self.take(side, sum(lots for _, lots in self.ladder(side)))


def sound(quote: QuoteUpdated) -> bool:
    """Tell whether a quote makes sense: whole numbers, priced where sized, bid below ask."""
    bid, ask = quote.bid_ticks, quote.ask_ticks
    bid_lots, ask_lots = quote.bid_lots, quote.ask_lots
    if not (type(bid) is type(ask) is type(bid_lots) is type(ask_lots) is int):
        return False
    if bid_lots > 0 and ask_lots > 0:
        return 0 < bid < ask
    return (bid_lots == 0 or (bid_lots > 0 and bid > 0)) and (
        ask_lots == 0 or (ask_lots > 0 and ask > 0)
    )
