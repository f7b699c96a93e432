"""The Journal: has written what was audited, and stops trading before records are lost."""

from __future__ import annotations

import msgspec

from actors.addresses import RISK, pair_address
from actors.journal.audit import AuditBuffer, RecordsLost
from actors.journal.pressure import Pressure
from actors.journal.rows import Record, body_of
from actors.journal.store import (
    EmergencyLog,
    JournalStore,
    LatestRecords,
    OpenedRun,
    RunHeader,
)
from actors.journal.tally import Tally
from actors.journal.writer import (
    CloseStore,
    JournalWriter,
    OpenStore,
    RecordsWritten,
    StoreClosed,
    StoreFailed,
    WriteRecords,
)
from actors.messages.journal import (
    FlushRequested,
    RecordQuery,
    RecordReply,
    RecordStored,
    StoreRecord,
)
from actors.messages.portfolio import CountsQuery, CountsReported
from actors.messages.risk import JournalPressure
from actors.runtime.actor import Actor, handles
from actors.runtime.context import Deferred
from actors.runtime.message import CONTROL, JOURNALLED, Message
from actors.runtime.specs import ActorSpec, RunsOn
from actors.runtime.system import ChildEnded, ChildStarted
from actors.runtime.timers import Timer
from actors.settings import JournalSettings

__all__ = ["Journal"]

MS_NS = 1_000_000
RETRY_NS = 1_000 * MS_NS
STUCK_NS = 10_000 * MS_NS
LOOK_NS = 1_000 * MS_NS
QUESTIONS_MAX = 1_000
LINES_PER_STEP_MAX = 500

assert StoreRecord.flags & JOURNALLED, "an intent is durable because its row is"
assert not RecordStored.flags & JOURNALLED, "its row is made here, with the request as its cause"


class _FlushDue(Message, kw_only=True):
    """The first waiting record has waited long enough."""


class _Noticed(Message, kw_only=True):
    """A chunk is full, the queue passed a threshold, or each record counts."""

    flags = CONTROL


class _RetryDue(Message, kw_only=True):
    """Time to try again what the store refused."""


class Journal(Actor):
    """Owns the way of every journalled message from the audit buffer to the store.

    Receives StoreRecord (answered with RecordStored once its row is durable), RecordQuery (answered
    from memory), FlushRequested (answered once everything so far is written), CountsQuery. Sends
    JournalPressure to risk when the queue passes half or 90 %, when the store fails or hangs, and
    when it works again. While the store fails, each record also goes to the emergency log.
    When the Journal itself fails: the buffer keeps everything, and the next instance goes on with
    what was in flight; writing a chunk twice changes nothing.
    """

    def __init__(
        self,
        *,
        settings: JournalSettings,
        audit: AuditBuffer,
        store: JournalStore,
        risk: str = RISK,
        header: RunHeader | None = None,
        emergency: EmergencyLog | None = None,
    ) -> None:
        """Write what audit holds to store; without an emergency log its lines are only counted."""
        super().__init__()
        self.run = 0
        self.written = 0
        self.hash = ""
        self.failure = ""
        self.level = 0
        self.lines = 0
        self._settings = settings
        self._audit = audit
        self._store = store
        self._risk = risk
        self._header = RunHeader() if header is None else header
        self._emergency = emergency
        self._latest = LatestRecords()
        self._tally = Tally()
        self._writer = ""
        self._opened = False
        self._stopping = False
        self._due = False
        self._timer: Timer | None = None
        self._noticed = False
        self._retrying = False
        self._writing_since: int | None = None
        self._said = audit.appended
        self._pressure = Pressure()
        self._waiters: list[tuple[int, Deferred, RecordStored]] = []
        self._questions: list[tuple[Deferred, RecordQuery]] = []

    # -- life ------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Open the store; records that waited for an instance are written once it is open."""
        self._audit.attach(
            first=self._begin_to_wait,
            notice=self._notice,
            lose=self._lose,
            chunk_max=self._settings.chunk_max,
        )
        self._spawn_writer()

    def on_stop_requested(self) -> bool:
        """Go on until everything is written and the store closed, as long as the parent allows."""
        self._stopping = True
        self._due = True
        self._step()
        return False

    def on_stop(self) -> None:
        """Leave the buffer to the next instance."""
        self._audit.detach()

    def on_failure(self, *_: object) -> None:
        """Leave the buffer to the next instance; it keeps its limits by itself."""
        self._audit.detach()

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return how much waits, what is written, and what is wrong."""
        audit = self._audit
        return (
            ("run", str(self.run)),
            ("waiting", str(audit.waiting)),
            ("in flight", str(audit.in_flight)),
            ("queue", f"{audit.fraction:.1%} of {audit.queue_max}"),
            ("written", f"up to sequence {self.written}"),
            ("hash", self.hash),
            ("pressure", ("none", "reducing", "halting")[self.level]),
            ("failure", self.failure),
            ("lost", str(audit.lost)),
            ("emergency lines", str(self.lines)),
        )

    # -- called by the buffer, in the middle of another actor's send: nothing may be raised here ---

    def _begin_to_wait(self) -> None:
        """Write when the flush time is over."""
        if not self.actor_stopped.is_set():
            self._look_in(self._settings.flush_ms * MS_NS)

    def _notice(self) -> None:
        """Look at the queue as soon as this send is done."""
        if not self._noticed:
            self._noticed = True
            self.context.tell(self.context.path, _Noticed())

    def _lose(self, record: Record) -> None:
        """Say a record that the ring had to give up, unless it was said."""
        place = self._audit.appended - self._audit.in_ring
        if place > self._said:
            self._said = place
            self._emergency_line(_line(record))
            self._latest.note((record,))

    # -- writing ---------------------------------------------------------------------------------

    @handles(_Noticed)
    def noticed(self, _: _Noticed) -> None:
        """Write a full chunk at once, anything less when its time is up; judge the queue."""
        self._noticed = False
        if self._audit.waiting >= self._settings.chunk_max:
            self._due = True
        self._step()

    @handles(_FlushDue)
    def flush_due(self, _: _FlushDue) -> None:
        """Write what waits; while an earlier write is under way, look again later."""
        self._timer = None
        self._due = True
        if self._writing_since is not None:
            self._look_in(LOOK_NS)
        self._step()

    def _look_in(self, delay_ns: int) -> None:
        timer = self._timer
        if timer is not None:
            if timer.due_ns <= self.context.monotonic + delay_ns:
                return
            timer.cancel()
        self._timer = self.context.after(delay_ns, _FlushDue())

    @handles(FlushRequested)
    def flush(self, _: FlushRequested) -> None:
        """Write everything that waits, then answer."""
        done = RecordStored(pair="", number=0)
        self._waiters.append((self._audit.latest_sequence(), self.context.defer(), done))
        self._due = True
        self._step()

    @handles(StoreRecord)
    def store_record(self, message: StoreRecord) -> None:
        """Answer once the row of this very message is durable."""
        record = message.record
        stored = RecordStored(pair=record.pair, number=record.number)
        self._waiters.append((self.context.cause, self.context.defer(), stored))
        self._due = True
        self._step()

    def _step(self) -> None:
        """Do what can be done now: answer, write the next chunk, or close."""
        self._judge()
        if not self._opened or self._writing_since is not None:
            return
        self._answer_waiters()
        if self._due and len(self._audit) and not self.failure:
            self._write()
        elif self._stopping and not len(self._audit):
            self._opened = False
            self.context.tell(self._writer, CloseStore())

    def _write(self) -> None:
        audit = self._audit
        again = bool(audit.in_flight)
        records = audit.take()
        if not again:
            self._latest.note(records)
            self._tally.note(records)
        self._due = False
        self._writing_since = self.context.monotonic
        durable = False
        for record in records:
            if type(record[5]) is StoreRecord:
                durable = True
            elif type(record[5]) is RecordsLost:
                self._forget_lost(record[5], record[0])
        self.context.tell(self._writer, WriteRecords(records=records, durable=durable))

    def _forget_lost(self, lost: RecordsLost, last: int) -> None:
        """Give no answer to those whose rows a gap swallowed: they will see their time run out."""
        self._waiters = [
            waiter
            for waiter in self._waiters
            if not (waiter[2].pair and lost.first <= waiter[0] <= last)
        ]

    @handles(RecordsWritten)
    def records_written(self, message: RecordsWritten) -> None:
        """Confirm the chunk, answer who waited for it, and go on with what came meanwhile."""
        self._writing_since = None
        self.written, self.hash = message.sequence, message.hash
        self._audit.confirm()
        if self.failure:
            self.failure = ""
            self._audit.call_at_each(each=False)
            self._due = True
        waiting = self._audit.waiting
        if self._waiters or self._stopping or waiting >= self._settings.chunk_max:
            self._due = True
        elif waiting:
            self._look_in(self._settings.flush_ms * MS_NS)
        self._step()

    def _answer_waiters(self) -> None:
        """Answer whose rows are written; the answer gets a row whose cause is the request."""
        context = self.context
        waiters, self._waiters = self._waiters, []
        for sequence, deferred, reply in waiters:
            if sequence > self.written:
                self._waiters.append((sequence, deferred, reply))
                continue
            before = context.sequence
            deferred.reply(reply)
            if reply.pair and context.sequence > before:
                owner = pair_address(reply.pair)
                self._audit.append(
                    (context.sequence, sequence, context.now, context.path, owner, reply)
                )

    # -- the writer and its failures ---------------------------------------------------------------

    def _spawn_writer(self) -> None:
        store = self._store
        spec = ActorSpec(
            id="writer",
            factory=lambda: JournalWriter(store=store),
            mailbox_max=16,
            runs_on=RunsOn.THREAD,
        )
        self._writer = self.context.spawn(spec)
        self._open()

    def _open(self) -> None:
        self._writing_since = self.context.monotonic
        header = msgspec.structs.replace(self._header, run=self._audit.run)
        self.context.tell(self._writer, OpenStore(header=header))
        self._look_in(LOOK_NS)

    @handles(OpenedRun)
    def opened(self, message: OpenedRun) -> None:
        """Take what the store knows, answer who asked meanwhile, and begin to write."""
        self._opened = True
        self._writing_since = None
        self.failure = ""
        self._audit.call_at_each(each=False)
        self.run = self._audit.run = message.run
        self.hash = message.hash
        self.written = max(self.written, message.sequence)
        latest = LatestRecords()
        latest.pairs = {record.pair: record for record in message.records}
        latest.positions = {position.instrument: position for position in message.positions}
        latest.note(self._audit.newest(len(self._audit)))
        self._latest = latest
        questions, self._questions = self._questions, []
        for deferred, question in questions:
            deferred.reply(self._answer(question))
        self._due = self._due or len(self._audit) > 0
        self._step()

    @handles(StoreFailed)
    def store_failed(self, message: StoreFailed) -> None:
        """Stop trading, tell each record to the emergency log, and try again."""
        self._fail(message.reason)

    @handles(ChildStarted)
    def writer_started(self, _: ChildStarted) -> None:
        """Nothing: the store is open when it says so."""

    @handles(ChildEnded)
    def writer_ended(self, message: ChildEnded) -> None:
        """Treat the end of the writer as a failure of the store; another writer is started."""
        self._writer = ""
        self._opened = False
        self._fail(f"the writer ended: {message.exit.reason}")

    def _fail(self, reason: str) -> None:
        self._writing_since = None
        self.failure = reason
        self._audit.call_at_each(each=True)
        if not self._retrying:
            self._retrying = True
            self.context.after(RETRY_NS, _RetryDue())
        self._judge()

    @handles(_RetryDue)
    def retry(self, _: _RetryDue) -> None:
        """Begin again where it failed: with the writer, the store, or the chunk."""
        self._retrying = False
        if self._writing_since is not None:
            return
        if not self._writer:
            self._spawn_writer()
        elif not self._opened:
            self._open()
        elif len(self._audit):
            self._write()

    @handles(StoreClosed)
    def store_closed(self, message: StoreClosed) -> None:
        """End, unless records came while the store closed: then it is opened once more."""
        if message.reason:
            self._emergency_line(f"the store did not close: {message.reason}")
        if len(self._audit):
            self._open()
        else:
            self.context.exit()

    # -- pressure --------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Tell risk when the pressure changed; give the emergency log what it must have."""
        audit = self._audit
        since = self._writing_since
        if not (self.level or self.failure or since) and len(audit) * 2 < audit.queue_max:
            return
        stuck = since is not None and self.context.monotonic - since >= STUCK_NS
        failed = bool(self.failure) or stuck
        level = self._pressure.level(audit.fraction, failed=failed)
        if level != self.level:
            self.level = level
            if self.failure:
                reason = self.failure
            elif stuck:
                reason = f"the store has not answered for {STUCK_NS // RETRY_NS} s"
            else:
                reason = f"{len(audit)} of {audit.queue_max} records wait"
            pressure = JournalPressure(fraction=audit.fraction, failed=failed, reason=reason)
            self.context.tell(self._risk, pressure)
        if failed or audit.in_ring:
            self._say(everything=failed)

    def _say(self, *, everything: bool) -> None:
        """Hand records that were not said yet to the emergency log, a bounded number per step."""
        audit = self._audit
        held = len(audit) if everything else audit.in_ring
        appended = audit.appended
        self._said = max(self._said, appended - held)
        unsaid = audit.newest(appended - self._said)[:LINES_PER_STEP_MAX]
        for record in unsaid:
            self._emergency_line(_line(record))
        self._latest.note(unsaid)
        self._said += len(unsaid)
        if self._said < appended:
            self._notice()

    def _emergency_line(self, line: str) -> None:
        self.lines += 1
        if self._emergency is not None:
            self._emergency(f"journal: {line}")

    # -- questions -------------------------------------------------------------------------------

    @handles(RecordQuery)
    def query(self, message: RecordQuery) -> None:
        """Answer with the latest record, as soon as the store has said what was before this run.

        While it has not, questions wait; beyond a thousand they get no answer, and time out.
        """
        if self.run:
            self.context.reply(self._answer(message))
        elif len(self._questions) < QUESTIONS_MAX:
            self._questions.append((self.context.defer(), message))

    def _answer(self, question: RecordQuery) -> RecordReply:
        latest = self._latest
        latest.note(self._audit.newest(self._audit.waiting))
        return RecordReply(
            pair=latest.pairs.get(question.pair),
            position=latest.positions.get(question.instrument),
        )

    @handles(CountsQuery)
    def counts(self, _: CountsQuery) -> None:
        """Say how many signals, orders and liquidations passed by."""
        counts = self._tally.counts(self._audit.newest(self._audit.waiting))
        self.context.reply(CountsReported(source=self.context.path, counts=counts))


def _line(record: Record) -> str:
    sequence, cause, utc_ns, sender, address, message = record
    body = body_of(message).decode()
    return f"{sequence} {cause} {utc_ns} {sender or '-'} {address} {body}"
