"""What happened in known crashes, told from the journal's records and their causes.

An episode is a span of time. All records in it are kept; afterwards they say who warned, reduced,
flattened or was liquidated, when, and by which chain of causes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from actors.messages.flatten import BeginFlatten, FlattenStatus
from actors.messages.pairs import PairStateChanged, ReducePair
from actors.messages.portfolio import EquityUpdated
from actors.messages.positions import AccountReported, PositionChanged
from actors.messages.risk import MarginWarning, TradingStateChanged
from actors.messages.venue import OrderFilled
from actors.runtime.ports import AuditSink
from actors.runtime.system import ScopeLost

__all__ = ["CRASHES", "Episode", "EpisodeRecorder"]

Record = tuple[int, int, int, str, str, Any]

SECOND_NS = 1_000_000_000
CHAIN_MAX = 12
EVENTS_MAX = 200


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A span [start_ns, end_ns) of UTC with a name."""

    name: str
    start_ns: int
    end_ns: int


def _episode(name: str, first: str, last: str) -> Episode:
    def ns(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS

    return Episode(name=name, start_ns=ns(first), end_ns=ns(last))


CRASHES = (
    _episode("2020-03-12/13", "2020-03-12T00:00", "2020-03-14T00:00"),
    _episode("2021-05-19", "2021-05-19T00:00", "2021-05-20T00:00"),
)


class EpisodeRecorder:
    """Passes records on and keeps those of episodes, with the books as they stood before."""

    def __init__(self, following: AuditSink, episodes: tuple[Episode, ...]) -> None:
        """Stand in front of another sink."""
        self._next = following
        self._episodes = episodes
        self._kept: dict[str, list[Record]] = {episode.name: [] for episode in episodes}
        self._books: dict[str, Decimal] = {}
        self._equity: Decimal | None = None
        self._before: dict[str, tuple[dict[str, Decimal], Decimal | None]] = {}

    def append(self, record: Record) -> None:
        """Pass a record on; keep it if its time lies in an episode."""
        self._next.append(record)
        time_ns, message = record[2], record[5]
        for episode in self._episodes:
            if episode.start_ns <= time_ns < episode.end_ns:
                if episode.name not in self._before:
                    self._before[episode.name] = ({**self._books}, self._equity)
                self._kept[episode.name].append(record)
        kind = type(message)
        if kind is PositionChanged:
            self._books[message.instrument] = message.quantity
        elif kind is EquityUpdated:
            self._equity = message.equity

    def tell(self) -> list[dict[str, Any]]:
        """Return each episode that has records, as an object for the report."""
        return [self._story(episode) for episode in self._episodes if self._kept[episode.name]]

    def _story(self, episode: Episode) -> dict[str, Any]:
        records = self._kept[episode.name]
        by_sequence = {record[0]: record for record in records}
        books, equity = self._before[episode.name]
        told: list[dict[str, Any]] = []
        counts = dict.fromkeys(("margin_warnings", "reductions", "flattens", "liquidations"), 0)
        seen: Any = None
        for record in records:
            message = record[5]
            if message is seen or type(message) not in _STORIES:
                continue
            seen = message
            kind, text = _STORIES[type(message)](message)
            if kind in counts:
                counts[kind] += 1
            if len(told) < EVENTS_MAX and kind:
                told.append(
                    {"time": _time(record[2]), "what": text, "why": _chain(record, by_sequence)}
                )
        used = _margin_used(records)
        equities = [r[5].equity for r in records if type(r[5]) is EquityUpdated]
        return {
            "episode": episode.name,
            "held_before": {key: str(value) for key, value in books.items() if value},
            "equity_before": None if equity is None else str(equity),
            "equity_lowest": str(min(equities)) if equities else None,
            "equity_after": str(equities[-1]) if equities else None,
            "margin_used_max": {venue: f"{share:.4f}" for venue, share in used.items()},
            **counts,
            "verdict": _verdict(counts, books, told, used),
            "events": told,
        }


def _chain(record: Record, by_sequence: dict[int, Record]) -> str:
    """Return the causes of a record, latest first, as far as they were journalled."""
    names = []
    cause = record[1]
    for _ in range(CHAIN_MAX):
        found = by_sequence.get(cause)
        if found is None:
            break
        names.append(f"{type(found[5]).__name__} from {found[3] or 'the venue'}")
        cause = found[1]
    return " <- ".join(names)


def _margin_used(records: list[Record]) -> dict[str, Decimal]:
    """Return the largest share of equity that was bound as margin, by venue."""
    used: dict[str, Decimal] = {}
    for record in records:
        message = record[5]
        if type(message) is AccountReported and message.equity > 0:
            share = 1 - message.available / message.equity
            used[message.venue] = max(share, used.get(message.venue, share))
    return used


def _verdict(
    counts: dict[str, int],
    books: dict[str, Decimal],
    told: list[dict[str, Any]],
    used: dict[str, Decimal],
) -> str:
    """Return one sentence: what became of the positions, and what was done first."""
    held = ", ".join(f"{key} {value}" for key, value in books.items() if value) or "nothing"
    acted = next((e for e in told if e["what"].startswith(("reduce", "flatten"))), None)
    warned = next((e for e in told if e["what"].startswith("margin")), None)
    if counts["liquidations"]:
        first = next(event for event in told if "liquidation" in event["what"])
        before = [event for event in told if event["time"] < first["time"]][-3:]
        led = "; ".join(f"{event['time']} {event['what']}" for event in before) or "nothing"
        return (
            f"held {held}; the venue liquidated at {first['time']} ({first['what']}); "
            f"before that: {led}"
        )
    if acted is not None:
        return f"held {held}; not liquidated: {acted['time']} {acted['what']}"
    if warned is not None:
        return f"held {held}; not liquidated; a warning at {warned['time']}, nothing to reduce"
    most = ", ".join(f"{share * 100:.0f} % at {venue}" for venue, share in used.items())
    return f"held {held}; not liquidated, nothing had to be reduced; margin bound: at most {most}"


def _fill(message: OrderFilled) -> tuple[str, str]:
    fill = message.fill
    if not fill.liquidation:
        return "", ""
    side = fill.side.name.lower()
    text = f"liquidation of {fill.instrument}: {side} {fill.quantity} at {fill.price}"
    return "liquidations", text


def _flatten(message: FlattenStatus) -> tuple[str, str]:
    scope = f"{message.scope} {message.key}".strip()
    return "status", f"flatten {scope} is {message.state} ({message.reason})"


_STORIES: dict[type, Callable[[Any], tuple[str, str]]] = {
    MarginWarning: lambda m: (
        "margin_warnings",
        f"margin of {m.venue} at {m.ratio * 100:.1f} % of equity: {m.action}",
    ),
    ReducePair: lambda m: ("reductions", f"reduce pair {m.pair} to {m.keep} ({m.reason})"),
    BeginFlatten: lambda m: ("flattens", f"flatten {m.scope} {m.key} ({m.reason})"),
    FlattenStatus: _flatten,
    TradingStateChanged: lambda m: ("trading", f"trading is {m.state} ({m.reason})"),
    PairStateChanged: lambda m: (
        "pair",
        f"pair {m.pair} is {m.phase} ({m.reason}), main {m.main}, hedge {m.hedge}",
    ),
    OrderFilled: _fill,
    ScopeLost: lambda m: ("lost", f"{m.address} will not run again ({m.reason})"),
}


def _time(utc_ns: int) -> str:
    return f"{datetime.fromtimestamp(utc_ns // SECOND_NS, UTC):%Y-%m-%dT%H:%M:%SZ}"
