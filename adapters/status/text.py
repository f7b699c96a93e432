"""Figures as people read them: money, quantities, percentages, durations, times."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

__all__ = ["clock", "duration", "milliseconds", "money", "percent", "quantity", "signed"]

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def money(value: Decimal | None) -> str:
    """Return an amount with two decimals and thousands apart, "-" if it is not known."""
    return "-" if value is None else f"{value:,.2f}"


def signed(value: Decimal | None) -> str:
    """Return an amount with its sign."""
    return "-" if value is None else f"{value:+,.2f}"


def quantity(value: Decimal | None) -> str:
    """Return a quantity without trailing zeros, and without an exponent."""
    if value is None:
        return "-"
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def percent(value: Decimal | None) -> str:
    """Return a fraction in percent."""
    return "-" if value is None else f"{value * 100:.2f} %"


def milliseconds(value_ns: int) -> str:
    """Return a span in ns as whole milliseconds, rounded up so that nothing looks shorter."""
    return f"{-(-value_ns // NS_PER_MS):,} ms"


def duration(value_s: float) -> str:
    """Return a span in seconds as 5 s, 2 min 05 s, 3 h 02 min or 4 d 05 h."""
    whole = int(value_s)
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {rest:02} s"
    return f"{rest} s"


def clock(utc_ns: int) -> str:
    """Return a UTC time of day and date, to the second."""
    return f"{datetime.fromtimestamp(utc_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S}"
