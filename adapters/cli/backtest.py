"""``keel backtest``: the same actors over recorded markets."""

from __future__ import annotations

import csv
import json as jsonlib
import sys
import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from actors.journal.store import MemoryStore
from actors.runtime.simulated import SimulatedRuntime
from adapters.cli.codes import ExitCode
from adapters.cli.durations import instant_ns
from adapters.cli.files import config_at
from adapters.status.text import clock
from config.plugins import installed
from config.schema import Config
from config.wire import System, assemble, keys_of_seed, substream
from domain.money import install_context
from simulations.backtest.run import BacktestError, BacktestResult, run_backtest

__all__ = ["backtest"]

SAY_EVERY_S = 2.0


def backtest(
    file: Path,
    *,
    data: Path,
    json: bool = False,
    out: Path | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
) -> ExitCode:
    """Run a deployment's actors over recorded candles, marks and funding in virtual time.

    Exit code 0: ran to the end, flat. 1: refused, or an actor failed for good. 3: not flat.

    Example: keel backtest config/hedged.toml --data recordings/2025-05 --json

    Parameters
    ----------
    file
        The TOML file of a deployment; its venues must be simulated.
    data
        A folder of recordings: BTC_USDT_USDT-1m-futures.feather, BTCUSDT_1h-mark.csv.gz, ...
    json
        Print the result as one JSON object on standard output; progress is on standard error.
    out
        Write result.json and equity.csv into this folder.
    from_
        Begin here: 2020-03-12 or 2020-03-12T09:00, UTC.
    to
        End here.
    """
    install_context()
    try:
        start_ns = None if from_ is None else instant_ns(from_)
        end_ns = None if to is None else instant_ns(to)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.USAGE
    config = config_at(file)
    if config is None:
        return ExitCode.REFUSED
    try:
        result = run_backtest(
            config,
            data,
            substream=substream(config.clock.seed),
            wire=lambda runtime: _wire(config, runtime),
            start_ns=start_ns,
            end_ns=end_ns,
            progress=_Progress(),
        )
    except BacktestError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.REFUSED
    if out is not None:
        _write(out, result)
    print(jsonlib.dumps(result.figures) if json else _text(result.figures))
    flat = result.figures["final_flat"] and result.figures["final_state"] == "flat_confirmed"
    return ExitCode.DONE if flat else ExitCode.NOT_FLAT


def _wire(config: Config, runtime: SimulatedRuntime) -> System:
    return assemble(
        config,
        runtime,
        plugins=installed(),
        store=MemoryStore(rows_max=1_000, chained=False),
        keys=keys_of_seed(config.clock.seed),
        digest=True,
        feeds=False,
    )


class _Progress:
    """Says every two seconds how far the run is."""

    def __init__(self) -> None:
        self._began_s = self._said_s = time.monotonic()

    def __call__(self, now_ns: int, start_ns: int, end_ns: int, events: int) -> None:
        """Say it, unless it was said just now."""
        now_s = time.monotonic()
        if now_s - self._said_s < SAY_EVERY_S:
            return
        self._said_s = now_s
        share = (now_ns - start_ns) / (end_ns - start_ns)
        rate = events / (now_s - self._began_s)
        sys.stderr.write(f"{clock(now_ns)}  {share:6.1%}  {events:,} events, {rate:,.0f}/s\n")


def _write(folder: Path, result: BacktestResult) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = jsonlib.dumps(result.figures, indent=2)
    (folder / "result.json").write_text(f"{text}\n", encoding="utf-8")
    with (folder / "equity.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("utc_ns", "equity"))
        rows.writerows((point.utc_ns, str(point.equity)) for point in result.report.curve)


def _text(figures: dict[str, Any]) -> str:
    """Return the figures as lines, and each episode's verdict."""
    exposed = figures["exposed_ms"]
    refusals = ", ".join(f"{key} {value}" for key, value in figures["refusals"].items()) or "none"
    rows = (
        ("data", f"{figures['data']['from']} to {figures['data']['to']}, {figures['bars']} bars"),
        ("activity", "{signals} signals, {orders} orders, {fills} fills".format(**figures)),
        (
            "pnl",
            f"{figures['pnl']['total']} (fees {figures['fees']}, funding {figures['funding']})",
        ),
        ("drawdown", f"at most {-float(figures['max_drawdown']):.2%}"),
        ("exposed", "{count} times, p50 {p50} ms, p99 {p99} ms, max {max} ms".format(**exposed)),
        ("refusals", refusals),
        ("liquidations", str(figures["liquidations"])),
        ("final", f"{figures['final_state']}, trading {figures['trading']}"),
        ("digest", figures["digest"]),
        ("speed", f"{figures['events']:,} events, {figures['events_per_s']:,}/s"),
    )
    lines = [f"  {name:<13}{text}" for name, text in rows]
    lines += [f"  {one['episode']:<13}{one['verdict']}" for one in figures["episodes"]]
    return "\n".join(lines)
