"""Bounds: every mailbox has a limit and a stated policy, and nothing is lost without a trace."""

import pykka
import pytest

from actors.runtime import OverflowPolicy, SpecError
from actors.runtime.kernel import CONTROL_MAX, DEAD_LETTERS_MAX
from actors.runtime.ref import Answer
from actors.runtime.specs import ActorSpec
from tests.runtime.harness import Harness
from tests.runtime.probe import Ask, Do, Fact, Note, Probe, Quote, Told, Urgent

SECOND_NS = 1_000_000_000


def send(*notes: Note) -> dict[str, object]:
    """Return the script of an actor that sends notes to /b in one step."""

    def step(actor: Probe) -> None:
        for note in notes:
            actor.context.tell("/b", note)

    return {"send": step}


def three() -> tuple[Note, Note, Note]:
    """Return three notes."""
    return Note(text="1"), Note(text="2"), Note(text="3")


def test_refuse_tells_the_sender(harness: Harness) -> None:
    """A full mailbox refuses to its sender, by name, and the message goes to dead letters."""
    harness.spawn("b", mailbox_max=2)
    harness.spawn("a", send(*three()))  # type: ignore[arg-type]
    harness.take()
    harness.tell("/a", Do(what="send"))
    assert sorted(harness.take()) == ["a:refused Note by /b", "b:1", "b:2"]
    ((address, _, sender, message, reason),) = harness.dead
    assert (address, sender, message, reason) == ("/b", "/a", Note(text="3"), "mailbox full")
    assert harness.counter("/b", "dropped") == 1


def test_refuse_of_mail_from_outside_is_a_dead_letter(harness: Harness) -> None:
    """A refused message without a sender is kept as a dead letter; nobody else is bothered."""
    harness.spawn("b", mailbox_max=1)
    harness.take()
    harness.tell("/b", *three())
    assert harness.take() == ["b:1"]
    assert [row[3].text for row in harness.dead] == ["2", "3"]


def test_a_refused_request_from_outside_is_answered_at_once(harness: Harness) -> None:
    """The future of an ask that found no room holds an error, so nobody waits for nothing."""
    harness.spawn("b", mailbox_max=1)
    answer = Answer()

    def ask() -> None:
        harness.kernel.tell("/b", Note(text="1"))
        harness.kernel.ask("/b", Ask(), answer)

    harness.run(ask)
    harness.settle()
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=0)


def test_conflate_keeps_the_latest_of_each_instrument(harness: Harness) -> None:
    """Past its bound a conflating mailbox keeps one message per type and instrument, the latest."""
    harness.spawn("b", mailbox_max=2, overflow=OverflowPolicy.CONFLATE)
    harness.take()
    rows = [
        Note(text=f"{instrument}{number}", instrument=instrument)
        for number in range(3)
        for instrument in ("x", "y")
    ]
    harness.tell("/b", *rows)
    assert harness.take() == ["b:x0", "b:y0", "b:x2", "b:y2"]
    assert not harness.dead
    assert harness.counter("/b", "dropped") == 2


def test_conflation_is_bounded_too(harness: Harness) -> None:
    """A conflating mailbox holds at most as many keys as its limit; one more is refused."""
    harness.spawn("b", mailbox_max=2, overflow=OverflowPolicy.CONFLATE)
    harness.take()
    harness.tell("/b", *(Note(text=name, instrument=name) for name in "uvwxyz"))
    assert harness.take() == ["b:u", "b:v", "b:w", "b:x"]
    assert [row[3].text for row in harness.dead] == ["y", "z"]


def test_conflate_never_swallows_a_request(harness: Harness) -> None:
    """A request that finds a conflating mailbox full is refused, not merged with another."""
    harness.spawn("b", mailbox_max=1, overflow=OverflowPolicy.CONFLATE)

    def ask(actor: Probe) -> None:
        actor.context.tell("/b", Note(text="1"))
        actor.context.request("/b", Ask(), SECOND_NS)

    harness.spawn("a", {"ask": ask})
    harness.take()
    harness.tell("/a", Do(what="ask"))
    assert sorted(harness.take()) == ["a:refused Ask by /b", "b:1"]


def test_fail_ends_the_receiver(harness: Harness) -> None:
    """A full mailbox whose policy is to fail ends its actor before any more mail is handled."""
    harness.spawn("b", mailbox_max=2, overflow=OverflowPolicy.FAIL)
    harness.take()
    harness.tell("/b", *three())
    assert harness.take() == ["b:failure MailboxOverflowError"]
    ((address, exit_),) = harness.failures
    assert (address, exit_.place) == ("/b", "mailbox")
    assert sorted(row[3].text for row in harness.dead) == ["1", "2", "3"]


def test_control_mail_ignores_the_data_bound(harness: Harness) -> None:
    """A mailbox full of data still takes control mail, and handles it first."""
    harness.spawn("b", mailbox_max=1)
    harness.take()
    harness.tell("/b", Note(text="1"), Urgent(text="now"))
    assert harness.take() == ["b:now", "b:1"]


def test_the_control_lane_is_bounded(harness: Harness) -> None:
    """An actor that let a control lane's worth of mail wait has failed."""
    harness.spawn("b")
    harness.take()
    harness.tell("/b", *(Urgent(text=str(number)) for number in range(CONTROL_MAX + 1)))
    assert harness.take() == ["b:failure MailboxOverflowError"]
    assert harness.kernel.dead_count == CONTROL_MAX + 1
    assert len(harness.dead) == DEAD_LETTERS_MAX


def test_timers_and_replies_find_room_in_a_full_mailbox(harness: Harness) -> None:
    """An actor's own timers and the replies it waits for are not refused when its mail is full."""
    harness.spawn("b", {"answer": lambda actor: actor.context.reply(Told(text="yes"))})

    def ask(actor: Probe) -> None:
        actor.context.request("/b", Ask(), SECOND_NS)
        actor.context.after(0, Note(text="tick"))
        actor.context.tell("/a", Note(text="1"))

    harness.spawn("a", {"ask": ask}, mailbox_max=1)
    harness.take()
    harness.tell("/a", Do(what="ask"))
    assert sorted(harness.take()) == ["a:1", "a:tick", "a:told yes", "b:asked answer"]
    assert not harness.dead


def test_published_data_does_not_count_as_overflow(harness: Harness) -> None:
    """A full mailbox still takes the latest of each feed, because feeds conflate."""
    harness.spawn("b", {"start": lambda actor: actor.context.subscribe("q")}, mailbox_max=1)
    harness.take()

    def act() -> None:
        harness.kernel.tell("/b", Note(text="1"))
        topic = harness.kernel.lifecycle.topic("q")
        for price in range(5):
            harness.kernel.publish(topic, Quote(price=price))

    harness.run(act)
    harness.settle()
    assert harness.take() == ["b:1", "b:quote 4"]


@pytest.mark.parametrize("size", [0, -1])
def test_a_mailbox_without_room_is_no_mailbox(size: int) -> None:
    """A spec whose mailbox holds nothing is refused when it is made."""
    with pytest.raises(SpecError, match="mailbox_max"):
        ActorSpec("a", lambda: None, mailbox_max=size)


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b"])
def test_a_name_that_is_no_path_is_refused(name: str) -> None:
    """A spec whose id cannot be part of an address is refused when it is made."""
    with pytest.raises(SpecError, match="id:"):
        ActorSpec(name, lambda: None)


def test_journalled_data_is_bounded_and_recorded(harness: Harness) -> None:
    """Data that the journal keeps is bounded like other data, and recorded although refused."""
    records: list[tuple[int, int, int, str, str, object]] = []
    harness.spawn("b", mailbox_max=1)
    harness.kernel.audit = records
    harness.take()
    harness.tell("/b", Fact(text="1"), Fact(text="2"))
    assert harness.take() == ["b:1"]
    assert [row[5] for row in records] == [Fact(text="1"), Fact(text="2")]
    assert [row[3] for row in harness.dead] == [Fact(text="2")]


def test_mail_for_an_address_that_starts_later_is_not_counted_as_lost(harness: Harness) -> None:
    """It stays among the dead letters with its reason, but the count is of what found nobody."""
    harness.tell("/later", Note(text="early"))
    harness.tell("/never", Note(text="lost"))
    assert harness.kernel.dead_count == 2
    harness.spawn("later")
    harness.take()
    assert harness.kernel.dead_count == 1
    assert [letter[0] for letter in harness.dead] == ["/later", "/never"]
