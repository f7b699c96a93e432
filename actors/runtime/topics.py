"""A topic is one instrument's feed: who reads it and what was said last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.runtime.mailbox import Mailbox

__all__ = ["Topic"]


class Topic:
    """Subscribers in the order of subscription, and the latest message for those who only look.

    seen_ns is the monotonic time at which last was published, -1 before the first.
    """

    __slots__ = ("boxes", "key", "last", "seen_ns")

    def __init__(self, key: str) -> None:
        """Create a topic that nobody reads yet."""
        self.key = key
        self.boxes: tuple[Mailbox, ...] = ()
        self.last: Any = None
        self.seen_ns = -1

    def add(self, box: Mailbox) -> None:
        """Subscribe a mailbox; a second time changes nothing."""
        if box not in self.boxes:
            self.boxes = (*self.boxes, box)
            box.topics.append(self)

    def remove(self, box: Mailbox) -> None:
        """Unsubscribe a mailbox."""
        if box in self.boxes:
            self.boxes = tuple(other for other in self.boxes if other is not box)
            box.topics.remove(self)
