"""The crash of March 2020, replayed with far too much leverage: Keel acts before the venue does."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from actors.messages.pairs import ReducePair
from actors.messages.positions import PositionChanged
from actors.messages.risk import MarginWarning
from adapters.cli import ExitCode, main
from config.load import shipped
from simulations.backtest.episodes import Episode, EpisodeRecorder
from tests.status.examples import NOON_NS

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("KEEL_SHARED", ROOT.parent / "shared"))
RECORDING = SHARED / "data" / "A2_binance_usdm_1h_2019_2024"

# The shipped config, turned round (it buys falling prices), with a third of the collateral, all of
# the leverage that a signal may ask for, and no brake but margin.
CHANGES = (
    ("deposit_usd = 30_000", "deposit_usd = 9_000", 2),
    ("leverage_min = 1", "leverage_min = 3", 2),
    ("leverage_max = 4", "leverage_max = 20", 1),
    ("fast_period = 12", "fast_period = 480", 2),
    ("slow_period = 48", "slow_period = 12", 2),
    ("fast_period = 480", "fast_period = 48", 2),
    ("drawdown_reduce = 0.30", "drawdown_reduce = 0.97", 1),
    ("drawdown_halt = 0.45", "drawdown_halt = 0.99", 1),
    ("daily_loss_max = 10_000", "daily_loss_max = 100_000", 1),
)


@pytest.mark.slow
@pytest.mark.skipif(not RECORDING.is_dir(), reason="the shared recordings are not there")
def test_overleveraged_longs_are_reduced_and_flattened_before_liquidation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On 2020-03-12 margin is warned of, pairs are reduced, then flattened; none is liquidated."""
    text = shipped("hedged.toml").read_text(encoding="utf-8")
    for old, new, times in CHANGES:
        assert text.count(old) == times, old
        text = text.replace(old, new)
    config = tmp_path / "reckless.toml"
    config.write_text(text, encoding="utf-8")
    span = ("--from", "2020-03-05", "--to", "2020-03-16")
    with pytest.raises(SystemExit) as ended:
        main(["backtest", str(config), "--data", str(RECORDING), "--json", *span])
    found = json.loads(capsys.readouterr().out)
    assert int(ended.value.code or 0) == ExitCode.DONE
    (episode,) = found["episodes"]
    assert episode["episode"] == "2020-03-12/13"
    assert len(episode["held_before"]) == 4
    assert episode["margin_warnings"] >= 2
    assert episode["reductions"] >= 2
    assert episode["flattens"] >= 1
    assert episode["liquidations"] == found["liquidations"] == 0
    assert "not liquidated: 2020-03-12T1" in episode["verdict"]
    reduced = next(event for event in episode["events"] if event["what"].startswith("reduce"))
    warned = next(event for event in episode["events"] if event["what"].startswith("margin"))
    assert warned["time"] <= reduced["time"]
    assert Decimal(episode["margin_used_max"]["beta"]) > Decimal("0.2")


class Sink:
    """Takes records."""

    def append(self, record: object) -> None:
        """Take one."""


def position(quantity: str) -> PositionChanged:
    """Return a book of the main leg."""
    return PositionChanged(
        instrument="alpha:BTCUSDT",
        quantity=Decimal(quantity),
        entry=Decimal(1),
        cost=Decimal(0),
        realised=Decimal(0),
        fees=Decimal(0),
        funding=Decimal(0),
        confirmed=True,
        venue_time_ns=NOON_NS,
    )


def test_an_episode_knows_what_was_held_before_and_why_things_happened() -> None:
    """Records outside the span count as its beginning; causes are followed within it."""
    recorder = EpisodeRecorder(
        Sink(), (Episode(name="noon", start_ns=NOON_NS, end_ns=NOON_NS + 10),)
    )
    warning = MarginWarning(venue="alpha", ratio=Decimal("0.3"), action="reduced")
    reduce = ReducePair(pair="btc", keep=Decimal("0.5"), reason="margin")
    recorder.append((1, 0, NOON_NS - 1, "/positions/x", "/risk", position("2")))
    recorder.append((2, 0, NOON_NS, "/risk", "/portfolio", warning))
    recorder.append((3, 2, NOON_NS, "/risk", "/hedges/btc", reduce))
    recorder.append((4, 0, NOON_NS + 10, "/positions/x", "/risk", position("1")))
    (story,) = recorder.tell()
    assert story["held_before"] == {"alpha:BTCUSDT": "2"}
    assert (story["margin_warnings"], story["reductions"], story["liquidations"]) == (1, 1, 0)
    assert [event["why"] for event in story["events"]] == ["", "MarginWarning from /risk"]
    assert story["verdict"] == (
        "held alpha:BTCUSDT 2; not liquidated: 2025-03-12T12:00:00Z reduce pair btc to 0.5 (margin)"
    )
