"""Life: start, stop, failure in every place, and what outlives an instance."""

import pytest

from actors.runtime import ActorSpec, EngineError, InvariantError
from tests.runtime.harness import Harness
from tests.runtime.probe import Ask, Do, Note, Probe, Step, Urgent, fail, watch_all

SECOND_NS = 1_000_000_000


def violate(_: Probe) -> None:
    """Break an invariant."""
    raise InvariantError("never")


def place_script(place: str, step: Step) -> dict[str, Step]:
    """Return a script that runs a step in a place, and the steps that lead there."""
    script: dict[str, Step] = {
        "arm": lambda actor: actor.context.after(10, Do(what="timer")),
        "halt": lambda actor: actor.context.stop(),
    }
    if place == "failure_hook":
        return script | {"handler": fail, "failure": step}
    if place == "stop_requested":
        return script | {"stop_requested": step}
    return script | {place: step}


def reach(harness: Harness, place: str) -> None:
    """Make the actor /a get to a place."""
    if place in ("handler", "failure_hook"):
        harness.tell("/a", Do(what="handler"))
    elif place == "request":
        harness.ask("/a", Ask(what="request"))
    elif place == "timer":
        harness.tell("/a", Do(what="arm"))
        harness.advance(10)
    elif place in ("stop", "stop_requested"):
        harness.tell("/a", Do(what="halt"))


PLACES = ("init", "start", "handler", "request", "timer", "stop", "stop_requested", "failure_hook")


@pytest.mark.parametrize("place", PLACES)
def test_a_failure_ends_the_actor_wherever_it_happens(harness: Harness, place: str) -> None:
    """An exception in any hook, handler or timer ends the instance and is reported by place."""
    harness.spawn("a", place_script(place, fail))
    reach(harness, place)
    assert not harness.kernel.is_alive("/a")
    ((address, exit_),) = harness.failures
    assert (address, exit_.kind) == ("/a", "failure")
    assert exit_.place == ("stop" if place == "stop_requested" else place)
    assert "ValueError: on purpose" in exit_.reason
    hook = [row for row in harness.log if "failure" in row]
    assert hook == ([] if place == "init" else ["a:failure ValueError"])


@pytest.mark.parametrize("place", PLACES)
def test_a_violation_is_told_apart(harness: Harness, place: str) -> None:
    """A broken invariant is reported as a violation wherever it was found, the failure hook too."""
    harness.spawn("a", place_script(place, violate))
    reach(harness, place)
    ((_, exit_),) = harness.failures
    assert exit_.kind == "violation"


def test_a_report_has_traceback_and_state(harness: Harness) -> None:
    """What is kept of a failure says where it was raised and what the actor looked like."""
    harness.spawn("a", {"fail": fail})
    harness.tell("/a", Note(text="1"), Do(what="fail"))
    ((_, exit_, traceback, state),) = harness.kernel.lifecycle.failures
    assert exit_.message == "Do"
    assert "in fail" in traceback
    assert dict(state)["notes"] == "1"


def test_an_exception_without_text_is_reported(harness: Harness) -> None:
    """An exception whose own text cannot be made ends the actor like any other."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def raise_it(_: Probe) -> None:
        raise BrokenError

    harness.spawn("a", {"fail": raise_it})
    harness.tell("/a", Do(what="fail"))
    ((_, exit_),) = harness.failures
    assert "BrokenError: (no text: RuntimeError)" in exit_.reason


def test_what_a_failing_handler_sent_is_delivered(harness: Harness) -> None:
    """Messages sent before the exception are not taken back; the failure hook may send too."""
    harness.spawn("b")

    def send(actor: Probe) -> None:
        actor.context.tell("/b", Note(text="before"))
        fail(actor)

    def last_words(actor: Probe) -> None:
        actor.context.tell("/b", Note(text="last words"))

    harness.spawn("a", {"send": send, "failure": last_words})
    harness.take()
    harness.tell("/a", Do(what="send"))
    assert harness.take() == ["a:failure ValueError", "b:before", "b:last words"]


def test_mail_of_an_ended_actor_goes_to_dead_letters(harness: Harness) -> None:
    """What waited, and what is sent later, is kept with address, sender and reason."""
    harness.spawn("a", {"fail": fail})
    harness.tell("/a", Do(what="fail"), Note(text="waited"))
    harness.tell("/a", Note(text="later"), Urgent(text="later still"))
    rows = [(address, message.text, reason) for address, _, _, message, reason in harness.dead]
    assert rows == [
        ("/a", "waited", "actor ended"),
        ("/a", "later", "nobody is behind the address"),
        ("/a", "later still", "nobody is behind the address"),
    ]


def test_mail_to_an_unknown_address_goes_to_dead_letters(harness: Harness) -> None:
    """Sending to an address that never had an actor does not fail the sender."""
    harness.spawn("a", {"send": lambda actor: actor.context.tell("/nobody", Note(text="x"))})
    harness.tell("/a", Do(what="send"))
    assert harness.kernel.is_alive("/a")
    ((address, _, sender, _, _),) = harness.dead
    assert (address, sender) == ("/nobody", "/a")


def test_the_address_outlives_the_instance(harness: Harness) -> None:
    """A new instance behind an address gets the mail that is sent after its start."""
    harness.spawn("a", {"fail": fail})
    ref = harness.ref("/a")
    harness.tell("/a", Do(what="fail"))
    assert not ref.is_alive()
    harness.spawn("a")
    harness.take()
    assert ref.is_alive()
    ref.tell(Note(text="again"))
    harness.settle()
    assert harness.take() == ["a:again"]


def test_incarnations_are_counted(harness: Harness) -> None:
    """Each instance knows which one it is, and introspection shows it."""
    script = {"start": lambda actor: actor.say(str(actor.context.incarnation)), "fail": fail}
    for _ in range(3):
        harness.spawn("a", script)
        harness.tell("/a", Do(what="fail"))
    assert [row for row in harness.log if row[2:].isdigit()] == ["a:1", "a:2", "a:3"]
    assert harness.inspect("/a").incarnation == 3
    assert harness.counter("/a", "restarts") == 2


def test_a_restarted_actor_keeps_its_random_stream(harness: Harness) -> None:
    """The stream belongs to the address: a restart goes on drawing where it stood."""
    drawn: dict[str, list[float]] = {"a": [], "b": []}

    def draw(actor: Probe) -> None:
        drawn[actor.context.path[1:]].append(actor.context.rng.random())

    script = {"draw": draw, "fail": fail}
    for name in "ab":
        harness.spawn(name, script)
        harness.tell(f"/{name}", Do(what="draw"))
    harness.tell("/a", Do(what="fail"))
    harness.spawn("a", script)
    harness.tell("/a", Do(what="draw"))
    harness.tell("/b", Do(what="draw"))
    assert len(set(drawn["a"])) == 2
    assert len(set(drawn["a"] + drawn["b"])) == 4


def test_an_address_holds_one_instance(harness: Harness) -> None:
    """Spawning at the address of a living actor is refused; the living one stays."""
    harness.spawn("a")
    with pytest.raises(EngineError, match="taken"):
        harness.spawn("a")
    assert harness.inspect("/a").incarnation == 1


def test_children_end_before_their_parent(harness: Harness) -> None:
    """When an actor ends, what it spawned ends first, last child first, and is told to watchers."""
    inner = {"start": lambda actor: actor.context.spawn(harness.spec("grandchild"))}

    def start(actor: Probe) -> None:
        actor.context.spawn(harness.spec("one"))
        actor.context.spawn(harness.spec("two", inner))

    harness.spawn("a", {"start": start, "fail": fail})
    paths = ["/a", "/a/one", "/a/two", "/a/two/grandchild"]
    harness.spawn("w", {"start": watch_all(*paths)})
    harness.take()
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == [
        "a:failure ValueError",
        "w:terminated /a/two/grandchild killed",
        "w:terminated /a/two killed",
        "w:terminated /a/one killed",
        "w:terminated /a failure",
    ]


def test_a_parent_is_told_how_its_child_ended(harness: Harness) -> None:
    """A parent hears that a child has started, and how and where it ended."""
    child = {"fail": fail}
    harness.spawn("a", {"start": lambda actor: actor.context.spawn(harness.spec("c", child))})
    assert "a:child started /a/c" in harness.take()
    harness.tell("/a/c", Do(what="fail"))
    assert harness.take() == ["a/c:failure ValueError", "a:child ended /a/c failure handler"]


def test_what_a_factory_returns_must_be_new(harness: Harness) -> None:
    """A factory that hands out an actor it made before is refused, in place init."""
    harness.spawn("a")
    first = harness.actor("/a")
    harness.start(ActorSpec("b", lambda: first, runs_on=harness.runs_on))
    ((address, exit_),) = harness.failures
    assert (address, exit_.place) == ("/b", "init")
