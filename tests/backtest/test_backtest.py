"""keel backtest: the whole main job on recordings, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.cli import ExitCode, main
from config.load import load, shipped
from simulations.backtest.data import load_data
from tests.backtest.recordings import minute_folder, rows, wave, write_csv

KEYS = {
    *("bars", "signals", "orders", "fills", "fees", "funding", "pnl", "max_drawdown"),
    *("exposed_ms", "max_delta_error", "refusals", "liquidations", "final_flat", "digest"),
    *("events_per_s", "data", "episodes"),
}


def backtest(
    capsys: pytest.CaptureFixture[str], config: Path, folder: Path, *more: str
) -> tuple[int, str, str]:
    """Run the command in this process; return exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        main(["backtest", str(config), "--data", str(folder), *more])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def figures_of(
    capsys: pytest.CaptureFixture[str], config: Path, folder: Path, *more: str
) -> dict[str, Any]:
    """Return the JSON object of a run that must succeed."""
    code, out, err = backtest(capsys, config, folder, "--json", *more)
    assert code == ExitCode.DONE, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.slow
def test_minutes_become_hedged_pairs_and_end_flat(
    capsys: pytest.CaptureFixture[str], quick: Path, minutes: Path, tmp_path: Path
) -> None:
    """One-minute candles give signals, both legs of each pair, funding, and a flat end."""
    found = figures_of(capsys, quick, minutes, "--out", str(tmp_path / "out"))
    assert found.keys() >= KEYS
    assert found["bars"] > 1_000
    assert found["signals"] > 4
    assert found["fills"] >= found["orders"] >= 4 * (found["signals"] - 2)
    assert found["final_flat"] is True
    assert found["final_state"] == "flat_confirmed"
    assert found["liquidations"] == 0
    assert found["failures"] == []
    assert Decimal(found["fees"]) > 0
    assert Decimal(found["funding"]) != 0
    total = Decimal(found["pnl"]["total"])
    assert sum(map(Decimal, found["pnl"]["legs"].values())) == total
    assert sum(map(Decimal, found["pnl"]["pairs"].values())) == total
    assert Decimal(found["equity_end"]) == Decimal(found["equity_start"]) + total
    assert 0 < found["exposed_ms"]["max"] <= 2_000
    assert found["data"]["quote_step_s"] == 15
    assert len(found["data"]["files"]) == 6
    assert found["data"]["gaps"] == found["data"]["bad_bars"] == 0
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == found
    with (tmp_path / "out" / "equity.csv").open(encoding="utf-8") as stream:
        curve = list(csv.DictReader(stream))
    assert Decimal(curve[0]["equity"]) == Decimal(found["equity_start"])


@pytest.mark.slow
def test_hours_run_on_their_own_marks(
    capsys: pytest.CaptureFixture[str], quick: Path, hours: Path
) -> None:
    """One-hour candles are quoted each minute, on marks of their own."""
    found = figures_of(capsys, quick, hours, "--to", "2025-03-17")
    assert found["data"]["quote_step_s"] == 60
    assert found["data"]["to"] == "2025-03-17T00:00:00Z"
    assert found["fills"] > 0
    assert found["final_flat"] is True


@pytest.mark.slow
def test_a_run_is_a_function_of_config_and_data(quick: Path, minutes: Path) -> None:
    """Two processes with different hash seeds decide the same, to the last record."""
    digests = set()
    for seed in ("0", "4711"):
        command = [sys.executable, "-m", "tests.backtest.command", str(quick), str(minutes)]
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        digests.add(json.loads(done.stdout)["digest"])
    assert len(digests) == 1


@pytest.mark.slow
def test_another_price_is_another_digest(
    capsys: pytest.CaptureFixture[str], quick: Path, minutes: Path, tmp_path: Path
) -> None:
    """The digest depends on what was decided: a shorter recording has another one."""
    whole = figures_of(capsys, quick, minutes)
    part = figures_of(capsys, quick, minutes, "--to", "2025-03-12T06:00")
    assert whole["digest"] != part["digest"]


def test_without_json_the_figures_are_lines(
    capsys: pytest.CaptureFixture[str], minutes: Path
) -> None:
    """The text has the figures that matter, and nothing of it is on standard error."""
    code, out, err = backtest(capsys, shipped("hedged.toml"), minutes, "--to", "2025-03-12T02:00")
    assert code == ExitCode.DONE
    for word in ("activity", "drawdown", "flat_confirmed", "digest"):
        assert word in out
    assert err == ""


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (("--from", "2030-01-01"), "is less than 100 bars"),
        (("--to", "2025-03-12T00:10"), "is less than 100 bars"),
    ],
)
def test_a_span_without_data_is_refused(
    capsys: pytest.CaptureFixture[str], minutes: Path, more: tuple[str, ...], part: str
) -> None:
    """A span that the recordings do not cover is refused with what they cover."""
    code, out, err = backtest(capsys, shipped("hedged.toml"), minutes, "--json", *more)
    assert (code, out) == (ExitCode.REFUSED, "")
    assert part in err


def test_folders_that_cannot_be_used_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A missing folder, an empty one, and one without ETH are refused by name."""
    config = shipped("hedged.toml")
    assert backtest(capsys, config, tmp_path / "none")[0] == ExitCode.REFUSED
    code, _, err = backtest(capsys, config, tmp_path)
    assert code == ExitCode.REFUSED
    assert "no candles of BTC" in err
    folder = minute_folder(tmp_path / "half", 120)
    for path in folder.glob("ETH*"):
        path.unlink()
    code, _, err = backtest(capsys, config, folder)
    assert code == ExitCode.REFUSED
    assert "no candles of ETH" in err


def test_a_wrong_time_is_a_wrong_command_line(
    capsys: pytest.CaptureFixture[str], minutes: Path
) -> None:
    """A date that is none is reported as such."""
    code, _, err = backtest(capsys, shipped("hedged.toml"), minutes, "--from", "yesterday")
    assert code == ExitCode.USAGE
    assert "2020-03-12T09:00" in err


def test_a_pause_ends_the_span_and_missing_bars_are_counted(tmp_path: Path) -> None:
    """Bars that pause for more than a day end the run there; shorter holes are counted."""
    folder = tmp_path / "hours"
    folder.mkdir()
    for coin, price in (("BTC", 60_000.0), ("ETH", 3_000.0)):
        found = rows(wave(price, 2_400.0), 400, 60)
        kept = found[:150] + found[153:200] + found[250:]
        header = "ts_ms,open,high,low,close,volume"
        write_csv(folder / f"{coin}USDT_1h-futures_x.csv.gz", header, list(kept))
    data = load_data(load(shipped("hedged.toml")), folder)
    report = data.report()
    assert report["to"] == "2025-03-20T08:00:00Z"
    assert report["gaps"] == 6
    assert "the candles pause from 2025-03-20T08:00:00Z" in report["left_out"]
    later = load_data(load(shipped("hedged.toml")), folder, start_ns=data.end_ns)
    assert later.report()["left_out"] == ""
    assert later.report()["from"] == "2025-03-22T10:00:00Z"
