"""A mark price made from an index, for markets whose own was not recorded."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

__all__ = ["BasisMark"]

_SAMPLES_MAX = 30


class BasisMark:
    """The index plus the mean of the last 30 samples of mid - index, taken on a clock.

    The same rule as ``domain.marks.mark_price_basis``, kept as a running sum.
    """

    __slots__ = ("_samples", "_sum")

    def __init__(self) -> None:
        """Start without samples."""
        self._samples: deque[Decimal] = deque()
        self._sum = Decimal(0)

    def sample(self, mid: Decimal, index: Decimal) -> Decimal:
        """Take one sample and return the mark; call it at fixed times, not per quote."""
        basis = mid - index
        self._samples.append(basis)
        self._sum += basis
        if len(self._samples) > _SAMPLES_MAX:
            self._sum -= self._samples.popleft()
        return index + self._sum / len(self._samples)
