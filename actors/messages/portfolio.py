"""What the portfolio says of equity and profit, and what it asks of those who count."""

from __future__ import annotations

from decimal import Decimal

from actors.messages.flatten import FlattenState
from actors.messages.pairs import PairPhase
from actors.messages.venue import ConnectionState
from actors.runtime.message import JOURNALLED, Message
from domain.authority import TradingState
from domain.metrics import Distribution

__all__ = [
    "CountsQuery",
    "CountsReported",
    "EquityPoint",
    "EquityUpdated",
    "FlattenReport",
    "LegReport",
    "PairReport",
    "PortfolioQuery",
    "PortfolioReply",
    "VenueReport",
]


class EquityUpdated(Message, kw_only=True):
    """What everything is worth; told to risk at each sample and when a fill moves the drawdown.

    Units: equity and peak (the highest so far) in quote currency; drawdown is the fraction of the
    peak that is missing, at least 0, rounded up.
    """

    flags = JOURNALLED

    equity: Decimal
    peak: Decimal
    drawdown: Decimal


class CountsQuery(Message, kw_only=True):
    """Ask an actor what it has counted since it started; answered with CountsReported."""


class CountsReported(Message, kw_only=True):
    """Running totals by name, since this instance of the source started."""

    source: str
    counts: tuple[tuple[str, int], ...]


class EquityPoint(Message, kw_only=True):
    """One point of the equity curve; utc_ns is the time of the sample."""

    utc_ns: int
    equity: Decimal


class LegReport(Message, kw_only=True):
    """One instrument: pnl = realised − fees + funding + unrealised − carried, exactly.

    Units: quantity in base units; entry and mark in quote; money in settlement currency. carried is
    the profit that the position brought along from before this run. priced is False while no mark,
    quote or bar was seen: unrealised is then 0. confirmed is the position owner's word.
    """

    instrument: str
    quantity: Decimal
    entry: Decimal | None
    mark: Decimal | None
    realised: Decimal
    fees: Decimal
    funding: Decimal
    unrealised: Decimal
    carried: Decimal
    pnl: Decimal
    fills: int
    confirmed: bool
    priced: bool


class PairReport(Message, kw_only=True):
    """One pair: its phase with the reason, and the sum of its legs' pnl in quote currency."""

    pair: str
    phase: PairPhase | None
    reason: str
    pnl: Decimal
    exposures: int
    delta_error_max: Decimal


class VenueReport(Message, kw_only=True):
    """One venue: connection state, equity at the start, now by our books, and by its own word."""

    venue: str
    state: ConnectionState | None
    reason: str
    equity_start: Decimal | None
    equity: Decimal | None
    equity_reported: Decimal | None
    margin_warnings: int


class FlattenReport(Message, kw_only=True):
    """Where the latest mandate stands, by its number."""

    mandate: int
    scope: str
    key: str
    state: FlattenState
    reason: str


class PortfolioQuery(Message, kw_only=True):
    """Ask for the figures of the run so far; curve says whether the equity curve comes along."""

    curve: bool = False


class PortfolioReply(Message, kw_only=True):
    """The figures of the run; what a live status, the last summary and a report show.

    Units: money in quote currency, converted at the mark where a contract settles in coin; fees are
    paid, funding is received; max_drawdown is a fraction, at least 0; exposed and unreachable count
    finished exposures in ns, max_notional in quote and max_delta_error in base units. equity, peak
    and gross and net exposure are None until every venue has reported its account. refusals holds
    (reason, how often). complete is False when a source of counts did not answer.
    """

    utc_ns: int
    trading: TradingState | None
    trading_reason: str
    bars: int
    signals: int
    orders: int
    fills: int
    liquidations: int
    fees: Decimal
    funding: Decimal
    pnl: Decimal
    legs: tuple[LegReport, ...]
    pairs: tuple[PairReport, ...]
    venues: tuple[VenueReport, ...]
    flattens: tuple[FlattenReport, ...]
    equity_start: Decimal | None
    equity: Decimal | None
    peak: Decimal | None
    drawdown: Decimal
    max_drawdown: Decimal
    gross: Decimal
    net: Decimal
    exposed: Distribution
    unreachable: Distribution
    max_notional: Decimal
    max_delta_error: Decimal
    refusals: tuple[tuple[str, int], ...]
    final_flat: bool
    unlisted: int
    counts: tuple[tuple[str, int], ...]
    complete: bool
    curve: tuple[EquityPoint, ...]
