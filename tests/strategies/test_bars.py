"""Bars that are late, twice, broken or missing: each has a stated end, none is lost silently."""

import msgspec
import pytest

from actors.messages.market import BarClosed
from actors.strategies.bars import BarSeries
from tests.strategies.bars import MINUTE_NS, bar, resampled, walk

LATER = 10**18


def series(frame_minutes: int = 0, now_ns: int = LATER) -> BarSeries:
    """Return a series at a time when every bar of these tests has closed."""
    return BarSeries(frame_minutes, lambda: now_ns)


def counts(found: BarSeries) -> tuple[int, int, int]:
    """Return how many bars were taken, missing, refused."""
    return (found.taken, found.missing, found.refused)


def test_bars_in_order_pass_as_they_are() -> None:
    """The very same bars come out, and nothing is missing."""
    bars = walk(50)
    found = series()
    passed = [found.take(item) for item in bars]
    assert all(before is after for before, after in zip(bars, passed, strict=True))
    assert counts(found) == (50, 0, 0)
    assert found.frame_ns == MINUTE_NS


def test_missing_bars_are_counted_and_not_invented() -> None:
    """After a hole of three minutes the next bar passes, and three are on the count."""
    found = series()
    assert [found.take(bar(n, 100)) is not None for n in (0, 1, 5, 6)] == [True] * 4
    assert counts(found) == (4, 3, 0)


@pytest.mark.parametrize(
    ("late", "problem"),
    [
        (bar(4, 100), "a bar came twice"),
        (bar(2, 100), "a bar came out of order"),
        (bar(0, 100), "a bar came out of order"),
        (bar(5, 100, minutes=5), "a bar of 300 s"),
        (
            msgspec.structs.replace(
                bar(7, 100),
                open_time_ns=7 * MINUTE_NS + 1_000_000_000,
                close_time_ns=8 * MINUTE_NS + 1_000_000_000,
            ),
            "a bar begins off the grid",
        ),
        (msgspec.structs.replace(bar(5, 100), high_ticks=99), "prices contradict each other"),
        (msgspec.structs.replace(bar(5, 100), low_ticks=101), "prices contradict each other"),
        (msgspec.structs.replace(bar(5, 100), open_ticks=103), "prices contradict each other"),
        (msgspec.structs.replace(bar(5, 100), low_ticks=0), "prices contradict each other"),
        (msgspec.structs.replace(bar(5, 100), low_ticks=-5), "prices contradict each other"),
    ],
)
def test_a_bar_that_cannot_be_next_is_refused_with_its_reason(
    late: BarClosed, problem: str
) -> None:
    """It is never passed on, it is counted, and the bars behind it are taken as before."""
    found = series()
    for n in range(5):
        found.take(bar(n, 100))
    assert found.take(late) is None
    assert found.problem.startswith(problem)
    assert counts(found) == (5, 0, 1)
    assert found.take(bar(5, 100)) is not None


def test_a_bar_from_the_future_does_not_shut_out_those_that_follow() -> None:
    """A broken stamp far ahead is refused; taken, it would make every true bar late."""
    found = series(now_ns=6 * MINUTE_NS)
    found.take(bar(0, 100))
    assert found.take(bar(1_000_000, 100)) is None
    assert found.problem == "a bar ends in the future"
    assert found.take(bar(5, 100)) is not None
    assert counts(found) == (2, 4, 1)


def test_a_close_stamped_just_before_the_next_opening_is_the_same_interval() -> None:
    """Venues that stamp the close a millisecond early have bars of a whole minute."""
    found = series()
    for n in range(3):
        early = msgspec.structs.replace(bar(n, 100), close_time_ns=(n + 1) * MINUTE_NS - 10**6)
        assert found.take(early) is not None
    assert found.interval_ns == MINUTE_NS


def test_a_bar_that_ends_before_it_begins_sets_no_interval() -> None:
    """A broken first bar is refused; the next one sets the interval."""
    found = series()
    assert found.take(msgspec.structs.replace(bar(3, 100), close_time_ns=0)) is None
    assert found.take(bar(4, 100)) is not None
    assert (found.interval_ns, found.refused) == (MINUTE_NS, 1)


@pytest.mark.parametrize("minutes", [2, 5, 60])
def test_longer_frames_are_those_of_a_batch(minutes: int) -> None:
    """Frames aligned to the epoch, complete ones only, with every price and volume."""
    bars = walk(500)[7:]
    found = series(minutes)
    frames = [frame for item in bars if (frame := found.take(item)) is not None]
    assert frames == list(resampled(bars, minutes))
    assert found.frame_ns == minutes * MINUTE_NS
    assert found.passed == len(frames)


def test_a_frame_with_a_hole_is_left_out_and_counted() -> None:
    """A missing minute costs its frame, whether it is first, in the middle, or last."""
    found = series(5)
    missing = {5, 12, 19}
    frames = [found.take(bar(n, 100 + n)) for n in range(25) if n not in missing]
    begins = [frame.open_time_ns // MINUTE_NS for frame in frames if frame is not None]
    assert begins == [0, 20]
    assert (found.incomplete, found.missing) == (3, 3)


def test_a_frame_that_bars_do_not_divide_is_refused() -> None:
    """Five-minute bars cannot make frames of seven."""
    found = series(7)
    assert found.take(bar(0, 100, minutes=5)) is None
    assert "no multiple" in found.problem
