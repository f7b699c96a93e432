"""Effects of a step on a thread: the same as inline, when the step is done."""

import threading
from typing import Any

import msgspec
import pytest

from actors.runtime import RunsOn
from tests.runtime.gates import Gate
from tests.runtime.harness import Harness, LoopHarness, SimulatedHarness, ThreadHarness
from tests.runtime.probe import Ask, Do, Note, Probe, Quote, Told

SECOND_NS = 1_000_000_000


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
