"""Readers of recorded data: every trap is found, reported, and treated as stated."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from pyarrow import feather

from domain.errors import DomainError
from domain.instruments import Instrument
from simulations.market.folders import list_folder, load_market
from simulations.market.quality import DataReport, IssueKind, Treatment
from simulations.market.recorded import read_candles, read_funding, read_marks
from tests.simulations.stage import SECOND_NS, make_instrument, shared_data

MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
NAN = float("nan")
BTC = make_instrument(tick="0.1", lot="0.001")
ETH = make_instrument(symbol="ETHUSDT", base="ETH", tick="0.01", lot="0.001")
Row = tuple[int, float, float, float, float, float]  # minute, open, high, low, close, volume


def bar(minute: int, price: float = 100.0, volume: float = 2.0) -> Row:
    """Return a sound bar of a minute."""
    return (minute, price, price + 1, price - 1, price + 0.5, volume)


def write(folder: Path, rows: Sequence[Row], name: str = "BTC_USDT_USDT-1m-futures") -> Path:
    """Write rows as a feather file."""
    minutes, *columns = zip(*rows, strict=True)
    stamps = pa.array([minute * MINUTE_NS for minute in minutes], pa.timestamp("ns", tz="UTC"))
    names = ["date", "open", "high", "low", "close", "volume"]
    table = pa.table([stamps, *(pa.array(c, pa.float64()) for c in columns)], names=names)
    path = folder / f"{name}.feather"
    feather.write_feather(table, path)
    return path


def counts(report: DataReport) -> dict[str, int]:
    """Return how often each issue was found."""
    return {issue.kind.value: issue.count for issue in report.issues}


def test_a_sound_file_becomes_ticks_and_lots(tmp_path: Path) -> None:
    """Prices are in ticks, volumes in lots, stamps in ns; the step comes from the stamps."""
    path = write(tmp_path, [bar(1), bar(2, 95505.4, 16.536), bar(3)])
    candles = read_candles(path, BTC, drop_last=False)
    assert candles.open_ns == [MINUTE_NS, 2 * MINUTE_NS, 3 * MINUTE_NS]
    assert (candles.open[1], candles.high[1], candles.low[1]) == (955_054, 955_064, 955_044)
    assert candles.volume[1] == 16_536
    assert candles.step_ns == MINUTE_NS
    assert (candles.report.issues, candles.report.rows, candles.report.kept) == ((), 3, 3)


def test_the_last_bar_of_a_download_is_dropped(tmp_path: Path) -> None:
    """It may be unfinished; whoever knows better keeps it."""
    path = write(tmp_path, [bar(n) for n in range(1, 5)])
    candles = read_candles(path, BTC)
    assert candles.open_ns[-1] == 3 * MINUTE_NS
    assert counts(candles.report) == {"partial_last": 1}


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ((3, NAN, 101.0, 99.0, 100.0, 1.0), IssueKind.NOT_FINITE),
        ((3, 100.0, float("inf"), 99.0, 100.0, 1.0), IssueKind.NOT_FINITE),
        ((3, 100.0, 101.0, 0.0, 100.0, 1.0), IssueKind.NOT_FINITE),
        ((3, 100.0, 101.0, 99.0, 100.0, NAN), IssueKind.NOT_FINITE),
        ((3, 100.0, 101.0, 99.0, 100.0, -1.0), IssueKind.NOT_FINITE),
        ((3, 100.0, 99.0, 101.0, 100.0, 1.0), IssueKind.IMPOSSIBLE_BAR),
        ((3, 102.0, 101.0, 99.0, 100.0, 1.0), IssueKind.IMPOSSIBLE_BAR),
        ((3, 100.0, 101.0, 99.0, 98.0, 1.0), IssueKind.IMPOSSIBLE_BAR),
        ((3, 0.01, 0.02, 0.01, 0.02, 1.0), IssueKind.BELOW_TICK),
    ],
)
def test_a_row_that_cannot_be_is_dropped(tmp_path: Path, bad: Row, kind: IssueKind) -> None:
    """It is counted, the others stay, and the hole it leaves is a gap."""
    path = write(tmp_path, [bar(1), bar(2), bad, bar(4), bar(5)])
    candles = read_candles(path, BTC, drop_last=False)
    assert [time // MINUTE_NS for time in candles.open_ns] == [1, 2, 4, 5]
    assert counts(candles.report) == {kind.value: 1, "gap": 1}
    (issue, _) = candles.report.issues
    assert (issue.treatment, issue.first_ns) == (Treatment.DROPPED, 3 * MINUTE_NS)


def test_rows_out_of_order_and_twice_are_dropped(tmp_path: Path) -> None:
    """Time only rises: what is stamped before an earlier row goes, the first of a stamp stays."""
    rows = [bar(1), bar(2, 200.0), bar(2, 300.0), bar(5), bar(3), bar(4), bar(6)]
    candles = read_candles(write(tmp_path, rows), BTC, drop_last=False)
    assert [time // MINUTE_NS for time in candles.open_ns] == [1, 2, 5, 6]
    assert candles.open[1] == 2_000
    assert counts(candles.report) == {"duplicate": 1, "out_of_order": 2, "gap": 2}


def test_gaps_are_reported_by_their_missing_bars_and_not_filled(tmp_path: Path) -> None:
    """Three missing minutes count three; nothing is invented in between."""
    rows = [bar(1), bar(2), bar(6), bar(7), bar(8)]
    candles = read_candles(write(tmp_path, rows), BTC, drop_last=False)
    assert len(candles.open_ns) == 5
    (issue,) = candles.report.issues
    assert (issue.kind, issue.count, issue.first_ns) == (IssueKind.GAP, 3, 2 * MINUTE_NS)


def test_flat_bars_without_volume_are_kept_and_flagged(tmp_path: Path) -> None:
    """An outage looks like that; a flat bar with volume, or a moving one without, is no outage."""
    flat, traded = (2, 100.0, 100.0, 100.0, 100.0, 0.0), (3, 100.0, 100.0, 100.0, 100.0, 1.0)
    candles = read_candles(
        write(tmp_path, [bar(1), flat, traded, bar(4, volume=0.0)]), BTC, drop_last=False
    )
    assert candles.stale == [False, True, False, False]
    assert counts(candles.report) == {"stale_bar": 1}


def test_prices_off_the_tick_are_rounded_and_counted(tmp_path: Path) -> None:
    """The nearest tick is taken, and low and high still hold the bar."""
    candles = read_candles(write(tmp_path, [bar(1, 100.04), bar(2)]), BTC, drop_last=False)
    assert (candles.open[0], candles.close[0]) == (1_000, 1_005)
    assert candles.low[0] <= candles.open[0] <= candles.high[0]
    assert counts(candles.report) == {"off_tick": 1}


def test_a_file_without_use_is_refused(tmp_path: Path) -> None:
    """No usable row, a missing column, or another format is an error that names the file."""
    nothing = write(tmp_path, [(1, NAN, NAN, NAN, NAN, NAN), bar(2)])
    with pytest.raises(DomainError, match="1m-futures"):
        read_candles(nothing, BTC)
    short = tmp_path / "short.feather"
    feather.write_feather(pa.table({"date": pa.array([1], pa.timestamp("ns"))}), short)
    with pytest.raises(DomainError, match="open"):
        read_candles(short, BTC)
    with pytest.raises(DomainError, match="feather"):
        read_candles(tmp_path / "notes.txt", BTC)


def test_settlement_stamps_are_rounded_and_intervals_derived(tmp_path: Path) -> None:
    """Milliseconds of jitter vanish; a change of interval and a hole are reported, not assumed."""
    stamps_ms = [n * 8 * 3_600_000 + jitter for n, jitter in enumerate((3, 48, 0, 0, 5))]
    stamps_ms += [4 * 8 * 3_600_000 + 3_600_000, 4 * 8 * 3_600_000 + 3 * 8 * 3_600_000]
    lines = ["ts_ms,funding_rate"] + [f"{stamp},0.0001" for stamp in stamps_ms]
    path = tmp_path / "BTCUSDT_1h-funding_rate_part.csv.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    funding = read_funding(path, BTC)
    assert all(time % MINUTE_NS == 0 for time in funding.times_ns)
    assert funding.step_ns == 8 * HOUR_NS
    assert funding.rates == [100_000_000] * 7
    assert counts(funding.report) == {"jitter": 3, "irregular_interval": 1, "gap": 2}


def test_parts_are_put_together_by_time_whatever_their_names(tmp_path: Path) -> None:
    """Names sort otherwise; stamps decide, and the hole between the parts is a gap."""
    write(tmp_path, [bar(1), bar(2), bar(3)], "BTC_USDT_USDT-1m-futures_zz")
    write(tmp_path, [bar(11), bar(12), bar(13)], "BTC_USDT_USDT-1m-futures_aa")
    market = load_market(tmp_path, BTC)
    assert [time // MINUTE_NS for time in market.candles.open_ns] == [1, 2, 11, 12]
    assert counts(market.candles.report) == {"partial_last": 2, "gap": 8}


def test_a_folder_without_the_market_says_what_it_has(tmp_path: Path) -> None:
    """The error lists the recordings that are there."""
    write(tmp_path, [bar(1), bar(2)])
    with pytest.raises(DomainError, match="BTC futures 60 s"):
        load_market(tmp_path, ETH)
    with pytest.raises(DomainError, match="300"):
        load_market(tmp_path, BTC, frame_s=300)
    with pytest.raises(DomainError, match="no data folder"):
        list_folder(tmp_path / "absent")


def load(folder: str, instrument: Instrument = BTC, frame_s: int | None = None) -> DataReport:
    """Return the report on the candles of a recorded folder."""
    return load_market(shared_data(folder), instrument, frame_s=frame_s).candles.report


def test_the_outages_of_a1_and_a10_are_stale_bars() -> None:
    """A1 has three at 2023-09-12 08:35; A10 has 15 of BTC and 14 of ETH."""
    report = load("A1_binance_usdm_5m_2023-2024")
    (stale,) = [issue for issue in report.issues if issue.kind is IssueKind.STALE_BAR]
    assert (stale.count, stale.first_ns) == (3, 1_694_507_700 * SECOND_NS)
    usdc = msgspec.structs.replace(BTC, quote="USDC")
    assert load("A10_hyperliquid_btc_eth_2025", usdc, 300).count(IssueKind.STALE_BAR) == 15
    assert load("A10_hyperliquid_btc_eth_2025", ETH, 300).count(IssueKind.STALE_BAR) == 14


def test_a5_and_a14_are_clean_but_for_their_last_bar() -> None:
    """No gap, no stale bar, no impossible one: as their provenance says."""
    for folder, rows in (
        ("A5_binance_usdm_1m_2025-05", 43_199),
        ("A14_binance_usdm_1m_2023-07", 43_199),
    ):
        report = load(folder)
        assert (report.rows + 1, report.step_ns) == (rows, MINUTE_NS)
        assert counts(report) == {"partial_last": 1}


def test_five_minutes_of_a14_make_the_bars_of_a1() -> None:
    """Two recordings of one market agree, so the stamps are openings in both."""
    minutes = load_market(shared_data("A14_binance_usdm_1m_2023-07"), BTC).candles
    fives = load_market(shared_data("A1_binance_usdm_5m_2023-2024"), BTC, frame_s=300).candles
    place = {open_ns: row for row, open_ns in enumerate(fives.open_ns)}
    compared = 0
    for start in range(2, len(minutes.open_ns) - 5, 5):
        row = place[minutes.open_ns[start]]
        part = slice(start, start + 5)
        assert fives.open[row] == minutes.open[start]
        assert fives.high[row] == max(minutes.high[part])
        assert fives.low[row] == min(minutes.low[part])
        assert fives.close[row] == minutes.close[start + 4]
        compared += 1
    assert compared > 8_000


def test_a2_has_its_listing_hours_its_parts_and_its_real_settlement_interval() -> None:
    """Stale bars at the listing; a gap between the parts; 8 h funding in a file named 1 h."""
    folder = shared_data("A2_binance_usdm_1h_2019_2024")
    market = load_market(folder, BTC)
    assert market.candles.report.count(IssueKind.STALE_BAR) == 3
    assert market.candles.report.count(IssueKind.GAP) > 3_000
    assert market.funding is not None
    assert market.funding.step_ns == 8 * HOUR_NS
    assert market.marks is not None
    assert market.marks.step_ns == HOUR_NS


def test_the_funding_of_a10_changes_its_interval() -> None:
    """8 h until June 2023, then 1 h, with holes and one late stamp: all found in the stamps."""
    folder = shared_data("A10_hyperliquid_btc_eth_2025")
    funding = load_market(folder, BTC).funding
    assert funding is not None
    assert funding.step_ns == HOUR_NS
    assert funding.times_ns[1] - funding.times_ns[0] == 8 * HOUR_NS
    assert funding.report.count(IssueKind.JITTER) > 12_000
    assert funding.report.count(IssueKind.IRREGULAR_INTERVAL) == 3


def test_the_mark_of_a2_is_not_the_trade_price() -> None:
    """ETH 2020-03-13 02:00: traded at 323.00, marked at 119.47 at most."""
    folder = shared_data("A2_binance_usdm_1h_2019_2024")
    hour_ns = 1_584_064_800 * SECOND_NS
    candles = load_market(folder, ETH).candles
    marks = read_marks(folder / "ETHUSDT_1h-mark_to_2022-07.csv.gz", ETH)
    assert candles.high[candles.open_ns.index(hour_ns)] == 32_300
    assert round(marks.high[marks.open_ns.index(hour_ns)] / 1e8, 2) == 119.47
