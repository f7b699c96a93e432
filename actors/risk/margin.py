"""The margin ladder: when a venue's margin use is worth a warning, a reduction, or a flatten."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.risk.book import Account
    from actors.settings import RiskSettings

__all__ = ["MarginLevel", "MarginWatch"]

ONE = Decimal(1)
RELEASE = Decimal("0.9")
CALM_SHARE = 2
CALM_MOVES = 1_000
REPEAT_NS = 60_000_000_000


class MarginLevel(IntEnum):
    """How far maintenance margin has eaten into a venue's equity."""

    CALM = 0
    WARN = 1
    REDUCE = 2
    FLATTEN = 3


class MarginWatch:
    """Judges one venue's account at each mark.

    A level is acted on when it is reached, and from REDUCE on again every minute that it holds. It
    is left only below nine tenths of its threshold. While the ratio is below half the first
    threshold, a mark that moved by less than a thousandth since the last look needs no other.
    """

    __slots__ = ("_account", "_acted_ns", "_calm", "_marks", "_thresholds", "level", "ratio")

    def __init__(self, account: Account, settings: RiskSettings) -> None:
        """Watch an account with the thresholds of the settings."""
        self._account = account
        self._thresholds = (
            settings.margin_ratio_warn,
            settings.margin_ratio_reduce,
            settings.margin_ratio_flatten,
        )
        self._marks: dict[str, Decimal] = {}
        self._calm = False
        self._acted_ns = 0
        self.level = MarginLevel.CALM
        self.ratio = Decimal(0)

    def skip(self, instrument: str, mark: Decimal) -> bool:
        """Return whether this mark can be passed over."""
        if not self._calm:
            return False
        last = self._marks.get(instrument)
        return last is not None and abs(mark - last) * CALM_MOVES < last

    def look(self, monotonic_ns: int) -> MarginLevel | None:
        """Measure the account; return the level to act on now, or None."""
        account = self._account
        if not account.reported:
            return None
        equity, maintenance = account.margin()
        self._marks = {item.instrument.key: item.mark_price() for item in account.holdings}
        self.ratio = maintenance / equity if equity > 0 else ONE * bool(maintenance)
        self._calm = self.ratio * CALM_SHARE < self._thresholds[0]
        before, level = self.level, self._level()
        if level < before and self.ratio > RELEASE * self._thresholds[before - 1]:
            level = before
        self.level = level
        repeats = level >= MarginLevel.REDUCE and monotonic_ns - self._acted_ns >= REPEAT_NS
        if level is MarginLevel.CALM or (level <= before and not repeats):
            return None
        self._acted_ns = monotonic_ns
        return level

    def _level(self) -> MarginLevel:
        return MarginLevel(sum(self.ratio >= threshold for threshold in self._thresholds))
