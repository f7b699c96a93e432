"""Introspection: an actor can be looked at while it runs, and looking changes nothing."""

import pytest

from actors.runtime import Actor, ActorSpec, InspectQuery, InspectReply, handles
from actors.runtime.ref import Answer
from tests.runtime.harness import Harness
from tests.runtime.probe import Ask, Do, Fact, Note, Probe, Quote, Urgent, fail

SECOND_NS = 1_000_000_000


def test_a_report_shows_what_an_actor_holds(harness: Harness) -> None:
    """State, timers, children, latest messages and counters stand in the report."""

    def start(actor: Probe) -> None:
        actor.context.after(50, Note(text="tick"))
        actor.context.spawn(harness.spec("c"))

    harness.spawn("a", {"start": start})
    harness.tell("/a", Note(text="1"))
    report = harness.inspect("/a")
    assert (report.address, report.alive, report.incarnation) == ("/a", True, 1)
    assert dict(report.state) == {"notes": "1"}
    assert report.timers == ((50, "Note"),)
    assert report.children == ("/a/c",)
    assert [name for _, name, _ in report.last] == ["_Begin", "ChildStarted", "Note"]
    assert dict(report.counters) == {"dropped": 0, "late_replies": 0, "restarts": 0}


def test_the_mailbox_is_shown_by_lane(harness: Harness) -> None:
    """What waits is counted by lane, and conflated keys apart."""
    harness.spawn("a", {"start": lambda actor: actor.context.subscribe("q")})

    def act() -> InspectReply:
        kernel = harness.kernel
        kernel.tell("/a", Note(text="1"))
        kernel.tell("/a", Urgent(text="now"))
        kernel.publish(kernel.lifecycle.topic("q"), Quote(price=1))
        return kernel.inspect("/a")

    report = harness.run(act)
    assert (report.control, report.data, report.conflated) == (1, 2, 1)


def test_an_inspection_by_message_is_answered_ahead_of_data(harness: Harness) -> None:
    """InspectQuery is control mail that the engine answers without the actor's code."""
    harness.spawn("a")
    answers = []

    def ask() -> None:
        for number in range(100):
            harness.kernel.tell("/a", Note(text=str(number)))
        answers.append(Answer())
        harness.kernel.ask("/a", InspectQuery(), answers[0])

    harness.run(ask)
    harness.settle()
    report = answers[0].get(timeout=0)
    assert isinstance(report, InspectReply)
    assert report.data == 100


def test_looking_takes_no_part_in_the_run(harness: Harness) -> None:
    """kernel.inspect uses no sequence number, queues nothing and leaves the counters alone."""
    harness.spawn("a")
    harness.tell("/a", Note(text="1"))
    kernel = harness.kernel
    before = (kernel.sequence, kernel.dead_count, harness.inspect("/a"))
    for address in ("/a", "/nobody", "/"):
        harness.inspect(address)
    assert (kernel.sequence, kernel.dead_count, harness.inspect("/a")) == before
    assert "/nobody" not in kernel.boxes


def test_an_address_without_an_actor_is_described_as_vacant(harness: Harness) -> None:
    """Looking at an address that never had an actor, or has none now, says so."""
    assert not harness.inspect("/nobody").alive
    harness.spawn("a", {"fail": fail})
    harness.tell("/a", Do(what="fail"))
    report = harness.inspect("/a")
    assert (report.alive, report.incarnation, report.state) == (False, 1, ())


def test_a_state_that_cannot_be_read_does_not_end_the_actor(harness: Harness) -> None:
    """An actor whose state raises is shown without it, by message and from outside alike."""

    class Shy(Actor):
        def state(self) -> tuple[tuple[str, str], ...]:
            raise ValueError("look away")

        @handles(Note)
        def note(self, _: Note) -> None:
            """Go on."""

    harness.start(ActorSpec("a", Shy, runs_on=harness.runs_on))
    shown = (harness.inspect("/a"), harness.ask("/a", InspectQuery()).get(timeout=0))
    assert [report.state for report in shown] == [(("state", "not readable: ValueError"),)] * 2
    assert harness.kernel.is_alive("/a")


def test_the_ring_of_latest_messages_is_bounded(harness: Harness) -> None:
    """Only the latest messages are kept, oldest first, with sequence and sender."""
    harness.spawn("a")
    harness.tell("/a", *(Note(text=str(number)) for number in range(200)))
    last = harness.inspect("/a").last
    assert len(last) == 64
    assert [row[0] for row in last] == sorted(row[0] for row in last)


def test_feeds_are_shown_by_their_latest_message(harness: Harness) -> None:
    """A topic that an actor reads stands in its report, although feeds bypass its mailbox."""
    harness.spawn("a", {"start": lambda actor: actor.context.subscribe("q")})
    harness.run(lambda: harness.kernel.publish(harness.kernel.lifecycle.topic("q"), Quote(price=1)))
    harness.settle()
    assert harness.inspect("/a").last[-1] == (0, "Quote", "q")


def test_the_cause_chain_leads_back_to_the_input(harness: Harness) -> None:
    """Each message names the one being handled when it was sent, through replies and timers too."""
    seen: dict[int, tuple[str, int]] = {}

    def observe(box: object, message: object, sequence: int, cause: int) -> None:
        seen[sequence] = (type(message).__name__, cause)

    def go(actor: Probe) -> None:
        actor.context.request("/b", Ask(), SECOND_NS)

    def answer(actor: Probe) -> None:
        actor.context.after(10, Do(what="answer later"))

    def later(actor: Probe) -> None:
        actor.context.tell("/a", Note(text="done"))

    harness.spawn("a", {"go": go})
    harness.spawn("b", {"answer": answer, "answer later": later})
    harness.kernel.observer = observe
    harness.tell("/a", Do(what="go"))
    harness.advance(10)
    chain = []
    sequence = next(number for number, (name, _) in seen.items() if name == "Note")
    while sequence in seen:
        name, cause = seen[sequence]
        chain.append(name)
        sequence = cause
    assert chain == ["Note", "Do", "Ask", "Do"]
    assert sequence == 0


def test_journalled_messages_are_recorded_as_they_are_sent(harness: Harness) -> None:
    """The audit sink sees sequence, cause, sender and address, of what is undeliverable too."""
    records: list[tuple[int, int, int, str, str, object]] = []
    harness.spawn("b")

    def send(actor: Probe) -> None:
        for address in ("/b", "/nobody"):
            actor.context.tell(address, Fact(text="x"))
        actor.context.tell("/b", Note(text="not kept"))

    harness.spawn("a", {"send": send})
    harness.kernel.audit = records
    harness.tell("/a", Do(what="send"))
    rows = [(sender, address) for _, _, _, sender, address, _ in records]
    assert rows == [("/a", "/b"), ("/a", "/nobody")]
    (first, cause, _, _, _, _), (second, other, _, _, _, _) = records
    assert cause == other < first < second


@pytest.mark.parametrize("observed", [False, True])
def test_an_observer_changes_nothing(harness: Harness, *, observed: bool) -> None:
    """With and without an observer the same happens under the same sequence numbers."""
    if observed:
        harness.kernel.observer = lambda *_: None
    harness.spawn("b", {"answer": lambda actor: actor.context.reply(Note(text="yes"))})
    harness.spawn("a", {"go": lambda actor: actor.context.request("/b", Ask(), SECOND_NS)})
    harness.tell("/a", Do(what="go"))
    harness.advance(SECOND_NS)
    assert harness.kernel.sequence == 5
