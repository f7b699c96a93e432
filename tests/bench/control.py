"""How long a cancel and a flatten take under load: from the wire's bytes to what they cause.

A cancel ends as a frame handed to the transport; a flatten as the root's mandate in the hands of
the flattener (a stand-in here, which reports flat at once, so that the next one is new).
"""

from __future__ import annotations

import asyncio
import gc
import os
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from decimal import Decimal
from statistics import median
from typing import Any

from actors.messages.flatten import BeginFlatten, FlattenRequested, FlattenState, FlattenStatus
from actors.messages.orders import CancelAll
from actors.messages.positions import PositionChanged
from actors.ports import Frame, Transport, TransportSink
from actors.runtime import Actor, handles
from actors.runtime.loop import LoopRuntime
from actors.venues.connection import VenueConnection
from simulations.wire import CancelAllFrame
from tests.bench.hops import SystemClock, substream
from tests.bench.measure import Budget, Line, Scale, percentile
from tests.bench.world import KEY, Options, World

__all__ = ["control_busy", "control_queued"]

INPUTS = 1_000
QUEUED = 5_000
STAMP = struct.Struct("<q")
# Writes the time into its standard output every 1 to 3 ms, as another process, so that no lock of
# ours delays it.
WRITER = """
import random, struct, sys, time
for _ in range(int(sys.argv[1])):
    time.sleep(0.001 + random.random() * 0.002)
    sys.stdout.buffer.write(struct.pack("<q", time.monotonic_ns()))
    sys.stdout.buffer.flush()
"""


class Stopwatch:
    """Pairs stamps of inputs with the moments of their effects, first in first out per kind."""

    def __init__(self) -> None:
        """Begin without inputs."""
        self.cancels: deque[int] = deque()
        self.flattens: deque[int] = deque()
        self.taken_ns: list[int] = []

    def stop(self, begun: deque[int]) -> None:
        """Note that the oldest of these inputs has had its effect."""
        if begun:
            self.taken_ns.append(time.monotonic_ns() - begun.popleft())


class WatchedTransport:
    """Notes when a cancel leaves."""

    def __init__(self, inner: Transport, watch: Stopwatch) -> None:
        """Wrap a transport."""
        self._inner = inner
        self._watch = watch

    def open(self, sink: TransportSink) -> None:
        """Open the session."""
        self._inner.open(sink)

    def send(self, frame: Frame) -> None:
        """Send a frame."""
        if type(frame) is CancelAllFrame:
            self._watch.stop(self._watch.cancels)
        self._inner.send(frame)

    def close(self) -> None:
        """Close the session."""
        self._inner.close()


class FlattenerStandIn(Actor):
    """Notes a mandate and reports it done."""

    def __init__(self, watch: Stopwatch) -> None:
        super().__init__()
        self._watch = watch

    @handles(BeginFlatten)
    def begin(self, message: BeginFlatten) -> None:
        """Report flat."""
        self._watch.stop(self._watch.flattens)
        self.context.tell(
            "/",
            FlattenStatus(
                mandate=message.mandate,
                scope=message.scope,
                key=message.key,
                state=FlattenState.FLAT_CONFIRMED,
                reason=message.reason,
                attempts=0,
                elapsed_ns=0,
                open_quantities=(),
            ),
        )


class Stage:
    """The production tree on a loop, with a watch on what leaves it."""

    def __init__(self) -> None:
        """Start it on the running loop."""
        self.watch = Stopwatch()
        self.runtime = LoopRuntime(substream, SystemClock())
        self.world = World(
            Options(
                transport=lambda inner: WatchedTransport(inner, self.watch),
                flattener=lambda: FlattenerStandIn(self.watch),
            ),
            loop=self.runtime,
        )
        self._flips = False

    async def live(self) -> None:
        """Return once the venue is LIVE."""
        for _ in range(1_000):
            await asyncio.sleep(0.01)
            self.world.check()
            box = self.runtime.kernel.boxes.get("/venues/alpha")
            connection = None if box is None else box.actor
            if isinstance(connection, VenueConnection) and connection.connection == "live":
                self.runtime.prepare()
                return
        raise RuntimeError("the venue did not become live within 10 s")

    def take(self, stamp_ns: int) -> None:
        """Take one input from the wire: a cancel and a flatten in turn."""
        self._flips = not self._flips
        if self._flips:
            self.watch.cancels.append(stamp_ns)
            self._tell("/venues/alpha", CancelAll(instrument=KEY, reason="bench"))
        else:
            self.watch.flattens.append(stamp_ns)
            self._tell("/", FlattenRequested(scope="all", key="", who="bench", reason="measured"))

    def _tell(self, address: str, message: CancelAll | FlattenRequested) -> None:
        def tell() -> None:
            self.runtime.kernel.tell(address, message)

        self.runtime.input(tell)

    def fill(self) -> None:
        """Queue data mail that its reader is busy with for a while."""
        tell = self.runtime.kernel.tell
        for number in range(QUEUED):
            tell("/risk", _moved(number))


def _moved(number: int) -> PositionChanged:
    zero = Decimal(0)
    return PositionChanged(
        instrument=KEY,
        quantity=Decimal(number % 7),
        entry=Decimal(30_000),
        cost=Decimal(30_000) * (number % 7),
        realised=zero,
        fees=zero,
        funding=zero,
        confirmed=True,
        venue_time_ns=number,
        fill_id=f"bench-{number}",
    )


async def _busy(inputs: int) -> list[int]:
    """Return what inputs took beside a thread that only computes."""
    stage = Stage()
    await stage.live()
    done = asyncio.get_running_loop().create_future()
    over = threading.Event()
    thread = threading.Thread(target=_compute, args=(over,))
    command = [sys.executable, "-c", WRITER, str(inputs)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: ASYNC220 - before it counts
    assert writer.stdout is not None, "it was opened with a pipe"
    source = writer.stdout.fileno()

    def readable() -> None:
        stamps = os.read(source, STAMP.size * 64)
        for (stamp_ns,) in STAMP.iter_unpack(stamps):
            stage.take(stamp_ns)
        if not stamps:
            asyncio.get_running_loop().remove_reader(source)
            done.set_result(None)

    thread.start()
    asyncio.get_running_loop().add_reader(source, readable)
    await done
    over.set()
    thread.join()
    writer.wait()
    writer.stdout.close()
    await stage.runtime.settle()
    stage.runtime.close()
    return stage.watch.taken_ns


def _compute(over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        for _ in range(1_000):
            number = (number * 31 + 7) % 1_000_003


async def _queued(inputs: int) -> list[int]:
    """Return what inputs took that arrive when QUEUED messages wait."""
    stage = Stage()
    await stage.live()
    source, sink = os.pipe()
    loop = asyncio.get_running_loop()

    def readable() -> None:
        (stamp_ns,) = STAMP.unpack(os.read(source, STAMP.size))
        stage.take(stamp_ns)

    loop.add_reader(source, readable)
    for _ in range(inputs):
        stage.runtime.kernel.post(stage.fill)
        while len(stage.runtime.kernel.boxes["/risk"].data) < QUEUED * 9 // 10:  # noqa: ASYNC110
            await asyncio.sleep(0)
        os.write(sink, STAMP.pack(time.monotonic_ns()))
        await stage.runtime.settle()
    loop.remove_reader(source)
    os.close(source)
    os.close(sink)
    stage.runtime.close()
    return stage.watch.taken_ns


def _line(
    name: str,
    scale: Scale,
    measure: Callable[[int], Coroutine[Any, Any, list[int]]],
    inputs: int,
    budget: Budget,
) -> Line:
    tails, middles = [], []
    for number in range(scale.runs + 1):
        interval = sys.getswitchinterval()
        taken_ns = asyncio.run(measure(inputs))
        sys.setswitchinterval(interval)
        gc.unfreeze()
        assert len(taken_ns) >= inputs - 1, f"{len(taken_ns)} of {inputs} inputs had an effect"
        if number:
            tails.append(percentile(taken_ns, 0.99) / 1e6)
            middles.append(percentile(taken_ns, 0.5) / 1e6)
    return Line(
        name=name,
        unit="ms p99",
        better="less",
        ours=tails,
        budget=budget,
        detail={"p50_ms": round(median(middles), 4), "inputs": inputs},
    )


def control_busy(scale: Scale) -> list[Line]:
    """Measure cancel and flatten beside a busy Python thread."""
    return [
        _line("control_busy", scale, _busy, scale.of(INPUTS), Budget(figure_max=1.0)),
    ]


def control_queued(scale: Scale) -> list[Line]:
    """Measure cancel and flatten behind 5,000 queued messages."""
    inputs = scale.of(INPUTS) // 5
    return [_line("control_queued", scale, _queued, inputs, Budget(figure_max=3.0))]
