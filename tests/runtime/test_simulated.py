"""What the simulated runtime adds: virtual time, market sources, inputs by time, a chooser."""

from typing import Any

import pykka
import pytest

from actors.runtime import ActorSpec, EngineError, SimulatedRuntime
from actors.runtime import kernel as kernel_module
from tests.runtime.harness import START_NS, SimulatedHarness, substream
from tests.runtime.probe import Ask, Do, Note, Probe, Quote, Told, Urgent

SECOND_NS = 1_000_000_000


class Source:
    """A market source that publishes prices at given times."""

    def __init__(self, runtime: SimulatedRuntime, key: str, times_ns: list[int]) -> None:
        self.runtime = runtime
        self.topic = runtime.kernel.lifecycle.topic(key)
        self.times_ns = times_ns

    def next_ns(self) -> int | None:
        """Return when the next price comes."""
        return self.times_ns[0] if self.times_ns else None

    def pump(self, limit_ns: int) -> int:
        """Publish what is due, setting the time before each."""
        count = 0
        while self.times_ns and self.times_ns[0] <= limit_ns:
            time_ns = self.times_ns.pop(0)
            self.runtime.set_time(time_ns)
            self.runtime.kernel.publish(self.topic, Quote(price=time_ns - START_NS))
            count += 1
        return count


def clocked(key: str) -> dict[str, Any]:
    """Return the script of a reader that writes down the time of each price."""
    return {
        "start": lambda actor: actor.context.subscribe(key),
        "quote": lambda actor: actor.say(f"at {actor.context.now - START_NS}"),
    }


def test_time_stands_still_until_it_is_moved(simulated: SimulatedHarness) -> None:
    """Settle handles what is due and no more; advance moves the clock by exactly its span."""
    simulated.spawn("a", {"start": lambda actor: actor.context.after(1, Note(text="tick"))})
    simulated.settle()
    assert simulated.runtime.now_ns == START_NS
    simulated.advance(7)
    assert simulated.runtime.now_ns == START_NS + 7


def test_sources_and_timers_merge_in_time_order(simulated: SimulatedHarness) -> None:
    """Events of two sources and a timer are seen in the order of their times."""
    runtime = simulated.runtime
    for name, times in (("p", [10, 30, 50]), ("q", [20, 30, 40])):
        runtime.add_source(Source(runtime, name, [START_NS + time for time in times]))
        simulated.spawn(name, clocked(name))
    simulated.spawn("t", {"start": lambda actor: actor.context.after(35, Note(text="tick"))})
    simulated.take()
    simulated.advance(45)
    found = [row for row in simulated.take() if "at" not in row]
    assert found == ["p:quote 10", "q:quote 20", "p:quote 30", "q:quote 30", "t:tick", "q:quote 40"]
    assert runtime.now_ns == START_NS + 45


def test_a_source_event_before_the_clock_does_not_turn_it_back(
    simulated: SimulatedHarness,
) -> None:
    """An event stamped earlier than now is handled at now."""
    runtime = simulated.runtime
    simulated.advance(100)
    runtime.add_source(Source(runtime, "p", [START_NS + 50]))
    simulated.spawn("p", clocked("p"))
    simulated.advance(10)
    assert simulated.take() == ["p:start", "p:quote 50", "p:at 100"]
    assert runtime.now_ns == START_NS + 110


def test_an_input_runs_at_its_time(simulated: SimulatedHarness) -> None:
    """An action is run at its UTC time, at once if that has passed."""
    seen: list[int] = []
    runtime = simulated.runtime
    for due in (START_NS + 30, START_NS + 10, START_NS - 5):
        runtime.at(due, lambda: seen.append(runtime.now_ns - START_NS))
    simulated.settle()
    assert seen == [0]
    simulated.advance(30)
    assert seen == [0, 10, 30]


def test_a_clock_step_moves_utc_alone(simulated: SimulatedHarness) -> None:
    """Timers run on monotonic time: a step of UTC neither fires nor delays them."""
    simulated.spawn("a", {"start": lambda actor: actor.context.after(100, Note(text="tick"))})
    simulated.take()
    simulated.runtime.step_clock(-5 * SECOND_NS)
    assert simulated.runtime.now_ns == START_NS - 5 * SECOND_NS
    simulated.advance(99)
    assert simulated.take() == []
    simulated.advance(1)
    assert simulated.take() == ["a:tick"]


def test_an_ask_runs_virtual_time_until_the_reply(simulated: SimulatedHarness) -> None:
    """A caller outside gets an answer that needs time, and the clock has moved only that far."""
    kept: list[Any] = []

    def answer(actor: Probe) -> None:
        kept.append(actor.context.defer())
        actor.context.after(3 * SECOND_NS, Do(what="later"))

    simulated.spawn(
        "a", {"answer": answer, "later": lambda _: kept.pop().reply(Told(text="at last"))}
    )
    assert simulated.runtime.ask("/a", Ask()) == Told(text="at last")
    assert simulated.runtime.now_ns == START_NS + 3 * SECOND_NS
    assert simulated.ref("/a").ask(Ask()) == Told(text="at last")


def test_an_ask_without_reply_ends_at_its_limit(simulated: SimulatedHarness) -> None:
    """A caller outside who gets no answer is told so instead of waiting for ever."""
    simulated.spawn("a")
    with pytest.raises(EngineError, match="no reply from /a to Ask"):
        simulated.runtime.ask("/a", Ask())
    with pytest.raises(pykka.Timeout):
        simulated.ref("/a").ask(Ask(), timeout=5)
    with pytest.raises(pykka.ActorDeadError):
        simulated.runtime.ask("/nobody", Ask())


def test_a_blocking_stop_returns_when_the_actor_is_gone(simulated: SimulatedHarness) -> None:
    """Stop from outside drives the run until the end, and says whether there was anybody."""
    simulated.spawn("a")
    ref = simulated.ref("/a")
    assert ref.stop() is True
    assert not ref.is_alive()
    assert ref.stop() is False


def test_the_step_of_a_transport_belongs_to_its_actor(simulated: SimulatedHarness) -> None:
    """Enter runs a function as an input of the actor: sender, cause and failures are its own."""
    simulated.spawn("b")
    simulated.spawn("a")
    context = simulated.actor("/a").context
    seen: list[tuple[int, str]] = []
    kernel = simulated.kernel

    def step(argument: str) -> None:
        seen.append((kernel.cause, kernel.sender))
        context.tell("/b", Note(text=argument))
        if argument == "bad":
            raise ValueError("frame")

    before = kernel.sequence
    context.enter(step, "good")
    simulated.settle()
    assert seen == [(before + 1, "/a")]
    assert kernel.boxes["/b"].last[-1][2] == before + 1
    context.enter(step, "bad")
    simulated.settle()
    assert not kernel.is_alive("/a")
    assert kernel.is_alive("/b")
    context.enter(step, "too late")
    assert len(seen) == 2
    assert simulated.dead[-1][3:] == ("too late", "input for an actor that ended")


def test_an_input_of_an_ended_instance_does_not_reach_the_next(
    simulated: SimulatedHarness,
) -> None:
    """A transport that still holds the old instance cannot act in the name of the new one."""
    simulated.spawn("a")
    old = simulated.actor("/a").context
    simulated.kernel.lifecycle.kill("/a")
    simulated.spawn("a")
    seen: list[str] = []
    old.enter(seen.append, "stale")
    assert seen == []
    assert simulated.kernel.is_alive("/a")


def test_an_input_inside_a_handler_keeps_the_outer_one_in_place(
    simulated: SimulatedHarness,
) -> None:
    """A transport that delivers inside another's handler leaves that one's cause alone."""
    simulated.spawn("b")
    inner = simulated.actor("/b").context

    def outer(actor: Probe) -> None:
        before = (simulated.kernel.cause, simulated.kernel.sender)
        inner.enter(lambda _: inner.tell("/b", Note(text="inner")), None)
        assert (simulated.kernel.cause, simulated.kernel.sender) == before

    simulated.spawn("a", {"go": outer})
    simulated.tell("/a", Do(what="go"))
    assert simulated.failures == []
    assert "b:inner" in simulated.take()


class Last:
    """Always lets the youngest of the waiting mailboxes go first."""

    def choose(self, ready: int) -> int:
        """Return the last index."""
        return ready - 1


def test_a_chooser_decides_between_mailboxes() -> None:
    """A chooser orders mailboxes as it likes; within each it stays first in, first out."""
    log: list[str] = []
    runtime = SimulatedRuntime(substream, START_NS, Last())
    for name in "abc":
        runtime.spawn(ActorSpec(name, lambda: Probe(log, {})))
    runtime.settle()
    log.clear()
    for text in "12":
        for name in "abc":
            runtime.kernel.tell(f"/{name}", Note(text=text))
    runtime.kernel.tell("/a", Urgent(text="now"))
    runtime.settle()
    assert log == ["a:now", "c:1", "c:2", "b:1", "b:2", "a:1", "a:2"]


def test_endless_mail_at_one_instant_is_an_error(
    simulated: SimulatedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two actors that answer each other for ever stop the run with an error, not the machine."""
    monkeypatch.setattr(kernel_module, "BATCHES_MAX", 100)
    for name, other in (("a", "/b"), ("b", "/a")):

        def again(actor: Probe, to: str = other) -> None:
            actor.context.tell(to, Note(text="again"))

        simulated.spawn(name, {"note": again})
    with pytest.raises(EngineError, match="no rest"):
        simulated.tell("/a", Note(text="go"))
