"""Hedge pairs: what strategies ask of them, what they record, and what they report."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from actors.runtime.message import CONTROL, JOURNALLED, Message

__all__ = [
    "CloseReason",
    "ExposureEnded",
    "LeaseReturned",
    "LeaseTaken",
    "PairPhase",
    "PairRecord",
    "PairSignal",
    "PairStateChanged",
    "ReducePair",
]


class PairPhase(StrEnum):
    """Where a pair is; the diagram is in actors/hedges/pair.py."""

    RECOVERING = "recovering"
    FLAT = "flat"
    RECORDING = "recording"
    ENTERING = "entering"
    HEDGED = "hedged"
    EXITING = "exiting"
    UNWINDING = "unwinding"
    LEASED = "leased"


class CloseReason(StrEnum):
    """Why a pair closes."""

    SIGNAL = "signal"
    EXPOSED_TOO_LONG = "exposed_too_long"
    HEDGE_IMPOSSIBLE = "hedge_impossible"
    MARGIN = "margin"
    RECOVERY = "recovery"
    STOP = "stop"


class PairSignal(Message, kw_only=True):
    """A strategy wants a pair long (+1), short (-1) or closed (0).

    confidence is in (0, 1]; the signal is void after expires_ns (UTC).
    """

    flags = JOURNALLED

    pair: str
    direction: int
    confidence: float
    source: str
    expires_ns: int


class PairRecord(Message, kw_only=True):
    """The intent of a pair, made durable before its first leg is sent.

    main_target is the signed base quantity the main leg should have; phase and reason say why.
    """

    flags = JOURNALLED

    pair: str
    number: int
    main_target: Decimal
    phase: PairPhase
    reason: str


class PairStateChanged(Message, kw_only=True):
    """A pair moved to another phase."""

    flags = JOURNALLED

    pair: str
    phase: PairPhase
    reason: str
    main: Decimal
    hedge: Decimal


class ExposureEnded(Message, kw_only=True):
    """A pair was exposed and is no longer, or is a different way exposed.

    exposed_ns counts while the venue needed answered; unreachable_ns while it did not.
    notional_max is the largest abs(net - target) x price; delta_error_max the same in base units.
    """

    flags = JOURNALLED

    pair: str
    exposed_ns: int
    unreachable_ns: int
    notional_max: Decimal
    delta_error_max: Decimal


class ReducePair(Message, kw_only=True):
    """Risk wants a pair smaller: keep is the fraction that may stay, 0 closes it."""

    flags = CONTROL | JOURNALLED

    pair: str
    keep: Decimal
    reason: str


class LeaseTaken(Message, kw_only=True):
    """The flattener now acts for this scope; its owner sends nothing until the lease returns."""

    flags = CONTROL | JOURNALLED

    scope: str
    key: str


class LeaseReturned(Message, kw_only=True):
    """The flattener is done with this scope; the owner recovers from the venue's figures."""

    flags = CONTROL | JOURNALLED

    scope: str
    key: str
