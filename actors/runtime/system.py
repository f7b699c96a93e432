"""Messages of the engine itself: life, death, requests that expire, overflow, introspection."""

from __future__ import annotations

from enum import StrEnum

from actors.runtime.message import CONTROL, JOURNALLED, Message

__all__ = [
    "ChildEnded",
    "ChildStarted",
    "Exit",
    "ExitKind",
    "FailurePlace",
    "InspectQuery",
    "InspectReply",
    "MessageRefused",
    "RequestTimedOut",
    "ScopeLost",
    "StopRequested",
    "Terminated",
]


class ExitKind(StrEnum):
    """How an actor ended; only NORMAL is not a failure."""

    NORMAL = "normal"
    FAILURE = "failure"
    VIOLATION = "violation"
    KILLED = "killed"


class FailurePlace(StrEnum):
    """Where the exception was raised; it makes no difference to what happens then."""

    INIT = "init"
    START = "start"
    HANDLER = "handler"
    REQUEST = "request"
    TIMER = "timer"
    STOP = "stop"
    FAILURE_HOOK = "failure_hook"
    MAILBOX = "mailbox"


class Exit(Message, kw_only=True):
    """How and why an actor ended, without memory addresses or files, so that it can be traced."""

    kind: ExitKind
    reason: str = ""
    place: FailurePlace | None = None
    message: str = ""


class ChildStarted(Message, kw_only=True):
    """A child finished its on_start; told to its parent."""

    flags = CONTROL

    address: str


class ChildEnded(Message, kw_only=True):
    """A child's instance is gone; told to its parent whatever the cause."""

    flags = CONTROL | JOURNALLED

    address: str
    exit: Exit


class Terminated(Message, kw_only=True):
    """A watched actor's instance is gone; its address stays valid for the next one."""

    flags = CONTROL

    address: str
    kind: ExitKind


class StopRequested(Message, kw_only=True):
    """Ask an actor to stop after at most one more message; its mail goes to dead letters."""

    flags = CONTROL


class ScopeLost(Message, kw_only=True):
    """A child will not run again and the exposure it owned must be closed; told to the root.

    scope is the flatten scope of its spec (none, instrument, pair, venue, all); key names which.
    """

    flags = CONTROL | JOURNALLED

    address: str
    scope: str
    key: str
    reason: str


class MessageRefused(Message, kw_only=True):
    """The receiver's mailbox was full and its policy is to refuse; the message was not queued."""

    flags = CONTROL | JOURNALLED

    address: str
    message: str


class RequestTimedOut(Message, kw_only=True):
    """No reply came by the deadline; the request may still be carried out: never just repeat it."""

    address: str
    message: str
    request: int


class InspectQuery(Message, kw_only=True):
    """Ask the engine to describe an actor; answered without the actor's code taking part."""

    flags = CONTROL


class InspectReply(Message, kw_only=True):
    """What an actor looks like between two messages.

    state: public attributes as text; timers: (due in ns on the monotonic clock, message type);
    last: (sequence, message type, sender) of the latest messages, oldest first; counters: name
    and value.
    """

    flags = CONTROL

    address: str
    alive: bool
    incarnation: int
    state: tuple[tuple[str, str], ...]
    control: int
    data: int
    conflated: int
    timers: tuple[tuple[int, str], ...]
    children: tuple[str, ...]
    last: tuple[tuple[int, str, str], ...]
    counters: tuple[tuple[str, int], ...]
