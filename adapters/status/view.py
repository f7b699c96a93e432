"""The status as tables in a terminal."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from actors.messages.pairs import PairPhase
from actors.messages.portfolio import PairReport, VenueReport
from actors.messages.venue import ConnectionState
from actors.settings import PairSettings
from adapters.status.snapshot import Snapshot
from adapters.status.text import clock, duration, milliseconds, money, percent, quantity, signed
from domain.authority import TradingState
from domain.hedging import net_exposure, target_net

__all__ = ["render"]

ZERO = Decimal(0)
_LEVELS = ("", "yellow", "bold red")
_STATES = {
    TradingState.ACTIVE: "green",
    TradingState.REDUCING: "yellow",
    TradingState.HALTED: "bold red",
}
_PHASES = {
    PairPhase.HEDGED: "green",
    PairPhase.UNWINDING: "bold yellow",
    PairPhase.LEASED: "bold red",
}
_WARM = Decimal("0.3")


def render(snapshot: Snapshot, note: str = "") -> RenderableType:
    """Return the whole status: head, pairs, positions, venues and tree, events, and a note."""
    return Group(
        _head(snapshot),
        _pairs(snapshot),
        _positions(snapshot),
        _venues(snapshot),
        _tree(snapshot),
        _events(snapshot),
        Text(note, style="bold yellow"),
    )


def _table(title: str, *columns: str) -> Table:
    """Return a table whose columns named with a leading ``>`` are numbers; it fits 80 columns."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        numeric = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if numeric else "left", no_wrap=True)
    return table


def _profit(value: Decimal | None) -> Text:
    style = "" if not value else "green" if value > 0 else "red"
    return Text(signed(value), style=style)


def _head(snapshot: Snapshot) -> RenderableType:
    report = snapshot.portfolio
    state = report.trading or TradingState.HALTED
    word = "starting" if report.trading is None else str(state)
    reason = f" ({report.trading_reason})" if report.trading_reason else ""
    line = Text()
    line.append(f"Keel {snapshot.config.deployment.name}  ", style="bold")
    line.append(f"{clock(report.utc_ns)} UTC  ")
    speed = snapshot.config.clock.speed
    line.append(f"{duration(snapshot.wall_s)} at {speed:g}x  ", style="dim")
    line.append(f"trading {word}{reason}", style=_STATES[state])
    if snapshot.stopping:
        line.append(f"  {snapshot.stopping}", style="bold yellow")
    figures = Text.assemble(
        f"equity {money(report.equity)}  pnl ",
        _profit(report.pnl),
        f"  fees {money(report.fees)}  funding {signed(report.funding)}  "
        f"drawdown {percent(report.drawdown)} (max {percent(report.max_drawdown)})",
    )
    exposed, away = report.exposed, report.unreachable
    last = Text(
        f"exposed {exposed.count} times, p50 {milliseconds(exposed.p50)}, "
        f"p99 {milliseconds(exposed.p99)}, max {milliseconds(exposed.max)}, "
        f"at most {money(report.max_notional)}"
    )
    if away.max:
        last.append(f"; unreachable max {milliseconds(away.max)}", style="yellow")
    return Panel(Group(line, figures, last), border_style="dim")


def _pairs(snapshot: Snapshot) -> Table:
    table = _table(
        "Pairs", "pair", "phase", ">main", ">hedge", ">net", ">target", ">exposed", ">bound", ">pnl"
    )
    reports = {report.pair: report for report in snapshot.portfolio.pairs}
    for pair in snapshot.config.pairs:
        report = reports.get(pair.name)
        table.add_row(
            pair.name,
            _phase(report),
            *_legs(snapshot, pair),
            _exposed_now(snapshot, pair),
            f"{pair.exposed_ms_max:,} ms",
            _profit(report.pnl if report else None),
        )
    return table


def _phase(report: PairReport | None) -> Text:
    if report is None or report.phase is None:
        return Text("starting", style="dim")
    return Text(str(report.phase), style=_PHASES.get(report.phase, ""))


def _legs(snapshot: Snapshot, pair: PairSettings) -> tuple[str, str, str, str]:
    """Return both legs, the net and its target."""
    main, hedge = snapshot.leg(pair.main), snapshot.leg(pair.hedge)
    held = main.quantity if main else ZERO
    against = hedge.quantity if hedge else ZERO
    return (
        quantity(held),
        quantity(against),
        quantity(net_exposure(held, against)),
        quantity(target_net(held, pair.ratio)),
    )


def _exposed_now(snapshot: Snapshot, pair: PairSettings) -> Text:
    text = snapshot.actor(f"/hedges/{pair.name}").get("exposed_ms", "0")
    value = int(text) if text.isdigit() else 0
    style = "" if not value else "bold red" if value > pair.exposed_ms_max else "yellow"
    return Text(f"{value:,} ms", style=style)


def _positions(snapshot: Snapshot) -> Table:
    """Return the positions; a quantity that its owner has not confirmed has a question mark."""
    table = _table(
        "Positions",
        "instrument",
        ">quantity",
        ">entry",
        ">mark",
        ">open",
        ">fees",
        ">funding",
        ">pnl",
    )
    for leg in snapshot.portfolio.legs:
        held = quantity(leg.quantity)
        table.add_row(
            leg.instrument,
            held if leg.confirmed else Text(f"{held} ?", style="yellow"),
            money(leg.entry),
            money(leg.mark),
            _profit(leg.unrealised),
            money(leg.fees),
            signed(leg.funding),
            _profit(leg.pnl),
        )
    return table


def _venues(snapshot: Snapshot) -> Table:
    table = _table("Venues", "venue", "connection", ">equity", ">by its word", ">margin used")
    for venue in snapshot.portfolio.venues:
        ratio = snapshot.margin_ratio(venue.venue)
        warm = ratio is not None and ratio > _WARM
        table.add_row(
            venue.venue,
            _connection(venue),
            money(venue.equity),
            money(venue.equity_reported),
            Text(percent(ratio), style="bold red" if warm else ""),
        )
    return table


def _connection(venue: VenueReport) -> Text:
    if venue.state is None:
        return Text("not connected yet", style="dim")
    reason = f" ({venue.reason})" if venue.reason else ""
    style = "green" if venue.state is ConnectionState.LIVE else "yellow"
    return Text(f"{venue.state}{reason}", style=style)


def _tree(snapshot: Snapshot) -> RenderableType:
    """Return one line on the health of the tree, and the actors that need a look."""
    restarts = snapshot.counter("restarts")
    down = [reply.address for reply in snapshot.actors if not reply.alive]
    waiting = sorted(snapshot.actors, key=lambda reply: -(reply.data + reply.control))[:1]
    deepest = waiting[0] if waiting and waiting[0].data + waiting[0].control else None
    text = Text("Actors  ", style="bold")
    text.append(
        f"{len(snapshot.actors) - len(down)} of {len(snapshot.actors)} alive, "
        f"{restarts} restarts, {snapshot.dead} dead letters, ",
        style="" if not (restarts or down) else "yellow",
    )
    if deepest is None:
        text.append("no mail waits")
    else:
        text.append(f"{deepest.data + deepest.control} messages wait at {deepest.address}")
    if down:
        text.append(f"; down: {', '.join(down)}", style="bold red")
    return text


def _events(snapshot: Snapshot) -> RenderableType:
    lines = [Text("Events", style="bold")]
    for event in snapshot.events:
        time = Text(f"{clock(event.utc_ns)[11:]}  ", style="dim")
        lines.append(time.append(event.text, style=_LEVELS[event.level] or "not dim"))
    return Group(*lines)
