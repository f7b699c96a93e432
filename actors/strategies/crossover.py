"""The crossover strategy: two TA-Lib functions, and a signal where one crosses the other.

    [strategies.trend]
    kind = "crossover"
    pair = "btc"
    parameters = { fast = "EMA", fast_period = 12, slow = "EMA", slow_period = 26 }

Parameters: ``fast`` and ``slow`` name functions; ``fast_output`` and ``slow_output`` one of their
outputs; every other ``fast_x`` and ``slow_x`` is the function's own parameter x (``period`` means
``timeperiod``). ``side`` is both, long_only or short_only. A crossing counts once the gap is at
least ``gap_bps`` of the price; after a signal ``cooldown_bars`` bars pass before the next.
``bar_minutes`` makes longer bars of those that come. Confidence is the gap over ``confidence_bps``,
at most 1. A signal is void after ``ttl_ms``, one bar by default. ``tick`` is the price of a tick,
for functions whose result depends on the unit of price.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from actors.addresses import pair_address
from actors.messages.market import BarClosed
from actors.messages.pairs import PairSignal
from actors.messages.portfolio import CountsQuery, CountsReported
from actors.messages.risk import TradingStateChanged
from actors.runtime.actor import Actor, handles
from actors.settings import PairSettings, StrategySettings
from actors.signals.talib_indicator import Indicator, Number, make_indicator
from actors.strategies.bars import BarSeries
from actors.strategies.plugin import Parameters
from domain.authority import TradingState
from domain.errors import DomainError

__all__ = ["STRATEGY", "CrossoverPlugin", "CrossoverStrategy", "TradedSide"]

MS_NS = 1_000_000
BPS = 10_000.0
CONFIDENCE_MIN = 0.01


class TradedSide(StrEnum):
    """Which positions a strategy may ask for."""

    BOTH = "both"
    LONG_ONLY = "long_only"
    SHORT_ONLY = "short_only"


class _Rules(NamedTuple):
    """The parameters beside the two functions, checked."""

    side: TradedSide
    gap_bps: float
    cooldown_bars: int
    confidence_bps: float
    bar_minutes: int
    ttl_ns: int
    tick: float


class CrossoverStrategy(Actor):
    """Owns two indicators of the pair's main leg, and what was last asked of the pair.

    Receives BarClosed of the main leg, TradingStateChanged, CountsQuery. Sends PairSignal to the
    pair: +1 when the fast line has crossed above the slow one, −1 below, 0 where that side is not
    traded. No signal before both lines are valid and one crossing was seen; none on a stale bar (no
    volume, no range); while trading is not active only the one that closes. When it fails: its
    successor warms up from the bars to come, and then says where the lines stand without waiting
    for a crossing; the pair keeps what it has until then.
    """

    def __init__(self, *, settings: StrategySettings, pair: PairSettings) -> None:
        """Build the indicators.

        Raises: DomainError for parameters that CrossoverPlugin.check would refuse.
        """
        super().__init__()
        rules, fast, slow = _build(settings.parameters)
        self.signals = 0
        self.last_signal = "none"
        self.silent_because = "no bar has come"
        self.trading = TradingState.ACTIVE
        self._settings = settings
        self._pair = pair
        self._address = pair_address(pair.name)
        self._rules = rules
        self._fast, self._slow = fast, slow
        self._fast_update, self._slow_update = fast.update, slow.update
        self._series = BarSeries(rules.bar_minutes, lambda: self.context.now)
        self._take = self._series.take
        self._tick = rules.tick
        self._fast_value = self._slow_value = 0.0
        self._side = 0
        # A successor does not know what was asked: None makes it say where the lines stand.
        self._asked: int | None = 0 if self.context.incarnation == 1 else None
        self._quiet_until = 0

    def on_start(self) -> None:
        """Read the bars of the main leg."""
        self.context.subscribe(f"bar:{self._pair.main}")

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return the lines, what was counted, and why there is no signal now."""
        series, parameters = self._series, self._settings.parameters
        missing = max(self._fast.lookback, self._slow.lookback) + 1 - series.passed
        silent = f"warming up: {missing} bars to go" if missing > 0 else self.silent_because
        return (
            ("pair", self._pair.name),
            ("fast", f"{parameters.get('fast', 'EMA')} {self._fast_value!r}"),
            ("slow", f"{parameters.get('slow', 'EMA')} {self._slow_value!r}"),
            ("side", ("unknown", "above", "below")[self._side]),
            ("bars", str(series.taken)),
            ("missing bars", str(series.missing)),
            ("refused bars", f"{series.refused} {series.problem}".strip()),
            ("incomplete frames", str(series.incomplete)),
            ("signals", str(self.signals)),
            ("last signal", self.last_signal),
            ("trading", str(self.trading)),
            ("silent because", silent),
        )

    @handles(BarClosed)
    def bar_closed(self, bar: BarClosed) -> None:
        """Move both lines; look closer when they have changed sides."""
        taken = self._take(bar)
        if taken is None:
            return
        close = taken.close_ticks * self._tick
        self._fast_value = fast = self._fast_update(close, taken)
        self._slow_value = slow = self._slow_update(close, taken)
        # NaN compares false both ways, so nothing happens before both lines are valid.
        if fast > slow:
            if self._side != 1:
                self._turned(1, (fast - slow) / close * BPS, taken)
        elif fast < slow and self._side != -1:
            self._turned(-1, (slow - fast) / close * BPS, taken)

    def _turned(self, side: int, gap_bps: float, bar: BarClosed) -> None:
        """Decide whether a change of sides is a crossing to act on; it is asked again if not."""
        rules, passed = self._rules, self._series.passed
        if self._side == 0 and self._asked is not None:
            self._side = side
            self.silent_because = "the lines have not crossed since both are valid"
        elif gap_bps < rules.gap_bps:
            self.silent_because = f"the gap is {gap_bps:.3g} bps, below {rules.gap_bps:g}"
        elif passed < self._quiet_until:
            self.silent_because = f"{self._quiet_until - passed} bars of cool-down are left"
        elif not bar.volume_lots and bar.high_ticks == bar.low_ticks:
            self.silent_because = "the bar is stale: no volume and no range"
        else:
            self._ask(side, gap_bps, bar)

    def _ask(self, side: int, gap_bps: float, bar: BarClosed) -> None:
        rules = self._rules
        untraded = TradedSide.SHORT_ONLY if side > 0 else TradedSide.LONG_ONLY
        direction = 0 if rules.side is untraded else side
        if direction and self.trading is not TradingState.ACTIVE:
            self.silent_because = f"trading is {self.trading}"
            if self._asked != 0:
                self._send(0, 1.0, bar)
            return
        self._side = side
        if direction == self._asked:
            self.silent_because = f"side is {rules.side}"
            return
        confidence = min(1.0, max(CONFIDENCE_MIN, gap_bps / rules.confidence_bps))
        self._send(direction, confidence if direction else 1.0, bar)

    def _send(self, direction: int, confidence: float, bar: BarClosed) -> None:
        rules, context = self._rules, self.context
        self._asked = direction
        self._quiet_until = self._series.passed + rules.cooldown_bars + 1
        self.signals += 1
        self.last_signal = f"{direction:+d} at the bar that closed at {bar.close_time_ns}"
        if direction:
            self.silent_because = "the lines have not crossed since the last signal"
        signal = PairSignal(
            pair=self._pair.name,
            direction=direction,
            confidence=confidence,
            source=self._settings.name,
            expires_ns=context.now + (rules.ttl_ns or self._series.frame_ns),
        )
        context.tell(self._address, signal)

    @handles(TradingStateChanged)
    def trading_changed(self, message: TradingStateChanged) -> None:
        """Note what may be sent; the lines go on moving."""
        self.trading = message.state

    @handles(CountsQuery)
    def counts(self, _: CountsQuery) -> None:
        """Say how many bars came, and what was wrong with others."""
        series = self._series
        counts = (
            ("bars", series.taken),
            ("missing_bars", series.missing),
            ("refused_bars", series.refused),
            ("incomplete_frames", series.incomplete),
        )
        self.context.reply(CountsReported(source=self.context.path, counts=counts))


class CrossoverPlugin:
    """The plugin object behind ``kind = "crossover"``."""

    kind = "crossover"

    def check(self, parameters: Parameters) -> list[str]:
        """Return what is wrong with the parameters; the first fault of each function."""
        problems: list[str] = []
        for part in (_rules, lambda p: _line(p, "fast", 1.0), lambda p: _line(p, "slow", 1.0)):
            try:
                part(parameters)
            except DomainError as error:
                problems.append(str(error))
        if not problems and _described(parameters, "fast") == _described(parameters, "slow"):
            problems.append("fast and slow are the same line, which never crosses itself")
        return problems

    def build(self, settings: StrategySettings, pair: PairSettings) -> Actor:
        """Return a new CrossoverStrategy."""
        return CrossoverStrategy(settings=settings, pair=pair)


STRATEGY = CrossoverPlugin()

_LINES = {"fast": ("EMA", 12), "slow": ("EMA", 26)}
_RULE_NAMES = (
    "side",
    "gap_bps",
    "cooldown_bars",
    "confidence_bps",
    "bar_minutes",
    "ttl_ms",
    "tick",
)


def _build(parameters: Parameters) -> tuple[_Rules, Indicator, Indicator]:
    rules = _rules(parameters)
    return rules, _line(parameters, "fast", rules.tick), _line(parameters, "slow", rules.tick)


def _rules(parameters: Parameters) -> _Rules:
    """Return the parameters that are not the functions' own.

    Raises: DomainError for an unknown name, with the nearest known one, or a value out of range.
    """
    for key in parameters:
        line, _, own = key.partition("_")
        if key not in _RULE_NAMES and not (line in _LINES and (own or key == line)):
            known = (*_RULE_NAMES, "fast", "fast_period", "slow", "slow_period")
            near = get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise DomainError(f"there is no parameter {key!r}; the nearest is {near}")
    side = parameters.get("side", "both")
    if side not in list(TradedSide):
        raise DomainError(f"side is one of {', '.join(TradedSide)}, not {side!r}")
    return _Rules(
        side=TradedSide(side),
        gap_bps=_number(parameters, "gap_bps", 0.0, least=0.0),
        cooldown_bars=int(_number(parameters, "cooldown_bars", 0, least=0, whole=True)),
        confidence_bps=_number(parameters, "confidence_bps", 5.0, least=1e-6),
        bar_minutes=int(_number(parameters, "bar_minutes", 0, least=0, whole=True)),
        ttl_ns=int(_number(parameters, "ttl_ms", 0, least=0, whole=True)) * MS_NS,
        tick=_number(parameters, "tick", 1.0, least=1e-12),
    )


def _number(
    parameters: Parameters, key: str, default: Number, *, least: float, whole: bool = False
) -> float:
    value = parameters.get(key, default)
    kind = int if whole else Number
    if isinstance(value, bool) or not isinstance(value, kind) or not least <= value < BPS**4:
        wanted = "a whole number" if whole else "a number"
        raise DomainError(f"{key} is {wanted} of at least {least:g}, not {value!r}")
    return value


def _line(parameters: Parameters, line: str, tick: float) -> Indicator:
    """Return the indicator of one line from the parameters that begin with its name."""
    name, output, own = _described(parameters, line)
    try:
        return make_indicator(name, own, output=output, tick=tick)
    except DomainError as error:
        raise DomainError(f"{line}: {error}") from None


def _described(parameters: Parameters, line: str) -> tuple[str, str, dict[str, Number]]:
    """Return the function, the output and the own parameters of one line."""
    default, period = _LINES[line]
    name = parameters.get(line, default)
    output = parameters.get(f"{line}_output", "")
    if not isinstance(name, str) or not isinstance(output, str):
        raise DomainError(f"{line} and {line}_output are names, not {name!r} and {output!r}")
    own: dict[str, Number] = {}
    for key, value in parameters.items():
        if key.startswith(f"{line}_") and key != f"{line}_output":
            if isinstance(value, str):
                raise DomainError(f"{key} is a number, not {value!r}")
            parameter = key.removeprefix(f"{line}_")
            own["timeperiod" if parameter == "period" else parameter] = value
    if name == default and not own:
        own["timeperiod"] = period
    return name, output, own
