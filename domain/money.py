"""Exact money: the decimal context, the border where text becomes numbers, and rounding to steps.

Everything booked is a Decimal of at most 34 significant digits (as IEEE decimal128). Additions and
products of venue figures are exact within that; only a division rounds, and where its result is
booked it is rounded to QUANTUM on purpose, the remainder staying where it was.
"""

from __future__ import annotations

import decimal
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from domain.errors import DomainError
from domain.orders import Side

__all__ = [
    "COIN_QUANTUM",
    "PRECISION",
    "QUANTUM",
    "decimal_from_float",
    "from_ticks",
    "install_context",
    "is_multiple",
    "marketable_price",
    "parse_decimal",
    "passive_price",
    "quantity_step_down",
    "round_down",
    "round_nearest",
    "round_up",
    "to_ticks",
]

PRECISION = 34
QUANTUM = Decimal("1E-12")
COIN_QUANTUM = Decimal("1E-18")

_ZERO = Decimal(0)
_TEXT_LENGTH_MAX = 80
_MAGNITUDE_MAX = 40


def install_context() -> None:
    """Make exact, trapping arithmetic the default of this thread and of every later one.

    Traps: invalid operations, division by zero, overflow, and any silent mixing with floats. Call
    it once, before a thread starts; DefaultContext is what new threads copy.
    """
    context = decimal.DefaultContext
    context.prec = PRECISION
    context.rounding = ROUND_HALF_EVEN
    for signal in context.traps:
        context.traps[signal] = signal in _TRAPPED
    decimal.setcontext(context.copy())


_TRAPPED = (
    decimal.InvalidOperation,
    decimal.DivisionByZero,
    decimal.Overflow,
    decimal.FloatOperation,
)


def parse_decimal(text: str) -> Decimal:
    """Return the finite number that a text from outside writes, or refuse it.

    Plain and exponent notation are taken; a negative zero becomes zero. No text beyond 80
    characters and no number beyond 1E±40, which no market has and which arithmetic would choke on.
    Raises: DomainError for anything else: NaN, Infinity, a float, blanks, underscores, nothing.
    """
    if type(text) is not str:
        raise DomainError(f"a number must arrive as text, not as {type(text).__name__}: {text!r}")
    if len(text) > _TEXT_LENGTH_MAX or not text.isascii() or "_" in text:
        raise DomainError(f"not a number: {text[:_TEXT_LENGTH_MAX]!r}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise DomainError(f"not a number: {text!r}") from None
    if not value.is_finite() or text[0].isspace() or text[-1].isspace():
        raise DomainError(f"not a finite number: {text!r}")
    if not value:
        return _ZERO
    if not -_MAGNITUDE_MAX <= value.adjusted() <= _MAGNITUDE_MAX:
        raise DomainError(f"a number beyond 1E±{_MAGNITUDE_MAX}: {text!r}")
    return value


def decimal_from_float(value: float, step: Decimal) -> Decimal:
    """Return the multiple of step nearest to a recorded float, read as its shortest decimal text.

    Only for recorded data that was stored as floats; money from a venue comes as text.
    Raises: DomainError if the value is not finite or the step not above 0.
    """
    text = float.__repr__(value)  # a numpy float prints its type otherwise
    exact = Decimal(text)
    if not exact.is_finite():
        raise DomainError(f"not a finite number: {text}")
    return round_nearest(exact, step)


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """Return the greatest multiple of step that is at most value (towards minus infinity)."""
    _require_step(step)
    truncated = value // step * step  # `//` truncates towards zero, and exactly
    return truncated if truncated <= value else truncated - step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """Return the least multiple of step that is at least value (towards plus infinity)."""
    _require_step(step)
    truncated = value // step * step
    return truncated if truncated >= value else truncated + step


def round_nearest(value: Decimal, step: Decimal) -> Decimal:
    """Return the multiple of step nearest to value; a tie goes to the even multiple."""
    below = round_down(value, step)
    excess = (value - below) * 2
    if excess < step or (excess == step and not below // step % 2):
        return below
    return below + step


def quantity_step_down(quantity: Decimal, lot: Decimal) -> Decimal:
    """Return the signed quantity cut to whole lots, towards zero: never more than was asked."""
    _require_step(lot)
    return quantity // lot * lot


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Tell whether value is a whole number of steps, exactly."""
    _require_step(step)
    return not value % step


def passive_price(side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """Return the price on the grid that is no more aggressive: bids floored, asks ceiled."""
    return round_down(price, tick) if side is Side.BUY else round_up(price, tick)


def marketable_price(side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """Return the price on the grid that still reaches the cap: buys ceiled, sells floored."""
    return round_up(price, tick) if side is Side.BUY else round_down(price, tick)


def to_ticks(price: Decimal, tick: Decimal) -> int:
    """Return a price (or quantity) as a whole number of ticks (or lots).

    Raises: DomainError if it is not on the grid, or the tick is not above 0.
    """
    _require_step(tick)
    ticks, remainder = divmod(price, tick)
    if remainder:
        raise DomainError(f"{price} is not a multiple of {tick}")
    return int(ticks)


def from_ticks(ticks: int, tick: Decimal) -> Decimal:
    """Return the price (or quantity) that a whole number of ticks (or lots) stands for."""
    return ticks * tick


def _require_step(step: Decimal) -> None:
    if step <= _ZERO:
        raise DomainError(f"a step must be above 0, is {step}")
