"""A raw recorded feed becomes quotes and trades, in the order in which it arrived."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import DomainError
from simulations.market.feeds import RecordedFeed, read_feed
from simulations.market.quality import IssueKind
from tests.simulations.stage import SECOND_NS, make_instrument, shared_data

BTC = make_instrument(tick="0.1", lot="0.001")
START_MS = 1_723_161_256_000
SLOW_NS = 1_270_000_000


def line(millisecond: int, **data: Any) -> str:
    """Return a message that arrived a number of ms after the start, by a clock 1.27 s behind."""
    local_ns = (START_MS + millisecond) * 1_000_000 - SLOW_NS
    return f"{local_ns} {json.dumps({'stream': 's', 'data': data})}"


def ticker(millisecond: int, update: int, bid: str, ask: str) -> str:
    """Return a bookTicker message that arrives 5 ms after its event."""
    event = START_MS + millisecond - 5
    return line(
        millisecond, e="bookTicker", u=update, b=bid, B="1.5", a=ask, A="0.25", E=event, T=event
    )


def trade(millisecond: int, price: str, **more: Any) -> str:
    """Return a trade message that arrives when it happens."""
    event = START_MS + millisecond
    return line(
        millisecond, **{"e": "trade", "E": event, "p": price, "q": "0.010", "m": True} | more
    )


def read(folder: Path, lines: list[str]) -> RecordedFeed:
    """Return the feed of these lines."""
    path = folder / "feed.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return read_feed(path, BTC)


def test_messages_become_quotes_and_trades(tmp_path: Path) -> None:
    """Prices in ticks, sizes in lots, the aggressor's side from the maker flag."""
    feed = read(
        tmp_path,
        [
            ticker(0, 1, "61800.20", "61800.30"),
            trade(1, "61800.20"),
            trade(2, "61800.30", m=False),
        ],
    )
    assert [column[0] for column in feed.quotes.columns] == [618_002, 1_500, 618_003, 250]
    assert feed.trades.columns == ([618_002, 618_003], [10, 10], [-1, 1])


def test_a_slow_recorder_clock_is_set_right(tmp_path: Path) -> None:
    """No message arrives before its event, the delays between messages stay, and it is reported."""
    feed = read(tmp_path, [ticker(0, 1, "1.0", "1.1"), trade(7, "1.0"), ticker(9, 2, "1.0", "1.2")])
    assert feed.shift_ns == SLOW_NS
    start_ns = START_MS * 1_000_000
    assert [time - start_ns for time in feed.quotes.times_ns] == [0, 9_000_000]
    assert [time - start_ns for time in feed.trades.times_ns] == [7_000_000]
    assert feed.report.count(IssueKind.CLOCK_SHIFTED) == 1


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (ticker(1, 2, "61800.30", "61800.20"), IssueKind.CROSSED),
        (ticker(1, 2, "0", "61800.20"), IssueKind.CROSSED),
        (ticker(1, 2, "NaN", "61800.20"), IssueKind.UNREADABLE),
        (ticker(1, 1, "61800.10", "61800.20"), IssueKind.DUPLICATE),
        (ticker(1, 0, "61800.10", "61800.20"), IssueKind.OUT_OF_ORDER),
        (trade(1, "0"), IssueKind.UNREADABLE),
        (trade(1, "61800.2", X="INSURANCE_FUND"), IssueKind.UNREADABLE),
        (ticker(-1, 2, "61800.10", "61800.20"), IssueKind.OUT_OF_ORDER),
        ("not a line", IssueKind.UNREADABLE),
        ("12345 {", IssueKind.UNREADABLE),
        (line(1, e="kline"), IssueKind.UNREADABLE),
    ],
)
def test_what_cannot_be_used_is_dropped_and_counted(
    tmp_path: Path, bad: str, kind: IssueKind
) -> None:
    """One message of each kind is found by its name, and the rest of the feed stays."""
    good = [ticker(0, 1, "61800.20", "61800.30"), bad, ticker(2, 3, "61800.20", "61800.40")]
    feed = read(tmp_path, good)
    assert feed.quotes.columns[2] == [618_003, 618_004]
    assert feed.report.count(kind) == 1
    assert feed.report.rows == 3


@pytest.mark.parametrize("key", ["pu", "U"])
def test_a_missing_depth_message_is_noticed(tmp_path: Path, key: str) -> None:
    """Each difference names the one before it: by pu on futures, by U - 1 on spot."""
    offset = 0 if key == "pu" else 1

    def depth(millisecond: int, before: int, last: int) -> str:
        fields = {"e": "depthUpdate", "E": START_MS, "U": before + 1, "u": last}
        return line(millisecond, **{**fields, key: before + offset})

    lines = [ticker(0, 1, "1.0", "1.1"), depth(1, 10, 15), depth(2, 15, 20), depth(3, 21, 25)]
    assert read(tmp_path, lines).report.count(IssueKind.SEQUENCE_GAP) == 1


def test_the_mid_stands_in_for_the_mark_once_a_second(tmp_path: Path) -> None:
    """Each whole second has the mid of the last quote before it."""
    lines = [
        ticker(0, 1, "99.8", "100.0"),
        ticker(900, 2, "100.0", "100.2"),
        ticker(2_500, 3, "1.0", "1.1"),
    ]
    feed = read(tmp_path, lines)
    assert [time - START_MS * 1_000_000 for time in feed.marks.times_ns] == [
        0,
        SECOND_NS,
        2 * SECOND_NS,
    ]
    assert feed.marks.columns[0] == [9_990_000_000, 10_010_000_000, 10_010_000_000]


def test_a_feed_without_quotes_is_refused(tmp_path: Path) -> None:
    """Trades alone, or nothing with a time, are no market."""
    for lines in ([trade(1, "5")], [line(1, u=1, b="1", B="1", a="2", A="1")], []):
        with pytest.raises(DomainError):
            read(tmp_path, lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tick", "lot", "quotes", "trades"),
    [
        ("btcusdt_20240808.gz", "0.1", "0.001", 66_089, 21_313),
        ("spot/btcusdt_20240808.gz", "0.01", "0.00001", 28_040, 9_757),
    ],
)
def test_a7_is_whole_and_its_clock_is_off_by_a_second_and_a_quarter(
    name: str, tick: str, lot: str, quotes: int, trades: int
) -> None:
    """No sequence break; every message is used; the recorder was about 1.27 s behind."""
    path = shared_data("A7_binance_l2_raw_2024-08-08") / name
    feed = read_feed(path, make_instrument(tick=tick, lot=lot))
    assert (len(feed.quotes.times_ns), len(feed.trades.times_ns)) == (quotes, trades)
    assert 1.27e9 < feed.shift_ns < 1.28e9
    assert [issue.kind for issue in feed.report.issues] == [IssueKind.CLOCK_SHIFTED]
