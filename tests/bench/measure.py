"""Interleaved warm runs, and the one JSON line in which a benchmark says what came of them."""

from __future__ import annotations

import gc
import json
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = ["RUNS", "Budget", "Line", "Scale", "interleave", "percentile"]

RUNS = 5

Sample = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much work a benchmark does: everything, or a fraction of it for a first look.

    peers says whether engines in environments of their own take part.
    """

    runs: int = RUNS
    divisor: int = 1
    peers: bool = True

    def of(self, count: int) -> int:
        """Return a full count scaled down, at least 200."""
        return max(count // self.divisor, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What DESIGN section 10 allows: bounds of the figure and of its ratio to the peer."""

    figure_max: float | None = None
    figure_min: float | None = None
    ratio_min: float | None = None
    messages_max: int | None = None

    def known(self) -> dict[str, float]:
        """Return the bounds that there are, by name."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {name: bound for name, bound in named.items() if bound is not None}


@dataclass(slots=True, kw_only=True)
class Line:
    """One benchmark's outcome; peer and ratio are None where the peer is not installed.

    better is which way the figure should go: "more" for rates, "less" for times; a ratio above 1
    always says that Keel is ahead. detail holds figures beside the one in the budget.
    """

    name: str
    unit: str
    better: str
    ours: list[float]
    peer_name: str = ""
    peers: list[float] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    detail: dict[str, float | str] = field(default_factory=dict)

    @property
    def figure(self) -> float:
        """The median of our runs."""
        return median(self.ours)

    @property
    def peer(self) -> float | None:
        """The median of the peer's runs."""
        return median(self.peers) if self.peers else None

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer, by the medians."""
        peer = self.peer
        if peer is None:
            return None
        return self.figure / peer if self.better == "more" else peer / self.figure

    @property
    def met(self) -> bool | None:
        """Whether every bound holds; None without bounds, or when one needs an absent peer."""
        budget = self.budget
        if not budget.known():
            return None
        verdicts = [
            _holds(self.figure, operator.le, budget.figure_max),
            _holds(self.figure, operator.ge, budget.figure_min),
            _holds(self.detail.get("messages"), operator.le, budget.messages_max),
            _holds(self.ratio, operator.ge, budget.ratio_min),
        ]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def json(self) -> str:
        """Return the line."""
        peer, ratio = self.peer, self.ratio
        return json.dumps(
            {
                "name": self.name,
                "figure": _short(self.figure),
                "unit": self.unit,
                "runs": len(self.ours),
                "min": _short(min(self.ours)),
                "max": _short(max(self.ours)),
                "peer_name": self.peer_name,
                "peer": None if peer is None else _short(peer),
                "ratio": None if ratio is None else round(ratio, 2),
                "budget": self.budget.known(),
                "met": self.met,
                **self.detail,
            }
        )

    def text(self) -> str:
        """Return the line for people."""
        against = ""
        if self.ratio is not None:
            against = f"{self.ratio:8.2f} x {self.peer_name} ({_short(self.peer or 0.0):,})"
        verdict = {True: "met", False: "NOT MET", None: "-"}[self.met]
        return f"{self.name:20} {_short(self.figure):>13,} {self.unit:9} {verdict:8} {against}"


def _holds(
    value: object, compare: Callable[[float, float], bool], bound: float | None
) -> bool | None:
    """Return whether a bound holds, True without one, None without a value."""
    if bound is None:
        return True
    return compare(value, bound) if isinstance(value, int | float) else None


def _short(value: float) -> float:
    """Return four significant digits; whole numbers stay whole."""
    return round(value) if abs(value) >= 1_000 else float(f"{value:.4g}")


def interleave(runs: int, ours: Sample, peer: Sample | None) -> tuple[list[float], list[float]]:
    """Run ours and the peer's in turn after one warm run of each, and return both samples.

    A sample does its own timing, so that setting up is not measured, and by the same clock on both
    sides: CPU time where both work on one thread, wall time wherever one of them does not.
    """
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(runs + 1):
        gc.collect()
        value = ours()
        other = None if peer is None else peer()
        if number:
            mine.append(value)
            if other is not None:
                theirs.append(other)
    return mine, theirs


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
