"""keel run: paper trading from start to a flat end, in a process of its own."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from adapters.cli import ExitCode
from adapters.cli.session import ABANDON_AT, Session
from config.load import load, shipped

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start keel run in a folder."""
    code = "from adapters.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "run", "config/paper.toml", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_until(process: subprocess.Popen[str], part: str) -> Iterator[str]:
    """Yield lines of standard output up to one that has a part."""
    assert process.stdout is not None
    while True:
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
        assert ready, f"no line with {part!r}"
        line = process.stdout.readline()
        assert line, f"ended before {part!r}"
        yield line
        if part in line:
            return


def test_it_stops_by_itself_flat_with_a_summary(tmp_path: Path) -> None:
    """After its time it closes, the venues confirm, and the journal has what happened."""
    process = start(tmp_path, "--for", "3s", "--plain")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == ExitCode.DONE, out + err
    assert "venue alpha: live" in out
    assert "stopping (the time is up)" in out
    assert "FLAT_CONFIRMED, flat on every venue" in out
    (journal,) = (tmp_path / "runs").glob("*.sqlite")
    with sqlite3.connect(journal) as connection:
        (count,) = connection.execute("select count(*) from entry").fetchone()
    assert count > 50
    assert (tmp_path / "runs" / "deployment-1.incarnation").read_text() == "1\n"


def test_the_summary_as_json_stands_alone_on_standard_output(tmp_path: Path) -> None:
    """With --json, scripts read one object, and people read the rest on standard error."""
    process = start(tmp_path, "--for", "2s", "--json")
    out, err = process.communicate(timeout=PATIENCE_S)
    found = json.loads(out)
    assert process.returncode == ExitCode.DONE
    assert found["final_flat"] is True
    assert found["flattens"][-1]["state"] == "flat_confirmed"
    assert found["run_s"] > 60
    assert "venue alpha: live" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_in_phases(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C or a service manager's signal closes everything before the process ends."""
    process = start(tmp_path, "--plain")
    list(lines_until(process, "pair eth: flat"))
    process.send_signal(number)
    seen = list(lines_until(process, "final state"))
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == ExitCode.DONE
    order = [
        next(index for index, line in enumerate(seen) if part in line)
        for part in (f"stopping ({number.name})", "trading is reducing", "flatten all", "/journal")
    ]
    assert order == sorted(order)
    assert "FLAT_CONFIRMED" in seen[-1]


def test_a_terminal_shows_the_live_status_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    """In a terminal the status is drawn; Ctrl-C closes everything, and the summary is left."""
    code = "from adapters.cli import main; main()"
    child = pexpect.spawn(
        sys.executable,
        ["-c", code, "run", "config/paper.toml"],
        cwd=str(tmp_path),
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
        dimensions=(50, 100),
        timeout=PATIENCE_S,
        encoding="utf-8",
    )
    for part in ("Pairs", "Positions", "Venues", "alive, 0 restarts", "trading active"):
        child.expect_exact(part)
    child.expect(r"flat \(both legs are zero\)|hedged")
    child.sendintr()
    child.expect_exact("stopping (SIGINT)")
    child.expect_exact("FLAT_CONFIRMED, flat on every venue")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == ExitCode.DONE


def test_a_second_signal_explains_and_a_third_abandons(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C again is told what is being waited for before a third one leaves."""
    session = Session(load(shipped("paper.toml")), tmp_path / "x.sqlite", 1, None)
    session._signalled(signal.SIGINT)
    assert (session._why, session._note) == ("SIGINT", "")
    session._signalled(signal.SIGINT)
    assert "may leave positions open" in session._note
    session._signalled(signal.SIGINT)
    assert session._stops == ABANDON_AT
