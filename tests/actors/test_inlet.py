"""MarketInlet: sound market data takes one hop, everything else is a step of its owner."""

from __future__ import annotations

import random
from typing import Any

from actors.messages.market import QuoteUpdated, topic_key
from actors.runtime import Actor, ActorSpec, SimulatedRuntime, handles
from actors.venues.feeds import Feeds
from actors.venues.inlet import MarketInlet

KEY = "alpha:BTCUSDT"


def quote(sequence: int) -> QuoteUpdated:
    """Return a quote with a sequence."""
    return QuoteUpdated(
        instrument=KEY,
        bid_ticks=99,
        bid_lots=1,
        ask_ticks=101,
        ask_lots=1,
        venue_time_ns=0,
        sequence=sequence,
    )


class Owner(Actor):
    """Owns an inlet whose gateway finds even sequences sound."""

    made: Owner

    def __init__(self) -> None:
        """Make the inlet."""
        super().__init__()
        Owner.made = self
        self.entered: list[Any] = []
        feeds = Feeds(self.context)
        feeds.open((KEY,))
        self.inlet = MarketInlet(
            self.context,
            self.entered.append,
            self.entered.append,
            self.entered.append,
            sound=self.sound,
            feeds=feeds,
        )

    @staticmethod
    def sound(frame: Any) -> QuoteUpdated | None:
        """Return what may be published as it is."""
        return frame if isinstance(frame, QuoteUpdated) and frame.sequence % 2 == 0 else None


class Reader(Actor):
    """Counts quotes."""

    made: Reader

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        Reader.made = self
        self.seen: list[int] = []

    def on_start(self) -> None:
        """Subscribe."""
        self.context.subscribe(topic_key(QuoteUpdated, KEY))

    @handles(QuoteUpdated)
    def quoted(self, message: QuoteUpdated) -> None:
        """Note a quote."""
        self.seen.append(message.sequence)


def substream(name: str) -> random.Random:
    """Return the random stream of a name."""
    return random.Random(name)


def started() -> SimulatedRuntime:
    """Return a runtime with an owner and a reader."""
    runtime = SimulatedRuntime(substream)
    runtime.spawn(ActorSpec("owner", Owner))
    runtime.spawn(ActorSpec("reader", Reader))
    runtime.settle()
    return runtime


def test_a_sound_quote_reaches_readers_and_the_topic_without_entering_the_owner() -> None:
    """The reader has it at once, the topic shows it, the owner handled nothing."""
    runtime = started()
    runtime.advance(5)
    Owner.made.inlet.received(quote(2))
    topic = runtime.kernel.topics[topic_key(QuoteUpdated, KEY)]
    assert Reader.made.seen == [2]
    assert (topic.last.sequence, topic.seen_ns) == (2, 5)
    assert Owner.made.entered == []


def test_any_other_frame_is_a_step_of_the_owner() -> None:
    """What the gateway does not find sound is delivered, and published by nobody."""
    started()
    for frame in (quote(3), b"bytes"):
        Owner.made.inlet.received(frame)
    assert Owner.made.entered == [quote(3), b"bytes"]
    assert Reader.made.seen == []


def test_a_closed_inlet_and_a_killed_owner_publish_nothing() -> None:
    """A transport that goes on after the end of its owner moves no market data."""
    runtime = started()
    Owner.made.inlet.open = False
    Owner.made.inlet.received(quote(2))
    assert Reader.made.seen == []
    Owner.made.inlet.open = True
    runtime.kernel.lifecycle.kill("/owner")
    Owner.made.inlet.received(quote(4))
    runtime.settle()
    assert Reader.made.seen == []
