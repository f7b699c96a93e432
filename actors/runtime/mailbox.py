"""A mailbox is the address: it outlives the instances behind it."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.actor import Actor
    from actors.runtime.context import Context
    from actors.runtime.envelope import Envelope
    from actors.runtime.ports import Worker
    from actors.runtime.timers import Timer
    from actors.runtime.topics import Topic

__all__ = ["LAST_MAX", "Life", "Mailbox", "OverflowPolicy", "Table"]

LAST_MAX = 64

Table = dict[type, "Callable[[Any], object]"]


class OverflowPolicy(StrEnum):
    """What happens to data mail that finds the mailbox full.

    REFUSE: dead letter, and MessageRefused to the sender. CONFLATE: the latest of each message type
    and instrument is kept. FAIL: dead letter, and the receiver fails.
    """

    REFUSE = "refuse"
    CONFLATE = "conflate"
    FAIL = "fail"


class Life(StrEnum):
    """Whether an instance is behind the address."""

    VACANT = "vacant"
    STARTING = "starting"
    ALIVE = "alive"
    STOPPING = "stopping"


class Mailbox:
    """Two lanes of envelopes and all that the kernel keeps about the actor at one address.

    busy: a thread is inside a handler; parked and parked_urgent: a lane has mail that waits for its
    end. held: what is published must queue, because nobody is here, or a thread works here, or a
    handler of this actor is further up the stack.
    """

    __slots__ = (
        "actor",
        "busy",
        "children",
        "context",
        "control",
        "data",
        "dropped",
        "failing",
        "held",
        "incarnation",
        "last",
        "late",
        "latest",
        "life",
        "limit",
        "parent",
        "parked",
        "parked_urgent",
        "path",
        "pending",
        "policy",
        "requests",
        "rng",
        "spec",
        "table",
        "timers",
        "topics",
        "watchers",
        "watching",
        "worker",
    )

    def __init__(self, path: str) -> None:
        """Create the vacant mailbox of an address."""
        self.path = path
        self.actor: Actor | None = None
        self.context: Context | None = None
        self.table: Table | None = None
        self.control: deque[Envelope] = deque()
        self.data: deque[Envelope] = deque()
        self.latest: dict[object, Envelope] = {}
        self.limit = 0
        self.policy = OverflowPolicy.REFUSE
        self.busy = False
        self.parked = False
        self.parked_urgent = False
        self.held = True
        self.failing = False
        self.life = Life.VACANT
        self.last: deque[Envelope] = deque(maxlen=LAST_MAX)
        self.incarnation = 0
        self.parent: Mailbox | None = None
        self.children: list[Mailbox] = []
        self.watchers: dict[str, None] = {}
        self.watching: dict[str, None] = {}
        self.timers: dict[int, Timer] = {}
        self.requests = count(1)
        self.pending: dict[int, Timer] = {}
        self.topics: list[Topic] = []
        self.worker: Worker | None = None
        self.spec: Any = None
        self.rng: Any = None
        self.dropped = 0
        self.late = 0

    @property
    def queued(self) -> int:
        """Envelopes waiting in both lanes."""
        return len(self.control) + len(self.data)
