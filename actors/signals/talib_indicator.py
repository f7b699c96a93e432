"""A TA-Lib function by name and parameters, as an indicator that takes one bar at a time.

The result at each bar equals that of the batch function over all bars so far, to 1e-9 of its size
(1 at least), with unstable period 0 and default compatibility. Three cases:

- SMA, EMA, DEMA, TEMA, RSI, MOM and ROC carry their state: the same arithmetic, bit for bit.
- A function that forgets is recomputed over a window: its lookback, and where old bars fade out
  exponentially, 30 time constants more (what is left of them is below 1e-13). KAMA and MAMA fade
  by their slowest smoothing constant.
- A function whose value depends on every bar since the first (OBV, AD, SAR and others that TA-Lib
  flags as path-dependent), or that returns a place in its input, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from actors.messages.market import BarClosed
from actors.signals.incremental import Dema, Ema, Mom, Roc, Rsi, Sma, Tema
from actors.signals.windowed import FIELDS, Windowed
from domain.errors import DomainError

if TYPE_CHECKING:
    from actors.signals.windowed import Arrays

__all__ = ["Indicator", "Number", "make_indicator"]

Number = int | float
INCREMENTAL: Mapping[str, Callable[[int], Indicator]] = {
    "DEMA": Dema,
    "EMA": Ema,
    "MOM": Mom,
    "ROC": Roc,
    "RSI": Rsi,
    "SMA": Sma,
    "TEMA": Tema,
}
TIME_CONSTANTS = 30
# Adaptive averages fade by their slowest smoothing: KAMA's is (2 / 31) squared.
KAMA_BARS = 7_204
ADAPTIVE_AVERAGES = {6: "KAMA", 7: "MAMA"}
WINDOW_MAX = 50_000


class Indicator(Protocol):
    """One value per bar; NaN for the first ``lookback`` bars."""

    lookback: int

    def update(self, close: float, bar: BarClosed) -> float:
        """Take the next bar, whose close in price units is given, and return the value there."""


def make_indicator(
    name: str, parameters: Mapping[str, Number], *, output: str = "", tick: float = 1.0
) -> Indicator:
    """Return a TA-Lib function as an indicator.

    output names one of the function's outputs, the first by default. tick turns the ticks of a bar
    into price units. Loads TA-Lib when first called.
    Raises: DomainError that names the nearest function, parameter or output.
    """
    function = _function(name)
    info = function.info
    chosen = _parameters(name, info["parameters"], parameters)
    names = list(info["output_names"])
    if output and output not in names:
        raise DomainError(f"{name} has no output {output!r}; it has {', '.join(names)}")
    function.parameters = chosen
    lookback = int(function.lookback)
    if lookback < 0:
        raise DomainError(f"{name} does not take {_listed(chosen)}: a value is out of range")
    if name in INCREMENTAL:
        return INCREMENTAL[name](int(chosen["timeperiod"]))
    fields = _fields(name, info["input_names"])
    call: Callable[..., Any] = getattr(import_module("talib"), name)
    several = len(names) > 1

    def batch(arrays: Arrays) -> Arrays:
        result = call(*arrays, **chosen)
        return result if several else (result,)

    return Windowed(
        batch,
        fields=fields,
        lookback=lookback,
        window=_window(name, chosen, lookback),
        output=names.index(output) if output else 0,
        tick=tick,
    )


def _function(name: str) -> Any:  # noqa: ANN401 - TA-Lib gives it no type
    """Return TA-Lib's description of a function that can be computed bar by bar."""
    library = import_module("talib")
    functions: list[str] = library.get_functions()
    if name not in functions:
        near = get_close_matches(name.upper(), functions, n=1, cutoff=0.0)[0]
        raise DomainError(f"TA-Lib has no function {name!r}; the nearest is {near}")
    function = import_module("talib.abstract").Function(name)
    flags = function.info["function_flags"] or ()
    if "Output is path-dependent" in flags:
        raise DomainError(f"{name} depends on every bar since the first: no window is enough")
    if name.endswith("INDEX"):
        raise DomainError(f"{name} returns a place in its input, which is no value to compare")
    if library.get_compatibility() != 0:
        raise DomainError("TA-Lib is set to another compatibility than its default")
    if "Function has an unstable period" in flags and library.get_unstable_period(name):
        raise DomainError(f"TA-Lib's unstable period of {name} is set; it must be 0")
    return function


def _parameters(
    name: str, defaults: Mapping[str, Number], given: Mapping[str, Number]
) -> dict[str, Number]:
    """Return every parameter, given or default."""
    chosen = dict(defaults)
    for parameter, value in given.items():
        if parameter not in defaults:
            known = ", ".join(defaults) or "none"
            near = get_close_matches(parameter, list(defaults), n=1)
            hint = f"; the nearest is {near[0]}" if near else ""
            raise DomainError(f"{name} has no parameter {parameter!r} (it has {known}){hint}")
        whole = isinstance(defaults[parameter], int)
        if isinstance(value, bool) or not isinstance(value, int if whole else Number):
            kind = "a whole number" if whole else "a number"
            raise DomainError(f"{name}: {parameter} is {kind}, not {value!r}")
        if whole and not abs(value) < 2**31:
            raise DomainError(f"{name}: {parameter} is out of range: {value}")
        chosen[parameter] = value if whole else float(value)
    for key, value in chosen.items():
        if key.endswith("matype") and value in ADAPTIVE_AVERAGES:
            adaptive = ADAPTIVE_AVERAGES[int(value)]
            raise DomainError(f"{name}: {key} {value} is {adaptive}, which fades too slowly here")
    return chosen


def _fields(name: str, inputs: Mapping[str, str | list[str]]) -> tuple[str, ...]:
    """Return which parts of a bar the function takes, in order."""
    fields: list[str] = []
    for entry in inputs.values():
        fields.extend([entry] if isinstance(entry, str) else entry)
    for field in fields:
        if field not in FIELDS:
            raise DomainError(f"{name} takes {field!r}, which is no part of a bar")
    return tuple(fields)


def _window(name: str, chosen: Mapping[str, Number], lookback: int) -> int:
    """Return how many bars are enough for the batch result."""
    if name == "KAMA":
        fade = KAMA_BARS
    elif name == "MAMA":
        fade = int(TIME_CONSTANTS / chosen["slowlimit"]) + TIME_CONSTANTS * (lookback + 1)
    else:
        fade = TIME_CONSTANTS * (lookback + 1)
    window = lookback + 1 + fade
    if window > WINDOW_MAX:
        raise DomainError(
            f"{name} with {_listed(chosen)} needs {window} bars, {WINDOW_MAX} at most"
        )
    return window


def _listed(parameters: Mapping[str, Number]) -> str:
    return ", ".join(f"{key} {value}" for key, value in parameters.items())
