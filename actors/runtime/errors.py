"""What can go wrong in the engine itself."""

from __future__ import annotations

from domain.errors import InvariantError

__all__ = [
    "BlockingRefusedError",
    "EngineError",
    "InvariantError",
    "MailboxOverflowError",
    "RestartBudgetError",
    "SpecError",
    "UnhandledMessageError",
]


class EngineError(Exception):
    """The engine was used against its rules."""


class SpecError(EngineError):
    """A child or supervisor spec cannot work; the text names the field."""


class UnhandledMessageError(EngineError):
    """An actor was sent a message that it declares no handler for."""


class MailboxOverflowError(EngineError):
    """A mailbox whose policy is to fail its actor was full."""


class RestartBudgetError(EngineError):
    """A supervisor restarted children more often than its budget allows."""


class BlockingRefusedError(EngineError):
    """A handler tried to wait for an answer; on a shared thread that would stop every actor."""
