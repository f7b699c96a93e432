"""Order statistics of many whole numbers, exact up to a limit and bounded beyond it."""

from __future__ import annotations

from array import array

from actors.runtime.ports import Random
from domain.metrics import Distribution, distribution

__all__ = ["Samples"]


class Samples:
    """Keeps values for their median and 99th percentile; count and greatest are always exact.

    Up to values_max values every figure is exact. Beyond, a uniform sample of that size is kept, by
    the given random stream, so that a run can be repeated. Units are the caller's.
    """

    __slots__ = ("_random", "_values", "_values_max", "count", "greatest")

    def __init__(self, random: Random, values_max: int = 100_000) -> None:
        """Begin empty."""
        self.count = 0
        self.greatest = 0
        self._values = array("q")
        self._values_max = values_max
        self._random = random

    def add(self, value: int) -> None:
        """Take a value."""
        self.count += 1
        self.greatest = value if self.count == 1 else max(self.greatest, value)
        if len(self._values) < self._values_max:
            self._values.append(value)
            return
        place = self._random.randrange(self.count)
        if place < self._values_max:
            self._values[place] = value

    def distribution(self) -> Distribution:
        """Return count, median, 99th percentile (nearest rank) and greatest."""
        found = distribution(self._values)
        return Distribution(count=self.count, p50=found.p50, p99=found.p99, max=self.greatest)
