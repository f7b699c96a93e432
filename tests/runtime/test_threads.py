"""Actors on threads: effects at one point of the order, hooks on their own thread, no hostage."""

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from actors.runtime import ActorSpec, InspectQuery, OverflowPolicy, RunsOn, SupervisorSpec
from actors.runtime.ref import Answer
from tests.runtime.harness import WAIT_S, Harness, LoopHarness, SimulatedHarness, ThreadHarness
from tests.runtime.probe import Ask, Do, Note, Probe, Quote, Told, fail
from tests.runtime.trees import Root

SECOND_NS = 1_000_000_000


@pytest.fixture
def threads() -> Iterator[ThreadHarness]:
    """Give the thread runtime alone."""
    made = ThreadHarness()
    yield made
    made.close()


class Gate:
    """Blocks a handler until the test lets it go on."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.open = threading.Event()

    def __call__(self, _: Probe) -> None:
        self.inside.set()
        assert self.open.wait(WAIT_S)

    def enter(self, harness: Harness, address: str) -> None:
        """Send the actor in and return once its thread is inside."""
        harness.run(lambda: harness.kernel.tell(address, Do(what="block")))
        assert self.inside.wait(WAIT_S)


def test_effects_of_a_handler_come_when_it_is_done(threads: ThreadHarness) -> None:
    """What a blocking handler sends is not seen before it returns, and then all at once."""
    gate = Gate()

    def block(actor: Probe) -> None:
        actor.context.tell("/b", Note(text="1"))
        gate(actor)
        actor.context.tell("/b", Note(text="2"))

    threads.spawn("b")
    threads.spawn("a", {"block": block})
    threads.take()
    gate.enter(threads, "/a")
    assert threads.run(lambda: threads.kernel.boxes["/b"].queued) == 0
    assert threads.take() == []
    gate.open.set()
    threads.settle()
    assert threads.take() == ["b:1", "b:2"]


def test_a_blocked_actor_holds_nobody_up(threads: ThreadHarness) -> None:
    """While one actor blocks in its handler, the others go on with their mail."""
    gate = Gate()
    threads.spawn("a", {"block": gate})
    heard = threading.Event()
    threads.spawn("b", {"note": lambda _: heard.set()})
    gate.enter(threads, "/a")
    threads.run(lambda: threads.kernel.tell("/b", Note(text="on")))
    assert heard.wait(WAIT_S)
    gate.open.set()
    threads.settle()


def test_mail_for_a_blocked_actor_waits_in_order(threads: ThreadHarness) -> None:
    """One message at a time, also on a thread: what comes meanwhile waits its turn."""
    gate = Gate()
    threads.spawn("a", {"block": gate})
    threads.take()
    gate.enter(threads, "/a")
    for text in ("1", "2"):
        threads.run(lambda text=text: threads.kernel.tell("/a", Note(text=text)))  # type: ignore[misc]
    gate.open.set()
    threads.settle()
    assert threads.take() == ["a:1", "a:2"]


def test_a_handler_reads_one_time_from_beginning_to_end(threads: ThreadHarness) -> None:
    """Now and sequence are those of the hand-over, however long the handler takes."""
    gate = Gate()
    seen: list[tuple[int, int, int]] = []

    def look(actor: Probe) -> None:
        context = actor.context
        seen.append((context.now, context.monotonic, context.sequence))

    def block(actor: Probe) -> None:
        look(actor)
        gate(actor)
        look(actor)

    threads.spawn("a", {"block": block})
    gate.enter(threads, "/a")
    threads.clock.monotonic += 5
    threads.runtime.kick()
    threads.run(lambda: threads.kernel.tell("/nobody", Note(text="sequence")))
    gate.open.set()
    threads.settle()
    assert seen[0] == seen[1]
    assert threads.kernel.monotonic == 5


@pytest.mark.parametrize("how", ["fail", "stop it", "start"])
def test_hooks_run_on_the_actors_own_thread(threads: ThreadHarness, how: str) -> None:
    """What a thread opened its hooks may close: construction, start and both ends run there."""
    names: list[str] = []

    def note(_: Probe) -> None:
        names.append(threading.current_thread().name)

    def note_and_fail(actor: Probe) -> None:
        note(actor)
        fail(actor)

    script: dict[str, Any] = {
        "init": note,
        "start": note,
        "note": note,
        "stop": note,
        "failure": note,
        "fail": fail,
        "stop it": lambda actor: actor.context.exit(),
    }
    if how == "start":
        script["start"] = note_and_fail
    threads.spawn("a", script)
    if how != "start":
        threads.tell("/a", Note(text="1"), Do(what=how))
    assert not threads.kernel.is_alive("/a")
    assert len(names) == (3 if how == "start" else 4)
    assert names == ["/a"] * len(names)


def test_a_stuck_actor_is_given_up_by_a_kill(threads: ThreadHarness) -> None:
    """A killed actor is gone at once; what its stuck handler does later has no effect any more."""
    gate = Gate()

    def block(actor: Probe) -> None:
        gate(actor)
        actor.context.tell("/b", Note(text="ghost"))
        actor.context.after(0, Note(text="ghost"))

    threads.spawn("b")
    threads.spawn("a", {"block": block})
    gate.enter(threads, "/a")
    threads.run(lambda: threads.kernel.tell("/a", Note(text="waiting")))
    threads.run(lambda: threads.kernel.lifecycle.kill("/a"))
    assert not threads.kernel.is_alive("/a")
    reasons = [(type(row[3]).__name__, row[4]) for row in threads.dead]
    assert reasons == [
        ("Do", "its thread was given up in this handler"),
        ("Note", "actor ended"),
    ]
    threads.spawn("a")
    threads.take()
    gate.open.set()
    threads.settle()
    threads.tell("/a", Note(text="new"))
    assert threads.take() == ["a:new"]
    assert threads.inspect("/a").timers == ()


def test_a_kill_during_the_start_leaves_no_half_instance(threads: ThreadHarness) -> None:
    """An instance that comes out of its start after it was killed is not put behind the address."""
    gate = Gate()
    threads.run(lambda: threads.kernel.lifecycle.spawn(None, threads.spec("a", {"start": gate})))
    assert gate.inside.wait(WAIT_S)
    threads.run(lambda: threads.kernel.lifecycle.kill("/a"))
    threads.run(lambda: threads.kernel.lifecycle.spawn(None, threads.spec("a")))
    gate.open.set()
    threads.settle()
    threads.take()
    threads.tell("/a", Note(text="new"))
    assert threads.take() == ["a:new"]
    assert threads.inspect("/a").incarnation == 2


def test_an_actor_can_be_looked_at_while_it_blocks(threads: ThreadHarness) -> None:
    """Its mail and counters are shown; its state is not read while its thread changes it."""
    gate = Gate()
    threads.spawn("a", {"block": gate})
    gate.enter(threads, "/a")
    threads.run(lambda: threads.kernel.tell("/a", Note(text="waits")))
    report = threads.inspect("/a")
    assert (report.alive, report.data) == (True, 1)
    assert dict(report.state) == {"state": "not readable while its thread is inside a handler"}
    gate.open.set()
    threads.settle()


def test_overflow_of_a_stuck_actor_does_not_wait_for_it(threads: ThreadHarness) -> None:
    """With the policy to fail, a stuck actor is ended by the mail that finds no room."""
    gate = Gate()
    threads.spawn("a", {"block": gate}, mailbox_max=1, overflow=OverflowPolicy.FAIL)
    gate.enter(threads, "/a")
    for text in ("1", "2"):
        threads.run(lambda text=text: threads.kernel.tell("/a", Note(text=text)))  # type: ignore[misc]
    assert not threads.kernel.is_alive("/a")
    ((_, exit_),) = threads.failures
    assert exit_.place == "mailbox"
    gate.open.set()
    threads.settle()


def test_an_effect_that_is_refused_fails_the_actor(harness: Harness) -> None:
    """A step that asks for what the kernel refuses fails, on a thread as inline, with its hook."""
    harness.spawn("b")
    harness.spawn("a/b", {})

    def act(actor: Probe) -> None:
        actor.context.spawn(harness.spec("b"))

    harness.spawn("a", {"spawn": act})
    harness.take()
    harness.tell("/a", Do(what="spawn"))
    assert harness.take() == ["a:failure EngineError"]
    assert not harness.kernel.is_alive("/a")
    assert harness.kernel.is_alive("/a/b")


def test_a_timer_handle_of_an_earlier_step_still_cancels(harness: Harness) -> None:
    """A timer started in one handler is cancelled from another, on a thread as inline."""
    kept: list[Any] = []
    harness.spawn(
        "a",
        {
            "arm": lambda actor: kept.append(actor.context.every(10, Note(text="tick"))),
            "disarm": lambda _: kept[0].cancel(),
        },
    )
    harness.take()
    harness.tell("/a", Do(what="arm"))
    harness.advance(10)
    harness.tell("/a", Do(what="disarm"))
    harness.advance(100)
    assert harness.take() == ["a:tick"]


def test_a_timer_cancelled_in_its_own_step_never_starts(harness: Harness) -> None:
    """Starting and cancelling in one handler leaves nothing behind."""
    harness.spawn("a", {"both": lambda actor: actor.context.after(10, Note(text="x")).cancel()})
    harness.take()
    harness.tell("/a", Do(what="both"))
    harness.advance(100)
    assert harness.take() == []


def test_all_effects_work_from_a_thread(threads: ThreadHarness) -> None:
    """Publish, subscribe, watch, spawn, request and reply all work from a handler on a thread."""

    def start(actor: Probe) -> None:
        actor.context.subscribe("q")
        actor.context.watch("/b")
        actor.context.spawn(threads.spec("c"))
        actor.context.request("/b", Ask(), SECOND_NS)

    def answer(actor: Probe) -> None:
        actor.context.reply(Told(text="yes"))
        actor.context.publish(actor.context.topic("q"), Quote(price=1))
        actor.context.exit()

    threads.spawn("b", {"answer": answer})
    threads.take()
    threads.spawn("a", {"start": start})
    assert sorted(threads.take()) == [
        "a/c:start",
        "a:child started /a/c",
        "a:quote 1",
        "a:start",
        "a:terminated /b normal",
        "a:told yes",
        "b:asked answer",
        "b:stop",
    ]


@pytest.mark.parametrize("kind", [SimulatedHarness, LoopHarness])
def test_one_kernel_can_hold_both_kinds(kind: type[Harness]) -> None:
    """A thread actor beside inline ones: threads on the loop, inline under simulation."""
    harness = kind()
    names: list[str] = []

    def note(_: Probe) -> None:
        names.append(threading.current_thread().name)

    spec = ThreadHarness.spec(harness, "t", {"note": note})
    harness.start(msgspec.structs.replace(spec, runs_on=RunsOn.THREAD))
    harness.spawn("a", {"go": lambda actor: actor.context.tell("/t", Note(text="hello"))})
    harness.tell("/a", Do(what="go"))
    assert "t:hello" in harness.take()
    expected = "/t" if kind is LoopHarness else threading.current_thread().name
    assert names == [expected]
    harness.close()


def test_an_inspection_by_message_does_not_wait_for_a_blocked_actor(
    threads: ThreadHarness,
) -> None:
    """The kernel answers InspectQuery for an actor whose thread is inside a handler."""
    gate = Gate()
    threads.spawn("a", {"block": gate})
    gate.enter(threads, "/a")
    answer = Answer()
    threads.run(lambda: threads.kernel.ask("/a", InspectQuery(), answer))
    assert answer.get(timeout=WAIT_S).address == "/a"
    gate.open.set()
    threads.settle()


def test_a_child_that_starts_slowly_holds_back_the_next(threads: ThreadHarness) -> None:
    """Children start one after the other: the next waits until the start before has returned."""
    gate = Gate()
    children = (threads.child("a", {"start": gate}), threads.child("b"))
    spec = ActorSpec("root", lambda: Root(threads.log, SupervisorSpec(children)))
    threads.run(lambda: threads.kernel.lifecycle.spawn(None, spec))
    assert gate.inside.wait(WAIT_S)
    assert not threads.run(lambda: threads.kernel.is_alive("/b"))
    gate.open.set()
    threads.settle()
    assert threads.take() == ["a:start", "b:start", "/ ready"]
