"""Timers are messages with a due time."""

from typing import Any

import pytest

from actors.runtime.kernel import TIMERS_PER_ACTOR_MAX
from actors.runtime.timers import CANCELLED_MIN
from tests.runtime.harness import START_NS, Harness, SimulatedHarness
from tests.runtime.probe import Do, Note, Probe, Step, Urgent, fail

TICK = Note(text="tick")


def after(delay_ns: int, text: str = "tick") -> Step:
    """Return a step that starts a single shot."""
    return lambda actor: actor.context.after(delay_ns, Note(text=text))


def test_a_timer_fires_at_its_time_and_once(harness: Harness) -> None:
    """A single shot comes when its delay is over, not before, and not again."""
    harness.spawn("a", {"start": after(100)})
    harness.take()
    harness.advance(99)
    assert harness.take() == []
    harness.advance(1)
    assert harness.take() == ["a:tick"]
    harness.advance(1_000)
    assert harness.take() == []


def test_timers_fire_in_order_of_due_time_then_creation(harness: Harness) -> None:
    """Due time decides; of equals the one made first comes first."""

    def start(actor: Probe) -> None:
        for delay, text in ((20, "2"), (10, "1a"), (10, "1b"), (30, "3")):
            actor.context.after(delay, Note(text=text))

    harness.spawn("a", {"start": start})
    harness.take()
    harness.advance(100)
    assert harness.take() == ["a:1a", "a:1b", "a:2", "a:3"]


def test_a_handler_reads_the_time_of_its_input(harness: Harness) -> None:
    """Now is UTC and monotonic counts from the start; both are those of the timer that was due."""
    seen: list[tuple[int, int]] = []
    harness.spawn(
        "a",
        {
            "start": after(250),
            "note": lambda actor: seen.append((actor.context.now, actor.context.monotonic)),
        },
    )
    harness.advance(1_000)
    assert seen == [(START_NS + 250, 250)]


def test_a_periodic_timer_goes_on_until_cancelled(harness: Harness) -> None:
    """Every sends once a period until its handle is cancelled."""
    handles: list[Any] = []
    harness.spawn(
        "a",
        {
            "start": lambda actor: handles.append(actor.context.every(10, TICK)),
            "cancel": lambda _: handles[0].cancel(),
        },
    )
    harness.take()
    harness.advance(35)
    assert harness.take() == ["a:tick"] * 3
    harness.tell("/a", Do(what="cancel"))
    harness.advance(100)
    assert harness.take() == []


def test_missed_periods_are_skipped(harness: Harness) -> None:
    """When the clock jumps over several periods one message comes, and the rhythm is kept."""
    harness.spawn("a", {"start": lambda actor: actor.context.every(10, TICK)})
    harness.take()
    harness.jump(57)
    assert harness.take() == ["a:tick"]
    harness.advance(3)
    assert harness.take() == ["a:tick"]


def test_a_period_queues_at_most_one_message(simulated: SimulatedHarness) -> None:
    """A periodic timer does not add to a mailbox in which its last message still waits."""
    simulated.spawn("a", {"start": lambda actor: actor.context.every(10, TICK)})
    kernel = simulated.kernel
    for _ in range(5):
        kernel.monotonic += 10
        assert kernel.run_due()
    assert simulated.inspect("/a").data == 1


def test_cancel_holds_even_when_the_message_is_queued(harness: Harness) -> None:
    """A timer cancelled after it was due, before its message was handled, is never delivered."""
    handles: list[Any] = []
    harness.spawn(
        "a",
        {
            "start": lambda actor: handles.append(actor.context.after(10, TICK)),
            "cancel": lambda _: handles[0].cancel(),
        },
    )
    harness.take()

    def act() -> None:
        # The cancelling message stands before the timer's in the mailbox.
        harness.kernel.tell("/a", Do(what="cancel"))
        harness.kernel.monotonic += 10
        assert harness.kernel.run_due()

    harness.run(act)
    harness.settle()
    assert harness.take() == []
    assert harness.inspect("/a").timers == ()


def test_cancelling_twice_or_too_late_is_harmless(harness: Harness) -> None:
    """Cancel may be called at any time, any number of times."""
    handles: list[Any] = []
    harness.spawn(
        "a",
        {
            "start": lambda actor: handles.append(actor.context.after(10, TICK)),
            "note": lambda _: [handles[0].cancel() for _ in range(2)],
        },
    )
    harness.advance(20)
    assert harness.take() == ["a:start", "a:tick"]
    assert harness.kernel.is_alive("/a")


@pytest.mark.parametrize("how", ["fail", "stop"])
def test_timers_end_with_the_instance(harness: Harness, how: str) -> None:
    """Timers of an ended instance are cancelled and do not reach the next one."""
    script = {
        "arm": after(10),
        "fail": fail,
        "stop": lambda actor: actor.context.stop(),
    }
    harness.spawn("a", script)
    harness.tell("/a", Do(what="arm"), Do(what=how))
    assert harness.inspect("/a").timers == ()
    harness.spawn("a", script)
    harness.take()
    harness.advance(100)
    assert harness.take() == []


def test_an_actor_holds_a_limited_number_of_timers(harness: Harness) -> None:
    """One timer above the limit fails the actor that asks for it."""

    def arm(count: int) -> Step:
        return lambda actor: [actor.context.after(10, TICK) for _ in range(count)]

    harness.spawn("a", {"some": arm(TIMERS_PER_ACTOR_MAX), "more": arm(1)})
    harness.tell("/a", Do(what="some"))
    assert len(harness.inspect("/a").timers) == TIMERS_PER_ACTOR_MAX
    assert harness.failures == []
    harness.tell("/a", Do(what="more"))
    assert [address for address, _ in harness.failures] == ["/a"]


@pytest.mark.parametrize("delay_ns", [-1, -(10**9)])
def test_a_timer_does_not_run_backwards(harness: Harness, delay_ns: int) -> None:
    """A negative delay fails the actor that asks for it."""
    harness.spawn("a", {"arm": after(delay_ns)})
    harness.tell("/a", Do(what="arm"))
    ((_, exit_),) = harness.failures
    assert "runs forward" in exit_.reason


def test_a_period_of_nothing_is_refused(harness: Harness) -> None:
    """Every needs a period above zero, or it would fill the mailbox at one instant."""
    harness.spawn("a", {"arm": lambda actor: actor.context.every(0, TICK)})
    harness.tell("/a", Do(what="arm"))
    ((_, exit_),) = harness.failures
    assert "above 0" in exit_.reason


def test_a_timer_keeps_its_lane(harness: Harness) -> None:
    """A control message as a timer overtakes data mail like any control message."""

    def arm(actor: Probe) -> None:
        actor.context.after(0, Urgent(text="now"))
        actor.context.tell("/a", Do(what="busy"))
        actor.context.tell("/a", Note(text="1"))

    harness.spawn("a", {"arm": arm, "busy": lambda actor: actor.say("busy")})
    harness.take()
    harness.tell("/a", Do(what="arm"))
    taken = harness.take()
    assert sorted(taken) == ["a:1", "a:busy", "a:now"]


def test_a_timer_without_delay_comes_after_the_handler(harness: Harness) -> None:
    """A delay of zero is due at once, yet never inside the handler that asked."""

    def arm(actor: Probe) -> None:
        actor.context.after(0, TICK)
        actor.say("armed")

    harness.spawn("a", {"arm": arm})
    harness.take()
    harness.tell("/a", Do(what="arm"))
    assert harness.take() == ["a:armed", "a:tick"]


def test_an_ended_instance_gets_no_timer(simulated: SimulatedHarness) -> None:
    """A handler that ended its own instance cannot leave a timer to its successor."""

    def end(actor: Probe) -> None:
        actor.context.exit()
        actor.context.after(10, TICK)

    simulated.spawn("a", {"end": end})
    simulated.tell("/a", Do(what="end"))
    assert simulated.inspect("/a").timers == ()
    ((_, exit_),) = simulated.failures
    assert "has ended" in exit_.reason


def test_cancelled_timers_do_not_pile_up(harness: Harness) -> None:
    """The heap is swept: it holds at most about twice the timers that are still wanted."""

    def churn(actor: Probe) -> None:
        for _ in range(CANCELLED_MIN):
            actor.context.after(10**12, TICK).cancel()

    harness.spawn("a", {"churn": churn})
    harness.tell("/a", *(Do(what="churn") for _ in range(50)))
    assert len(harness.kernel.agenda.heap) <= 2 * CANCELLED_MIN + 2
    assert harness.kernel.agenda.cancelled >= 0
