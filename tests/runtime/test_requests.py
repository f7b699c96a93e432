"""Requests: two messages, a deadline, and nothing that happens twice by our doing."""

from typing import Any

import pykka
import pytest

from tests.runtime.harness import Harness
from tests.runtime.probe import Ask, Do, Note, Probe, Told, fail

SECOND_NS = 1_000_000_000


def reply(actor: Probe) -> None:
    """Answer the message being handled."""
    actor.context.reply(Told(text="yes"))


def request(actor: Probe) -> None:
    """Ask /b, within a second."""
    actor.context.request("/b", Ask(), SECOND_NS)


def test_a_reply_comes_back_to_the_asker(harness: Harness) -> None:
    """A request is answered by a message, and its deadline is gone."""
    harness.spawn("b", {"answer": reply})
    harness.spawn("a", {"ask": request})
    harness.take()
    harness.tell("/a", Do(what="ask"))
    assert harness.take() == ["b:asked answer", "a:told yes"]
    assert harness.inspect("/a").timers == ()
    harness.advance(10 * SECOND_NS)
    assert harness.take() == []


def test_an_unanswered_request_times_out(harness: Harness) -> None:
    """Without an answer the asker is told at the deadline, with the request's number."""
    numbers: list[int] = []

    def ask(actor: Probe) -> None:
        numbers.append(actor.context.request("/b", Ask(), SECOND_NS))

    harness.spawn("b")
    harness.spawn("a", {"ask": ask})
    harness.take()
    harness.tell("/a", Do(what="ask"), Do(what="ask"))
    harness.advance(SECOND_NS - 1)
    assert harness.take() == ["b:asked answer"] * 2
    harness.advance(1)
    assert harness.take() == [f"a:timed out Ask {number}" for number in numbers]
    assert len(set(numbers)) == 2


def test_a_timed_out_request_is_not_sent_again(harness: Harness) -> None:
    """The engine never repeats a request: what timed out may have been carried out, once."""
    harness.spawn("b")
    harness.spawn("a", {"ask": request})
    harness.take()
    harness.tell("/a", Do(what="ask"))
    harness.advance(100 * SECOND_NS)
    assert harness.take().count("b:asked answer") == 1


def test_a_late_reply_is_dropped_and_counted(harness: Harness) -> None:
    """A reply after the deadline reaches no handler; it is counted and kept as a dead letter."""
    kept: list[Any] = []
    harness.spawn(
        "b",
        {
            "answer": lambda actor: kept.append(actor.context.defer()),
            "late": lambda _: kept[0].reply(Told(text="late")),
        },
    )
    harness.spawn("a", {"ask": request})
    harness.tell("/a", Do(what="ask"))
    harness.advance(SECOND_NS)
    harness.take()
    harness.tell("/b", Do(what="late"))
    assert harness.take() == []
    assert harness.counter("/a", "late_replies") == 1
    assert [row[4] for row in harness.dead] == ["late reply"]


def test_a_reply_that_waits_past_the_deadline_is_late(harness: Harness) -> None:
    """Of a queued reply and a deadline that fires before it is handled, the deadline counts."""
    kept: list[Any] = []
    harness.spawn("b", {"answer": lambda actor: kept.append(actor.context.defer())})
    harness.spawn("a", {"ask": request})
    harness.tell("/a", Do(what="ask"))
    harness.take()

    def act() -> None:
        kernel = harness.kernel
        kernel.boxes["/a"].busy = True  # the reply is queued but cannot be handled yet
        for effect in kept:
            effect.reply(Told(text="slow"))
        context = kernel.boxes["/b"].context
        for later in getattr(context, "effects", ()):
            later()
        getattr(context, "effects", []).clear()
        kernel.monotonic += SECOND_NS
        assert kernel.run_due()
        kernel.boxes["/a"].busy = False

    harness.run(act)
    harness.settle()
    assert harness.take() == ["a:timed out Ask 1"]
    assert harness.counter("/a", "late_replies") == 1


def test_a_second_reply_is_dropped(harness: Harness) -> None:
    """Of two answers to a request the first is delivered; the second is counted as late."""

    def twice(actor: Probe) -> None:
        actor.context.reply(Told(text="1"))
        actor.context.reply(Told(text="2"))

    harness.spawn("b", {"answer": twice})
    harness.spawn("a", {"ask": request})
    harness.take()
    harness.tell("/a", Do(what="ask"))
    assert harness.take() == ["b:asked answer", "a:told 1"]
    assert harness.counter("/a", "late_replies") == 1


def test_a_reply_may_come_from_a_later_handler(harness: Harness) -> None:
    """Defer keeps the right to answer until something else has happened."""
    kept: list[Any] = []
    harness.spawn(
        "b",
        {
            "answer": lambda actor: kept.append(actor.context.defer()),
            "note": lambda _: kept.pop().reply(Told(text="at last")),
        },
    )
    harness.spawn("a", {"ask": request})
    harness.take()
    harness.tell("/a", Do(what="ask"))
    harness.tell("/b", Note(text="event"))
    assert harness.take() == ["b:asked answer", "b:event", "a:told at last"]


def test_a_reply_to_plain_mail_goes_to_its_sender(harness: Harness) -> None:
    """Reply works for told messages too: it is a plain message to the sender."""
    harness.spawn("b", {"answer": reply})
    harness.spawn("a", {"tell": lambda actor: actor.context.tell("/b", Ask())})
    harness.take()
    harness.tell("/a", Do(what="tell"))
    assert harness.take() == ["b:asked answer", "a:told yes"]


def test_a_reply_to_nobody_is_a_dead_letter(harness: Harness) -> None:
    """Answering mail that came from outside without a future is kept as a dead letter."""
    harness.spawn("b", {"answer": reply})
    harness.tell("/b", Ask())
    ((_, _, sender, message, _),) = harness.dead
    assert (sender, message) == ("/b", Told(text="yes"))


def test_an_answer_does_not_reach_the_next_instance(harness: Harness) -> None:
    """A reply to an instance that has ended is late for its successor at the same address."""
    kept: list[Any] = []
    harness.spawn(
        "b",
        {
            "answer": lambda actor: kept.append(actor.context.defer()),
            "now": lambda _: kept[0].reply(Told(text="old")),
        },
    )
    script = {"ask": request, "fail": fail}
    harness.spawn("a", script)
    harness.tell("/a", Do(what="ask"), Do(what="fail"))
    harness.spawn("a", script)
    harness.tell("/a", Do(what="ask"))
    harness.take()
    harness.tell("/b", Do(what="now"))
    assert harness.take() == []
    assert harness.counter("/a", "late_replies") == 1


def test_an_ask_from_outside_gets_the_reply(harness: Harness) -> None:
    """A caller outside the actors gets the answer in a future."""
    harness.spawn("b", {"answer": reply})
    assert harness.ask("/b", Ask()).get(timeout=0) == Told(text="yes")


def test_an_ask_of_nobody_fails_at_once(harness: Harness) -> None:
    """A caller outside learns at once that nobody is behind the address."""
    with pytest.raises(pykka.ActorDeadError):
        harness.ask("/nobody", Ask()).get(timeout=0)


def test_an_ask_of_an_actor_that_ends_fails(harness: Harness) -> None:
    """A caller outside whose request was still queued at the end of the actor learns that."""
    harness.spawn("b", {"stop": lambda actor: actor.context.exit()})
    answers: list[Any] = []

    def act() -> None:
        harness.kernel.tell("/b", Do(what="stop"))
        answers.append(pykka.ThreadingFuture())
        harness.kernel.ask("/b", Ask(), answers[0])

    harness.run(act)
    harness.settle()
    with pytest.raises(pykka.ActorDeadError):
        answers[0].get(timeout=0)


def test_a_request_to_itself_is_answered(harness: Harness) -> None:
    """An actor may ask itself: the request and the reply are messages like any other."""
    harness.spawn(
        "a",
        {
            "answer": reply,
            "ask": lambda actor: actor.context.request("/a", Ask(), SECOND_NS),
        },
    )
    harness.take()
    harness.tell("/a", Do(what="ask"))
    assert harness.take() == ["a:asked answer", "a:told yes"]


def test_replies_match_their_requests(harness: Harness) -> None:
    """Answers given in another order end the deadlines of the requests that they belong to."""
    kept: list[Any] = []
    harness.spawn(
        "b",
        {
            "answer": lambda actor: kept.append(actor.context.defer()),
            "second": lambda _: kept[1].reply(Told(text="second")),
        },
    )
    harness.spawn("a", {"ask": request})
    harness.tell("/a", Do(what="ask"), Do(what="ask"))
    harness.tell("/b", Do(what="second"))
    harness.take()
    harness.advance(SECOND_NS)
    assert harness.take() == ["a:timed out Ask 1"]
