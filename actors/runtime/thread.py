"""Threads: workers for actors that block, a host thread for a kernel, and the slow-handler watch.

One of the two modules in ``actors/`` that may use threads and clocks.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

from actors.runtime.kernel import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.ports import Clock, Substream
    from actors.runtime.specs import ActorSpec

__all__ = ["MonotonicClock", "SlowHandlerWatch", "ThreadPool", "ThreadRuntime"]

ESCAPED_MAX = 100
INPUTS_PER_TURN_MAX = 64
IDLE_WAIT_S = 0.5


class MonotonicClock:
    """The machine's clocks: UTC and monotonic, in ns, optionally faster than real time.

    speed 60 makes a minute of Keel's time pass in a second, from the moment the clock was made.
    """

    def __init__(self, speed: float = 1.0, start_ns: int | None = None) -> None:
        """Start at the present UTC time, or at start_ns."""
        self.speed = speed
        self._origin = time.monotonic_ns()
        self._utc = time.time_ns() if start_ns is None else start_ns
        self._follow_utc = speed == 1.0 and start_ns is None

    def read(self) -> tuple[int, int]:
        """Return (UTC, monotonic) ns; monotonic time starts at 0."""
        elapsed = time.monotonic_ns() - self._origin
        if self._follow_utc:
            return time.time_ns(), elapsed
        if self.speed != 1.0:
            elapsed = int(elapsed * self.speed)
        return self._utc + elapsed, elapsed

    def real_seconds(self, delta_ns: int) -> float:
        """Return how many real seconds a span of this clock takes."""
        return delta_ns / 1e9 / self.speed


class _Worker:
    """One daemon thread that runs jobs in order; closing never waits for a stuck job."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def submit(self, job: Callable[[], None]) -> None:
        """Queue a job."""
        self._jobs.put(job)

    def close(self) -> None:
        """Let the thread end after its present job."""
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class ThreadPool:
    """Makes one worker thread per actor that asked for one."""

    def __init__(self) -> None:
        """Remember the workers, so that a runtime can wait for them to end."""
        self._workers: list[_Worker] = []

    def worker(self, name: str) -> _Worker:
        """Return a new worker with its thread running."""
        worker = _Worker(name)
        self._workers = [old for old in self._workers if old.thread.is_alive()]
        self._workers.append(worker)
        return worker

    def join(self, timeout_s: float) -> bool:
        """Wait for every worker's thread; return whether all ended in time."""
        end = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.thread.join(max(0.0, end - time.monotonic()))
        return not any(worker.thread.is_alive() for worker in self._workers)


class ThreadRuntime:
    """A kernel on a host thread of its own; for programs without an event loop.

    Every public method may be called from any other thread.
    """

    def __init__(self, substream: Substream, clock: Clock) -> None:
        """Start the host thread; actors whose spec says so get threads of their own."""
        self.pool = ThreadPool()
        self.kernel = Kernel(substream, self.pool)
        self._clock = clock
        self._condition = threading.Condition()
        self._woken = False
        self._idle = False
        self._closing = False
        self.escaped: deque[BaseException] = deque(maxlen=ESCAPED_MAX)
        self.kernel.wake = self._wake
        self.kernel.now, self.kernel.monotonic = clock.read()
        self._thread = threading.Thread(target=self._run, name="keel-kernel", daemon=True)
        self.kernel.same_thread = lambda: threading.current_thread() is self._thread
        self._thread.start()

    def spawn(self, spec: ActorSpec) -> str:
        """Start an actor without parent."""
        self.kernel.post(lambda: self.kernel.lifecycle.spawn(None, spec))  # settle raises a refusal
        return self.kernel.lifecycle.path_of(None, spec)

    def kick(self) -> None:
        """Look at the clock again; for clocks that are set by hand."""
        self._wake()

    def settle(self, timeout_s: float = 10.0) -> None:
        """Return once nothing is queued, due, or running on a thread.

        Raises: TimeoutError; what left a handler without being an Exception, or an input of nobody.
        """
        end = time.monotonic() + timeout_s
        with self._condition:
            self._idle = False
            self._woken = True
            self._condition.notify_all()
            while not self._idle:
                if not self._condition.wait(end - time.monotonic()):
                    raise TimeoutError(f"not at rest after {timeout_s} s")
        if self.escaped:
            raise self.escaped.popleft()

    def close(self, timeout_s: float = 5.0) -> bool:
        """End the host thread and every worker; return whether all ended in time."""
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._thread.join(timeout_s)
        kernel = self.kernel
        for path in sorted(kernel.boxes, key=len):
            kernel.lifecycle.kill(path)
        return self.pool.join(timeout_s) and not self._thread.is_alive()

    def _wake(self) -> None:
        with self._condition:
            self._woken = True
            self._idle = False
            self._condition.notify_all()

    def _run(self) -> None:
        while not self._closing:
            with self._condition:
                self._woken = False
            try:
                worked = self._turn()
            except BaseException as error:  # noqa: BLE001 - settle raises it on the caller's thread
                self.escaped.append(error)
                worked = True
            if not worked:
                self._rest()

    def _turn(self) -> bool:
        """Take in what came from outside, what is due, and one batch of mail."""
        kernel = self.kernel
        kernel.now, kernel.monotonic = self._clock.read()
        worked = kernel.take_ingress()
        for _ in range(INPUTS_PER_TURN_MAX):
            if not kernel.run_due():
                break
            worked = True
        return kernel.pump() or worked or bool(kernel.ingress)

    def _rest(self) -> None:
        with self._condition:
            if self._woken or self._closing:
                return
            self._idle = not any(box.busy for box in self.kernel.boxes.values())
            if self._idle:
                self._condition.notify_all()
            self._condition.wait(self._pause_s())

    def _pause_s(self) -> float:
        due = self.kernel.agenda.next_due_ns()
        if due is None:
            return IDLE_WAIT_S
        delta_ns = max(0, due - self.kernel.monotonic)
        real_seconds = getattr(self._clock, "real_seconds", None)
        pause = real_seconds(delta_ns) if real_seconds is not None else IDLE_WAIT_S
        return float(min(IDLE_WAIT_S, pause))


class SlowHandlerWatch:
    """Samples the kernel from a thread and reports a handler that runs longer than its budget.

    report(address, milliseconds, stack) is called on the watch's thread, once per slow step.
    """

    def __init__(
        self, kernel: Kernel, budget_ms: float, report: Callable[[str, float, str], None]
    ) -> None:
        """Watch the kernel whose pump runs on the calling thread."""
        self._kernel = kernel
        self._budget_s = budget_ms / 1000
        self._report = report
        self._ident = threading.get_ident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keel-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._thread.join(2 * self._budget_s + 1)

    def _run(self) -> None:
        seen: tuple[str, int] | None = None
        since = 0.0
        reported = False
        while not self._ended.wait(self._budget_s / 4):
            box, cause = self._kernel.running, self._kernel.cause
            now = time.monotonic()
            step = None if box is None else (box.path, cause)
            if step is None or step != seen:
                seen, since, reported = step, now, False
            elif not reported and now - since >= self._budget_s:
                reported = True
                frame = sys._current_frames().get(self._ident)  # noqa: SLF001 - the way to see a stack
                stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
                self._report(step[0], (now - since) * 1000, stack)
