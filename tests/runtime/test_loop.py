"""What the loop runtime adds: inputs of sockets, asyncio's clock, and errors that nobody owns."""

import asyncio
import gc
import sys
from collections.abc import Iterator

import pykka
import pytest

from actors.runtime import ActorSpec
from actors.runtime.kernel import PUMP_MAX
from actors.runtime.loop import LoopRuntime
from actors.runtime.thread import MonotonicClock
from tests.runtime.harness import START_NS, LoopHarness, substream
from tests.runtime.probe import Ask, Note, Probe, Quote, Told


@pytest.fixture
def loop() -> Iterator[LoopHarness]:
    """Give the loop runtime alone."""
    made = LoopHarness()
    yield made
    made.close()


def test_an_input_is_handled_before_it_returns(loop: LoopHarness) -> None:
    """An input of a socket and the mail it causes need no turn of the event loop."""
    loop.spawn("a")
    loop.take()

    def frame() -> None:
        loop.kernel.tell("/a", Note(text="frame"))

    async def act() -> list[str]:
        loop.runtime.input(frame)
        return loop.take()

    assert loop.loop.run_until_complete(act()) == ["a:frame"]


def test_a_turn_handles_one_batch(loop: LoopHarness) -> None:
    """The pump yields to sockets after a count of messages, and goes on in the next turn."""
    loop.spawn("a")
    loop.take()
    seen: list[int] = []

    async def act() -> None:
        def flood() -> None:
            for number in range(3 * PUMP_MAX):
                loop.kernel.tell("/a", Note(text=str(number)))

        loop.runtime.input(flood)
        for _ in range(4):
            seen.append(len(loop.log))
            await asyncio.sleep(0)

    loop.loop.run_until_complete(act())
    assert seen == [PUMP_MAX, 2 * PUMP_MAX, 3 * PUMP_MAX, 3 * PUMP_MAX]


def test_a_coroutine_can_ask(loop: LoopHarness) -> None:
    """Await runtime.ask gives the reply, or raises when nobody is there."""
    loop.spawn("a", {"answer": lambda actor: actor.context.reply(Told(text="yes"))})

    async def act() -> None:
        assert await loop.runtime.ask("/a", Ask()) == Told(text="yes")
        with pytest.raises(pykka.ActorDeadError):
            await loop.runtime.ask("/nobody", Ask())

    loop.loop.run_until_complete(act())


def test_an_input_of_nobody_that_raises_does_not_stop_the_pump(loop: LoopHarness) -> None:
    """An error outside every actor goes to asyncio's handler; mail is handled all the same."""
    loop.spawn("a")
    loop.take()

    def bad() -> None:
        raise ValueError("nobody's")

    def act() -> None:
        loop.kernel.post(bad)
        loop.kernel.post(lambda: loop.kernel.tell("/a", Note(text="after")))

    loop.run(act)
    with pytest.raises(ValueError, match="nobody's"):
        loop.settle()
    loop.settle()
    assert loop.take() == ["a:after"]


def test_a_failing_input_leaves_the_mail_scheduled(loop: LoopHarness) -> None:
    """An input that sends and then raises to its caller loses none of what it sent."""
    loop.spawn("a")
    loop.take()

    def bad() -> None:
        loop.kernel.tell("/a", Note(text="sent"))
        raise ValueError("afterwards")

    async def act() -> None:
        with pytest.raises(ValueError, match="afterwards"):
            loop.runtime.input(bad)

    loop.loop.run_until_complete(act())
    loop.settle()
    assert loop.take() == ["a:sent"]


def test_inputs_by_time_follow_the_clock(loop: LoopHarness) -> None:
    """At runs an action when the clock has reached its UTC time."""
    seen: list[int] = []
    loop.run(lambda: loop.runtime.at(START_NS + 10, lambda: seen.append(loop.runtime.now_ns)))
    loop.settle()
    loop.advance(9)
    assert seen == []
    loop.advance(1)
    assert seen == [START_NS + 10]


class Source:
    """A market source with three prices."""

    def __init__(self, harness: LoopHarness) -> None:
        self.harness = harness
        self.left = [10, 20, 30]

    def next_ns(self) -> int | None:
        """Return when the next price comes."""
        return START_NS + self.left[0] if self.left else None

    def pump(self, limit_ns: int) -> int:
        """Publish what is due."""
        kernel = self.harness.kernel
        while self.left and START_NS + self.left[0] <= limit_ns:
            self.harness.runtime.set_time(START_NS + self.left[0])
            kernel.publish(kernel.lifecycle.topic("q"), Quote(price=self.left.pop(0)))
        return 1


def test_sources_follow_the_clock(loop: LoopHarness) -> None:
    """A source's events are published when they are due, and no earlier."""
    loop.spawn("a", {"start": lambda actor: actor.context.subscribe("q")})
    loop.take()
    loop.run(lambda: loop.runtime.add_source(Source(loop)))
    loop.advance(25)
    assert loop.take() == ["a:quote 10", "a:quote 20"]


def test_close_ends_every_actor_without_hooks() -> None:
    """After close nothing runs: actors are gone, and what is posted later is not handled."""
    harness = LoopHarness()
    harness.spawn("a")
    harness.take()
    harness.runtime.close()
    assert not harness.kernel.is_alive("/a")
    harness.kernel.post(lambda: harness.log.append("ran"))
    harness.loop.run_until_complete(asyncio.sleep(0))
    assert harness.take() == []
    harness.close()
    harness.kernel.post(lambda: None)


def test_prepare_settles_the_process_for_trading(loop: LoopHarness) -> None:
    """Prepare freezes the collector's heap and shortens thread switches."""
    before = sys.getswitchinterval()
    try:
        loop.runtime.prepare()
        assert gc.get_freeze_count() > 0
        assert sys.getswitchinterval() == pytest.approx(0.0001)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def test_real_timers_fire_on_a_real_clock() -> None:
    """With the machine's clock, sped up, timers wake the loop by themselves and in order."""

    async def act() -> list[str]:
        log: list[str] = []
        runtime = LoopRuntime(substream, MonotonicClock(speed=1_000.0))
        done = asyncio.get_running_loop().create_future()

        def start(actor: Probe) -> None:
            for seconds in (20, 5, 10):
                actor.context.after(seconds * 10**9, Note(text=str(seconds)))

        def note(actor: Probe) -> None:
            if actor.notes == 3:
                done.set_result(None)

        runtime.spawn(ActorSpec("a", lambda: Probe(log, {"start": start, "note": note})))
        await asyncio.wait_for(done, 5)
        runtime.close()
        return log

    assert asyncio.run(act()) == ["a:start", "a:5", "a:10", "a:20"]
