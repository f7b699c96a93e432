"""The emergency log writes where there is room, and never waits for it."""

import os
from collections.abc import Iterator

import pytest

from adapters.storage.emergency import StandardErrorLines


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return both ends of a pipe that nobody reads."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_line_is_written_with_its_end(pipe: tuple[int, int]) -> None:
    """What is said is there at once, unbuffered, whatever its characters."""
    lines = StandardErrorLines(pipe[1])
    lines("not stored: 7 µs \ud800")
    assert os.read(pipe[0], 1_000) == b"not stored: 7 \xc2\xb5s \\ud800\n"
    assert lines.dropped == 0


def test_p7_a_reader_that_sleeps_costs_lines_and_no_time(pipe: tuple[int, int]) -> None:
    """P7: a pipe that is full drops and counts; the actors go on."""
    lines = StandardErrorLines(pipe[1])
    for _ in range(200):
        lines("x" * 3_999)
    assert 100 < lines.dropped < 200


def test_a_long_line_is_cut_and_a_closed_end_is_counted() -> None:
    """One write never exceeds what a pipe takes in one piece; no error reaches the journal."""
    reading, writing = os.pipe()
    lines = StandardErrorLines(writing)
    lines("y" * 10_000)
    assert os.read(reading, 20_000) == b"y" * 4_000 + b"\n"
    os.close(reading)
    lines("z")
    os.close(writing)
    assert lines.dropped == 1
