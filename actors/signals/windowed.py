"""Any TA-Lib function over a sliding window of bars, recomputed at each bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING

from actors.messages.market import BarClosed

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    Arrays = Sequence[NDArray[float64]]

__all__ = ["FIELDS", "Windowed"]

FIELDS: Mapping[str, Callable[[BarClosed, float], float]] = {
    "open": lambda bar, tick: bar.open_ticks * tick,
    "high": lambda bar, tick: bar.high_ticks * tick,
    "low": lambda bar, tick: bar.low_ticks * tick,
    "close": lambda bar, tick: bar.close_ticks * tick,
    "volume": lambda bar, _: float(bar.volume_lots),
}


class Windowed:
    """Calls a batch function on the latest bars; costs that call at each bar.

    window is the number of bars that enter; for a function that forgets, the result then equals the
    batch result over all bars. Values are kept in arrays of twice the window, so that a slice of
    them is always in one piece.
    """

    __slots__ = (
        "_arrays",
        "_call",
        "_count",
        "_end",
        "_output",
        "_readers",
        "_tick",
        "lookback",
        "window",
    )

    def __init__(
        self,
        call: Callable[[Arrays], Arrays],
        *,
        fields: Sequence[str],
        lookback: int,
        window: int,
        output: int,
        tick: float,
    ) -> None:
        """Feed these fields to the function, in order, and return one of its outputs."""
        from numpy import empty  # noqa: PLC0415 - only who needs it pays for loading it

        self.lookback = lookback
        self.window = window
        self._call = call
        self._readers = tuple(FIELDS[field] for field in fields)
        self._arrays = tuple(empty(2 * window) for _ in fields)
        self._output = output
        self._tick = tick
        self._count = 0
        self._end = 0

    def update(self, close: float, bar: BarClosed) -> float:  # noqa: ARG002 - one form for all
        """Return the function's value at this bar, NaN while there are too few."""
        end, window, tick = self._end, self.window, self._tick
        if end == 2 * window:
            for array in self._arrays:
                array[: window - 1] = array[window + 1 :]
            end = window - 1
        for array, read in zip(self._arrays, self._readers, strict=True):
            array[end] = read(bar, tick)
        self._end = end = end + 1
        self._count += 1
        if self._count <= self.lookback:
            return nan
        begin = max(0, end - window)
        return float(self._call([array[begin:end] for array in self._arrays])[self._output][-1])
