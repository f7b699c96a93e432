"""The equity curve: every sample counts for peak and drawdown, a bounded number is kept."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal

from actors.messages.portfolio import EquityPoint

__all__ = ["EquityCurve"]

ZERO = Decimal(0)
FRACTION_STEP = Decimal("1E-9")


class EquityCurve:
    """Keeps at most points_max samples, evenly spaced: when full, it keeps every second one.

    peak, drawdown and max_drawdown hold over every sample ever taken, kept or not; the latest
    sample is always part of the curve. Drawdowns are fractions of the peak, at least 0, rounded up;
    0 as long as no equity above zero was seen.
    """

    __slots__ = (
        "_observed",
        "_points_max",
        "_skip",
        "drawdown",
        "latest",
        "max_drawdown",
        "peak",
        "points",
        "stride",
    )

    def __init__(self, points_max: int = 4_096) -> None:
        """Begin without a sample; points_max is at least 2."""
        assert points_max > 1, "half of one point is none"
        self.points: list[EquityPoint] = []
        self.latest: EquityPoint | None = None
        self.peak: Decimal | None = None
        self.drawdown = ZERO
        self.max_drawdown = ZERO
        self.stride = 1
        self._observed: Decimal | None = None
        self._points_max = points_max
        self._skip = 0

    def observe(self, equity: Decimal) -> None:
        """Take an equity between samples: it counts for peak and drawdown."""
        peak = self.peak
        if peak is None or equity >= peak:
            self.peak = self._observed = equity
            self.drawdown = ZERO
            return
        if peak <= ZERO or equity == self._observed:
            return
        self._observed = equity
        self.drawdown = ((peak - equity) / peak).quantize(FRACTION_STEP, rounding=ROUND_UP)
        self.max_drawdown = max(self.max_drawdown, self.drawdown)

    def sample(self, utc_ns: int, equity: Decimal) -> None:
        """Take a sample."""
        self.observe(equity)
        self.latest = point = EquityPoint(utc_ns=utc_ns, equity=equity)
        if self._skip:
            self._skip -= 1
            return
        points = self.points
        points.append(point)
        if len(points) >= self._points_max:
            del points[1::2]
            self.stride *= 2
        # The next point to keep is a whole stride after the last one kept.
        self._skip = self.stride - 1 - (0 if points[-1] is point else self.stride // 2)

    def curve(self) -> tuple[EquityPoint, ...]:
        """Return the points kept and the latest sample, in order of time."""
        points = self.points
        if self.latest is None or points[-1] is self.latest:
            return tuple(points)
        return (*points, self.latest)
