"""Life and death of actors: spawn, start, stop, fail, end."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pykka

from actors.runtime.actor import spawning
from actors.runtime.autopsy import FailedAt, Report, autopsy
from actors.runtime.context import Context
from actors.runtime.describe import describe
from actors.runtime.envelope import CONFLATED
from actors.runtime.errors import EngineError, MailboxOverflowError
from actors.runtime.mailbox import Life, Mailbox, Table
from actors.runtime.offload import hand_over, run_step
from actors.runtime.specs import RunsOn
from actors.runtime.system import (
    ChildEnded,
    ChildStarted,
    Exit,
    ExitKind,
    FailurePlace,
    InspectQuery,
    StopRequested,
    Terminated,
)
from actors.runtime.threadcontext import ThreadContext
from actors.runtime.timers import Timer
from actors.runtime.topics import Topic

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.envelope import Envelope
    from actors.runtime.kernel import Kernel
    from actors.runtime.specs import ActorSpec

__all__ = ["FAILURES_MAX", "Lifecycle"]

FAILURES_MAX = 200
NORMAL_EXIT = Exit(kind=ExitKind.NORMAL)


class _Begin:
    """The first message of an instance: construct and start."""

    flags = 1


class _Overflowed:
    """Comes ahead of everything else to an actor whose mailbox was full, and makes it fail."""

    flags = 1

    def __init__(self, waiting: int, message: str) -> None:
        self.waiting = waiting
        self.message = message


_INTERNAL = (_Begin, _Overflowed, StopRequested)


class Lifecycle:
    """The kernel's part that makes and ends actor instances."""

    __slots__ = ("_kernel", "_stop_waiters", "failures")

    def __init__(self, kernel: Kernel) -> None:
        """Serve one kernel; failures holds address, exit, traceback and state of the latest."""
        self._kernel = kernel
        self.failures: deque[tuple[str, Exit, str, tuple[tuple[str, str], ...]]] = deque(
            maxlen=FAILURES_MAX
        )
        self._stop_waiters: dict[str, list[Any]] = {}

    # -- addresses -----------------------------------------------------------------------------

    def path_of(self, parent: Mailbox | None, spec: ActorSpec) -> str:
        """Return the address that a child of this spec has."""
        if parent is None:
            return "/" if spec.id == "root" else f"/{spec.id}"
        return f"/{spec.id}" if parent.path == "/" else f"{parent.path}/{spec.id}"

    def topic(self, key: str) -> Topic:
        """Return the topic of a key, made when first asked for; on any thread."""
        topic = self._kernel.topics.get(key)
        return topic or self._kernel.topics.setdefault(key, Topic(key))

    def subscribe(self, box: Mailbox, topic: Topic) -> None:
        """Show an actor what is published from now on.

        Raises: EngineError for an instance that ended.
        """
        self._expect_life(box)
        topic.add(box)

    def _expect_life(self, box: Mailbox) -> None:
        if box.table is None:
            raise EngineError(f"{box.path} has ended")

    # -- birth ---------------------------------------------------------------------------------

    def spawn(self, parent: Mailbox | None, spec: ActorSpec) -> str:
        """Put a new instance behind an address; its factory and on_start run as its first step.

        Raises: EngineError if an instance is there already, or the parent has ended.
        """
        kernel = self._kernel
        path = self.path_of(parent, spec)
        if parent is not None:
            self._expect_life(parent)
        box = kernel.boxes.get(path)
        if box is None:
            box = kernel.boxes[path] = Mailbox(path)
        elif box.life is not Life.VACANT:
            raise EngineError(f"{path} is taken by a living actor")
        box.spec, box.parent = spec, parent
        box.limit, box.policy = spec.mailbox_max, spec.overflow
        box.incarnation += 1
        kernel.dead_count -= kernel.early.pop(path, 0)
        box.life = Life.STARTING
        threaded = spec.runs_on is RunsOn.THREAD and kernel.workers is not None
        box.worker = kernel.workers.worker(path) if threaded and kernel.workers else None
        box.held = threaded
        context = ThreadContext(kernel, box) if threaded else Context(kernel, box)
        box.context = context
        self._put_table(
            box, {_Begin: lambda _: self._begin(box, context), _Overflowed: self._overflow_step}
        )
        kernel.live[path] = box
        if parent is not None:
            parent.children.append(box)
        kernel.tell(path, _Begin())
        return path

    def _begin(self, box: Mailbox, context: Context) -> None:
        """Construct and start an instance; on the actor's own thread if it has one."""
        token = spawning.set(context)
        place = FailurePlace.INIT
        try:
            actor: Actor = box.spec.factory()
            if getattr(actor, "context", None) is not context:
                raise EngineError(f"{box.path}: the factory must construct a new actor")  # noqa: TRY301
            context.actor = actor
            context.later(lambda: self._install(box, actor))
            place = FailurePlace.START
            actor.on_start()
        except Exception as error:
            raise FailedAt(place, error) from error
        finally:
            spawning.reset(token)
        context.later(lambda: self._started(box))

    def _install(self, box: Mailbox, actor: Actor) -> None:
        box.actor = actor
        table: Table = {
            _Overflowed: self._overflow_step,
            StopRequested: lambda _: self._stop_step(box, actor),
            InspectQuery: lambda _: actor.context.reply(describe(box)),
        }
        for message_type, name in actor.handlers.items():
            table[message_type] = getattr(actor, name)
        self._put_table(box, table)

    def _put_table(self, box: Mailbox, table: Table) -> None:
        if box.worker is not None:
            table = dict.fromkeys(table, hand_over(self._kernel, box, table))
        box.table = table

    def _started(self, box: Mailbox) -> None:
        if box.life is not Life.STARTING:
            return
        box.life = Life.ALIVE
        if box.parent is not None:
            self._kernel.tell(box.parent.path, ChildStarted(address=box.path))

    # -- orderly end ---------------------------------------------------------------------------

    def request_stop(self, address: str) -> None:
        """Ask the instance behind an address to stop; nothing happens if there is none."""
        if self._kernel.is_alive(address):
            self._kernel.tell(address, StopRequested())

    def _stop_step(self, box: Mailbox, actor: Actor) -> None:
        if box.worker is None:
            box.life = Life.STOPPING
        try:
            if not actor.on_stop_requested():
                return
        except Exception as error:
            raise FailedAt(FailurePlace.STOP, error) from error
        self._leave(box, actor)

    def _leave(self, box: Mailbox, actor: Actor) -> None:
        """Run the last hook of an orderly end, then end; on the actor's own thread."""
        try:
            actor.on_stop()
        except Exception as error:
            raise FailedAt(FailurePlace.STOP, error) from error
        actor.context.later(lambda: self.end(box, NORMAL_EXIT))

    def exit(self, box: Mailbox, error: Exception | None) -> None:
        """End an instance from its own handler: in order, or as a failure of the given error."""
        actor = box.actor
        if actor is None:
            return
        if error is not None:
            self.fail(box, error, FailurePlace.HANDLER, None)
        elif box.worker is not None:
            run_step(self._kernel, box, None, lambda: self._leave(box, actor), FailurePlace.STOP)
        else:
            try:
                self._leave(box, actor)
            except FailedAt as problem:
                self.fail(box, problem, FailurePlace.STOP, None)

    def kill(self, address: str) -> None:
        """End the instance behind an address at once; a thread it holds is abandoned."""
        box = self._kernel.boxes.get(address)
        if box is not None and box.life is not Life.VACANT:
            self.end(box, Exit(kind=ExitKind.KILLED, reason="killed"))

    def stop_from_outside(self, address: str, future: Any) -> None:
        """Stop an actor for a caller outside; the future gets whether it was there."""
        if not self._kernel.is_alive(address):
            future.set(False)
            return
        self._stop_waiters.setdefault(address, []).append(future)
        self.request_stop(address)

    def refuse_outside(self, future: Any, address: str) -> None:
        """Tell a caller outside that nobody will answer."""
        error = pykka.ActorDeadError(f"{address} not found")
        future.set_exception((type(error), error, None))

    # -- failure -------------------------------------------------------------------------------

    def fail(self, box: Mailbox, error: Exception, place: FailurePlace, message: Any) -> None:
        """End an instance because of an exception, after its failure hook, and report it.

        The hook of an actor on a thread runs there, so that it may close what the thread opened.
        """
        if box.table is None:
            report = autopsy(None, error, place, message)
            self.failures.append((box.path, *report))
        elif box.worker is None:
            actor = box.actor
            if actor is None and box.context is not None:
                actor = box.context.actor
            self.ended_badly(box, autopsy(actor, error, place, message))
        elif not box.busy:
            run_step(self._kernel, box, None, lambda: _raise(error), place, message)

    def ended_badly(self, box: Mailbox, report: Report) -> None:
        """Keep a report and end the instance it is about."""
        self.failures.append((box.path, *report))
        self.end(box, report.exit)

    def overflowed(self, box: Mailbox, message: Any) -> None:
        """Fail an actor whose mailbox was full, as its next step, or now if its thread is stuck."""
        name = type(message).__name__
        if box.busy:
            error = MailboxOverflowError(f"{box.path}: full, and its thread inside a handler")
            self.ended_badly(box, autopsy(None, error, FailurePlace.MAILBOX, message))
        elif not box.failing:
            box.failing = True
            kernel = self._kernel
            kernel.sequence += 1
            notice = _Overflowed(box.queued, name)
            if not box.control:
                kernel.urgent.append(box)
            box.control.appendleft(
                (notice, kernel.sequence, kernel.cause, kernel.sender, kernel.now, 0)
            )

    def _overflow_step(self, notice: _Overflowed) -> None:
        text = f"{notice.waiting} messages wait; {notice.message} found no room"
        raise FailedAt(FailurePlace.MAILBOX, MailboxOverflowError(text))

    def unpark(self, box: Mailbox) -> None:
        """Go on with the mail that waited for a thread."""
        if box.parked_urgent:
            box.parked_urgent = False
            self._kernel.urgent.append(box)
        if box.parked:
            box.parked = False
            self._kernel.ready.append(box)

    def end(self, box: Mailbox, exit_: Exit) -> None:
        """Take the instance away from its address, after its children, and tell who must know."""
        if box.life is Life.VACANT:
            return
        kernel = self._kernel
        actor, context = box.actor, box.context
        box.actor = box.table = box.context = None
        box.held = True
        del kernel.live[box.path]
        acting, kernel.acting = kernel.acting, box
        for child in reversed(box.children[:]):
            self.end(child, Exit(kind=ExitKind.KILLED, reason=f"{box.path} ended"))
        if actor is not None:
            actor.actor_stopped.set()
        if box.worker is not None:
            box.worker.close()
            box.worker = None
        if box.busy and isinstance(context, ThreadContext) and context.current is not None:
            self._bury_envelope(box, context.current, "its thread was given up in this handler")
        box.busy = box.failing = False
        for timer in list(box.timers.values()):
            timer.cancel()
        box.pending.clear()
        for topic in box.topics[:]:
            topic.remove(box)
        for address in box.watching:
            kernel.boxes[address].watchers.pop(box.path, None)
        box.watching.clear()
        self._bury_mail(box)
        box.parked = box.parked_urgent = False
        box.life = Life.VACANT
        watchers, box.watchers = box.watchers, {}
        for watcher in watchers:
            kernel.boxes[watcher].watching.pop(box.path, None)
            kernel.tell(watcher, Terminated(address=box.path, kind=exit_.kind))
        if box.parent is not None:
            if box in box.parent.children:
                box.parent.children.remove(box)
            if box.parent.table is not None:
                kernel.tell(box.parent.path, ChildEnded(address=box.path, exit=exit_))
        kernel.acting = acting
        for future in self._stop_waiters.pop(box.path, ()):
            future.set(True)

    def _bury_mail(self, box: Mailbox) -> None:
        kernel = self._kernel
        for lane, queue, parked in (
            (box.control, kernel.urgent, box.parked_urgent),
            (box.data, kernel.ready, box.parked),
        ):
            if lane and not parked:
                queue.remove(box)
            while lane:
                envelope = lane.popleft()
                if envelope[0] is CONFLATED:
                    envelope = box.latest.pop(envelope[5])
                self._bury_envelope(box, envelope, "actor ended")

    def _bury_envelope(self, box: Mailbox, envelope: Envelope, reason: str) -> None:
        message, sequence, _, sender, _, mark = envelope
        if type(message) not in _INTERNAL and type(mark) is not Timer:
            self._kernel.bury(box.path, sequence, sender, message, reason)

    # -- watching ------------------------------------------------------------------------------

    def watch(self, watcher: Mailbox, address: str) -> None:
        """Tell a watcher when the instance behind an address ends."""
        self._expect_life(watcher)
        box = self._kernel.boxes.get(address)
        if box is None or box.table is None:
            self._kernel.tell(watcher.path, Terminated(address=address, kind=ExitKind.NORMAL))
            return
        box.watchers[watcher.path] = None
        watcher.watching[address] = None

    def unwatch(self, watcher: Mailbox, address: str) -> None:
        """Forget a watcher."""
        box = self._kernel.boxes.get(address)
        if box is not None:
            box.watchers.pop(watcher.path, None)
        watcher.watching.pop(address, None)


def _raise(error: Exception) -> None:
    raise error
