"""A message hop with all semantics, beside a hop between two pykka threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from random import Random
from time import perf_counter

import pykka

from actors.runtime import Actor, ActorSpec, Message, SimulatedRuntime, handles
from actors.runtime.loop import LoopRuntime
from tests.bench.measure import Budget, Line, Scale, interleave

__all__ = ["SystemClock", "hop_loop", "hop_simulated"]

HOPS = 200_000
PEER_HOPS = 10_000
BUDGET = Budget(figure_max=0.6, ratio_min=30.0)


class Ball(Message, kw_only=True):
    """What is passed back and forth; a new one each time."""

    left: int


class Player(Actor):
    """Returns the ball until it has been passed often enough."""

    def __init__(self, other: str) -> None:
        super().__init__()
        self._other = other
        self._tell = self.context.tell

    @handles(Ball)
    def take(self, message: Ball) -> None:
        """Pass it on."""
        left = message.left
        if left:
            self._tell(self._other, Ball(left=left - 1))


class ThreadPlayer(pykka.ThreadingActor):
    """The same on a thread of its own."""

    def __init__(self, done: threading.Event) -> None:
        super().__init__()
        self._done = done
        self.other: pykka.ActorRef[ThreadPlayer] | None = None

    def on_receive(self, message: object) -> None:
        """Pass it on, or remember whom to."""
        if isinstance(message, pykka.ActorRef):
            self.other = message
        elif isinstance(message, Ball) and message.left and self.other is not None:
            self.other.tell(Ball(left=message.left - 1))
        else:
            self._done.set()


class SystemClock:
    """The machine's clocks."""

    def read(self) -> tuple[int, int]:
        """Return (UTC, monotonic) in ns."""
        return time.time_ns(), time.monotonic_ns()


def substream(name: str) -> Random:
    """Return the stream of a name."""
    return Random(name)


def _spawn(runtime: LoopRuntime | SimulatedRuntime) -> None:
    runtime.spawn(ActorSpec("left", lambda: Player("/right")))
    runtime.spawn(ActorSpec("right", lambda: Player("/left")))


class ThreadPair:
    """Two pykka threads; samples are µs per hop."""

    def __init__(self) -> None:
        """Start both."""
        self._done = threading.Event()
        self._left = ThreadPlayer.start(self._done)
        self._right = ThreadPlayer.start(self._done)
        self._left.tell(self._right)
        self._right.tell(self._left)

    def sample(self, hops: int) -> float:
        """Return µs per hop."""
        self._done.clear()
        start = perf_counter()
        self._left.tell(Ball(left=hops))
        self._done.wait()
        return (perf_counter() - start) / hops * 1e6

    def stop(self) -> None:
        """End both threads."""
        self._left.stop()
        self._right.stop()


def hop_simulated(scale: Scale) -> list[Line]:
    """Measure the simulated runtime."""
    runtime = SimulatedRuntime(substream)
    _spawn(runtime)
    runtime.settle()
    hops = scale.of(HOPS)

    def sample() -> float:
        runtime.kernel.tell("/left", Ball(left=hops))
        start = perf_counter()
        runtime.settle()
        return (perf_counter() - start) / hops * 1e6

    return [_line("hop_simulated", scale, sample)]


def hop_loop(scale: Scale) -> list[Line]:
    """Measure the loop runtime, one asyncio callback per batch of 64."""
    hops = scale.of(HOPS)

    async def run() -> float:
        runtime = LoopRuntime(substream, SystemClock())
        _spawn(runtime)
        await runtime.settle()
        runtime.kernel.tell("/left", Ball(left=hops))
        start = perf_counter()
        await runtime.settle()
        taken = perf_counter() - start
        runtime.close()
        return taken / hops * 1e6

    return [_line("hop_loop", scale, lambda: asyncio.run(run()))]


def _line(name: str, scale: Scale, sample: Callable[[], float]) -> Line:
    pair = ThreadPair()
    try:
        ours, peers = interleave(scale.runs, sample, lambda: pair.sample(scale.of(PEER_HOPS)))
    finally:
        pair.stop()
    return Line(
        name=name,
        unit="us",
        better="less",
        ours=ours,
        peer_name="pykka",
        peers=peers,
        budget=BUDGET,
    )
