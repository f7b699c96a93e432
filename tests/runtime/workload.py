"""A random actor workload whose trace must not depend on anything but its seed.

Run as a program it prints the digest of a seed's trace, so that processes can be compared.
"""

import hashlib
import random
import sys

from actors.runtime import (
    CONTROL,
    Actor,
    ActorSpec,
    Backoff,
    ChildEnded,
    ChildSpec,
    Message,
    MessageRefused,
    OverflowPolicy,
    RequestTimedOut,
    SimulatedRuntime,
    Strategy,
    Supervisor,
    SupervisorSpec,
    handles,
)
from actors.runtime.mailbox import Mailbox
from actors.runtime.ports import Random

NAMES = tuple("abcdefgh")
STEPS = 3_000
Row = tuple[int, int, str, str, int]


class Hop(Message, kw_only=True):
    """Wander on."""

    left: int


class Shout(Message, kw_only=True):
    """Wander on, ahead of others."""

    flags = CONTROL

    left: int


class Question(Message, kw_only=True):
    """Asks for an answer, which may come late or never."""


class Reply(Message, kw_only=True):
    """The answer."""


class Price(Message, kw_only=True):
    """Published by everybody."""

    value: int


class Wanderer(Actor):
    """Does one of everything an actor can do, chosen by its own random stream."""

    def on_start(self) -> None:
        """Read some feeds."""
        for name in NAMES[:3]:
            if self.context.rng.random() < 0.5:
                self.context.subscribe(name)

    @handles(Hop, Shout)
    def wander(self, message: Hop | Shout) -> None:
        """Do something, then pass the message on."""
        context, rng = self.context, self.context.rng
        draw = rng.random()
        other = f"/{NAMES[rng.randrange(len(NAMES))]}"
        if draw < 0.02:
            raise ValueError("now and then")
        if draw < 0.10:
            context.after(rng.randrange(1, 50), Hop(left=message.left - 1))
        elif draw < 0.18:
            context.request(other, Question(), rng.randrange(1, 30))
        elif draw < 0.21 and len(context._box.timers) < 20:
            context.every(rng.randrange(20, 90), Hop(left=1))
        elif draw < 0.22:
            context.stop(other)
        elif draw < 0.24:
            context.tell("/nobody", message)
        if message.left > 0:
            kind = Shout if draw > 0.9 else Hop
            context.tell(other, kind(left=message.left - 1))
        if draw > 0.7:
            context.publish(context.topic(NAMES[rng.randrange(3)]), Price(value=message.left))

    @handles(Question)
    def answer(self, _: Question) -> None:
        """Answer now, later, or never."""
        draw = self.context.rng.random()
        if draw < 0.6:
            self.context.reply(Reply())

    @handles(Price, Reply, RequestTimedOut, MessageRefused, ChildEnded)
    def note(self, _: Message) -> None:
        """Look at it."""


class Prodder:
    """Looks at every actor before each step, by the way that must not show."""

    def __init__(self, runtime: SimulatedRuntime) -> None:
        self.kernel = runtime.kernel

    def __call__(self, *_: object) -> None:
        for name in NAMES:
            self.kernel.inspect(f"/{name}")


def substream(seed: int) -> "Streams":
    """Return the streams of a seed."""
    return Streams(seed)


class Streams:
    """One random stream per name."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, name: str) -> Random:
        """Return the stream of a name."""
        return random.Random(f"{self.seed}-{name}")


class RandomChooser:
    """Lets any mailbox go next."""

    def __init__(self, seed: int) -> None:
        self.stream = random.Random(f"{seed}-chooser")

    def choose(self, ready: int) -> int:
        """Return an index."""
        return self.stream.randrange(ready)


def trace(seed: int, *, watched: bool = False, shuffled: bool = False) -> list[Row]:
    """Run the workload of a seed; return (sequence, now, address, message type, cause) per step."""
    rows: list[Row] = []
    chooser = RandomChooser(seed) if shuffled else None
    runtime = SimulatedRuntime(substream(seed), 1_000_000, chooser)
    look = Prodder(runtime)

    def observe(box: Mailbox, message: object, sequence: int, cause: int) -> None:
        rows.append((sequence, runtime.now_ns, box.path, type(message).__name__, cause))
        if watched:
            look()

    runtime.kernel.observer = observe
    children = tuple(
        ChildSpec(name, Wanderer, mailbox_max=4, overflow=policy)
        for name, policy in zip(NAMES, list(OverflowPolicy) * 3, strict=False)
    )
    spec = SupervisorSpec(
        children, Strategy.REST_FOR_ONE, 10_000, 10**9, Backoff(first_ns=3, max_ns=9, jitter=0.5)
    )
    runtime.spawn(ActorSpec("root", lambda: Supervisor(spec)))
    stream = random.Random(seed)
    while len(rows) < STEPS:
        for _ in range(stream.randrange(1, 9)):
            runtime.kernel.tell(f"/{stream.choice(NAMES)}", Hop(left=stream.randrange(12)))
        runtime.advance(stream.randrange(1, 40))
        if watched:
            look()
    return rows


def digest(seed: int) -> str:
    """Return the digest of a seed's trace."""
    return hashlib.sha256(repr(trace(seed)).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest(int(sys.argv[1])) + "\n")
