"""What the flattener tells itself later."""

from __future__ import annotations

from actors.runtime import Message

__all__ = ["Overdue", "Step", "WakeSession"]


class Step(Message, kw_only=True):
    """A wait within a task is over."""

    mandate: int
    venue: str
    token: int


class Overdue(Message, kw_only=True):
    """A mandate has taken so long that it counts as unconfirmed."""

    mandate: int


class WakeSession(Message, kw_only=True):
    """A gateway asked to be woken."""

    venue: str
    token: int
