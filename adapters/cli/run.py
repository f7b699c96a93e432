"""``keel run``: trade on paper, show how it goes, and stop flat."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import signal
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from actors.messages.flatten import FlattenState
from actors.runtime.loop import LoopRuntime
from adapters.cli.codes import ExitCode
from adapters.cli.durations import seconds
from adapters.cli.files import config_at
from adapters.logs import logger, set_up
from adapters.status.plain import event_line, status_line
from adapters.status.summary import summary_object, summary_text
from adapters.status.tail import EventTail
from adapters.status.watch import Watch
from adapters.storage.emergency import StandardErrorLines
from adapters.storage.sqlite import SqliteStore
from config.incarnation import IncarnationError, next_incarnation
from config.plugins import installed
from config.wire import Keys, assemble, substream
from domain.money import install_context
from simulations.paper import not_for_paper, paper_clock

if TYPE_CHECKING:
    from adapters.status.snapshot import Snapshot
    from config.schema import Config

__all__ = ["run"]

PLAIN_EVERY_S = 5.0
POLL_S = 0.05
ABANDON_AT = 3


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
    session = _Session(config, journal, incarnation, limit_s)
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


def _conclude(session: _Session, final: Snapshot | None, *, as_json: bool) -> ExitCode:
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


class _Session:
    """One paper run on one asyncio loop."""

    tail: EventTail

    def __init__(
        self, config: Config, journal: Path, incarnation: int, limit_s: float | None
    ) -> None:
        self.config = config
        self.journal = journal
        self.abandoned = False
        self.ended = False
        self._incarnation = incarnation
        self._limit_s = limit_s
        self._stops = 0
        self._why = ""
        self._note = ""

    async def run(self, *, live: bool, write: _Write) -> Snapshot | None:
        """Run until a signal or the limit, stop in phases, and return how it ended."""
        config = self.config
        loop = asyncio.get_running_loop()
        runtime = LoopRuntime(substream(config.clock.seed), paper_clock(config.clock))
        system = assemble(
            config,
            runtime,
            plugins=installed(),
            store=SqliteStore(self.journal),
            keys=Keys(approval=os.urandom(32), permit=os.urandom(32)),
            incarnation=self._incarnation,
            emergency=StandardErrorLines(),
        )
        self.tail = EventTail(system.parts.audit)
        runtime.kernel.audit = self.tail
        watch = Watch(config, runtime, self.tail)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled, number)
        system.start()
        runtime.prepare()
        logger.info("{} started, journal {}", config.deployment.name, self.journal)
        show = _LiveStatus(config) if live else _Lines(self.tail, write)
        try:
            with show:
                await self._watch(runtime, watch, show)
        finally:
            runtime.close()
            runtime.pool.join(5.0)
        logger.info("{} stopped", config.deployment.name)
        return watch.last(system.report)

    async def _watch(self, runtime: LoopRuntime, watch: Watch, show: _Show) -> None:
        began = time.monotonic()
        stopping = False
        refresh_s = self.config.status.refresh_ms / 1000
        while runtime.kernel.is_alive("/"):
            snapshot = await watch.take()
            if snapshot is not None:
                show.show(snapshot)
            if self._note:
                show.note(self._note)
                self._note = ""
            if self._stops >= ABANDON_AT:
                self.abandoned = True
                return
            elapsed = time.monotonic() - began
            if self._limit_s is not None and elapsed >= self._limit_s and not self._why:
                self._why = "the time is up"
            if self._why and not stopping:
                stopping = True
                watch.stopping = f"stopping ({self._why}): closing every position"
                show.note(watch.stopping)
                kernel = runtime.kernel
                kernel.post(lambda: kernel.lifecycle.request_stop("/"))
            pause = refresh_s
            if self._limit_s is not None and not stopping:
                pause = min(pause, max(self._limit_s - elapsed, 0.0))
            await asyncio.sleep(POLL_S if stopping else pause)
        self.ended = True

    def _signalled(self, number: int) -> None:
        self._stops += 1
        if self._stops == 1:
            self._why = signal.Signals(number).name
        elif self._stops == ABANDON_AT - 1:
            self._note = (
                "Still closing: orders are cancelled, then positions closed and confirmed by the "
                "venues. Once more abandons that, and may leave positions open."
            )


class _Lines:
    """Prints events as they happen, and a status line now and then."""

    def __init__(self, tail: EventTail, write: _Write) -> None:
        self._tail = tail
        self._write = write
        self._seen = 0
        self._next_s = 0.0

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(self, *_: object) -> None:
        """Print what happened at the very end."""
        self._print_events()

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new."""
        self._print_events()
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + PLAIN_EVERY_S
            self._write(status_line(snapshot))

    def note(self, text: str) -> None:
        """Print a line."""
        self._write(text)

    def _print_events(self) -> None:
        for event in self._tail.since(self._seen):
            self._write(event_line(event))
        self._seen = self._tail.total
