"""Topics: at once to who is idle, the latest to who is not, nothing to who is gone."""

from tests.runtime.harness import Harness, SimulatedHarness
from tests.runtime.probe import Do, Note, Probe, Quote, Step, Stray, Told, Urgent, fail


def subscriber(extra: dict[str, Step] | None = None) -> dict[str, Step]:
    """Return the script of an actor that reads the feed q."""
    return {"start": lambda actor: actor.context.subscribe("q")} | (extra or {})


def publish(harness: Harness, *prices: int) -> None:
    """Publish prices on q as one input."""

    def act() -> None:
        topic = harness.kernel.lifecycle.topic("q")
        for price in prices:
            harness.kernel.publish(topic, Quote(price=price))

    harness.run(act)
    harness.settle()


def test_each_subscriber_sees_what_is_published(harness: Harness) -> None:
    """Every subscriber of a topic gets its messages; others get none."""
    for name in "ab":
        harness.spawn(name, subscriber())
    harness.spawn("c")
    harness.take()
    publish(harness, 1)
    assert sorted(harness.take()) == ["a:quote 1", "b:quote 1"]


def test_an_idle_subscriber_sees_every_message(simulated: SimulatedHarness) -> None:
    """On the kernel's thread a subscriber with nothing queued runs before publish returns."""
    simulated.spawn("a", subscriber())
    simulated.take()
    topic = simulated.kernel.lifecycle.topic("q")
    for price in (1, 2, 3):
        simulated.kernel.publish(topic, Quote(price=price))
        assert simulated.take() == [f"a:quote {price}"]


def test_a_subscriber_with_mail_gets_the_latest(harness: Harness) -> None:
    """Where mail is queued already, a newer message of a feed replaces the one that waits."""
    harness.spawn("a", subscriber())
    harness.take()

    def act() -> None:
        harness.kernel.tell("/a", Note(text="first"))
        for price in (1, 2, 3):
            harness.kernel.publish(harness.kernel.lifecycle.topic("q"), Quote(price=price))
        harness.kernel.tell("/a", Note(text="last"))

    harness.run(act)
    harness.settle()
    assert harness.take() == ["a:first", "a:quote 3", "a:last"]
    assert harness.counter("/a", "dropped") == 2


def test_feeds_conflate_apart(harness: Harness) -> None:
    """Different topics and different message types do not replace each other."""
    harness.spawn(
        "a", {"start": lambda actor: [actor.context.subscribe(key) for key in ("p", "q")]}
    )
    harness.take()

    def act() -> None:
        kernel = harness.kernel
        kernel.tell("/a", Note(text="first"))
        for key in ("p", "q"):
            for price in (1, 2):
                kernel.publish(kernel.lifecycle.topic(key), Quote(price=price))
            kernel.publish(kernel.lifecycle.topic(key), Told(text=key))

    harness.run(act)
    harness.settle()
    assert harness.take() == ["a:first", "a:quote 2", "a:told p", "a:quote 2", "a:told q"]


def test_publishing_to_oneself_queues(harness: Harness) -> None:
    """A publisher that reads its own topic is never entered while its handler runs."""

    def speak(actor: Probe) -> None:
        actor.context.publish(actor.context.topic("q"), Quote(price=1))
        actor.say("spoke")

    harness.spawn("a", subscriber({"speak": speak}))
    harness.take()
    harness.tell("/a", Do(what="speak"))
    assert harness.take() == ["a:spoke", "a:quote 1"]


def test_a_ring_of_publishers_does_not_recurse(harness: Harness) -> None:
    """When a subscriber publishes in turn, no handler is entered inside one of the same actor."""
    depth = [0]

    def pass_on(to: str) -> Step:
        def step(actor: Probe) -> None:
            depth[0] += 1
            assert depth[0] == 1 or harness.name != "thread"
            actor.say(f"in {actor.notes}")
            actor.notes += 1
            if actor.notes < 3:
                actor.context.publish(actor.context.topic(to), Quote(price=actor.notes))
            actor.say("out")
            depth[0] -= 1

        return step

    def read(key: str) -> Step:
        return lambda actor: actor.context.subscribe(key)

    harness.spawn("a", {"start": read("a"), "quote": pass_on("b"), "go": pass_on("b")})
    harness.spawn("b", {"start": read("b"), "quote": pass_on("a")})
    harness.take()
    harness.tell("/a", Do(what="go"))
    rows = [row for row in harness.take() if row.startswith("a:")]
    inside = 0
    for row in rows:
        inside += row.startswith("a:in")
        assert inside <= 1
        inside -= row == "a:out"


def test_a_failing_subscriber_does_not_touch_the_publisher(harness: Harness) -> None:
    """A subscriber that fails ends alone: the publisher goes on, and so do other subscribers."""
    harness.spawn("a", subscriber({"quote": fail}))
    harness.spawn("b", subscriber())

    def speak(actor: Probe) -> None:
        actor.context.publish(actor.context.topic("q"), Quote(price=1))

    harness.spawn("c", {"speak": speak})
    harness.take()
    harness.tell("/c", Do(what="speak"), Do(what="speak"))
    alive = [harness.kernel.is_alive(address) for address in ("/a", "/b", "/c")]
    assert alive == [False, True, True]
    assert "b:quote 1" in harness.take()


def test_subscriptions_end_with_the_instance(harness: Harness) -> None:
    """What is published does not reach the next instance unless it subscribes itself."""
    harness.spawn("a", {"once": lambda actor: actor.context.subscribe("q"), "fail": fail})
    harness.tell("/a", Do(what="once"))
    publish(harness, 1)
    harness.tell("/a", Do(what="fail"))
    harness.spawn("a")
    harness.take()
    publish(harness, 2)
    assert harness.take() == []


def test_unsubscribe_ends_the_feed(harness: Harness) -> None:
    """An actor that unsubscribed gets nothing more, and may subscribe again."""
    harness.spawn(
        "a",
        subscriber(
            {
                "off": lambda actor: actor.context.unsubscribe("q"),
                "on": lambda actor: actor.context.subscribe("q"),
            }
        ),
    )
    harness.take()
    harness.tell("/a", Do(what="off"))
    publish(harness, 1)
    harness.tell("/a", Do(what="on"), Do(what="on"))
    publish(harness, 2)
    assert harness.take() == ["a:quote 2"]


def test_the_topic_remembers_its_latest_message(harness: Harness) -> None:
    """Who only looks finds the latest message in the topic, without a subscription."""
    publish(harness, 1, 2)
    harness.spawn("a", {"look": lambda actor: actor.say(str(actor.context.topic("q").last.price))})
    harness.take()
    harness.tell("/a", Do(what="look"))
    assert harness.take() == ["a:2"]


def test_what_was_published_has_nobody_to_reply_to(simulated: SimulatedHarness) -> None:
    """A reply from a directly called subscriber is refused rather than sent to a bystander."""

    def answer(actor: Probe) -> None:
        actor.context.reply(Told(text="wrong"))

    simulated.spawn("a", subscriber({"quote": answer}))

    def speak(actor: Probe) -> None:
        actor.context.publish(actor.context.topic("q"), Quote(price=1))

    simulated.spawn("b", {"speak": speak})
    simulated.spawn("c", {"go": lambda actor: actor.context.tell("/b", Do(what="speak"))})
    simulated.tell("/c", Do(what="go"))
    ((address, exit_),) = simulated.failures
    assert (address, exit_.kind) == ("/a", "failure")
    assert "no message to reply to" in exit_.reason


def test_control_still_overtakes_a_feed(harness: Harness) -> None:
    """Control mail goes ahead of a conflated message that waits."""
    harness.spawn("a", subscriber())
    harness.take()

    def act() -> None:
        harness.kernel.tell("/a", Note(text="1"))
        harness.kernel.publish(harness.kernel.lifecycle.topic("q"), Quote(price=1))
        harness.kernel.tell("/a", Urgent(text="now"))

    harness.run(act)
    harness.settle()
    assert harness.take() == ["a:now", "a:1", "a:quote 1"]


def test_a_published_message_needs_a_handler_too(harness: Harness) -> None:
    """A subscriber without a handler for what is published fails, as it would for mail."""
    harness.spawn("a", subscriber())
    harness.run(lambda: harness.kernel.publish(harness.kernel.lifecycle.topic("q"), Stray()))
    harness.settle()
    ((_, exit_),) = harness.failures
    assert "no handler for Stray" in exit_.reason


def test_a_subscriber_that_ends_meanwhile_gets_nothing(simulated: SimulatedHarness) -> None:
    """A subscriber ended by an earlier one's handler is passed over, without a dead letter."""
    simulated.spawn("a", subscriber({"quote": lambda actor: actor.context.kill("/b")}))
    simulated.spawn("b", subscriber())
    simulated.spawn("c", subscriber())
    simulated.take()
    publish(simulated, 1)
    assert simulated.take() == ["a:quote 1", "c:quote 1"]
    assert simulated.dead == []
