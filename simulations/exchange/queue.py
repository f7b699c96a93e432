"""Where a resting order stands in the queue at its price, inferred from trades and level sizes.

A recorded book shows how much rests at a price, not whose order is where. On joining, all of it is
in front. Trades take from the front. When the level shrinks by more than was traded, somebody
cancelled, in front of us or behind; the models differ in what they assume.

Units: lots, as floats, since a probable position is a fraction. front below 0 means that the market
has traded through us by that much. Source: the queue models of hftbacktest, and MATH section 9.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log1p
from typing import Protocol

from domain.errors import DomainError

__all__ = [
    "ProbabilityQueue",
    "QueueModel",
    "QueuePosition",
    "RiskAverseQueue",
    "fillable_lots",
    "logarithmic_share",
    "power_share",
]


class QueuePosition:
    """One order's place: lots in front, lots traded since the level's size was last seen."""

    __slots__ = ("front", "level", "traded")

    def __init__(self, level: float) -> None:
        """Join behind everything that rests at the level now."""
        self.front = float(level)
        self.level = float(level)
        self.traded = 0.0


class QueueModel(Protocol):
    """Moves a position by what the market shows."""

    def trade(self, position: QueuePosition, lots: float) -> None:
        """Take a trade at our price: what traded stood in front of us."""

    def resize(self, position: QueuePosition, level: float) -> None:
        """Take the level's new size."""


class RiskAverseQueue:
    """Every cancellation happens behind us: only trades, and an emptier level, move us forward."""

    __slots__ = ()

    def trade(self, position: QueuePosition, lots: float) -> None:
        """Lower the front by the trade."""
        position.front -= lots

    def resize(self, position: QueuePosition, level: float) -> None:
        """Cap the front by what is left at the level."""
        position.front = min(position.front, level)
        position.level = level


class ProbabilityQueue:
    """A cancellation is in front of us with a probability that depends on where we stand."""

    __slots__ = ("_share",)

    def __init__(self, share_behind: Callable[[float, float], float]) -> None:
        """Take the function of (front, back) that gives the share of cancellations behind us."""
        self._share = share_behind

    def trade(self, position: QueuePosition, lots: float) -> None:
        """Lower the front by the trade, and remember that the level will shrink by it."""
        position.front -= lots
        position.traded += lots

    def resize(self, position: QueuePosition, level: float) -> None:
        """Split what vanished without a trade between the front and the back."""
        cancelled = position.level - level - position.traded
        previous = position.level
        position.level = level
        position.traded = 0.0
        if cancelled < 0:
            position.front = min(position.front, level)
            return
        front = position.front
        back = previous - front
        share = self._share(front, back)
        moved = front - (1.0 - share) * cancelled + min(back - share * cancelled, 0.0)
        position.front = min(moved, level)


def power_share(power: float) -> Callable[[float, float], float]:
    """Return the share behind as back^n over back^n + front^n.

    Raises: DomainError unless power > 0.
    """
    if power <= 0:
        raise DomainError(f"the power of a queue model is above 0, not {power}")

    def share(front: float, back: float) -> float:
        above, below = max(back, 0.0) ** power, max(front, 0.0) ** power
        return above / (above + below) if above + below > 0 else 1.0

    return share


def logarithmic_share(front: float, back: float) -> float:
    """Return the share behind as log(1 + back) over log(1 + back + front)."""
    whole = log1p(max(back, 0.0) + max(front, 0.0))
    return log1p(max(back, 0.0)) / whole if whole > 0 else 1.0


def fillable_lots(front: float) -> int:
    """Return how many whole lots the market has traded through a front, 0 while it is ahead."""
    return max(round(-front), 0)
