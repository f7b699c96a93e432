"""One connection to a simulated venue: ordered streams that take time, and ways to break them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from actors.ports import Frame, TransportSink

__all__ = ["Session", "SessionState", "Stream", "VenueSide", "World"]


class World(Protocol):
    """Virtual or real time, and the right to be called back in it."""

    @property
    def now_ns(self) -> int:
        """The present time in ns UTC."""

    def at(self, due_ns: int, action: Callable[[], None]) -> None:
        """Run the action at due_ns, or as soon as possible after; same time: in order of calls."""


class VenueSide(Protocol):
    """What a session needs of its venue."""

    def arrived(self, session: Session, frame: Frame) -> None:
        """Handle a frame that has reached the venue."""

    def entry_ns(self) -> int:
        """Return how long a frame sent now takes to the venue."""


class SessionState(StrEnum):
    """How far a connection is."""

    CONNECTING = "connecting"
    OPEN = "open"
    DEAD = "dead"


_OPEN = SessionState.OPEN  # looked up by its class it would cost as much as a call


class Stream:
    """Carries frames one way: each takes its time, none overtakes another."""

    __slots__ = ("_deliver", "_frames", "_last_due_ns", "_world")

    def __init__(self, world: World, deliver: Callable[[Frame], None]) -> None:
        """Take where frames come out."""
        self._world = world
        self._deliver = deliver
        self._frames: deque[Frame] = deque()
        self._last_due_ns = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is under way."""
        return not self._frames

    def push(self, frame: Frame, travel_ns: int) -> None:
        """Send a frame that takes travel_ns, or as long as those before it still need."""
        world = self._world
        due_ns = world.now_ns + travel_ns
        if due_ns < self._last_due_ns:
            due_ns = self._last_due_ns
        else:
            self._last_due_ns = due_ns
        self._frames.append(frame)
        world.at(due_ns, self._arrive)

    def lose(self) -> None:
        """Lose everything under way, for good: a stream that lost frames carries no more."""
        self._frames.clear()
        self._deliver = _vanish

    def _arrive(self) -> None:
        if self._frames:
            self._deliver(self._frames.popleft())


class Session:
    """A client's connection to a venue; a frame sent on a dead or half-open one vanishes.

    silent: the connection is half-open; both ends believe in it and nothing gets through.
    symbols: what the client subscribed to, in the order of subscription.
    """

    __slots__ = (
        "_entry",
        "_venue",
        "account",
        "feed",
        "response",
        "silent",
        "sink",
        "state",
        "symbols",
    )

    def __init__(self, world: World, venue: VenueSide, account: str, sink: TransportSink) -> None:
        """Begin to connect an account's client."""
        self.account = account
        self.sink = sink
        self.state = SessionState.CONNECTING
        self.silent = False
        self.symbols: dict[str, None] = {}
        self._venue = venue
        self._entry = Stream(world, self._arrived)
        self.response = Stream(world, self.receive)
        self.feed = Stream(world, self.receive)

    def send(self, frame: Frame) -> None:
        """Send a frame to the venue; it acts there later, never before this returns."""
        if self.state is _OPEN and not self.silent:
            self._entry.push(frame, self._venue.entry_ns())

    def receive(self, frame: Frame) -> None:
        """Hand a frame that has travelled to the client, if the connection still stands."""
        if self.state is _OPEN and not self.silent:
            self.sink.received(frame)

    def end(self, *, lose_sent: bool) -> None:
        """End the connection: nothing more reaches the client; what it sent may still arrive."""
        self.state = SessionState.DEAD
        self.response.lose()
        self.feed.lose()
        if lose_sent:
            self._entry.lose()

    def _arrived(self, frame: Frame) -> None:
        if not self.silent:
            self._venue.arrived(self, frame)


def _vanish(frame: Frame) -> None:
    """Take a frame and do nothing with it."""
