"""Introspection: what an actor looks like, read between two messages and without its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.runtime.mailbox import Life
from actors.runtime.system import InspectReply

if TYPE_CHECKING:
    from actors.runtime.mailbox import Mailbox

__all__ = ["describe", "state_of"]


def state_of(box: Mailbox) -> tuple[tuple[str, str], ...]:
    """Return an actor's state as text; why there is none, if it cannot be read; never raises."""
    if box.actor is None:
        return ()
    if box.busy:
        return (("state", "not readable while its thread is inside a handler"),)
    try:
        return box.actor.state()
    except Exception as error:  # noqa: BLE001 - looking at an actor must not end it
        return (("state", f"not readable: {type(error).__name__}"),)


def _seen(box: Mailbox) -> tuple[tuple[int, str, str], ...]:
    """Return what the mailbox handled, then the latest of each feed, which has no number."""
    mail = ((entry[1], type(entry[0]).__name__, entry[3]) for entry in box.last)
    feeds = ((0, type(topic.last).__name__, topic.key) for topic in box.topics if topic.last)
    return (*mail, *feeds)


def describe(box: Mailbox) -> InspectReply:
    """Return the state, mail, timers, children, latest messages and counters of an address."""
    return InspectReply(
        address=box.path,
        alive=box.life is not Life.VACANT,
        incarnation=box.incarnation,
        state=state_of(box),
        control=len(box.control),
        data=len(box.data),
        conflated=len(box.latest),
        timers=tuple((timer.due_ns, type(timer.message).__name__) for timer in box.timers.values()),
        children=tuple(child.path for child in box.children),
        last=_seen(box),
        counters=(
            ("dropped", box.dropped),
            ("late_replies", box.late),
            ("restarts", max(0, box.incarnation - 1)),
        ),
    )
