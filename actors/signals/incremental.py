"""Indicators that carry their state from bar to bar, with TA-Lib's seeding and order of operations.

Each class repeats the arithmetic of TA-Lib's C function in floats, operation by operation, with
unstable period 0 and default compatibility. So update() returns what the batch function returns for
the same bar, to the last bit where the C code was compiled without fused operations.
"""

from __future__ import annotations

from collections import deque
from math import nan

from actors.messages.market import BarClosed

__all__ = ["Dema", "Ema", "Mom", "Roc", "Rsi", "Sma", "Tema"]


class Sma:
    """Simple moving average: TA-Lib's SMA and, with matype 0, MA."""

    __slots__ = ("_divisor", "_sum", "_window", "lookback")

    def __init__(self, timeperiod: int) -> None:
        """Average this many closes."""
        self.lookback = timeperiod - 1
        self._divisor = float(timeperiod)
        self._sum = 0.0
        self._window: deque[float] = deque()

    def update(self, close: float, bar: BarClosed) -> float:  # noqa: ARG002 - one form for all
        """Return the average with this close, NaN while there are too few."""
        window = self._window
        window.append(close)
        total = self._sum + close
        if len(window) <= self.lookback:
            self._sum = total
            return nan
        self._sum = total - window.popleft()
        return total / self._divisor


class Ema:
    """Exponential moving average, seeded with the simple average of the first period."""

    __slots__ = ("_factor", "_left", "_sum", "_value", "lookback")

    def __init__(self, timeperiod: int) -> None:
        """Smooth by 2 / (timeperiod + 1)."""
        self.lookback = timeperiod - 1
        self._factor = 2.0 / (timeperiod + 1)
        self._left = timeperiod
        self._sum = 0.0
        self._value = nan

    def update(self, close: float, bar: BarClosed) -> float:  # noqa: ARG002 - one form for all
        """Return the average with this close, NaN while there are too few."""
        if self._left:
            return self._seed(close)
        value = self._value
        self._value = value = (close - value) * self._factor + value
        return value

    def _seed(self, close: float) -> float:
        self._left -= 1
        self._sum += close
        if not self._left:
            self._value = self._sum / (self.lookback + 1)
        return self._value


class Dema:
    """Double exponential moving average: 2 × EMA − EMA of EMA."""

    __slots__ = ("_first", "_second", "lookback")

    def __init__(self, timeperiod: int) -> None:
        """Smooth twice over the same period."""
        self._first, self._second = Ema(timeperiod), Ema(timeperiod)
        self.lookback = 2 * (timeperiod - 1)

    def update(self, close: float, bar: BarClosed) -> float:
        """Return the average with this close, NaN while there are too few."""
        first = self._first.update(close, bar)
        if first != first:  # noqa: PLR0124 - NaN, without a call
            return nan
        return 2.0 * first - self._second.update(first, bar)


class Tema:
    """Triple exponential moving average: 3 × EMA − 3 × EMA of EMA + EMA of EMA of EMA."""

    __slots__ = ("_first", "_second", "_third", "lookback")

    def __init__(self, timeperiod: int) -> None:
        """Smooth three times over the same period."""
        self._first, self._second, self._third = (Ema(timeperiod) for _ in range(3))
        self.lookback = 3 * (timeperiod - 1)

    def update(self, close: float, bar: BarClosed) -> float:
        """Return the average with this close, NaN while there are too few."""
        first = self._first.update(close, bar)
        if first != first:  # noqa: PLR0124 - NaN, without a call
            return nan
        second = self._second.update(first, bar)
        if second != second:  # noqa: PLR0124 - NaN, without a call
            return nan
        return self._third.update(second, bar) + (3.0 * first - 3.0 * second)


class Rsi:
    """Relative strength index with Wilder's smoothing; 0 where nothing moved."""

    __slots__ = ("_gain", "_kept", "_left", "_loss", "_previous", "_share", "lookback")

    def __init__(self, timeperiod: int) -> None:
        """Compare gains with losses over this period."""
        self.lookback = timeperiod
        self._kept = timeperiod - 1
        self._share = 1.0 / timeperiod
        self._left = timeperiod
        self._gain = 0.0
        self._loss = 0.0
        self._previous = nan

    def update(self, close: float, bar: BarClosed) -> float:  # noqa: ARG002 - one form for all
        """Return the index with this close, NaN while there are too few."""
        change = close - self._previous
        self._previous = close
        if change != change:  # noqa: PLR0124 - the first close has no change
            return nan
        gain, loss = self._gain, self._loss
        if not self._left:
            gain *= self._kept
            loss *= self._kept
        if change < 0.0:
            loss -= change
        else:
            gain += change
        if self._left:
            self._left -= 1
            if self._left:
                self._gain, self._loss = gain, loss
                return nan
        self._gain = gain = gain * self._share
        self._loss = loss = loss * self._share
        total = gain + loss
        return 100.0 * (gain / total) if total else 0.0


class Mom:
    """Momentum: the change over a period."""

    __slots__ = ("_window", "lookback")

    def __init__(self, timeperiod: int) -> None:
        """Look this many closes back."""
        self.lookback = timeperiod
        self._window: deque[float] = deque()

    def update(self, close: float, bar: BarClosed) -> float:  # noqa: ARG002 - one form for all
        """Return the change up to this close, NaN while there are too few."""
        window = self._window
        window.append(close)
        return close - window.popleft() if len(window) > self.lookback else nan


class Roc:
    """Rate of change in percent over a period; 0 after a price of zero."""

    __slots__ = ("_window", "lookback")

    def __init__(self, timeperiod: int) -> None:
        """Look this many closes back."""
        self.lookback = timeperiod
        self._window: deque[float] = deque()

    def update(self, close: float, bar: BarClosed) -> float:  # noqa: ARG002 - one form for all
        """Return the rate up to this close, NaN while there are too few."""
        window = self._window
        window.append(close)
        if len(window) <= self.lookback:
            return nan
        before = window.popleft()
        return ((close / before) - 1.0) * 100.0 if before else 0.0
