"""Ways to break a part from a test: crashes at a message, a line that delays or loses frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

from actors.journal.rows import Entry, Record
from actors.journal.store import MemoryStore, OpenedRun, RunHeader, StoreError
from actors.ports import Frame, Transport, TransportSink
from actors.runtime import Actor, Message, SimulatedRuntime

__all__ = ["Crash", "FailingStore", "Line", "Poison", "crashing"]


class Poison(Message, kw_only=True):
    """No actor handles this: whoever receives it fails at once, between two other messages."""


class Crash:
    """Fails an actor at the nth message of a type, ``times`` times, across all its instances.

    after: the handler runs first, so that everything it sends is sent. when narrows the messages.
    mute: instead of failing, the actor does nothing with the message.
    """

    def __init__(
        self,
        message: type,
        *,
        nth: int = 1,
        times: int = 1,
        after: bool = False,
        mute: bool = False,
        error: type[Exception] = RuntimeError,
        when: Callable[[Any], bool] | None = None,
    ) -> None:
        self.message = message
        self.first = nth
        self.last = nth + times - 1
        self.after = after
        self.mute = mute
        self.error = error
        self.when = when
        self.seen = 0
        self.done = 0

    def strike(self, message: Any) -> bool:
        """Count a message; raise if it is one of those to fail at, or return whether to mute it."""
        if self.when is not None and not self.when(message):
            return False
        self.seen += 1
        if not self.first <= self.seen <= self.last:
            return False
        self.done += 1
        if not self.mute:
            raise self.error(f"drilled at {type(message).__name__} {self.seen}")
        return True


def crashing(base: type[Actor], crash: Crash) -> type[Actor]:
    """Return a subclass that is the same in everything but that it crashes as told."""
    name = base.handlers[crash.message]
    handler: Callable[[Any, Any], None] = getattr(base, name)

    @wraps(handler)
    def handle(self: Any, message: Any) -> None:
        if type(message) is not crash.message:
            handler(self, message)
            return
        if crash.after:
            handler(self, message)
            crash.strike(message)
        elif not crash.strike(message):
            handler(self, message)

    return type(base.__name__, (base,), {name: handle})


class Line:
    """A transport between a client and its venue that can delay or lose single frames.

    inbound and outbound return the delay of a frame in ns, or None to lose it.
    """

    def __init__(self, inner: Transport, runtime: SimulatedRuntime) -> None:
        self.inbound: Callable[[Frame], int | None] = _at_once
        self.outbound: Callable[[Frame], int | None] = _at_once
        self._inner = inner
        self._runtime = runtime
        self._sink: TransportSink | None = None

    def open(self, sink: TransportSink) -> None:
        """Begin a session of the inner transport."""
        self._sink = sink
        self._inner.open(self)

    def send(self, frame: Frame) -> None:
        """Hand a frame on, late or never."""
        self._pass(self.outbound(frame), lambda: self._inner.send(frame))

    def close(self) -> None:
        """End the session."""
        self._sink = None
        self._inner.close()

    def connected(self) -> None:
        """Pass it on."""
        if self._sink is not None:
            self._sink.connected()

    def disconnected(self, reason: str) -> None:
        """Pass it on."""
        if self._sink is not None:
            self._sink.disconnected(reason)

    def received(self, frame: Frame) -> None:
        """Pass a frame on, late or never; what is late for a session that ended is lost."""
        sink = self._sink
        if sink is not None:
            self._pass(self.inbound(frame), lambda: self._deliver(sink, frame))

    def _deliver(self, sink: TransportSink, frame: Frame) -> None:
        if self._sink is sink:
            sink.received(frame)

    def _pass(self, delay_ns: int | None, action: Callable[[], None]) -> None:
        if delay_ns == 0:
            action()
        elif delay_ns is not None:
            self._runtime.at(self._runtime.now_ns + delay_ns, action)


def _at_once(_: Frame) -> int | None:
    return 0


class FailingStore:
    """A journal store that says no while ``failing`` is set, and otherwise keeps rows in memory."""

    def __init__(self) -> None:
        self.failing = False
        self.inner = MemoryStore(chained=False)

    def open(self, header: RunHeader) -> OpenedRun:
        """Open the inner store, or say no."""
        self._check()
        return self.inner.open(header)

    def write(self, records: Sequence[Record], *, durable: bool) -> str:
        """Write to the inner store, or say no."""
        self._check()
        return self.inner.write(records, durable=durable)

    def close(self) -> None:
        """Close the inner store."""
        self.inner.close()

    def entries(self) -> Iterable[Entry]:
        """Return the rows written."""
        return self.inner.entries()

    def _check(self) -> None:
        if self.failing:
            raise StoreError("no space left on the medium")
