"""Which numbers make sense on their own: ranges per field, and fields that must rise together.

A range is by name where the name carries a unit, and stated where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.settings import (
    FlattenSettings,
    JournalSettings,
    PairSettings,
    RiskSettings,
    VenueSettings,
)
from config.lines import KeyPath
from config.problems import Problems
from config.schema import (
    ClockSettings,
    DeploymentSettings,
    InstrumentTable,
    PortfolioSettings,
    StatusSettings,
    TierTable,
)
from domain.checks import RiskLimits

__all__ = ["Range", "check_bounds", "range_of"]


class Range(msgspec.Struct, frozen=True):
    """The numbers from low to high; an open end does not belong to them, None has no end."""

    low: Decimal | None = None
    high: Decimal | None = None
    low_open: bool = False
    high_open: bool = False

    def has(self, value: Decimal) -> bool:
        """Tell whether a value lies in the range."""
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return self.high is None or not (
            value > self.high or (self.high_open and value == self.high)
        )

    def __str__(self) -> str:
        """Return the range in words."""
        parts = []
        if self.low is not None:
            parts.append(f"{'above' if self.low_open else 'at least'} {self.low}")
        if self.high is not None:
            parts.append(f"{'below' if self.high_open else 'at most'} {self.high}")
        return " and ".join(parts)


_ONE = Decimal(1)
_ZERO = Decimal(0)
_ABOVE_ZERO = Range(low=_ZERO, low_open=True)
_AT_LEAST_ZERO = Range(low=_ZERO)
_AT_LEAST_ONE = Range(low=_ONE)
_FRACTION = Range(low=_ZERO, high=_ONE, low_open=True, high_open=True)
_FRACTION_OR_ALL = Range(low=_ZERO, high=_ONE, low_open=True)
_FRACTION_OR_NONE = Range(low=_ZERO, high=_ONE, high_open=True)
_FEE = Range(low=Decimal("-0.01"), high=Decimal("0.1"))
_DURATION_MS = Range(low=_ONE)

_RANGES: dict[type, dict[str, Range]] = {
    DeploymentSettings: {"number": Range(low=_ONE, high=Decimal(2**32 - 1))},
    ClockSettings: {
        "speed": Range(low=_ZERO, high=Decimal(10_000), low_open=True),
        "seed": _AT_LEAST_ZERO,
    },
    VenueSettings: {
        "clock_skew_ms_max": _AT_LEAST_ZERO,
        "orders_per_second": _ABOVE_ZERO,
        "burst": _AT_LEAST_ONE,
        "reserve_fraction": _FRACTION_OR_NONE,
    },
    TierTable: {
        "notional_floor": _AT_LEAST_ZERO,
        "maintenance_rate": _FRACTION,
        "leverage_max": _AT_LEAST_ONE,
    },
    InstrumentTable: {
        "tick": _ABOVE_ZERO,
        "lot": _ABOVE_ZERO,
        "multiplier": _ABOVE_ZERO,
        "quantity_min": _AT_LEAST_ZERO,
        "quantity_max": _ABOVE_ZERO,
        "notional_min": _AT_LEAST_ZERO,
        "maker_fee": _FEE,
        "taker_fee": _FEE,
        "funding_interval_h": Range(low=_ONE, high=Decimal(24)),
    },
    PairSettings: {
        "ratio": _FRACTION_OR_ALL,
        "capital_usd": _ABOVE_ZERO,
        "leverage_min": _ABOVE_ZERO,
        "leverage_max": _ABOVE_ZERO,
        "tolerance": _FRACTION,
        "band": _FRACTION,
        "slippage_max": _FRACTION,
    },
    RiskSettings: {
        "margin_ratio_warn": _FRACTION_OR_ALL,
        "margin_ratio_reduce": _FRACTION_OR_ALL,
        "margin_ratio_flatten": _FRACTION_OR_ALL,
        "margin_keep": _FRACTION_OR_NONE,
        "drawdown_reduce": _FRACTION_OR_ALL,
        "drawdown_halt": _FRACTION_OR_ALL,
        "rejects_in_a_row_max": _AT_LEAST_ONE,
        "problems_per_minute_max": _AT_LEAST_ONE,
    },
    RiskLimits: {
        "order_quantity_max": _ABOVE_ZERO,
        "order_notional_max": _ABOVE_ZERO,
        "position_notional_max": _ABOVE_ZERO,
        "portfolio_notional_max": _ABOVE_ZERO,
        "leverage_max": _ABOVE_ZERO,
        "price_deviation_max": _FRACTION,
        "market_slippage_max": _FRACTION,
        "open_orders_max": _AT_LEAST_ONE,
        "orders_per_minute_max": _AT_LEAST_ONE,
        "daily_loss_max": _ABOVE_ZERO,
        "quote_age_ns_max": Range(low=Decimal(1_000_000)),
    },
    FlattenSettings: {
        "in_flight_ms": _AT_LEAST_ZERO,
        "band_first": _FRACTION,
        "band_max": _FRACTION,
        "failed_after_attempts": _AT_LEAST_ONE,
    },
    JournalSettings: {"chunk_max": _AT_LEAST_ONE, "queue_max": _AT_LEAST_ONE},
    PortfolioSettings: {"points_max": Range(low=Decimal(2))},
    StatusSettings: {"events": Range(low=_ZERO, high=Decimal(100))},
}

# (struct, lower, upper, whether they may be equal)
_RISING: tuple[tuple[type, str, str, bool], ...] = (
    (PairSettings, "leverage_min", "leverage_max", True),
    (PairSettings, "band", "tolerance", True),
    (PairSettings, "complete_ms", "exposed_ms_max", False),
    (RiskSettings, "margin_ratio_warn", "margin_ratio_reduce", False),
    (RiskSettings, "margin_ratio_reduce", "margin_ratio_flatten", False),
    (RiskSettings, "drawdown_reduce", "drawdown_halt", False),
    (RiskLimits, "order_notional_max", "position_notional_max", True),
    (RiskLimits, "position_notional_max", "portfolio_notional_max", True),
    (FlattenSettings, "band_first", "band_max", True),
    (FlattenSettings, "retry_ms", "retry_ms_max", True),
    (JournalSettings, "chunk_max", "queue_max", True),
    (VenueSettings, "reconnect_first_ms", "reconnect_ms_max", True),
    (InstrumentTable, "quantity_min", "quantity_max", True),
)


def range_of(struct: type[msgspec.Struct], name: str) -> Range | None:
    """Return the range of a field: the stated one, or that of a duration, or None.

    The tables of plugins are theirs to check.
    """
    stated = _RANGES.get(struct)
    if stated is None or name in stated:
        return stated[name] if stated else None
    return _DURATION_MS if name.endswith(("_ms", "_ms_max", "_ms_min")) else None


def check_bounds(
    struct: type[msgspec.Struct], values: Mapping[str, Any], path: KeyPath, problems: Problems
) -> None:
    """Note every number outside its range among the fields of a struct that could be read."""
    for name, value in values.items():
        limits = range_of(struct, name)
        if limits is not None and not limits.has(_exact(value)):
            problems.add((*path, name), f"must be {limits}, is {value}")
    for owner, lower, upper, may_equal in _RISING:
        if owner is not struct or lower not in values or upper not in values:
            continue
        if problems.has((*path, lower)) or problems.has((*path, upper)):
            continue
        low, high = values[lower], values[upper]
        if low > high or (low == high and not may_equal):
            relation = "at least" if may_equal else "above"
            problems.add((*path, upper), f"must be {relation} {lower} ({low}), is {high}")


def _exact(value: float | Decimal) -> Decimal:
    return Decimal(str(value)) if isinstance(value, float) else Decimal(value)
