"""Each known trap of pykka is a named case here: none of them is left in the engine."""

import gc
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from actors.runtime import Actor, BlockingRefusedError, EngineError
from tests.runtime.harness import Harness
from tests.runtime.probe import Abort, Ask, Do, Note, Probe, Quote, Told, fail

SECOND_NS = 1_000_000_000


def test_an_exception_on_ask_fails_the_actor_as_on_tell(harness: Harness) -> None:
    """Pykka hands the exception to the asker and lives on; here the actor ends both times."""
    ends = []
    for send in (harness.tell, harness.ask):
        harness.spawn("a", {"fail": fail})
        send("/a", Ask(what="fail"))
        ends.append(harness.kernel.is_alive("/a"))
    assert ends == [False, False]
    assert [exit_.kind for _, exit_ in harness.failures] == ["failure", "failure"]


def test_a_failing_on_start_runs_the_failure_hook(harness: Harness) -> None:
    """Pykka runs no hook; here on_failure runs and the failure is reported like any other."""
    harness.spawn("a", {"start": fail})
    assert harness.take() == ["a:start", "a:failure ValueError"]
    ((_, exit_),) = harness.failures
    assert exit_.place == "start"
    assert not harness.kernel.is_alive("/a")


def test_a_stop_between_is_alive_and_tell_loses_nothing_silently(harness: Harness) -> None:
    """Pykka drops the message; here it is a dead letter with its reason."""
    harness.spawn("a", {"stop": lambda actor: actor.context.exit()})
    ref = harness.ref("/a")
    assert ref.is_alive()
    harness.run(lambda: harness.kernel.lifecycle.request_stop("/a"))
    ref.tell(Note(text="lost?"))
    harness.settle()
    assert [row[3] for row in harness.dead] == [Note(text="lost?")]


def test_a_timed_out_request_is_never_executed_twice(harness: Harness) -> None:
    """Pykka's caller is tempted to ask again; our request is sent once whatever becomes of it."""
    harness.spawn("b")
    harness.spawn("a", {"ask": lambda actor: actor.context.request("/b", Ask(), SECOND_NS)})
    harness.tell("/a", Do(what="ask"))
    harness.advance(1_000 * SECOND_NS)
    assert harness.log.count("b:asked answer") == 1
    assert harness.log.count("a:timed out Ask 1") == 1


def abort(_: Probe) -> None:
    """Leave the scheduler."""
    raise Abort


def test_a_base_exception_leaves_the_scheduler_and_stops_nobody(harness: Harness) -> None:
    """Pykka stops every actor; here it leaves through the runtime and all the others go on."""
    harness.spawn("a", {"abort": abort})
    harness.spawn("b")
    harness.take()
    with pytest.raises(Abort):
        harness.tell("/a", Do(what="abort"), Note(text="next"))
    harness.tell("/b", Note(text="here"))
    kernel = harness.kernel
    assert sorted(harness.take()) == ["a:next", "b:here"]
    assert (kernel.running, kernel.sender, kernel.cause, kernel.nested) == (None, "", 0, False)
    assert harness.failures == []


def test_a_base_exception_in_a_subscriber_leaves_no_trace(harness: Harness) -> None:
    """The publisher of a message whose reader leaves the scheduler can publish again."""

    def read(actor: Probe) -> None:
        actor.context.subscribe("q")

    harness.spawn(
        "a", {"start": read, "quote": lambda actor: None if actor.notes else abort(actor)}
    )

    def publish() -> None:
        harness.kernel.publish(harness.kernel.lifecycle.topic("q"), Quote(price=1))

    def act() -> None:
        harness.run(publish)
        harness.settle()

    with pytest.raises(Abort):
        act()
    assert not harness.kernel.nested
    assert harness.kernel.running is None
    harness.tell("/a", Note(text="count"))
    harness.take()
    harness.run(publish)
    harness.settle()
    assert harness.take() == ["a:quote 1"]


def test_an_actor_without_a_thread_is_not_collected(harness: Harness) -> None:
    """Pykka's registry would not save it: here the address holds the instance."""
    harness.spawn("a")
    harness.spawn("b")
    for _ in range(3):
        gc.collect()
    harness.tell("/a", Note(text="1"))
    harness.tell("/b", Note(text="2"))
    assert harness.take() == ["a:start", "b:start", "a:1", "b:2"]


def test_a_stop_does_not_wait_behind_the_mailbox(harness: Harness) -> None:
    """Pykka's stop is last in line; here at most one more message is handled before it."""
    harness.spawn("a")

    def act() -> None:
        for number in range(500):
            harness.kernel.tell("/a", Note(text=str(number)))
        harness.kernel.lifecycle.request_stop("/a")

    harness.run(act)
    harness.settle()
    assert harness.take() == ["a:start", "a:stop"]
    assert harness.kernel.dead_count == 500


def test_on_receive_refuses(harness: Harness) -> None:
    """Pykka only warns about what nobody handles; the catch-all refuses here."""
    harness.spawn("a")
    with pytest.raises(EngineError, match="no handler for Note"):
        harness.actor("/a").on_receive(Note(text="x"))


def test_no_random_urn_reaches_a_trace(harness: Harness) -> None:
    """The urn of an actor is its address, in the ref too; nothing shown holds pykka's uuid."""
    harness.spawn("a", {"fail": fail})
    actor, ref = harness.actor("/a"), harness.ref("/a")
    assert actor.actor_urn == ref.actor_urn == "/a"
    shown = [str(actor), str(ref), repr(ref), str(harness.inspect("/a"))]
    harness.tell("/a", Note(text="1"), Do(what="fail"))
    shown += [str(harness.kernel.lifecycle.failures), str(harness.inspect("/a"))]
    assert not any("urn:uuid" in text for text in shown)


def test_proxies_are_refused(harness: Harness) -> None:
    """A proxy call would be a blocking ask in disguise."""
    harness.spawn("a")
    with pytest.raises(EngineError, match="proxies"):
        harness.ref("/a").proxy()


def test_starting_an_actor_by_its_class_is_refused() -> None:
    """Actors are spawned from specs; pykka's start and its registry are not used."""
    with pytest.raises(EngineError, match="spawn"):
        Probe.start([], {})
    with pytest.raises(EngineError):
        Actor.start()


@pytest.mark.parametrize("call", ["ask", "stop"])
def test_waiting_inside_a_handler_is_refused(harness: Harness, call: str) -> None:
    """A handler cannot wait for another actor, on its own thread neither; the engine says so."""
    harness.spawn("b", {"answer": lambda actor: actor.context.reply(Told(text="yes"))})
    ref = harness.ref("/b")
    calls: dict[str, Callable[[], Any]] = {"ask": lambda: ref.ask(Ask()), "stop": ref.stop}
    harness.spawn("a", {"wait": lambda _: calls[call]()})
    harness.tell("/a", Do(what="wait"))
    ((address, exit_),) = harness.failures
    assert address == "/a"
    assert BlockingRefusedError.__name__ in exit_.reason
    assert harness.kernel.is_alive("/b")


def test_a_future_inside_a_handler_is_refused_too(harness: Harness) -> None:
    """A future that a handler could only wait for is not handed out."""
    harness.spawn("b")
    ref = harness.ref("/b")
    harness.spawn("a", {"wait": lambda _: ref.ask(Ask(), block=False)})
    harness.tell("/a", Do(what="wait"))
    ((_, exit_),) = harness.failures
    assert BlockingRefusedError.__name__ in exit_.reason


def test_the_registry_knows_no_actor(harness: Harness) -> None:
    """Actors are found by address; pykka's global registry, and its stop_all, see none of them."""
    harness.spawn("a")
    registry = pykka.ActorRegistry  # noqa: TID251 - to see that it is empty
    assert registry.get_all() == []
