"""Delivery, order and lanes."""

import gc

import pytest

from actors.runtime import Actor, ActorSpec, EngineError, handles
from tests.runtime.harness import Harness
from tests.runtime.probe import Do, Note, Probe, Stray, Urgent


def notes(*texts: str) -> list[Note]:
    """Return a note for each text."""
    return [Note(text=text) for text in texts]


def test_mail_is_handled_in_the_order_of_sending(harness: Harness) -> None:
    """One sender's data mail arrives first in, first out."""
    harness.spawn("a")
    harness.tell("/a", *notes("1", "2", "3"))
    assert harness.take() == ["a:start", "a:1", "a:2", "a:3"]


def test_control_goes_ahead_of_data(harness: Harness) -> None:
    """Control mail overtakes data mail that was sent before it."""
    harness.spawn("a")
    harness.take()
    harness.tell("/a", *notes("1", "2"), Urgent(text="now"), Urgent(text="then"))
    assert harness.take() == ["a:now", "a:then", "a:1", "a:2"]


def test_order_holds_between_actors(harness: Harness) -> None:
    """What one handler sends to another actor arrives in that order, control ahead of data."""
    harness.spawn("b")

    def send(actor: Probe) -> None:
        for message in (*notes("1", "2"), Urgent(text="now"), *notes("3")):
            actor.context.tell("/b", message)

    harness.spawn("a", {"send": send})
    harness.take()
    harness.tell("/a", Do(what="send"))
    assert harness.take() == ["b:now", "b:1", "b:2", "b:3"]


def test_an_actor_may_send_to_itself(harness: Harness) -> None:
    """Mail to oneself is handled after the handler that sent it, not inside it."""

    def send(actor: Probe) -> None:
        actor.context.tell(actor.context.path, Note(text="later"))
        actor.say("sent")

    harness.spawn("a", {"send": send})
    harness.take()
    harness.tell("/a", Do(what="send"))
    assert harness.take() == ["a:sent", "a:later"]


def test_mail_before_the_start_waits_for_it(harness: Harness) -> None:
    """Mail sent right after the spawn is handled once on_start has returned."""

    def spawn() -> None:
        harness.kernel.lifecycle.spawn(None, harness.spec("a"))
        harness.kernel.tell("/a", Urgent(text="early"))
        harness.kernel.tell("/a", Note(text="also early"))

    harness.run(spawn)
    harness.settle()
    assert harness.take() == ["a:start", "a:early", "a:also early"]


def test_busy_mailboxes_take_turns(harness: Harness) -> None:
    """Two mailboxes with much mail are served in turn, so neither waits for the other to empty."""
    harness.spawn("a")
    harness.spawn("b")
    harness.take()

    def send() -> None:
        for address in ("/a", "/b"):
            for note in notes("1", "2", "3"):
                harness.kernel.tell(address, note)

    harness.run(send)
    harness.settle()
    taken = harness.take()
    if harness.name == "thread":
        assert [row for row in taken if row[0] == "a"] == ["a:1", "a:2", "a:3"]
        assert [row for row in taken if row[0] == "b"] == ["b:1", "b:2", "b:3"]
    else:
        assert taken == ["a:1", "b:1", "a:2", "b:2", "a:3", "b:3"]


def test_more_mail_than_a_batch_holds(harness: Harness) -> None:
    """A mailbox with more than one batch of mail is emptied all the same."""
    harness.spawn("a")
    harness.take()
    harness.tell("/a", *notes(*map(str, range(300))))
    assert harness.take() == [f"a:{number}" for number in range(300)]


def test_an_unhandled_message_is_an_error(harness: Harness) -> None:
    """A message that an actor declares no handler for fails it, and is not merely logged."""
    harness.spawn("a")
    harness.tell("/a", Stray())
    assert harness.take() == ["a:start", "a:failure UnhandledMessageError"]
    ((address, exit_),) = harness.failures
    assert (address, exit_.message) == ("/a", "Stray")
    assert "no handler for Stray" in exit_.reason


@pytest.mark.parametrize("thing", ["text", 7, {"a": 1}, None])
def test_what_is_no_message_is_refused(harness: Harness, thing: object) -> None:
    """Sending something without a declared lane fails the sender and reaches nobody."""
    harness.spawn("b")
    harness.spawn("a", {"send": lambda actor: actor.context.tell("/b", thing)})
    harness.take()
    harness.tell("/a", Do(what="send"))
    assert harness.take() == ["a:failure EngineError"]
    assert not harness.kernel.is_alive("/a")
    assert harness.kernel.is_alive("/b")


def test_mail_from_outside_that_is_no_message_is_refused_to_the_caller(harness: Harness) -> None:
    """The ref refuses what has no lane where it was called, not later in the kernel."""
    harness.spawn("a")
    with pytest.raises(EngineError, match="no Message"):
        harness.ref("/a").tell("text")
    harness.settle()


def test_a_ref_sends_from_outside(harness: Harness) -> None:
    """A message told through the pykka ref is handled like any other."""
    harness.spawn("a")
    harness.take()
    harness.ref("/a").tell(Note(text="hello"))
    harness.settle()
    assert harness.take() == ["a:hello"]


def test_handlers_are_inherited_and_may_be_replaced(harness: Harness) -> None:
    """A subclass keeps its parent's handlers and may declare its own for a type."""

    class Louder(Probe):
        @handles(Note)
        def shout(self, message: Note) -> None:
            self.say(message.text.upper())

    spec = ActorSpec("a", lambda: Louder(harness.log, {}), runs_on=harness.runs_on)
    harness.start(spec)
    harness.take()
    harness.tell("/a", Note(text="hello"), Urgent(text="soft"))
    assert sorted(harness.take()) == ["a:HELLO", "a:soft"]


def test_actors_live_as_long_as_the_kernel_knows_them(harness: Harness) -> None:
    """An actor that only the kernel refers to is not garbage collected; its ref tells the truth."""
    harness.spawn("a")
    ref = harness.ref("/a")
    gc.collect()
    assert ref.is_alive()
    harness.tell("/a", Note(text="here"))
    assert harness.take() == ["a:start", "a:here"]


def test_an_actor_is_spawned_and_never_constructed() -> None:
    """Constructing an actor outside a runtime is refused."""
    with pytest.raises(EngineError, match="spawned by a runtime"):
        Actor()
