"""The buffer between the kernel and the journal: an append by reference, with hard limits.

    kernel --append--> waiting --take--> in flight --confirm--> gone
                          | 90 % of the queue
                          v
                        ring (the last 10 %, preallocated) --full--> the oldest are lost, counted

Records leave in the order in which they came. Where some were lost, a gap record stands.
The buffer outlives the Journal actor: what was in flight when an instance died is taken again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from actors.addresses import JOURNAL
from actors.journal.digest import DecisionDigest
from actors.journal.rows import Record
from actors.runtime.message import Message

__all__ = ["AuditBuffer", "RecordsLost"]

NEVER = 1 << 62
QUEUE_MIN = 10


class RecordsLost(Message, kw_only=True):
    """The gap row: count records up to this row's sequence are missing; first is the earliest."""

    count: int
    first: int


class AuditBuffer:
    """Keeps journalled records until they are written; it is the kernel's audit sink.

    At most queue_max records are held. Whoever attaches is called at the first waiting record, at
    chunk_max, at half of the queue, and at each record beyond 90 %; it is called in the middle of a
    send, so it may only send or start a timer. ``each`` asks for a call at every record. run is the
    number of the run that the records belong to, once a store has given it one.
    """

    __slots__ = (
        "_chunk_max",
        "_confirmed",
        "_digest",
        "_first",
        "_flight",
        "_half",
        "_limit",
        "_lose",
        "_mark",
        "_notice",
        "_ring",
        "_waiting",
        "each",
        "last_sequence",
        "queue_max",
        "run",
    )

    def __init__(self, *, queue_max: int = 100_000, digest: bool = False) -> None:
        """Hold nothing yet; with a digest, what passes is hashed as it is taken.

        queue_max is at least 10.
        """
        assert queue_max >= QUEUE_MIN, f"a queue of {queue_max} has no room for a ring"
        self.queue_max = queue_max
        ring_max = queue_max // 10
        self._limit = queue_max - ring_max
        self._half = queue_max // 2
        self._waiting: list[Record] = []
        self._flight: list[Record] = []
        self._ring = _Ring(ring_max)
        self._confirmed = 0
        self._digest = DecisionDigest() if digest else None
        self._chunk_max = NEVER
        self._first: Callable[[], None] = _nothing
        self._notice: Callable[[], None] = _nothing
        self._lose: Callable[[Record], None] = _nothing_with
        self._mark = 1
        self.each = False
        self.last_sequence = 0
        self.run = 0

    # -- the kernel's side -----------------------------------------------------------------------

    def append(self, record: Record) -> None:
        """Keep a record by reference; never blocks and never raises."""
        waiting = self._waiting
        waiting.append(record)
        if len(waiting) >= self._mark:
            self._marked(waiting)

    def _marked(self, waiting: list[Record]) -> None:
        held = len(waiting) + len(self._flight)
        if held > self._limit or self._ring.count:
            lost = self._ring.keep(waiting.pop())
            self._mark = 0
            if lost is not None:
                self._lose(lost)
        else:
            self._mark = self._next_mark()
            if len(waiting) == 1 and not self.each and held < self._half and self._chunk_max > 1:
                self._first()
                return
        self._notice()

    def _next_mark(self) -> int:
        """Return the length of ``waiting`` at which something must happen next."""
        if self.each or self._ring.count:
            return 0
        length, in_flight = len(self._waiting), len(self._flight)
        if not length:
            return 1
        mark = self._limit + 1 - in_flight
        for earlier in (self._half - in_flight, self._chunk_max):
            if length < earlier < mark:
                mark = earlier
        return mark

    # -- the journal's side ----------------------------------------------------------------------

    def attach(
        self,
        *,
        first: Callable[[], None],
        notice: Callable[[], None],
        lose: Callable[[Record], None],
        chunk_max: int,
    ) -> None:
        """Call first when records begin to wait, and notice when they must not wait longer.

        lose is given each record that had to make room for another.
        """
        self._first, self._notice, self._lose = first, notice, lose
        self._chunk_max = chunk_max
        self._mark = self._next_mark()

    def detach(self) -> None:
        """Call nobody; the limits still hold."""
        self.attach(first=_nothing, notice=_nothing, lose=_nothing_with, chunk_max=NEVER)

    def call_at_each(self, *, each: bool) -> None:
        """Choose whether every single record calls full."""
        self.each = each
        self._mark = self._next_mark()

    def take(self) -> tuple[Record, ...]:
        """Return all that waits, now in flight; what is in flight already comes again unchanged."""
        if not self._flight:
            self._flight, self._waiting = self._waiting, []
            if self._digest is not None:
                self._digest.update(self._flight)
            if self._flight:
                self.last_sequence = self._flight[-1][0]
            self._mark = self._next_mark()
        return tuple(self._flight)

    def confirm(self) -> None:
        """Forget what was in flight: it is written; the ring's records wait if there is room."""
        self._confirmed += len(self._flight)
        self._flight = []
        ring = self._ring
        if ring.count and len(self._waiting) + ring.count < self._limit:
            self._waiting += ring.drain()
        self._mark = self._next_mark()

    def newest(self, count: int) -> tuple[Record, ...]:
        """Return the latest records held, at most count, oldest first."""
        held = [*self._flight, *self._waiting, *self._ring]
        return tuple(held[max(0, len(held) - count) :])

    def __len__(self) -> int:
        """Return how many records are held: waiting, in flight, and in the ring."""
        return len(self._waiting) + len(self._flight) + self._ring.count

    @property
    def waiting(self) -> int:
        """How many records were never taken."""
        return len(self._waiting) + self._ring.count

    @property
    def in_flight(self) -> int:
        """How many records were taken and are not confirmed."""
        return len(self._flight)

    @property
    def in_ring(self) -> int:
        """How many records are in the emergency ring."""
        return self._ring.count

    @property
    def lost(self) -> int:
        """How many records were overwritten in the ring, in all."""
        return self._ring.lost

    @property
    def appended(self) -> int:
        """How many records ever came."""
        return self._confirmed + len(self) + self.lost - self._ring.marks

    @property
    def fraction(self) -> float:
        """How full the queue is."""
        return len(self) / self.queue_max

    def latest_sequence(self) -> int:
        """Return the sequence of the latest record that came and was not lost."""
        if self._ring.count:
            return self._ring.latest()[0]
        return self._waiting[-1][0] if self._waiting else self.last_sequence

    def hexdigest(self) -> str:
        """Return the digest over every record so far, written or not; "" without one.

        Records that were lost count as their gap record, once writing works again.
        """
        if self._digest is None:
            return ""
        return self._digest.hexdigest((*self._waiting, *self._ring))


class _Ring:
    """The last records of a queue that is full: a fixed number of slots, the oldest overwritten."""

    __slots__ = ("_gap", "_slots", "_start", "count", "lost", "marks")

    def __init__(self, size: int) -> None:
        self._slots: list[Record | None] = [None] * size
        self._start = 0
        self.count = 0
        self.lost = 0
        self.marks = 0
        self._gap: tuple[int, Record, Record] | None = None

    def keep(self, record: Record) -> Record | None:
        """Keep a record; return the oldest if it had to make room."""
        slots = self._slots
        place = (self._start + self.count) % len(slots)
        gone, slots[place] = slots[place], record
        if self.count < len(slots):
            self.count += 1
            return None
        assert gone is not None, "a full ring has no empty slot"
        self._start = (self._start + 1) % len(slots)
        self.lost += 1
        count, first = (self._gap[0], self._gap[1]) if self._gap else (0, gone)
        self._gap = (count + 1, first, gone)
        return gone

    def latest(self) -> Record:
        """Return the record that came last."""
        record = self._slots[(self._start + self.count - 1) % len(self._slots)]
        assert record is not None, "asked of a ring that holds something"
        return record

    def __iter__(self) -> Iterator[Record]:
        """Return the records, oldest first."""
        doubled = (*self._slots[self._start :], *self._slots[: self._start])
        return (record for record in islice(doubled, self.count) if record is not None)

    def drain(self) -> list[Record]:
        """Return the records, oldest first, behind a gap record if any were lost; now empty."""
        records = list(self)
        if self._gap is not None:
            count, first, final = self._gap
            lost = RecordsLost(count=count, first=first[0])
            records.insert(0, (final[0], 0, final[2], JOURNAL, JOURNAL, lost))
            self.marks += 1
            self._gap = None
        for index in range(self.count):
            self._slots[(self._start + index) % len(self._slots)] = None
        self._start = self.count = 0
        return records


def _nothing() -> None:
    return None


def _nothing_with(_: Record) -> None:
    return None
