"""Order statistics are exact up to their limit and bounded beyond it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.portfolio.samples import Samples
from domain.metrics import Distribution, distribution


def filled(values: list[int], values_max: int = 100_000) -> Samples:
    """Return samples of values."""
    samples = Samples(random.Random(1), values_max)
    for value in values:
        samples.add(value)
    return samples


@given(st.lists(st.integers(0, 2**62), max_size=60))
def test_figures_are_those_of_all_values(values: list[int]) -> None:
    """Up to the limit nothing is estimated."""
    assert filled(values).distribution() == distribution(values)


def test_a_hundred_thousand_values_are_exact() -> None:
    """The limit is 100,000 exposures: median, 99th percentile and greatest by nearest rank."""
    found = filled(list(range(100_000, 0, -1))).distribution()
    assert found == Distribution(count=100_000, p50=50_000, p99=99_000, max=100_000)


def test_p7_beyond_the_limit_memory_stays_and_count_and_greatest_are_exact() -> None:
    """P7: 20,000 values in 1,000 places: quantiles are estimates, count and greatest are not."""
    samples = filled(list(range(20_000)), values_max=1_000)
    found = samples.distribution()
    assert len(samples._values) == 1_000
    assert (found.count, found.max) == (20_000, 19_999)
    assert found.p50 == pytest.approx(10_000, rel=0.1)
    assert found.p99 == pytest.approx(19_800, rel=0.02)


def test_no_values_have_figures_of_zero() -> None:
    """Nothing that ended is a distribution of nothing."""
    assert filled([]).distribution() == Distribution(count=0, p50=0, p99=0, max=0)
