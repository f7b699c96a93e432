"""The rate budget of a venue: a bucket that keeps a reserve for what lowers risk."""

from __future__ import annotations

__all__ = ["RateBudget"]

SECOND_NS = 1_000_000_000


class RateBudget:
    """A token bucket on the monotonic clock; new risk may not use the last part of it."""

    __slots__ = ("_burst", "_per_ns", "_reserve", "_time_ns", "tokens")

    def __init__(self, per_second: float, burst: int, reserve_fraction: float) -> None:
        """Start full. per_second tokens return each second, burst is the most there can be."""
        self._per_ns = per_second / SECOND_NS
        self._burst = float(burst)
        self._reserve = burst * reserve_fraction
        self._time_ns = 0
        self.tokens = float(burst)

    def take(self, monotonic_ns: int, *, lowers_risk: bool) -> bool:
        """Spend one token and return True, or return False when none may be spent on this."""
        tokens = self.tokens + (monotonic_ns - self._time_ns) * self._per_ns
        tokens = min(tokens, self._burst)
        self._time_ns = monotonic_ns
        self.tokens = tokens
        if tokens - 1.0 < (0.0 if lowers_risk else self._reserve):
            return False
        self.tokens = tokens - 1.0
        return True
