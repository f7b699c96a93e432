"""What the thread runtime adds, the machine's clocks, and the watch on slow handlers."""

import threading
import time

import pytest

from actors.runtime import ActorSpec, EngineError, SimulatedRuntime
from actors.runtime.thread import MonotonicClock, SlowHandlerWatch, ThreadPool, ThreadRuntime
from tests.runtime.harness import START_NS, WAIT_S, ThreadHarness, substream
from tests.runtime.probe import Ask, Do, Note, Probe, Told, fail

BUSY_S = 0.12


def busy(_: Probe) -> None:
    """Keep the kernel's thread for a while, as a handler must not."""
    end = time.monotonic() + BUSY_S
    while time.monotonic() < end:
        pass


def test_a_slow_handler_is_reported_with_its_stack() -> None:
    """A handler beyond its budget is reported once, with address, time and stack."""
    reports: list[tuple[str, float, str]] = []
    runtime = SimulatedRuntime(substream)
    log: list[str] = []
    runtime.spawn(ActorSpec("a", lambda: Probe(log, {"busy": busy, "quick": lambda _: None})))
    runtime.settle()
    watch = SlowHandlerWatch(runtime.kernel, 20.0, lambda *row: reports.append(row))
    try:
        for what in ("quick", "busy", "quick"):
            runtime.kernel.tell("/a", Do(what=what))
        runtime.settle()
    finally:
        watch.close()
    ((address, milliseconds, stack),) = reports
    assert address == "/a"
    assert 20.0 <= milliseconds < 1_000 * BUSY_S + 50
    assert "in busy" in stack


def test_handlers_within_their_budget_are_not_reported() -> None:
    """Many quick handlers in a row are not one slow one."""
    reports: list[tuple[str, float, str]] = []
    runtime = SimulatedRuntime(substream)
    log: list[str] = []
    runtime.spawn(ActorSpec("a", lambda: Probe(log, {"quick": lambda _: None}), mailbox_max=10**6))
    runtime.settle()
    watch = SlowHandlerWatch(runtime.kernel, 40.0, lambda *row: reports.append(row))
    end = time.monotonic() + BUSY_S
    try:
        while time.monotonic() < end:
            for _ in range(100):
                runtime.kernel.tell("/a", Do(what="quick"))
            runtime.settle()
    finally:
        watch.close()
    assert reports == []


def test_a_caller_on_another_thread_waits_for_its_answer(threads: ThreadHarness) -> None:
    """Ask and stop of a ref block the caller, not the actors, and say what became of it."""
    threads.spawn("a", {"answer": lambda actor: actor.context.reply(Told(text="yes"))})
    ref = threads.ref("/a")
    assert ref.ask(Ask(), timeout=WAIT_S) == Told(text="yes")
    assert ref.ask(Ask(), block=False).get(timeout=WAIT_S) == Told(text="yes")
    assert ref.stop(timeout=WAIT_S) is True
    assert not ref.is_alive()


def test_a_spawn_that_is_refused_is_raised_by_settle() -> None:
    """A refusal on the kernel's thread is not lost: the next settle raises it."""
    runtime = ThreadRuntime(substream, MonotonicClock())
    log: list[str] = []
    try:
        for _ in range(2):
            runtime.spawn(ActorSpec("a", lambda: Probe(log, {})))
        with pytest.raises(EngineError, match="taken"):
            runtime.settle()
        runtime.settle()
    finally:
        assert runtime.close()
    assert log == ["a:start"]


def test_restarts_do_not_collect_threads(threads: ThreadHarness) -> None:
    """The thread of an ended instance ends with it, however often its actor restarts."""
    for _ in range(20):
        threads.spawn("a", {"fail": fail})
        threads.tell("/a", Do(what="fail"))
    assert threads.runtime.pool.join(WAIT_S)
    names = [thread.name for thread in threading.enumerate()]
    assert "/a" not in names
    assert len(threads.runtime.pool._workers) < 20


def test_a_pool_says_when_a_thread_does_not_end() -> None:
    """Join with a limit returns False while a thread is stuck, and True once it has ended."""
    pool = ThreadPool()
    leave = threading.Event()
    worker = pool.worker("stuck")
    worker.submit(lambda: leave.wait(WAIT_S))  # type: ignore[arg-type]
    worker.close()
    assert not pool.join(0.01)
    leave.set()
    assert pool.join(WAIT_S)


def test_timers_wake_the_kernels_thread() -> None:
    """With the machine's clock, sped up, a timer fires without anybody kicking the runtime."""
    runtime = ThreadRuntime(substream, MonotonicClock(speed=1_000.0))
    fired = threading.Event()
    log: list[str] = []
    script = {
        "start": lambda actor: actor.context.after(20 * 10**9, Note(text="tick")),
        "note": lambda _: fired.set(),
    }
    runtime.spawn(ActorSpec("a", lambda: Probe(log, script)))
    assert fired.wait(WAIT_S)
    assert runtime.close()


def test_a_fast_clock_runs_from_its_start() -> None:
    """A clock at speed 1000 starts at the given UTC time and moves a thousand times as fast."""
    clock = MonotonicClock(speed=1_000.0, start_ns=START_NS)
    began = time.monotonic()
    utc, monotonic = clock.read()
    assert utc - START_NS == monotonic >= 0
    later, _ = clock.read()
    assert utc <= later <= START_NS + (time.monotonic() - began + 1) * 1e12
    assert clock.real_seconds(10**12) == pytest.approx(1.0)


def test_the_machines_clock_reads_utc() -> None:
    """At speed 1 the clock gives the machine's UTC time and a monotonic time from 0."""
    clock = MonotonicClock()
    utc, monotonic = clock.read()
    assert abs(utc - time.time_ns()) < 10**9
    assert 0 <= monotonic < 10**9
