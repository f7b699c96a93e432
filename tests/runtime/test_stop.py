"""Stops: soon, once, put off, and on the way out."""

from tests.runtime.harness import Harness
from tests.runtime.probe import Ask, Do, Note, Probe, Told, fail


def test_a_stop_runs_its_hook_once(harness: Harness) -> None:
    """A stopped actor runs on_stop, once, and is gone; stopping it again is nothing."""

    def stop_twice(actor: Probe) -> None:
        actor.context.stop()
        actor.context.stop()

    harness.spawn("a", {"stop it": stop_twice})
    harness.take()
    harness.tell("/a", Do(what="stop it"))
    assert harness.take() == ["a:stop"]
    assert not harness.kernel.is_alive("/a")
    assert harness.failures == []
    assert harness.dead == []


def test_a_stop_overtakes_a_full_mailbox(harness: Harness) -> None:
    """With its mailbox full an actor handles at most one more message before it stops."""

    def stop_first(actor: Probe) -> None:
        if actor.notes == 1:
            actor.context.stop()

    harness.spawn("a", {"note": stop_first})
    harness.take()
    harness.tell("/a", *(Note(text=str(number)) for number in range(1_000)))
    assert harness.take() == ["a:0", "a:stop"]
    assert harness.kernel.dead_count == 999


def test_a_stop_may_be_put_off(harness: Harness) -> None:
    """An actor that answers a stop with not yet goes on until it exits by itself."""
    harness.spawn(
        "a",
        {
            "halt": lambda actor: actor.context.stop(),
            "stop_requested": lambda actor: actor.say("not yet"),
            "done": lambda actor: actor.context.exit(),
        },
    )
    harness.take()
    harness.tell("/a", Do(what="halt"))
    harness.tell("/a", Note(text="working"))
    assert harness.take() == ["a:not yet", "a:working"]
    harness.tell("/a", Do(what="done"))
    assert harness.take() == ["a:stop"]
    assert harness.failures == []


def test_exit_with_an_error_is_a_failure(harness: Harness) -> None:
    """An actor may end itself as failed, with an error that it did not raise."""
    harness.spawn("a", {"end": lambda actor: actor.context.exit(ValueError("my own"))})
    harness.tell("/a", Do(what="end"))
    assert harness.take() == ["a:start", "a:failure ValueError"]
    ((_, exit_),) = harness.failures
    assert exit_.reason == "ValueError: my own"


def test_a_failure_on_the_way_out_is_reported(harness: Harness) -> None:
    """on_stop that fails during exit makes the end a failure."""
    harness.spawn("a", {"end": lambda actor: actor.context.exit(), "stop": fail})
    harness.tell("/a", Do(what="end"))
    ((_, exit_),) = harness.failures
    assert exit_.place == "stop"
    assert not harness.kernel.is_alive("/a")


def test_a_reply_may_be_the_last_thing_an_actor_does(harness: Harness) -> None:
    """An actor that answers and stops in one handler has answered."""

    def answer(actor: Probe) -> None:
        actor.context.reply(Told(text="bye"))
        actor.context.stop()

    harness.spawn("a", {"answer": answer})
    assert harness.ask("/a", Ask()).get(timeout=0) == Told(text="bye")
    assert not harness.kernel.is_alive("/a")
