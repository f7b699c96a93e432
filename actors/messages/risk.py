"""Trading state, epochs, and what an operator may ask of risk."""

from __future__ import annotations

from decimal import Decimal

from actors.runtime.message import CONTROL, JOURNALLED, Message
from domain.authority import TradingState

__all__ = [
    "EpochRaised",
    "HaltRequested",
    "JournalPressure",
    "MarginWarning",
    "ReduceRequested",
    "ResumeRequested",
    "ScopeClosing",
    "ScopeReopened",
    "TradingStateChanged",
    "TradingStateQuery",
]


class EpochRaised(Message, kw_only=True):
    """Approvals made before this epoch are void; told to every venue connection."""

    flags = CONTROL | JOURNALLED

    epoch: int
    state: TradingState


class TradingStateChanged(Message, kw_only=True):
    """What may be sent changed, and stays so until an operator resumes; reason says why."""

    flags = CONTROL | JOURNALLED

    state: TradingState
    epoch: int
    reason: str


class HaltRequested(Message, kw_only=True):
    """Stop everything but permits; half-open pairs unwind."""

    flags = CONTROL | JOURNALLED

    who: str
    reason: str


class ReduceRequested(Message, kw_only=True):
    """Take no new risk; what reduces may go on."""

    flags = CONTROL | JOURNALLED

    who: str
    reason: str


class ResumeRequested(Message, kw_only=True):
    """An operator clears every trip."""

    flags = CONTROL | JOURNALLED

    who: str


class ScopeClosing(Message, kw_only=True):
    """The flattener takes these instruments; risk approves nothing there until they reopen."""

    flags = CONTROL | JOURNALLED

    instruments: tuple[str, ...]
    reason: str


class ScopeReopened(Message, kw_only=True):
    """The instruments are flat and their owners act again."""

    flags = CONTROL | JOURNALLED

    instruments: tuple[str, ...]


class MarginWarning(Message, kw_only=True):
    """Maintenance margin uses this fraction of a venue's equity, above a configured threshold."""

    flags = JOURNALLED

    venue: str
    ratio: Decimal
    action: str


class JournalPressure(Message, kw_only=True):
    """How full the journal's queue is; from half trading reduces, near the end it halts."""

    flags = CONTROL | JOURNALLED

    fraction: float
    failed: bool
    reason: str


class TradingStateQuery(Message, kw_only=True):
    """Ask the root for the latest TradingStateChanged, which outlives the risk supervisor."""

    flags = CONTROL
