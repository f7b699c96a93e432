"""One way to drive the three runtimes, so that one suite of conformance cases binds them all.

The loop and thread runtimes get a clock set by hand: nothing sleeps. Under the thread runtime every
actor under test runs on a thread of its own.
"""

import asyncio
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from actors.runtime import (
    ActorSpec,
    ChildSpec,
    Exit,
    InspectReply,
    Kernel,
    Message,
    RunsOn,
    SimulatedRuntime,
)
from actors.runtime.kernel import DeadLetter
from actors.runtime.loop import LoopRuntime
from actors.runtime.ports import Random
from actors.runtime.ref import Answer, Ref
from actors.runtime.thread import ThreadRuntime
from tests.runtime.probe import Probe, Script

START_NS = 1_700_000_000_000_000_000
WAIT_S = 10.0

T = TypeVar("T")


def substream(name: str) -> Random:
    """Return the random stream of a name, the same in every process."""
    return random.Random(f"7-{name}")


class ManualClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.monotonic = 0

    def read(self) -> tuple[int, int]:
        """Return (UTC, monotonic) ns."""
        return START_NS + self.monotonic, self.monotonic


class Harness(ABC):
    """Spawns probes, sends from outside, moves time, and shows what happened."""

    name: str
    runs_on = RunsOn.LOOP
    kernel: Kernel

    def __init__(self) -> None:
        self.log: list[str] = []

    # -- what differs ----------------------------------------------------------------------------

    @abstractmethod
    def run(self, action: Callable[[], T]) -> T:
        """Run an action on the kernel's thread, outside any actor, and return its result."""

    @abstractmethod
    def settle(self) -> None:
        """Return once nothing is queued or due; raise what left the scheduler meanwhile."""

    @abstractmethod
    def jump(self, delta_ns: int) -> None:
        """Move the clock at once, past timers that become due on the way, and settle."""

    @abstractmethod
    def advance(self, delta_ns: int) -> None:
        """Move time from timer to timer, settling at each."""

    @abstractmethod
    def close(self) -> None:
        """End the runtime."""

    # -- what does not ---------------------------------------------------------------------------

    def spec(self, id_: str, script: Script | None = None, **options: Any) -> ActorSpec:
        """Return the spec of a probe that runs where this harness wants it."""
        steps = script or {}
        return ActorSpec(id_, lambda: Probe(self.log, steps), runs_on=self.runs_on, **options)

    def child(self, id_: str, script: Script | None = None, **options: Any) -> ChildSpec:
        """Return the child spec of a probe."""
        steps = script or {}
        return ChildSpec(id_, lambda: Probe(self.log, steps), runs_on=self.runs_on, **options)

    def start(self, spec: ActorSpec) -> str:
        """Spawn an actor without parent and let it start."""
        address = self.run(lambda: self.kernel.lifecycle.spawn(None, spec))
        self.settle()
        return address

    def spawn(self, id_: str, script: Script | None = None, **options: Any) -> str:
        """Spawn a probe and let it start."""
        return self.start(self.spec(id_, script, **options))

    def tell(self, address: str, *messages: Message) -> None:
        """Send messages from outside as one input, and settle."""

        def send() -> None:
            for message in messages:
                self.kernel.tell(address, message)

        self.run(send)
        self.settle()

    def ask(self, address: str, message: Message) -> Answer:
        """Send a request from outside, settle, and return what may hold the answer."""
        answer = Answer()
        self.run(lambda: self.kernel.ask(address, message, answer))
        self.settle()
        return answer

    def take(self) -> list[str]:
        """Return what was logged, and begin a new log."""
        taken = self.log[:]
        self.log.clear()
        return taken

    def inspect(self, address: str) -> InspectReply:
        """Look at an actor without a message."""
        return self.run(lambda: self.kernel.inspect(address))

    def actor(self, address: str) -> Probe:
        """Return the instance behind an address."""
        actor = self.kernel.boxes[address].actor
        assert isinstance(actor, Probe)
        return actor

    def ref(self, address: str) -> Ref:
        """Return the pykka ref of an actor."""
        ref = self.actor(address).actor_ref
        assert isinstance(ref, Ref)
        return ref

    @property
    def dead(self) -> list[DeadLetter]:
        """Dead letters so far."""
        return list(self.kernel.dead)

    @property
    def failures(self) -> list[tuple[str, Exit]]:
        """Address and exit of every failure so far."""
        return [(address, exit_) for address, exit_, _, _ in self.kernel.lifecycle.failures]

    def counter(self, address: str, name: str) -> int:
        """Return one of the counters that introspection shows."""
        return dict(self.inspect(address).counters)[name]


class SimulatedHarness(Harness):
    """The simulated runtime."""

    name = "simulated"

    def __init__(self) -> None:
        super().__init__()
        self.runtime = SimulatedRuntime(substream, START_NS)
        self.kernel = self.runtime.kernel

    def run(self, action: Callable[[], T]) -> T:
        """See Harness."""
        return action()

    def settle(self) -> None:
        """See Harness."""
        self.runtime.settle()

    def jump(self, delta_ns: int) -> None:
        """See Harness."""
        self.kernel.now += delta_ns
        self.kernel.monotonic += delta_ns
        self.settle()

    def advance(self, delta_ns: int) -> None:
        """See Harness."""
        self.runtime.advance(delta_ns)

    def close(self) -> None:
        """See Harness."""


class RealHarness(Harness):
    """What the runtimes with a clock have in common."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()

    def jump(self, delta_ns: int) -> None:
        """See Harness."""
        self.clock.monotonic += delta_ns
        self.settle()

    def advance(self, delta_ns: int) -> None:
        """See Harness."""
        end = self.clock.monotonic + delta_ns
        while (due := self.run(self.kernel.agenda.next_due_ns)) is not None and due <= end:
            self.jump(max(0, due - self.clock.monotonic))
        self.jump(end - self.clock.monotonic)


class LoopHarness(RealHarness):
    """The loop runtime on an asyncio loop of its own."""

    name = "loop"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.escaped: list[BaseException] = []
        self.loop.set_exception_handler(self._note)
        self.runtime = self.loop.run_until_complete(self._make())
        self.kernel = self.runtime.kernel

    async def _make(self) -> LoopRuntime:
        return LoopRuntime(substream, self.clock)

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.escaped.append(context["exception"])

    def run(self, action: Callable[[], T]) -> T:
        """See Harness."""

        async def call() -> T:
            results: list[T] = []
            self.runtime.input(lambda: results.append(action()))
            return results[0]

        return self.loop.run_until_complete(call())

    def settle(self) -> None:
        """See Harness."""
        self.loop.run_until_complete(asyncio.wait_for(self.runtime.settle(), WAIT_S))
        if self.escaped:
            raise self.escaped.pop(0)

    def close(self) -> None:
        """See Harness."""
        self.runtime.close()
        assert self.runtime.pool.join(WAIT_S), "a thread did not end"
        self.loop.close()


class ThreadHarness(RealHarness):
    """The thread runtime, with a thread for every actor under test."""

    name = "thread"
    runs_on = RunsOn.THREAD

    def __init__(self) -> None:
        super().__init__()
        self.runtime = ThreadRuntime(substream, self.clock)
        self.kernel = self.runtime.kernel

    def run(self, action: Callable[[], T]) -> T:
        """See Harness."""
        done = threading.Event()
        results: list[T] = []

        def call() -> None:
            try:
                results.append(action())
            finally:
                done.set()

        self.kernel.post(call)
        assert done.wait(WAIT_S), "the kernel's thread did not answer"
        if not results:
            self.settle()  # raises what the action raised
        return results[0]

    def settle(self) -> None:
        """See Harness."""
        self.runtime.settle(WAIT_S)

    def close(self) -> None:
        """See Harness."""
        assert self.runtime.close(WAIT_S), "a thread did not end"


HARNESSES = (SimulatedHarness, LoopHarness, ThreadHarness)
