"""``keel run``: trade on paper, show how it goes, and stop flat."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from actors.messages.flatten import FlattenState
from adapters.cli.codes import ExitCode
from adapters.cli.durations import seconds
from adapters.cli.files import config_at
from adapters.cli.session import Session
from adapters.logs import set_up
from adapters.status.summary import summary_object, summary_text
from config.incarnation import IncarnationError, next_incarnation
from domain.money import install_context
from simulations.paper import not_for_paper

if TYPE_CHECKING:
    from adapters.status.snapshot import Snapshot
    from config.schema import Config

__all__ = ["run"]


def run(
    file: Path,
    *,
    for_: Annotated[str | None, Parameter(name="--for")] = None,
    plain: bool = False,
    json: bool = False,
) -> ExitCode:
    """Trade on paper with a live status until Ctrl-C, then close every position and sum up.

    Exit code 0: stopped, and every venue confirmed flat. 1: refused. 3: not confirmed flat.

    Example: keel run config/paper.toml --for 20s

    Parameters
    ----------
    file
        The TOML file of a deployment; its venues must be simulated.
    for_
        Stop by itself after this long on the wall: 20s, 5m, 2h.
    plain
        Print lines in place of the live status, as when standard output is no terminal.
    json
        Print the summary as one JSON object on standard output, and everything else to standard
        error.
    """
    install_context()
    try:
        limit_s = None if for_ is None else seconds(for_)
    except ValueError as error:
        sys.stderr.write(f"--for: {error}\n")
        return ExitCode.USAGE
    config = config_at(file)
    if config is None:
        return ExitCode.REFUSED
    problems = not_for_paper(config)
    if problems:
        sys.stderr.write("".join(f"{file}: {problem}\n" for problem in problems))
        return ExitCode.REFUSED
    journal = _journal_path(config)
    try:
        incarnation = next_incarnation(journal.parent, config.deployment.number)
    except IncarnationError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.REFUSED
    live = sys.stdout.isatty() and not plain and not json
    output = sys.stderr if json else sys.stdout
    session = Session(config, journal, incarnation, limit_s)
    with _log_to(journal.with_suffix(".log") if live else None):
        final = asyncio.run(session.run(live=live, write=lambda line: print(line, file=output)))
    return _conclude(session, final, as_json=json)


def _journal_path(config: Config) -> Path:
    if config.journal.path:
        return Path(config.journal.path)
    return Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.sqlite"


def _log_to(path: Path | None) -> AbstractContextManager[object]:
    """Send the log to a file while the live status has the terminal, or to standard error."""
    if path is None:
        set_up()
        return nullcontext()
    stream = path.open("a", encoding="utf-8")
    set_up(stream=stream)
    return stream


def _conclude(session: Session, final: Snapshot | None, *, as_json: bool) -> ExitCode:
    if final is None:
        sys.stderr.write("stopped before there was anything to report\n")
        return ExitCode.NOT_FLAT
    tail = session.tail
    if as_json:
        print(jsonlib.dumps(summary_object(final, tail.opened, tail.closed)))
    else:
        print(f"\n{final.config.deployment.name}: stopped")
        print(summary_text(final, tail.opened, tail.closed))
        print(f"  {'journal':<13}{session.journal}")
    if session.abandoned:
        return ExitCode.INTERRUPTED
    flattens = final.portfolio.flattens
    confirmed = bool(flattens) and flattens[-1].state is FlattenState.FLAT_CONFIRMED
    flat = confirmed and final.portfolio.final_flat and session.ended
    return ExitCode.DONE if flat else ExitCode.NOT_FLAT
