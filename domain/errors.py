"""The two ways in which a rule says no: bad input, and a broken invariant."""

from __future__ import annotations

__all__ = ["DomainError", "InvariantError"]


class DomainError(ValueError):
    """A value breaks a stated rule; the text says which, and what was given."""


class InvariantError(Exception):
    """What must never be false is false; the owner's scope is flattened, never retried."""
