"""A run on one asyncio loop, from the start of the tree to its orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from actors.runtime.loop import LoopRuntime
from actors.runtime.thread import SlowHandlerWatch
from adapters.logs import logger
from adapters.status.display import Display, LinesDisplay, LiveDisplay
from adapters.status.snapshot import Snapshot
from adapters.status.tail import EventTail
from adapters.status.watch import Watch
from adapters.storage.emergency import StandardErrorLines
from adapters.storage.sqlite import SqliteStore
from config.plugins import installed
from config.schema import Config
from config.wire import Keys, assemble, substream
from simulations.paper import paper_clock

__all__ = ["Session"]

POLL_S = 0.05
SLOW_MS = 100.0
ABANDON_AT = 3


class Session:
    """One run: started, watched, stopped in phases by a signal or when its time is up.

    ended says that the tree stopped in order, abandoned that somebody did not want to wait for it.
    """

    tail: EventTail

    def __init__(
        self, config: Config, journal: Path, incarnation: int, limit_s: float | None
    ) -> None:
        """Run a config, journalled to a file, for at most limit_s on the wall."""
        self.config = config
        self.journal = journal
        self.abandoned = False
        self.ended = False
        self._incarnation = incarnation
        self._limit_s = limit_s
        self._stops = 0
        self._why = ""
        self._note = ""

    async def run(self, *, live: bool, write: Callable[[str], object]) -> Snapshot | None:
        """Run until a signal or the limit, stop in phases, and return how it ended."""
        config = self.config
        loop = asyncio.get_running_loop()
        runtime = LoopRuntime(substream(config.clock.seed), paper_clock(config.clock))
        system = assemble(
            config,
            runtime,
            plugins=installed(),
            store=SqliteStore(self.journal),
            keys=Keys(approval=os.urandom(32), permit=os.urandom(32)),
            incarnation=self._incarnation,
            emergency=StandardErrorLines(),
        )
        self.tail = EventTail(system.parts.audit)
        runtime.kernel.audit = self.tail
        watch = Watch(config, runtime, self.tail)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled, number)
        system.start()
        runtime.prepare()
        slow = SlowHandlerWatch(runtime.kernel, SLOW_MS, _report_slow)
        logger.info("{} started, journal {}", config.deployment.name, self.journal)
        show: Display = LiveDisplay() if live else LinesDisplay(self.tail, write)
        try:
            with show:
                await self._watch(runtime, watch, show)
        finally:
            slow.close()
            runtime.close()
            runtime.pool.join(5.0)
        logger.info("{} stopped", config.deployment.name)
        return watch.last(system.report)

    async def _watch(self, runtime: LoopRuntime, watch: Watch, show: Display) -> None:
        began = time.monotonic()
        stopping = False
        refresh_s = self.config.status.refresh_ms / 1000
        while runtime.kernel.is_alive("/"):
            snapshot = await watch.take()
            if snapshot is not None:
                show.show(snapshot)
            if self._note:
                show.note(self._note)
                self._note = ""
            if self._stops >= ABANDON_AT:
                self.abandoned = True
                return
            elapsed = time.monotonic() - began
            if self._limit_s is not None and elapsed >= self._limit_s and not self._why:
                self._why = "the time is up"
            if self._why and not stopping:
                stopping = True
                watch.stopping = f"stopping ({self._why}): closing every position"
                show.note(watch.stopping)
                _request_stop(runtime)
            pause = refresh_s
            if self._limit_s is not None and not stopping:
                pause = min(pause, max(self._limit_s - elapsed, 0.0))
            await asyncio.sleep(POLL_S if stopping else pause)
        self.ended = True

    def _signalled(self, number: int) -> None:
        self._stops += 1
        if self._stops == 1:
            self._why = signal.Signals(number).name
        elif self._stops == ABANDON_AT - 1:
            self._note = (
                "Still closing: orders are cancelled, then positions closed and confirmed by the "
                "venues. Once more abandons that, and may leave positions open."
            )


def _report_slow(address: str, took_ms: float, stack: str) -> None:
    logger.warning("{} has been in one handler for {:.0f} ms\n{}", address, took_ms, stack)


def _request_stop(runtime: LoopRuntime) -> None:
    kernel = runtime.kernel
    kernel.post(lambda: kernel.lifecycle.request_stop("/"))
