"""The loop runtime: actors run to completion on the asyncio thread that also reads the sockets.

One of the two modules in ``actors/`` that may use asyncio and clocks. A batch of up to PUMP_MAX
messages costs one callback; a batch is bounded by a count and never by a duration, so that a
recording can be replayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from typing import TYPE_CHECKING, Any

from actors.runtime.kernel import Kernel
from actors.runtime.thread import INPUTS_PER_TURN_MAX, ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.ports import Clock, Substream
    from actors.runtime.simulated import MarketSource
    from actors.runtime.specs import ActorSpec

__all__ = ["LoopRuntime"]

SWITCH_INTERVAL_S = 0.0001


class LoopRuntime:
    """Runs a tree of actors on the running asyncio loop.

    Construct it inside the loop. now_ns follows the clock given, which may run faster than real
    time.
    """

    def __init__(self, substream: Substream, clock: Clock) -> None:
        """Join the running loop."""
        self.pool = ThreadPool()
        self.kernel = Kernel(substream, self.pool)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0
        self._sources: list[MarketSource] = []
        self._closed = False
        self.kernel.wake = self._wake
        self.kernel.same_thread = _same_task_thread(self._loop)
        self.kernel.now, self.kernel.monotonic = clock.read()

    @property
    def now_ns(self) -> int:
        """UTC ns of the latest input."""
        return self.kernel.now

    def spawn(self, spec: ActorSpec) -> str:
        """Start an actor without parent."""
        address = self.kernel.lifecycle.spawn(None, spec)
        self._schedule()
        return address

    def at(self, due_ns: int, action: Callable[[], None]) -> None:
        """Run an action as an input at a UTC time, now at the earliest."""
        kernel = self.kernel
        kernel.at_monotonic(kernel.monotonic + max(0, due_ns - kernel.now), action)
        self._schedule()

    def add_source(self, source: MarketSource) -> None:
        """Publish a source's events when they are due by the clock."""
        self._sources.append(source)
        self._follow(source)

    def set_time(self, _: int) -> None:
        """Ignore a source's own idea of time: the clock rules here."""

    def input(self, action: Callable[[], None]) -> None:
        """Run an input of a socket at once, then the mail it caused, up to one batch."""
        kernel = self.kernel
        kernel.now, kernel.monotonic = self._clock.read()
        try:
            action()
            if kernel.ready or kernel.urgent:
                kernel.pump()
        finally:
            self._schedule_if_needed()

    def prepare(self) -> None:
        """Settle the process for trading: frozen garbage collector, short thread switches."""
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL_S)

    async def settle(self) -> None:
        """Return once nothing is queued or due and no thread works."""
        kernel = self.kernel
        while True:
            self._schedule()
            await asyncio.sleep(0)
            if (
                not (kernel.ready or kernel.urgent or kernel.ingress or self._scheduled)
                and not any(box.busy for box in kernel.boxes.values())
                and not self._is_due()
            ):
                return

    async def ask(self, address: str, message: Any) -> Any:
        """Send a request from a coroutine and return its reply.

        Raises: pykka.ActorDeadError when nobody is behind the address.
        """
        answer: asyncio.Future[Any] = self._loop.create_future()
        self.kernel.post(lambda: self.kernel.ask(address, message, _Setter(answer)))
        return await answer

    def close(self) -> None:
        """Stop pumping; actors that still live are ended without their hooks."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for path in sorted(self.kernel.boxes, key=len):
            self.kernel.lifecycle.kill(path)

    # -- the pump ------------------------------------------------------------------------------

    def _wake(self) -> None:
        # A thread may finish its last step after the loop is gone.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Take in what came from outside, what is due, and one batch of mail.

        What no actor answers for (a BaseException, an input of nobody) leaves to asyncio's
        exception handler; the next turn goes on.
        """
        if self._closed:
            return
        kernel = self.kernel
        kernel.now, kernel.monotonic = self._clock.read()
        try:
            kernel.take_ingress()
            for _ in range(INPUTS_PER_TURN_MAX):
                if not kernel.run_due():
                    break
            kernel.pump()
        finally:
            self._scheduled = False
            self._schedule_if_needed()

    def _schedule_if_needed(self) -> None:
        kernel = self.kernel
        if kernel.ready or kernel.urgent or kernel.ingress:
            self._schedule()
            return
        due = kernel.agenda.next_due_ns()
        if due is None:
            return
        if self._timer is not None:
            if self._timer_due == due and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer_due = due
        delay_ns = max(0, due - self._clock.read()[1])
        real_seconds = getattr(self._clock, "real_seconds", None)
        delay_s = real_seconds(delay_ns) if real_seconds is not None else 3600.0 * (delay_ns > 0)
        self._timer = self._loop.call_later(delay_s, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._schedule()

    def _is_due(self) -> bool:
        due = self.kernel.agenda.next_due_ns()
        return due is not None and due <= self._clock.read()[1]

    def _follow(self, source: MarketSource) -> None:
        due = source.next_ns()
        if due is not None:
            self.at(due, lambda: self._pump_source(source))

    def _pump_source(self, source: MarketSource) -> None:
        source.pump(self.kernel.now)
        self._follow(source)


class _Setter:
    """Lets the kernel answer an asyncio future as it answers a pykka one."""

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def set(self, value: Any) -> None:
        """Give the reply."""
        if not self._future.done():
            self._future.set_result(value)

    def set_exception(self, info: tuple[Any, BaseException, Any]) -> None:
        """Give the reason why there is none."""
        if not self._future.done():
            self._future.set_exception(info[1])


def _same_task_thread(loop: asyncio.AbstractEventLoop) -> Callable[[], bool]:
    def same() -> bool:
        try:
            return asyncio.get_running_loop() is loop
        except RuntimeError:
            return False

    return same
