"""The equity curve is bounded, evenly spaced, and its drawdown misses no sample."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from actors.portfolio.curve import EquityCurve
from domain.metrics import max_drawdown


def sampled(values: list[int], points_max: int = 8) -> EquityCurve:
    """Return a curve with one sample per nanosecond."""
    curve = EquityCurve(points_max)
    for utc_ns, value in enumerate(values):
        curve.sample(utc_ns, Decimal(value))
    return curve


@given(st.integers(1, 500), st.integers(2, 17))
def test_p7_a_curve_of_any_length_is_bounded_and_evenly_spaced(count: int, points_max: int) -> None:
    """P7: of any number of samples at most points_max are kept, one per stride, and the last."""
    curve = sampled(list(range(count)), points_max)
    assert len(curve.points) < points_max
    assert [point.utc_ns for point in curve.points] == list(range(0, count, curve.stride))
    whole = curve.curve()
    assert whole[-1].utc_ns == count - 1
    assert len(whole) <= points_max
    assert list(whole) == sorted(whole, key=lambda point: point.utc_ns)


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=60))
def test_peak_and_drawdown_hold_over_samples_that_were_not_kept(values: list[int]) -> None:
    """The deepest fall is that of the whole series, to nine digits rounded up."""
    curve = sampled(values, points_max=3)
    expected = -max_drawdown([Decimal(value) for value in values]).fraction
    assert expected <= curve.max_drawdown < expected + Decimal("1.1E-9")
    assert curve.peak == max(values)
    fallen = 1 - Decimal(values[-1]) / max(values)
    assert fallen <= curve.drawdown < fallen + Decimal("1.1E-9")


def test_an_equity_between_samples_counts_for_the_drawdown_but_is_no_point() -> None:
    """A fill may show a low or a peak that no sample meets."""
    curve = sampled([100, 100])
    curve.observe(Decimal(50))
    curve.observe(Decimal(200))
    curve.observe(Decimal(150))
    assert len(curve.points) == 2
    assert curve.peak == 200
    assert (curve.drawdown, curve.max_drawdown) == (Decimal("0.25"), Decimal("0.5"))


def test_an_account_without_equity_has_no_drawdown() -> None:
    """A fall from zero or from a debt is no fraction of anything."""
    curve = sampled([0, -5, -10])
    assert curve.peak == curve.drawdown == curve.max_drawdown == 0
    assert sampled([]).curve() == ()
