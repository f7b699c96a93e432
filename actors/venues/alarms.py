"""What a venue connection tells itself later."""

from __future__ import annotations

from actors.runtime import Message

__all__ = ["CheckFeeds", "ConnectTimeout", "Reconnect", "Resync", "Sweep", "SyncTimeout", "Wake"]


class Sweep(Message, kw_only=True):
    """Time to look for orders without an answer."""


class Resync(Message, kw_only=True):
    """Time to compare the account with the venue; filled: because fills changed what is free."""

    filled: bool = False


class SyncTimeout(Message, kw_only=True):
    """The account did not come in time."""

    request: int


class ConnectTimeout(Message, kw_only=True):
    """A session should be open by now."""

    attempt: int


class Reconnect(Message, kw_only=True):
    """The wait before the next attempt is over."""


class CheckFeeds(Message, kw_only=True):
    """Time to look for stale market data."""


class Wake(Message, kw_only=True):
    """The gateway asked to be woken."""

    token: int
