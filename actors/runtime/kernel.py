"""The kernel: addresses, two-lane mail, one message at a time, and nothing about trading.

Everything that runs on the kernel's thread goes through here in one total order: an input begins a
cascade, messages are handled one by one, and each envelope carries the sequence of the message
that caused it. The three runtimes differ only in who calls ``pump`` and where time comes from.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.runtime.describe import describe
from actors.runtime.envelope import CONFLATED, OUTSIDE, Envelope, place_of
from actors.runtime.errors import EngineError, UnhandledMessageError
from actors.runtime.lifecycle import Lifecycle
from actors.runtime.mailbox import Mailbox, OverflowPolicy
from actors.runtime.message import CONTROL, JOURNALLED
from actors.runtime.requests import answer
from actors.runtime.system import FailurePlace, InspectQuery, InspectReply, MessageRefused
from actors.runtime.timers import Agenda, Timer
from actors.runtime.topics import Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.context import Context
    from actors.runtime.ports import AuditSink, Chooser, Observer, Substream, WorkerPool

__all__ = ["CONTROL_MAX", "PUMP_MAX", "TIMERS_PER_ACTOR_MAX", "DeadLetter", "Kernel"]

PUMP_MAX = 64
BATCHES_MAX = 1_000_000
CONTROL_MAX = 10_000
DEAD_LETTERS_MAX = 1_000
TIMERS_PER_ACTOR_MAX = 1_024

DeadLetter = tuple[str, int, str, Any, str]  # address, sequence, sender, message, reason


class Kernel:
    """Delivers mail for one tree of actors on one thread.

    now is UTC and monotonic the monotonic time of the latest input, both in ns; only a runtime sets
    them. sequence numbers every message and input; cause is that of the one being handled. acting
    sends, or nobody. nested: what is published queues, as a handler runs inside another's or a
    chooser decides. boxes has every address there ever was, live those with an instance.
    """

    __slots__ = (
        "_chooser",
        "acting",
        "agenda",
        "audit",
        "boxes",
        "cause",
        "dead",
        "dead_count",
        "drive",
        "early",
        "ingress",
        "lifecycle",
        "live",
        "monotonic",
        "nested",
        "nobody",
        "now",
        "observer",
        "outside",
        "ready",
        "same_thread",
        "sequence",
        "substream",
        "topics",
        "urgent",
        "wake",
        "workers",
    )

    def __init__(self, substream: Substream, workers: WorkerPool | None = None) -> None:
        """Create an empty kernel; without a worker pool every actor runs inline."""
        self.now = 0
        self.monotonic = 0
        self.sequence = 0
        self.cause = 0
        self.nobody = Mailbox("")
        self.acting = self.nobody
        self.nested = False
        self.ready: deque[Mailbox] = deque()
        self.urgent: deque[Mailbox] = deque()
        self.boxes: dict[str, Mailbox] = {}
        self.live: dict[str, Mailbox] = {}
        self.topics: dict[str, Topic] = {}
        self.agenda = Agenda()
        self.dead: deque[DeadLetter] = deque(maxlen=DEAD_LETTERS_MAX)
        self.dead_count = 0
        self.early: dict[str, int] = {}
        self.ingress: deque[Callable[[], object]] = deque()
        self.outside: dict[int, Any] = {}
        self.substream = substream
        self.workers = workers
        self._chooser: Chooser | None = None
        self.audit: AuditSink | None = None
        self.observer: Observer | None = None
        self.wake: Callable[[], None] = lambda: None
        self.drive: Callable[[Any, float | None], None] = lambda *_: None
        self.same_thread: Callable[[], bool] = lambda: True
        self.lifecycle = Lifecycle(self)

    @property
    def running(self) -> Mailbox | None:
        """The mailbox whose handler runs, or None between messages."""
        return None if self.acting is self.nobody else self.acting

    @property
    def sender(self) -> str:
        """The address in whose name messages are sent; empty for what comes from outside."""
        return self.acting.path

    @property
    def chooser(self) -> Chooser | None:
        """What decides which mailbox goes next; without one it is the order of arrival."""
        return self._chooser

    @chooser.setter
    def chooser(self, chooser: Chooser | None) -> None:
        self._chooser = chooser
        self.nested = chooser is not None

    # -- sending -------------------------------------------------------------------------------

    def tell(self, address: str, message: Any, mark: Any = 0) -> int:
        """Queue a message for an address and return its sequence.

        Never blocks, and never raises for a full mailbox or an address without an actor.
        Raises: EngineError for what is not a Message.
        """
        self.sequence = sequence = self.sequence + 1
        try:
            flags = message.flags
            box = self.live[address]
        except (AttributeError, KeyError):
            return self._astray(address, message, sequence)
        if flags:
            return self._tell_flagged(box, message, sequence, mark)
        data = box.data
        if data:
            if len(data) >= box.limit:
                self._overflow(box, message, sequence, mark)
                return sequence
        else:
            # A mailbox stands in the queue exactly while it has mail.
            self.ready.append(box)
        data.append((message, sequence, self.cause, self.acting.path, self.now, mark))
        return sequence

    def _tell_flagged(self, box: Mailbox, message: Any, sequence: int, mark: Any) -> int:
        flags = message.flags
        if flags & JOURNALLED and self.audit is not None:
            record = (sequence, self.cause, self.now, self.acting.path, box.path, message)
            self.audit.append(record)
        if flags & CONTROL:
            if type(message) is InspectQuery and box.worker is not None:
                # An actor on a thread may be inside a handler for long: the kernel answers for it.
                envelope = (message, sequence, self.cause, self.acting.path, self.now, mark)
                asker, self.acting = self.acting, box
                answer(self, envelope, describe(box))
                self.acting = asker
                return sequence
            lane, queue, limit = box.control, self.urgent, CONTROL_MAX
        else:
            lane, queue, limit = box.data, self.ready, box.limit
        if not lane:
            queue.append(box)
        elif len(lane) >= limit:
            if flags & CONTROL:
                self._overflow_control(box, message, sequence)
            else:
                self._overflow(box, message, sequence, mark)
            return sequence
        lane.append((message, sequence, self.cause, self.acting.path, self.now, mark))
        return sequence

    def _astray(self, address: str, message: Any, sequence: int) -> int:
        flags = getattr(message, "flags", None)
        if flags is None:
            raise EngineError(f"to {address}: {type(message).__name__} is no Message, has no lane")
        if flags & JOURNALLED and self.audit is not None:
            self.audit.append((sequence, self.cause, self.now, self.acting.path, address, message))
        self.bury(address, sequence, self.sender, message, "nobody is behind the address")
        return sequence

    def publish(self, topic: Topic, message: Any) -> None:
        """Show a message to every subscriber: at once if nothing is queued there, else conflated.

        Must be the last thing its handler does: a subscriber may run before this returns. What a
        subscriber publishes in turn is queued, so no handler is entered while it is on the stack.
        """
        topic.last = message
        topic.seen_ns = self.monotonic
        if self.nested:
            self._publish_queued(topic, message)
            return
        outer, cause = self.acting, self.cause
        self.nested = True
        try:
            for box in topic.boxes:
                if box.data or box.control or box.held or box is outer:
                    self.acting, self.cause = outer, cause
                    self._conflate(box, (type(message), topic.key), message)
                    continue
                self.sequence = self.cause = self.sequence + 1
                self.acting = box
                if self.observer is not None:
                    self.observer(box, message, self.sequence, cause)
                try:
                    try:
                        handler = box.table[type(message)]  # type: ignore[index]
                    except KeyError:
                        raise unhandled(box, message) from None
                    handler(message)
                except Exception as error:  # noqa: BLE001 - any failure ends the actor
                    self.lifecycle.fail(box, error, FailurePlace.HANDLER, message)
        finally:
            self.nested = False
            self.acting, self.cause = outer, cause

    def _publish_queued(self, topic: Topic, message: Any) -> None:
        for box in topic.boxes:
            self._conflate(box, (type(message), topic.key), message)

    def _conflate(self, box: Mailbox, key: object, message: Any) -> None:
        if box.table is None:
            return
        self.sequence = sequence = self.sequence + 1
        if key in box.latest:
            box.dropped += 1
        else:
            if not box.data:
                self.ready.append(box)
            box.data.append((CONFLATED, sequence, 0, "", 0, key))
        box.latest[key] = (message, sequence, self.cause, self.acting.path, self.now, 0)

    def _overflow(self, box: Mailbox, message: Any, sequence: int, mark: Any) -> None:
        """Apply the policy of a full mailbox."""
        if type(mark) is Timer or mark > 0:
            # An actor's own timers and the replies it waits for are few, and it cannot do without.
            box.data.append((message, sequence, self.cause, self.acting.path, self.now, mark))
            return
        if box.policy is OverflowPolicy.CONFLATE and mark == 0:
            key = (type(message), getattr(message, "instrument", ""))
            if key in box.latest or len(box.latest) < box.limit:
                self._conflate(box, key, message)
                return
        box.dropped += 1
        self.bury(box.path, sequence, self.sender, message, "mailbox full")
        if box.policy is OverflowPolicy.FAIL:
            self.lifecycle.overflowed(box, message)
        elif self.sender:
            name = type(message).__name__
            self.tell(self.sender, MessageRefused(address=box.path, message=name))

    def _overflow_control(self, box: Mailbox, message: Any, sequence: int) -> None:
        """Give up what the control lane cannot hold; an actor so far behind has failed."""
        box.dropped += 1
        self.bury(box.path, sequence, self.sender, message, "control lane full")
        self.lifecycle.overflowed(box, message)

    def bury(self, address: str, sequence: int, sender: str, message: Any, reason: str) -> None:
        """Keep an undeliverable message where an operator finds it, with the reason."""
        self.dead_count += 1
        box = self.boxes.get(address)
        if (box is None or not box.incarnation) and len(self.early) < DEAD_LETTERS_MAX:
            # Counted back when the address starts: it was told before its time, not lost for good.
            self.early[address] = self.early.get(address, 0) + 1
        self.dead.append((address, sequence, sender, message, reason))
        waiting = self.outside.pop(sequence, None)
        if waiting is not None:
            self.lifecycle.refuse_outside(waiting, address)

    # -- handling ------------------------------------------------------------------------------

    def pump(self) -> bool:
        """Handle up to PUMP_MAX messages; return whether mail is left.

        A BaseException leaves through here; the other actors' mail stays queued for the next call.
        """
        urgent, ready, chooser, observer = self.urgent, self.ready, self._chooser, self.observer
        try:
            for _ in range(PUMP_MAX):
                if urgent:
                    box = urgent.popleft()
                    if box.busy:
                        box.parked_urgent = True
                        continue
                    lane = box.control
                    envelope = lane.popleft()
                    if lane:
                        urgent.append(box)
                elif ready:
                    box = ready.popleft() if chooser is None else self._chosen(chooser)
                    if box.busy:
                        box.parked = True
                        continue
                    lane = box.data
                    envelope = lane.popleft()
                    if lane:
                        ready.append(box)
                else:
                    return False
                if envelope[5]:
                    found = self._unmark(box, envelope)
                    if found is None:
                        continue
                    envelope = found
                message = envelope[0]
                self.cause = envelope[1]
                self.acting = box
                box.last.append(envelope)
                if observer is not None:
                    observer(box, message, envelope[1], envelope[2])
                try:
                    try:
                        handler = box.table[type(message)]  # type: ignore[index]
                    except KeyError:
                        raise unhandled(box, message) from None
                    handler(message)
                except Exception as error:  # noqa: BLE001 - any failure ends the actor
                    self.lifecycle.fail(box, error, place_of(envelope), message)
        finally:
            self.acting = self.nobody
            self.cause = 0
        return bool(urgent or ready)

    def _chosen(self, chooser: Chooser) -> Mailbox:
        index = chooser.choose(len(self.ready))
        box = self.ready[index]
        del self.ready[index]
        return box

    def _unmark(self, box: Mailbox, envelope: Envelope) -> Envelope | None:
        """Resolve a marked envelope: conflated content, a timer still wanted, a reply awaited."""
        mark = envelope[5]
        if envelope[0] is CONFLATED:
            return box.latest.pop(mark, None)
        if type(mark) is Timer:
            if mark.cancelled:
                return None
            mark.queued = False
            if not mark.period_ns:
                box.timers.pop(mark.number, None)
            return envelope
        if mark < 0:
            return envelope
        deadline = box.pending.pop(mark, None)
        if deadline is None:
            box.late += 1
            self.bury(box.path, envelope[1], envelope[3], envelope[0], "late reply")
            return None
        deadline.cancel()
        return envelope

    def drain(self) -> None:
        """Handle mail until none is left.

        Raises: EngineError when actors keep sending without end.
        """
        for _ in range(BATCHES_MAX):
            if not self.pump():
                return
        raise EngineError(f"no rest after {BATCHES_MAX * PUMP_MAX} messages")

    def enter(
        self, box: Mailbox, context: Context, function: Callable[[Any], None], argument: Any
    ) -> None:
        """Run function(argument) as a step of the instance that a context belongs to: an input.

        Raises: EngineError for an actor on a thread, which is told instead.
        """
        if box.context is not context:
            self.sequence += 1
            self.bury(box.path, self.sequence, "", argument, "input for an actor that ended")
            return
        if box.worker is not None:
            raise EngineError(f"{box.path} has a thread of its own: tell it, do not enter it")
        outer, cause, nested = self.acting, self.cause, self.nested
        self.sequence = self.cause = self.sequence + 1
        self.acting = box
        self.nested = nested or outer is not self.nobody
        try:
            function(argument)
        except Exception as error:  # noqa: BLE001 - any failure ends the actor and is reported
            self.lifecycle.fail(box, error, FailurePlace.HANDLER, argument)
        finally:
            self.acting, self.cause, self.nested = outer, cause, nested

    # -- time ----------------------------------------------------------------------------------

    def after(
        self, box: Mailbox, delay_ns: int, message: Any, period_ns: int = 0, request: int = 0
    ) -> Timer:
        """Send a message to a box itself after a delay, again every period_ns if that is above 0.

        Raises: EngineError for a negative delay, an actor that ended, or more timers than one may
        hold.
        """
        if delay_ns < 0 or period_ns < 0:
            raise EngineError(f"{box.path}: a timer runs forward, not {delay_ns}, {period_ns} ns")
        if len(box.timers) >= TIMERS_PER_ACTOR_MAX or box.table is None:
            why = "has ended" if box.table is None else f"has {TIMERS_PER_ACTOR_MAX} timers"
            raise EngineError(f"{box.path} {why}: no timer for {type(message).__name__}")
        agenda = self.agenda
        timer = Timer(agenda, box, message, self.monotonic + delay_ns)
        timer.period_ns = period_ns
        timer.cause = self.cause
        timer.request = request
        box.timers[timer.number] = timer
        agenda.push(timer.due_ns, timer)
        return timer

    def at_monotonic(self, due_ns: int, action: Callable[[], None]) -> None:
        """Call an action, as an input of the run, at a monotonic time; for simulated venues."""
        self.agenda.push(due_ns, action)

    def run_due(self) -> bool:
        """Queue the message of one timer, or run one input, that is due; tell whether."""
        entry = self.agenda.pop_due(self.monotonic)
        if entry is None:
            return False
        if type(entry) is Timer:
            self._fire(entry)
        else:
            entry()  # type: ignore[operator]
        return True

    def _fire(self, timer: Timer) -> None:
        box = timer.box
        if timer.request:
            box.pending.pop(timer.request, None)
        if timer.period_ns:
            # Missed periods are skipped, not made up for; so are those whose message still waits.
            missed = (self.monotonic - timer.due_ns) // timer.period_ns
            timer.due_ns += (missed + 1) * timer.period_ns
            self.agenda.push(timer.due_ns, timer)
            if timer.queued:
                return
        timer.queued = True
        self.cause = timer.cause
        self.acting = box
        self.tell(box.path, timer.message, timer)
        self.cause = 0
        self.acting = self.nobody

    # -- from outside --------------------------------------------------------------------------

    def post(self, action: Callable[[], object]) -> None:
        """Run an action on the kernel's thread before its next message; thread-safe, alone here."""
        self.ingress.append(action)
        self.wake()

    def take_ingress(self) -> bool:
        """Run what was posted by now; return whether there was anything."""
        ingress = self.ingress
        count = len(ingress)
        for _ in range(count):
            ingress.popleft()()
        return count > 0

    def ask(self, address: str, message: Any, future: Any) -> None:
        """Send a request from outside; its reply, or the reason for none, goes to the future."""
        self.outside[self.sequence + 1] = future
        self.tell(address, message, OUTSIDE)

    def stop_from_outside(self, address: str, future: Any) -> None:
        """Ask an actor to stop; the future gets True once it is gone, False if it was."""
        self.lifecycle.stop_from_outside(address, future)

    def is_alive(self, address: str) -> bool:
        """Return whether an instance is behind the address."""
        return address in self.live

    def in_handler(self) -> bool:
        """Return whether the caller is inside a handler on the kernel's own thread."""
        return self.acting is not self.nobody and self.same_thread()

    def inspect(self, address: str) -> InspectReply:
        """Describe an address without a message: the run goes on as if nobody had looked.

        Called on the kernel's thread; an address that never had an actor is described as vacant.
        """
        return describe(self.boxes.get(address) or Mailbox(address))


def unhandled(box: Mailbox, message: Any) -> UnhandledMessageError:
    """Return the error of an actor that was sent what it declares no handler for."""
    return UnhandledMessageError(f"{box.path} has no handler for {type(message).__name__}")
