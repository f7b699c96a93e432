"""The same made-up market for every engine: a bounded random walk from one seed, in integers.

Units: prices in ticks of 0.1, times in ns UTC. Standard library only, so that a peer's environment
can read it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

__all__ = [
    "BAR_STEP_NS",
    "FAST",
    "LOTS",
    "QUOTE_STEP_NS",
    "SLOW",
    "START_NS",
    "bars",
    "quotes",
    "tick_range",
]

SEED = 20_250_501
START_NS = 1_700_000_000_000_000_000
QUOTE_STEP_NS = 10_000_000
BAR_STEP_NS = 1_000_000_000
LOTS = 50_000
FAST, SLOW = 5, 12

_LOW, _HIGH = 290_000, 310_000
_MARGIN = 200


def tick_range() -> range:
    """Return every price that a quote or a bar may have."""
    return range(_LOW - _MARGIN, _HIGH + _MARGIN)


def quotes(count: int) -> Iterator[tuple[int, int, int]]:
    """Yield (time, bid, ask) of the first quotes; the spread is 1 to 3 ticks."""
    random = Random(SEED)
    choose = random.random
    middle = (_LOW + _HIGH) // 2
    for number in range(1, count + 1):
        middle = min(max(middle + int(choose() * 9) - 4, _LOW), _HIGH)
        spread = int(choose() * 3)
        yield START_NS + number * QUOTE_STEP_NS, middle - 1, middle + spread


def bars(count: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (close time, open, high, low, close) of the first bars."""
    random = Random(SEED + 1)
    choose = random.random
    close = (_LOW + _HIGH) // 2
    for number in range(1, count + 1):
        opened = close
        close = min(max(opened + int(choose() * 101) - 50, _LOW), _HIGH)
        high = max(opened, close) + int(choose() * 20)
        low = min(opened, close) - int(choose() * 20)
        yield START_NS + number * BAR_STEP_NS, opened, high, low, close
