"""Looks at a running system by asking it: the portfolio for figures, the engine for its actors.

What does not answer in time is shown as it was last seen; watching never waits for an actor.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

import pykka

from actors.messages.portfolio import PortfolioQuery, PortfolioReply
from actors.runtime import InspectQuery, InspectReply
from adapters.status.snapshot import Snapshot

if TYPE_CHECKING:
    from actors.runtime.loop import LoopRuntime
    from adapters.status.tail import EventTail
    from config.schema import Config

__all__ = ["Watch"]

ANSWER_S = 1.0
ACTORS_MAX = 500
T = TypeVar("T")


class Watch:
    """Takes snapshots of one system on the running asyncio loop."""

    def __init__(self, config: Config, runtime: LoopRuntime, tail: EventTail) -> None:
        """Begin to count the time."""
        self._config = config
        self._runtime = runtime
        self._tail = tail
        self._began_s = time.monotonic()
        self._start_ns = runtime.now_ns
        self._portfolio: PortfolioReply | None = None
        self._actors: dict[str, InspectReply] = {}
        self.stopping = ""

    async def take(self) -> Snapshot | None:
        """Return how things are, None before there is a first report."""
        reply = await _in_time(self._runtime.ask("/portfolio", PortfolioQuery()))
        if isinstance(reply, PortfolioReply):
            self._portfolio = reply
        await self._inspect()
        return self.last()

    def last(self, final: PortfolioReply | None = None) -> Snapshot | None:
        """Return a snapshot of what was seen last, or with the final figures."""
        portfolio = final or self._portfolio
        if portfolio is None:
            return None
        return Snapshot(
            config=self._config,
            portfolio=portfolio,
            actors=tuple(self._actors.values()),
            dead=self._runtime.kernel.dead_count,
            wall_s=time.monotonic() - self._began_s,
            start_ns=self._start_ns,
            stopping=self.stopping,
            events=self._tail.latest(self._config.status.events),
        )

    async def _inspect(self) -> None:
        """Ask for every actor, level by level from the root."""
        level = ["/"]
        seen: dict[str, InspectReply] = {}
        while level and len(seen) < ACTORS_MAX:
            asked = (_in_time(self._runtime.ask(path, InspectQuery())) for path in level)
            replies = await asyncio.gather(*asked)
            found = [reply for reply in replies if isinstance(reply, InspectReply)]
            seen.update({reply.address: reply for reply in found})
            level = [path for reply in found for path in reply.children]
        if seen:
            self._actors = seen


async def _in_time(answer: Awaitable[T]) -> T | None:
    """Return an answer, or None if there is nobody or it takes too long."""
    try:
        return await asyncio.wait_for(answer, ANSWER_S)
    except (TimeoutError, pykka.ActorDeadError):
        return None
