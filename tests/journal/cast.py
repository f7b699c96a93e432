"""What the journal's tests need: records, a store that can fail, a thread that the test runs."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal

from actors.journal.audit import AuditBuffer
from actors.journal.journal import Journal
from actors.journal.rows import Record
from actors.journal.store import MemoryStore, OpenedRun, RunHeader, StoreError
from actors.messages.journal import RecordReply, RecordStored, StoreRecord
from actors.messages.orders import OrderRefused, ProposeOrder
from actors.messages.pairs import PairPhase, PairRecord, PairSignal
from actors.messages.positions import PositionChanged
from actors.messages.risk import JournalPressure
from actors.runtime import (
    Actor,
    ActorSpec,
    ChildSpec,
    Message,
    RequestTimedOut,
    SimulatedRuntime,
    Supervisor,
    SupervisorSpec,
    handles,
)
from actors.settings import JournalSettings
from domain.orders import Order, Side

MS_NS = 1_000_000
START_NS = 1_700_000_000_000_000_000


def stream(name: str) -> random.Random:
    """Return a random stream of its own for each name."""
    return random.Random(name)


def refused(number: int) -> OrderRefused:
    """Return a journalled message that can be told apart."""
    return OrderRefused(client_id=f"o{number}", instrument="a:X", reason="test", detail="")


def record(sequence: int, message: Message | None = None, cause: int = 0) -> Record:
    """Return a record as the kernel would append it."""
    body = refused(sequence) if message is None else message
    return (sequence, cause, START_NS + sequence, "/hedges/btc", "/risk", body)


def intent(number: int, pair: str = "btc") -> PairRecord:
    """Return a pair's intent."""
    return PairRecord(
        pair=pair,
        number=number,
        main_target=Decimal("0.5"),
        phase=PairPhase.ENTERING,
        reason="signal",
    )


def book(quantity: str, instrument: str = "a:X") -> PositionChanged:
    """Return what a position owner says."""
    return PositionChanged(
        instrument=instrument,
        quantity=Decimal(quantity),
        entry=None,
        cost=Decimal(0),
        realised=Decimal("1.5"),
        fees=Decimal("0.25"),
        funding=Decimal(0),
        confirmed=True,
        venue_time_ns=1,
    )


class Do(Message, kw_only=True):
    """Ask an Owner to do something as a step of its own."""

    action: Callable[[Actor], object]


class FaultyStore:
    """A store in memory that can refuse, break, and tell what was asked of it."""

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.refusal = ""
        self.bug: Exception | None = None
        self.bug_after_write: Exception | None = None
        self.chunks: list[tuple[int, bool]] = []
        self.closed = 0

    def open(self, header: RunHeader) -> OpenedRun:
        """Open, or refuse."""
        self._misbehave()
        return self.inner.open(header)

    def write(self, records: Sequence[Record], *, durable: bool) -> str:
        """Write, or refuse."""
        self._misbehave()
        self.chunks.append((len(records), durable))
        written = self.inner.write(records, durable=durable)
        if self.bug_after_write is not None:
            bug, self.bug_after_write = self.bug_after_write, None
            raise bug
        return written

    def close(self) -> None:
        """Close."""
        self.closed += 1
        self.inner.close()

    def _misbehave(self) -> None:
        if self.refusal:
            raise StoreError(self.refusal)
        if self.bug is not None:
            bug, self.bug = self.bug, None
            raise bug

    def messages(self) -> list[Message]:
        """Return what was written, without the rows that begin runs."""
        return [row[2][5] for row in self.inner.rows if not isinstance(row[2][5], RunHeader)]


class ManualThreads:
    """Threads for actors that run a job when the test says so."""

    def __init__(self) -> None:
        self.jobs: deque[Callable[[], None]] = deque()

    def worker(self, _: str) -> "ManualThreads":
        """Return the one worker."""
        return self

    def submit(self, job: Callable[[], None]) -> None:
        """Keep a job."""
        self.jobs.append(job)

    def close(self) -> None:
        """Let a job under way end by itself."""

    def run_one(self) -> None:
        """Run the job that waited longest."""
        self.jobs.popleft()()


class Owner(Actor):
    """Stands for risk and for a pair: keeps what it is told, asks what it is told to ask."""

    def __init__(self, received: list[Message]) -> None:
        super().__init__()
        self.received = received

    @handles(JournalPressure, RecordStored, RecordReply, RequestTimedOut, OrderRefused)
    def keep(self, message: Message) -> None:
        """Keep it; a durable intent is followed by its first order."""
        self.received.append(message)
        if isinstance(message, RecordStored):
            order = Order(
                client_id="c1",
                instrument="a:X",
                side=Side.BUY,
                quantity=Decimal(1),
                price=Decimal(10),
                owner=self.context.path,
                created_ns=self.context.now,
            )
            self.context.tell("/nobody", ProposeOrder(order=order))

    @handles(Do)
    def do(self, message: Do) -> None:
        """Do it."""
        message.action(self)

    @handles(PairSignal)
    def signal(self, _: PairSignal) -> None:
        """Record the intent before acting on it."""
        self.context.request("/journal", StoreRecord(record=intent(1)), 2_000 * MS_NS)


class World:
    """A journal under a supervisor, and an actor that hears what it says."""

    def __init__(
        self,
        *,
        flush_ms: int = 50,
        chunk_max: int = 1_000,
        queue_max: int = 10_000,
        threads: ManualThreads | None = None,
        store: FaultyStore | None = None,
        digest: bool = False,
    ) -> None:
        self.settings = JournalSettings(flush_ms=flush_ms, chunk_max=chunk_max, queue_max=queue_max)
        self.runtime = SimulatedRuntime(stream, start_ns=START_NS)
        self.kernel = self.runtime.kernel
        self.kernel.workers = threads
        self.audit = AuditBuffer(queue_max=queue_max, digest=digest)
        self.kernel.audit = self.audit
        self.store = FaultyStore() if store is None else store
        self.lines: list[str] = []
        self.heard: list[Message] = []
        self.runtime.spawn(ActorSpec("risk", lambda: Owner(self.heard)))
        self.runtime.spawn(ActorSpec("hedges/btc", lambda: Owner(self.heard)))
        child = ChildSpec("journal", self._journal, shutdown_ns=2_000 * MS_NS)
        spec = SupervisorSpec(children=(child,))
        self.runtime.spawn(ActorSpec("root", lambda: Supervisor(spec)))
        self.runtime.settle()

    def _journal(self) -> Journal:
        return Journal(
            settings=self.settings,
            audit=self.audit,
            store=self.store,
            emergency=self.lines.append,
        )

    def decide(self, count: int, start: int = 0) -> None:
        """Tell messages that are journalled; time does not move."""
        for number in range(start, start + count):
            self.kernel.tell("/nobody", refused(number))
        self.runtime.settle()

    def request(self, message: Message, timeout_ms: int = 60_000) -> None:
        """Let the pair ask the journal something."""
        timeout_ns = timeout_ms * MS_NS
        ask = Do(action=lambda actor: actor.context.request("/journal", message, timeout_ns))
        self.kernel.tell("/hedges/btc", ask)
        self.runtime.settle()

    def advance_ms(self, delta_ms: int) -> None:
        """Let virtual time pass."""
        self.runtime.advance(delta_ms * MS_NS)

    def pressures(self) -> list[JournalPressure]:
        """Return what risk was told of the journal."""
        return [message for message in self.heard if isinstance(message, JournalPressure)]

    def written(self) -> list[str]:
        """Return the client ids of the refusals that are in the store, in order."""
        messages = self.store.messages()
        return [message.client_id for message in messages if isinstance(message, OrderRefused)]


def ids(count: int, start: int = 0) -> list[str]:
    """Return the client ids that decide() made."""
    return [f"o{number}" for number in range(start, start + count)]
