"""What is kept of an actor that failed; its failure hook runs here, on the actor's own thread."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from actors.runtime.errors import InvariantError
from actors.runtime.system import Exit, ExitKind, FailurePlace

if TYPE_CHECKING:
    from actors.runtime.actor import Actor

__all__ = ["FailedAt", "Report", "autopsy", "one_line"]

REASON_MAX = 1_000


class Report(NamedTuple):
    """How it ended, the traceback, and the state it had before its failure hook."""

    exit: Exit
    traceback: str
    state: tuple[tuple[str, str], ...]


class FailedAt(Exception):  # noqa: N818 - carries the place of a failure to its report
    """An exception with the place where it was raised."""

    def __init__(self, place: FailurePlace, error: Exception) -> None:
        """Wrap an error."""
        super().__init__()
        self.place = place
        self.error = error


def one_line(error: BaseException) -> str:
    """Return type and text of an exception, even of one whose text cannot be made."""
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001 - an exception may be broken itself
        text = f"(no text: {type(second).__name__})"
    return f"{type(error).__name__}: {text}"[:REASON_MAX]


def autopsy(actor: Actor | None, error: Exception, place: FailurePlace, message: Any) -> Report:
    """Run the failure hook of an actor and return the report on both; never raises.

    actor is None when its construction failed; then there is neither state nor hook.
    """
    if isinstance(error, FailedAt):
        place, error = error.place, error.error
    violated = isinstance(error, InvariantError)
    reason = one_line(error)
    text = "".join(traceback.format_exception(error))
    state: tuple[tuple[str, str], ...] = ()
    if actor is not None:
        try:
            state = actor.state()
            actor.on_failure(type(error), error, error.__traceback__)
        except Exception as second:  # noqa: BLE001 - the hook's failure is part of the report
            place = FailurePlace.FAILURE_HOOK
            reason = f"{reason}; then {one_line(second)}"
            text += "".join(traceback.format_exception(second))
            violated = violated or isinstance(second, InvariantError)
    kind = ExitKind.VIOLATION if violated else ExitKind.FAILURE
    name = "" if message is None else type(message).__name__
    return Report(Exit(kind=kind, reason=reason, place=place, message=name), text, state)
