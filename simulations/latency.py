"""How long frames travel: to the venue (entry), back (response), and market data (feed).

Assumption: each direction of a session is one ordered stream, so a frame never overtakes an earlier
one; the session, not the model, holds that order. An order acts on the book at its sending time
plus entry latency, and its answer is seen a response latency later.
"""

from __future__ import annotations

from bisect import bisect_right
from random import Random
from typing import Protocol

from domain.errors import DomainError

__all__ = [
    "ConstantLatency",
    "InterpolatedLatency",
    "JitteredLatency",
    "LatencyModel",
    "NoLatency",
    "interpolate",
]


class LatencyModel(Protocol):
    """Draws the travel time of one frame sent at now_ns; every result is in ns and at least 0.

    feed_instant: whether market data takes no time at all, ever, so that no stream need carry it.
    """

    feed_instant: bool

    def entry_ns(self, now_ns: int) -> int:
        """Return the time from the client to the matching engine."""

    def response_ns(self, now_ns: int) -> int:
        """Return the time from the matching engine to the client's private stream."""

    def feed_ns(self, now_ns: int) -> int:
        """Return the time from the matching engine to the client's market data."""


class NoLatency:
    """Everything arrives at the instant it was sent, still in order and never re-entrantly."""

    __slots__ = ()

    feed_instant = True

    def entry_ns(self, now_ns: int) -> int:  # noqa: ARG002 - a model may depend on time
        """Return 0."""
        return 0

    response_ns = entry_ns
    feed_ns = entry_ns


class ConstantLatency:
    """Three fixed times."""

    __slots__ = ("_entry_ns", "_feed_ns", "_response_ns", "feed_instant")

    def __init__(self, *, entry_ns: int, response_ns: int, feed_ns: int = 0) -> None:
        """Take the three times in ns.

        Raises: DomainError if one is below 0.
        """
        if min(entry_ns, response_ns, feed_ns) < 0:
            raise DomainError("a latency is at least 0 ns")
        self._entry_ns = entry_ns
        self._response_ns = response_ns
        self._feed_ns = feed_ns
        self.feed_instant = feed_ns == 0

    def entry_ns(self, now_ns: int) -> int:  # noqa: ARG002 - a model may depend on time
        """Return the fixed entry time."""
        return self._entry_ns

    def response_ns(self, now_ns: int) -> int:  # noqa: ARG002 - as above
        """Return the fixed response time."""
        return self._response_ns

    def feed_ns(self, now_ns: int) -> int:  # noqa: ARG002 - as above
        """Return the fixed feed time."""
        return self._feed_ns


class JitteredLatency:
    """A floor plus an exponential tail of given mean, drawn from a seeded stream.

    Assumption: most of a network path's delay is constant and its excess is memoryless; bursts that
    last (a congested venue) are a fault, not jitter. The tail is cut at 20 times its mean.
    """

    __slots__ = ("_floor", "_mean_ns", "_random")

    feed_instant = False

    def __init__(
        self, random: Random, *, entry_ns: int, response_ns: int, jitter_ns: int, feed_ns: int = 0
    ) -> None:
        """Take the floors and the mean of the excess, which entry, response and feed share."""
        self._floor = ConstantLatency(entry_ns=entry_ns, response_ns=response_ns, feed_ns=feed_ns)
        if jitter_ns <= 0:
            raise DomainError("jitter has a mean above 0 ns; without jitter use ConstantLatency")
        self._mean_ns = jitter_ns
        self._random = random

    def _excess_ns(self) -> int:
        return min(int(self._random.expovariate(1.0) * self._mean_ns), 20 * self._mean_ns)

    def entry_ns(self, now_ns: int) -> int:
        """Return the entry floor plus a draw."""
        return self._floor.entry_ns(now_ns) + self._excess_ns()

    def response_ns(self, now_ns: int) -> int:
        """Return the response floor plus a draw."""
        return self._floor.response_ns(now_ns) + self._excess_ns()

    def feed_ns(self, now_ns: int) -> int:
        """Return the feed floor plus a draw."""
        return self._floor.feed_ns(now_ns) + self._excess_ns()


class InterpolatedLatency:
    """Entry and response latencies recorded at a live venue, interpolated in time."""

    __slots__ = ("_entry", "_feed_ns", "_response", "feed_instant")

    def __init__(
        self,
        *,
        entry: tuple[tuple[int, int], ...],
        response: tuple[tuple[int, int], ...],
        feed_ns: int = 0,
    ) -> None:
        """Take (time ns, latency ns) points in order of time; they hold beyond their ends."""
        for points in (entry, response):
            times = [time for time, _ in points]
            if not points or times != sorted(set(times)) or min(p[1] for p in points) < 0:
                raise DomainError("latency points need rising times and latencies of at least 0 ns")
        self._entry = entry
        self._response = response
        self._feed_ns = feed_ns
        self.feed_instant = feed_ns == 0

    def entry_ns(self, now_ns: int) -> int:
        """Return the entry latency that was recorded around now_ns."""
        return int(interpolate(self._entry, now_ns))

    def response_ns(self, now_ns: int) -> int:
        """Return the response latency that was recorded around now_ns."""
        return int(interpolate(self._response, now_ns))

    def feed_ns(self, now_ns: int) -> int:  # noqa: ARG002 - feeds are recorded with their stamps
        """Return the fixed feed time."""
        return self._feed_ns


def interpolate(points: tuple[tuple[int, int], ...], time_ns: int) -> float:
    """Return the value at a time, linear between points and constant beyond the first and last."""
    index = bisect_right(points, time_ns, key=_time)
    if index == 0:
        return float(points[0][1])
    if index == len(points):
        return float(points[-1][1])
    (left_ns, left), (right_ns, right) = points[index - 1], points[index]
    return left + (right - left) * (time_ns - left_ns) / (right_ns - left_ns)


def _time(point: tuple[int, int]) -> int:
    return point[0]
