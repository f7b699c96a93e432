"""Actors on threads: effects at one point of the order, hooks on their own thread, no hostage."""

import threading
from typing import Any

import pytest

from actors.runtime import ActorSpec, EngineError, InspectQuery, OverflowPolicy, SupervisorSpec
from actors.runtime.ref import Answer
from tests.runtime.gates import Gate
from tests.runtime.harness import WAIT_S, ThreadHarness
from tests.runtime.probe import Do, Note, Probe, fail
from tests.runtime.trees import Root

SECOND_NS = 1_000_000_000


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


def test_an_actor_on_a_thread_is_told_and_not_entered(threads: ThreadHarness) -> None:
    """A transport cannot run a step of an actor that has its own thread on the kernel's."""
    threads.spawn("a")
    context = threads.actor("/a").context
    with pytest.raises(EngineError, match="thread of its own"):
        threads.run(lambda: context.enter(lambda _: None, None))
    assert threads.kernel.is_alive("/a")
