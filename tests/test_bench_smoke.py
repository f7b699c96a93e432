"""Every benchmark still runs, on next to no work and without peers; figures mean nothing here."""

import json

import pytest

from tests.bench.__main__ import BENCHMARKS
from tests.bench.measure import Budget, Line, Scale

TINY = Scale(runs=1, divisor=1_000_000, peers=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_prints_lines_that_say_what_was_measured(name: str) -> None:
    """Each benchmark gives JSON lines with a figure above zero and its bounds."""
    for line in BENCHMARKS[name](TINY):
        said = json.loads(line.json())
        assert said["figure"] > 0
        assert said["runs"] == 1
        assert said["min"] <= said["max"]
        assert line.text().startswith(said["name"])


def test_a_ratio_above_one_says_that_we_are_ahead() -> None:
    """Rates divide ours by the peer's, times the peer's by ours."""
    rate = Line(name="a", unit="1/s", better="more", ours=[3.0], peers=[2.0])
    time = Line(name="b", unit="us", better="less", ours=[2.0], peers=[3.0])
    assert rate.ratio == time.ratio == 1.5


def test_a_budget_is_met_missed_or_unknown_without_its_peer() -> None:
    """A bound that needs an absent peer leaves the verdict open unless another is missed."""
    budget = Budget(figure_max=1.0, ratio_min=2.0)
    verdicts = [
        Line(name="x", unit="us", better="less", ours=ours, peers=peers, budget=budget).met
        for ours, peers in (([0.5], [2.0]), ([0.5], [0.6]), ([0.5], []), ([1.5], []))
    ]
    assert verdicts == [True, False, None, False]
