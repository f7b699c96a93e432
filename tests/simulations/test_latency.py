"""Frames take the time that the model says, in order, and never arrive within the call."""

from __future__ import annotations

from random import Random

import pytest

from actors.ports import Frame
from domain.errors import DomainError
from simulations.latency import (
    ConstantLatency,
    InterpolatedLatency,
    JitteredLatency,
    NoLatency,
    interpolate,
)
from simulations.session import Stream
from simulations.world import VirtualWorld


def test_recorded_latencies_are_interpolated() -> None:
    """Between two points the latency is on the line between them, beyond them constant."""
    points = ((0, 10), (100, 20))
    assert interpolate(points, 25) == 12.5
    assert (interpolate(points, -5), interpolate(points, 500)) == (10, 20)
    recorded = InterpolatedLatency(entry=points, response=((0, 7),))
    assert (recorded.entry_ns(50), recorded.response_ns(50), recorded.feed_ns(50)) == (15, 7, 0)


def test_jitter_is_seeded_and_never_below_its_floor() -> None:
    """Two models of one seed draw alike; each draw is the floor plus something, within limits."""
    draws = []
    for _ in range(2):
        model = JitteredLatency(Random(4), entry_ns=100, response_ns=50, jitter_ns=10)
        draws.append([model.entry_ns(0) for _ in range(200)])
    assert draws[0] == draws[1]
    assert min(draws[0]) >= 100
    assert max(draws[0]) <= 100 + 20 * 10
    assert 105 < sum(draws[0]) / 200 < 115


@pytest.mark.parametrize(
    "build",
    [
        lambda: ConstantLatency(entry_ns=-1, response_ns=0),
        lambda: JitteredLatency(Random(1), entry_ns=0, response_ns=0, jitter_ns=0),
        lambda: InterpolatedLatency(entry=(), response=((0, 1),)),
        lambda: InterpolatedLatency(entry=((5, 1), (3, 1)), response=((0, 1),)),
        lambda: InterpolatedLatency(entry=((0, -1),), response=((0, 1),)),
    ],
)
def test_impossible_latencies_are_refused(build: object) -> None:
    """A negative latency, no jitter, or points out of order are errors."""
    assert callable(build)
    with pytest.raises(DomainError):
        build()


def test_only_models_without_feed_latency_say_that_the_feed_is_instant() -> None:
    """The venue may skip the stream only where nothing can take time."""
    jittered = JitteredLatency(Random(1), entry_ns=0, response_ns=0, jitter_ns=1)
    assert NoLatency().feed_instant
    assert ConstantLatency(entry_ns=5, response_ns=5).feed_instant
    assert not ConstantLatency(entry_ns=5, response_ns=5, feed_ns=1).feed_instant
    assert not jittered.feed_instant


def test_no_frame_overtakes_another() -> None:
    """A frame that would travel faster than the one before arrives right after it."""
    world = VirtualWorld()
    arrived: list[tuple[int, Frame]] = []
    stream = Stream(world, lambda frame: arrived.append((world.now_ns, frame)))
    stream.push(b"slow", 100)
    stream.push(b"fast", 1)
    assert arrived == []
    world.set_time(99)
    assert arrived == []
    world.set_time(200)
    assert arrived == [(100, b"slow"), (100, b"fast")]
    assert stream.empty


def test_a_frame_without_latency_still_arrives_after_the_call() -> None:
    """Sending within a delivery does not deliver within it."""
    world = VirtualWorld()
    order: list[str] = []

    def deliver(frame: Frame) -> None:
        order.append(f"begin {frame!r}")
        if frame == b"1":
            stream.push(b"2", 0)
        order.append(f"end {frame!r}")

    stream = Stream(world, deliver)
    stream.push(b"1", 0)
    assert order == []
    world.settle()
    assert order == ["begin b'1'", "end b'1'", "begin b'2'", "end b'2'"]


def test_lost_frames_do_not_come_back() -> None:
    """What was under way when a stream lost its frames is gone, and so is what follows."""
    world = VirtualWorld()
    arrived: list[Frame] = []
    stream = Stream(world, arrived.append)
    stream.push(b"1", 10)
    stream.lose()
    stream.push(b"2", 10)
    world.set_time(100)
    assert arrived == []


def test_time_does_not_run_backwards() -> None:
    """The virtual clock refuses an earlier time."""
    world = VirtualWorld(start_ns=10)
    with pytest.raises(DomainError):
        world.set_time(9)
