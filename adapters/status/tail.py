"""The audit stream's latest events, for people; it stands in front of the journal's buffer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.messages.flatten import FlattenState, FlattenStatus
from actors.messages.orders import OrderRefused
from actors.messages.pairs import ExposureEnded, PairPhase, PairStateChanged
from actors.messages.positions import PositionCorrected
from actors.messages.risk import JournalPressure, MarginWarning, TradingStateChanged
from actors.messages.venue import ConnectionState, GatewayProblem, OrderFilled, VenueStateChanged
from actors.runtime import ChildEnded, ExitKind, ScopeLost
from adapters.status.snapshot import Event
from adapters.status.text import milliseconds, money, quantity
from domain.authority import TradingState
from domain.orders import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.ports import AuditSink

__all__ = ["EventTail", "describe"]

NEWS, LOOK, BAD = 0, 1, 2


class EventTail:
    """Passes every record on and keeps the latest ones that are worth a line.

    A message told to several actors is one event. opened and closed count how often pairs were
    complete, and flat again.
    """

    __slots__ = ("_events", "_last", "_next", "_open", "closed", "opened", "total")

    def __init__(self, following: AuditSink, events_max: int = 200) -> None:
        """Stand in front of another sink."""
        self._next = following
        self._events: deque[tuple[int, Any]] = deque(maxlen=events_max)
        self._last: dict[type, Any] = {}
        self._open: dict[str, None] = {}
        self.total = 0
        self.opened = 0
        self.closed = 0

    def append(self, record: tuple[int, int, int, str, str, Any]) -> None:
        """Pass a record on; keep it if it is of a kind that people want to see."""
        self._next.append(record)
        message = record[5]
        kind = type(message)
        if kind in _TEXTS and self._last.get(kind) is not message:
            self._last[kind] = message
            self._events.append((record[2], message))
            self.total += 1
            if kind is PairStateChanged:
                self._count(message)

    def _count(self, message: PairStateChanged) -> None:
        if message.phase is PairPhase.HEDGED and message.pair not in self._open:
            self._open[message.pair] = None
            self.opened += 1
        elif message.phase is PairPhase.FLAT and message.pair in self._open:
            del self._open[message.pair]
            self.closed += 1

    def latest(self, count: int) -> tuple[Event, ...]:
        """Return the latest events, at most count, oldest first."""
        chosen = [*self._events][max(0, len(self._events) - count) :]
        return tuple(describe(utc_ns, message) for utc_ns, message in chosen)

    def since(self, total: int) -> tuple[Event, ...]:
        """Return the events after the first ``total`` ever seen, as far as they are still kept."""
        return self.latest(self.total - total)


def describe(utc_ns: int, message: Any) -> Event:  # noqa: ANN401 - any message of the table
    """Return a message as one line."""
    level, text = _TEXTS[type(message)](message)
    return Event(utc_ns=utc_ns, level=level, text=text)


def _fill(message: OrderFilled) -> tuple[int, str]:
    fill = message.fill
    verb = "bought" if fill.side is Side.BUY else "sold"
    text = f"{fill.instrument}: {verb} {quantity(fill.quantity)} at {money(fill.price)}"
    if fill.liquidation:
        return BAD, f"{text} (liquidation)"
    return NEWS, f"{text} ({fill.liquidity})"


def _pair(message: PairStateChanged) -> tuple[int, str]:
    level = LOOK if message.phase in (PairPhase.UNWINDING, PairPhase.LEASED) else NEWS
    why = f" ({message.reason})" if message.reason else ""
    legs = f"main {quantity(message.main)}, hedge {quantity(message.hedge)}"
    return level, f"pair {message.pair}: {message.phase}{why}, {legs}"


def _exposure(message: ExposureEnded) -> tuple[int, str]:
    text = f"pair {message.pair}: was exposed {milliseconds(message.exposed_ns)}"
    if message.unreachable_ns:
        text += f", {milliseconds(message.unreachable_ns)} more while a venue was unreachable"
    return NEWS, f"{text}, at most {money(message.notional_max)}"


def _venue(message: VenueStateChanged) -> tuple[int, str]:
    level = NEWS if message.state is ConnectionState.LIVE else LOOK
    why = f" ({message.reason})" if message.reason else ""
    return level, f"venue {message.venue}: {message.state}{why}"


def _trading(message: TradingStateChanged) -> tuple[int, str]:
    level = NEWS if message.state is TradingState.ACTIVE else BAD
    why = f" ({message.reason})" if message.reason else ""
    return level, f"trading is {message.state}{why}"


def _flatten(message: FlattenStatus) -> tuple[int, str]:
    bad = (FlattenState.FLAT_UNCONFIRMED, FlattenState.FAILED)
    scope = f"{message.scope} {message.key}".strip()
    why = f" ({message.reason})" if message.reason else ""
    return BAD if message.state in bad else LOOK, f"flatten {scope}: {message.state}{why}"


def _ended(message: ChildEnded) -> tuple[int, str]:
    if message.exit.kind is ExitKind.NORMAL:
        return NEWS, f"{message.address} stopped"
    return BAD, f"{message.address} ended: {message.exit.kind}, {message.exit.reason}"


_TEXTS: dict[type, Callable[[Any], tuple[int, str]]] = {
    OrderFilled: _fill,
    PairStateChanged: _pair,
    ExposureEnded: _exposure,
    VenueStateChanged: _venue,
    TradingStateChanged: _trading,
    FlattenStatus: _flatten,
    ChildEnded: _ended,
    OrderRefused: lambda m: (LOOK, f"{m.instrument}: order refused: {m.reason} ({m.detail})"),
    MarginWarning: lambda m: (
        BAD,
        f"venue {m.venue}: margin at {m.ratio * 100:.1f} % of equity: {m.action}",
    ),
    PositionCorrected: lambda m: (
        BAD,
        f"{m.instrument}: booked {quantity(m.booked)}, the venue says {quantity(m.venue)}",
    ),
    GatewayProblem: lambda m: (LOOK, f"{m.instrument or 'venue'}: {m.kind}: {m.detail}"),
    ScopeLost: lambda m: (BAD, f"{m.address} will not run again: flatten {m.scope} {m.key}"),
    JournalPressure: lambda m: (BAD, f"journal {m.fraction * 100:.0f} % full: {m.reason}"),
}
