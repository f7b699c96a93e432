"""The envelope around a message, and what the marks in it mean."""

from __future__ import annotations

from typing import Any, Final

from actors.runtime.system import FailurePlace
from actors.runtime.timers import Timer

__all__ = ["CONFLATED", "OUTSIDE", "Envelope", "is_request", "place_of"]

# message, sequence, cause, sender, sent at (ns UTC), mark. The mark is 0; or −n for request n of
# the sender; or n for the reply to the receiver's request n; or the timer that sent the message;
# or the key of conflated content.
Envelope = tuple[Any, int, int, str, int, Any]

OUTSIDE: Final = -1  # a request from outside; the envelope's sequence tells them apart


class _Conflated:
    """Stands in a queue for the latest message of a key."""

    flags = 0


CONFLATED: Final = _Conflated()


def is_request(envelope: Envelope) -> bool:
    """Return whether the sender of an envelope waits for an answer."""
    mark = envelope[5]
    return type(mark) is int and mark < 0


def place_of(envelope: Envelope) -> FailurePlace:
    """Return what kind of handler an envelope reached."""
    if type(envelope[5]) is Timer:
        return FailurePlace.TIMER
    return FailurePlace.REQUEST if is_request(envelope) else FailurePlace.HANDLER
