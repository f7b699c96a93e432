"""A series of bars in order: what is late, twice or broken is refused, what is missing counted."""

from __future__ import annotations

from collections.abc import Callable

from actors.messages.market import BarClosed

__all__ = ["BarSeries"]

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class BarSeries:
    """Passes on bars of one instrument, or bars of a longer frame made of them.

    The first bar sets the interval. A bar that does not begin where the last one ended is refused
    if it is earlier, the same, off the grid, of another interval, or from the future; otherwise the
    bars in between are missing: counted, and left out, not invented. A bar whose prices contradict
    each other is refused. A longer frame is passed on when its last bar has come and none of its
    bars was missing; otherwise it is counted as incomplete and left out.
    """

    __slots__ = (
        "_count",
        "_frame_end",
        "_frame_ns",
        "_frames",
        "_high",
        "_low",
        "_next_ns",
        "_now",
        "_open",
        "_per_frame",
        "_volume",
        "incomplete",
        "interval_ns",
        "missing",
        "problem",
        "refused",
        "taken",
    )

    def __init__(self, frame_minutes: int, now: Callable[[], int]) -> None:
        """Pass on frames of that many minutes, or bars as they come for 0; now is UTC in ns."""
        self.interval_ns = 0
        self.taken = 0
        self.missing = 0
        self.refused = 0
        self.incomplete = 0
        self.problem = ""
        self._now = now
        self._frame_ns = frame_minutes * MINUTE_NS
        self._per_frame = 1
        self._next_ns = -1
        self._count = 0
        self._frames = 0
        self._frame_end = 0
        self._open = self._high = self._low = self._volume = 0

    @property
    def frame_ns(self) -> int:
        """How long a bar that is passed on lasts; 0 before the first bar."""
        return self.interval_ns * self._per_frame

    @property
    def passed(self) -> int:
        """How many bars, or frames, were passed on."""
        return self.taken if self._per_frame == 1 else self._frames

    def take(self, bar: BarClosed) -> BarClosed | None:
        """Return the bar, or the frame that it completes, or None."""
        opened, low, high = bar.open_time_ns, bar.low_ticks, bar.high_ticks
        if not (0 < low <= bar.close_ticks <= high and low <= bar.open_ticks <= high):
            self._contradicts(bar)
            return None
        if opened != self._next_ns and not self._follows(bar):
            self.refused += 1
            return None
        self._next_ns = opened + self.interval_ns
        self.taken += 1
        return bar if self._per_frame == 1 else self._add(bar)

    def _follows(self, bar: BarClosed) -> bool:
        """Decide whether an unexpected bar can be taken, and count what is missing before it."""
        opened = bar.open_time_ns
        interval = -(-(bar.close_time_ns - opened) // SECOND_NS) * SECOND_NS
        if not self.interval_ns:
            return self._begin(interval)
        if interval != self.interval_ns:
            self.problem = f"a bar of {interval // SECOND_NS} s"
        elif opened < self._next_ns:
            twice = opened == self._next_ns - interval
            self.problem = "a bar came twice" if twice else "a bar came out of order"
        elif (opened - self._next_ns) % interval:
            self.problem = "a bar begins off the grid"
        elif bar.close_time_ns > self._now() + interval:
            self.problem = "a bar ends in the future"
        else:
            self.missing += (opened - self._next_ns) // interval
            return True
        return False

    def _begin(self, interval: int) -> bool:
        if interval <= 0:
            self.problem = "a bar ends before it begins"
            return False
        if self._frame_ns % interval:
            self.problem = (
                f"a frame of {self._frame_ns // MINUTE_NS} min is no multiple of a bar of "
                f"{interval // SECOND_NS} s"
            )
            return False
        self.interval_ns = interval
        self._per_frame = max(1, self._frame_ns // interval)
        return True

    def _contradicts(self, bar: BarClosed) -> None:
        self.refused += 1
        self.problem = (
            f"prices contradict each other: open {bar.open_ticks}, high {bar.high_ticks}, "
            f"low {bar.low_ticks}, close {bar.close_ticks}"
        )

    def _add(self, bar: BarClosed) -> BarClosed | None:
        opened, frame_ns = bar.open_time_ns, self._frame_ns
        begin = opened - opened % frame_ns
        if begin + frame_ns != self._frame_end:
            if self._count:
                self.incomplete += 1
            self._frame_end = begin + frame_ns
            self._count = 0
            self._open, self._high, self._low = bar.open_ticks, bar.high_ticks, bar.low_ticks
            self._volume = 0
        self._count += 1
        self._high = max(self._high, bar.high_ticks)
        self._low = min(self._low, bar.low_ticks)
        self._volume += bar.volume_lots
        if self._next_ns != self._frame_end:
            return None
        complete, self._count = self._count == self._per_frame, 0
        if not complete:
            self.incomplete += 1
            return None
        self._frames += 1
        return BarClosed(
            instrument=bar.instrument,
            open_ticks=self._open,
            high_ticks=self._high,
            low_ticks=self._low,
            close_ticks=bar.close_ticks,
            volume_lots=self._volume,
            open_time_ns=begin,
            close_time_ns=bar.close_time_ns,
        )
