"""The actor under test: it does what a script says and writes down what happens to it."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from actors.runtime import (
    CONTROL,
    JOURNALLED,
    Actor,
    ChildEnded,
    ChildStarted,
    Message,
    MessageRefused,
    RequestTimedOut,
    Terminated,
    handles,
)

Step = Callable[["Probe"], Any]
Script = Mapping[str, Step]


class Note(Message, kw_only=True):
    """Data mail; written down."""

    text: str
    instrument: str = ""


class Urgent(Message, kw_only=True):
    """Control mail; written down."""

    flags = CONTROL

    text: str


class Fact(Message, kw_only=True):
    """Data mail that the journal keeps."""

    flags = JOURNALLED

    text: str


class Do(Message, kw_only=True):
    """Run the step of the script with this name."""

    what: str


class Ask(Message, kw_only=True):
    """A request; the script's step of that name answers it."""

    what: str = "answer"


class Told(Message, kw_only=True):
    """The reply to Ask."""

    text: str


class Stray(Message, kw_only=True):
    """What a probe has no handler for."""


class Quote(Message, kw_only=True):
    """Market data."""

    price: int


class Abort(BaseException):
    """What no supervisor answers for."""


class Probe(Actor):
    """Writes "name:event" into the log it was given and runs the steps of its script.

    Steps named init, start, stop_requested, stop, failure, note, quote and told run in those
    places.
    """

    def __init__(self, log: list[str], script: Script) -> None:
        """Take the log, which all probes share, and the script."""
        super().__init__()
        self._log = log
        self._script = script
        self.notes = 0
        self._run("init")

    def say(self, text: str) -> None:
        """Write an event down."""
        self._log.append(f"{self.context.path.strip('/')}:{text}")

    def _run(self, what: str) -> object:
        step = self._script.get(what)
        return None if step is None else step(self)

    def on_start(self) -> None:
        """Write it down."""
        self.say("start")
        self._run("start")

    def on_stop_requested(self) -> bool:
        """Stop, unless the script says not yet."""
        return "stop_requested" not in self._script or bool(self._run("stop_requested"))

    def on_stop(self) -> None:
        """Write it down."""
        self.say("stop")
        self._run("stop")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        _: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        """Write it down."""
        self.say(f"failure {exception_type.__name__ if exception_type else ''}")
        self._run("failure")

    @handles(Note, Urgent, Fact)
    def heard(self, message: Note | Urgent | Fact) -> None:
        """Write the text down."""
        self.notes += 1
        self.say(message.text)
        self._run("note")

    @handles(Quote)
    def quoted(self, message: Quote) -> None:
        """Write the price down."""
        self.say(f"quote {message.price}")
        self._run("quote")

    @handles(Told)
    def told(self, message: Told) -> None:
        """Write the answer down."""
        self.say(f"told {message.text}")
        self._run("told")

    @handles(Do)
    def do(self, message: Do) -> None:
        """Run a step of the script."""
        self._script[message.what](self)

    @handles(Ask)
    def asked(self, message: Ask) -> None:
        """Let the script answer."""
        self.say(f"asked {message.what}")
        self._run(message.what)

    @handles(RequestTimedOut)
    def timed_out(self, message: RequestTimedOut) -> None:
        """Write down which request."""
        self.say(f"timed out {message.message} {message.request}")

    @handles(MessageRefused)
    def refused(self, message: MessageRefused) -> None:
        """Write down who refused what."""
        self.say(f"refused {message.message} by {message.address}")

    @handles(Terminated)
    def terminated(self, message: Terminated) -> None:
        """Write down whose end it was."""
        self.say(f"terminated {message.address} {message.kind}")

    @handles(ChildStarted)
    def child_started(self, message: ChildStarted) -> None:
        """Write it down."""
        self.say(f"child started {message.address}")

    @handles(ChildEnded)
    def child_ended(self, message: ChildEnded) -> None:
        """Write down how."""
        self.say(f"child ended {message.address} {message.exit.kind} {message.exit.place or ''}")


def fail(_: Probe) -> None:
    """Fail as an actor does."""
    raise ValueError("on purpose")


def watch_all(*addresses: str) -> Step:
    """Return a step that watches several addresses."""

    def step(actor: Probe) -> None:
        for address in addresses:
            actor.context.watch(address)

    return step
