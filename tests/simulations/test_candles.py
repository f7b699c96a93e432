"""Candles become a market that shows nothing before it happened."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.market import BarClosed, FundingSettled, MarkUpdated, QuoteUpdated
from domain.errors import DomainError
from simulations.market.candles import PathSpec, candle_market
from simulations.market.folders import load_market
from simulations.market.quality import DataReport
from simulations.market.recorded import Candles, FundingRates, Marks
from tests.simulations.stage import KEY, PROPERTY, SECOND_NS, make_instrument, shared_data
from tests.simulations.test_chunks import FOREVER, Tape

MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
BTC = make_instrument()
REPORT = DataReport(name="made", rows=0, kept=0, first_ns=0, last_ns=0, step_ns=0, issues=())
Bar = tuple[int, int, int, int]  # open, high, low, close

BARS = st.lists(
    st.lists(st.integers(10, 500), min_size=4, max_size=4).map(
        lambda p: (p[0], max(p), min(p), p[1])
    ),
    min_size=1,
    max_size=5,
)


def make_candles(bars: list[Bar], *, volume: int = 600, stale: tuple[int, ...] = ()) -> Candles:
    """Return one-minute candles that open at minutes 1, 2 and so on."""
    opened, high, low, close = (list(column) for column in zip(*bars, strict=True))
    return Candles(
        instrument=KEY,
        step_ns=MINUTE_NS,
        open_ns=[(row + 1) * MINUTE_NS for row in range(len(bars))],
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=[volume] * len(bars),
        stale=[row in stale for row in range(len(bars))],
        report=REPORT,
    )


def make_marks(opens_ns: list[int], bars: list[Bar], step_ns: int) -> Marks:
    """Return mark candles; prices in whole units of quote."""
    scale = 10**8
    opened, high, low, close = (
        [value * scale for value in column] for column in zip(*bars, strict=True)
    )
    return Marks(
        instrument=KEY,
        step_ns=step_ns,
        open_ns=opens_ns,
        open=opened,
        high=high,
        low=low,
        close=close,
        report=REPORT,
    )


def make_funding(*minutes: int) -> FundingRates:
    """Return settlements of 0.01 % at these minutes."""
    return FundingRates(
        instrument=KEY,
        step_ns=8 * HOUR_NS,
        times_ns=[minute * MINUTE_NS for minute in minutes],
        rates=[100_000_000] * len(minutes),
        report=REPORT,
    )


def play(candles: Candles, **more: Any) -> list[tuple[int, Any]]:
    """Return the (time, event) pairs of the market made of these candles."""
    tape = Tape()
    tape.source(*candle_market(BTC, candles, **more)).pump(FOREVER)
    return tape.events


def path(events: list[tuple[int, Any]], half_spread: int = 1) -> list[tuple[float, int]]:
    """Return the (seconds, price) points of the quoted path."""
    return [
        (time / SECOND_NS, event.bid_ticks + half_spread)
        for time, event in events
        if isinstance(event, QuoteUpdated)
    ]


@pytest.mark.parametrize(
    ("bar", "prices"),
    [
        ((100, 120, 90, 110), [100, 90, 120, 110]),
        ((110, 120, 90, 100), [110, 120, 90, 100]),
        ((100, 100, 100, 100), [100, 100, 100, 100]),
    ],
)
def test_a_bar_is_walked_against_its_direction_first(bar: Bar, prices: list[int]) -> None:
    """Rising: open, low, high, close; falling: open, high, low, close."""
    events = play(make_candles([bar]))
    assert path(events) == [(60 + 15 * step, price) for step, price in enumerate(prices)]


def test_intermediate_points_are_on_straight_lines() -> None:
    """With a step of 5 s the path goes evenly between the extremes."""
    events = play(make_candles([(100, 130, 70, 110)]), spec=PathSpec(step_s=5))
    prices = [price for _, price in path(events)]
    assert prices == [100, 92, 85, 78, 70, 90, 110, 130, 125, 120, 115, 110]


@PROPERTY
@given(BARS, st.sampled_from([1, 3, 5, 12, 15]))
def test_nothing_is_shown_before_it_happened(bars: list[Bar], step_s: int) -> None:
    """The open comes first, quotes stay in the bar's range, the bar itself comes at its end."""
    events = play(make_candles(bars), spec=PathSpec(step_s=step_s))
    quoted = defaultdict(list)
    for time, event in events:
        if isinstance(event, QuoteUpdated):
            quoted[time // MINUTE_NS].append((time, event.bid_ticks + 1))
    for row, (opened, high, low, close) in enumerate(bars):
        times, prices = zip(*quoted[row + 1], strict=True)
        assert (times[0], prices[0]) == ((row + 1) * MINUTE_NS, opened)
        assert (min(prices), max(prices), prices[-1]) == (low, high, close)
    for time, event in events:
        if isinstance(event, BarClosed):
            assert time == event.close_time_ns == event.open_time_ns + MINUTE_NS
    assert [time for time, _ in events] == sorted(time for time, _ in events)


def test_a_bar_closes_before_the_next_one_is_quoted() -> None:
    """At the shared instant: bar, mark, funding, quote."""
    events = play(make_candles([(100, 100, 100, 100)] * 2), funding=make_funding(2))
    at_two = [type(event) for time, event in events if time == 2 * MINUTE_NS]
    assert at_two == [BarClosed, MarkUpdated, FundingSettled, QuoteUpdated]


def test_spread_and_depth_are_the_stated_parameters() -> None:
    """Half a spread to each side; a share of the volume per minute at each best price."""
    spec = PathSpec(half_spread_ticks=3, depth_share=0.1, lots_min=7)
    (_, quote) = next(
        (t, e)
        for t, e in play(make_candles([(100, 100, 100, 100)]), spec=spec)
        if isinstance(e, QuoteUpdated)
    )
    assert (quote.bid_ticks, quote.ask_ticks, quote.bid_lots, quote.ask_lots) == (97, 103, 60, 60)
    thin = play(make_candles([(100, 100, 100, 100)], volume=1), spec=spec)
    assert {e.bid_lots for _, e in thin if isinstance(e, QuoteUpdated)} == {7}


def test_a_stale_bar_has_no_quotes_and_is_still_published() -> None:
    """During an outage the price ages; the empty candle is on record."""
    events = play(make_candles([(100, 100, 100, 100)] * 3, stale=(1,)))
    minutes = [int(seconds // 60) for seconds, _ in path(events)]
    assert minutes == [1] * 4 + [3] * 4
    assert sum(isinstance(event, BarClosed) for _, event in events) == 3
    marks = [time // MINUTE_NS for time, event in events if isinstance(event, MarkUpdated)]
    assert 2 not in marks


def test_fine_mark_candles_have_a_path_of_their_own() -> None:
    """A wick of the trade price is none of the mark's."""
    marks = make_marks([MINUTE_NS], [(100, 104, 99, 103)], MINUTE_NS)
    events = play(make_candles([(100, 300, 50, 110)]), marks=marks)
    seen = [int(event.mark) for _, event in events if isinstance(event, MarkUpdated)]
    assert seen == [100, 99, 104, 103]
    assert all(e.index == e.mark for _, e in events if isinstance(e, MarkUpdated))


def test_coarse_mark_candles_give_a_premium_over_the_trade_path() -> None:
    """Between two 8 h opens the premium goes evenly from one to the other."""
    count = 8 * 60 + 1
    marks = make_marks(
        [MINUTE_NS, MINUTE_NS + 8 * HOUR_NS], [(110, 200, 50, 90), (120, 200, 50, 90)], 8 * HOUR_NS
    )
    events = play(make_candles([(100, 100, 100, 100)] * count), marks=marks)
    seen = {t: e.mark for t, e in events if isinstance(e, MarkUpdated)}
    assert seen[MINUTE_NS] == 110
    assert seen[MINUTE_NS + 4 * HOUR_NS] == 115
    assert seen[MINUTE_NS + 8 * HOUR_NS] == 120


def test_without_mark_candles_the_mark_is_the_trade_path() -> None:
    """Premium 0, every point."""
    events = play(make_candles([(100, 120, 90, 110)]))
    seen = [int(event.mark) for _, event in events if isinstance(event, MarkUpdated)]
    assert seen == [100, 90, 120, 110]


def test_funding_settles_at_its_stamp_on_the_mark_of_that_time() -> None:
    """Stamps outside the bars are left out; the reference is the mark that is published then."""
    marks = make_marks([0, HOUR_NS], [(100, 160, 100, 160), (50, 50, 50, 50)], HOUR_NS)
    candles = make_candles([(100, 100, 100, 100)] * 90)
    events = play(candles, marks=marks, funding=make_funding(0, 30, 60, 91, 999))
    assert events[0][0] == MINUTE_NS
    settled = [(t, e) for t, e in events if isinstance(e, FundingSettled)]
    assert [time // MINUTE_NS for time, _ in settled] == [30, 60]
    seen = {t: e.mark for t, e in events if isinstance(e, MarkUpdated)}
    assert [event.reference_price for _, event in settled] == [seen[time] for time, _ in settled]
    assert len({event.reference_price for _, event in settled}) == 2
    assert settled[0][1].rate == Decimal("0.0001")


def test_only_the_span_asked_for_is_played() -> None:
    """Bars that open in [start, end) and nothing else."""
    candles = make_candles([(100, 100, 100, 100)] * 5)
    events = play(candles, start_ns=2 * MINUTE_NS, end_ns=4 * MINUTE_NS)
    bars = [e.open_time_ns // MINUTE_NS for _, e in events if isinstance(e, BarClosed)]
    assert bars == [2, 3]
    assert (events[0][0], events[-1][0]) == (2 * MINUTE_NS, 4 * MINUTE_NS)


@pytest.mark.parametrize("spec", [PathSpec(step_s=20), PathSpec(step_s=7), PathSpec(step_s=60)])
def test_a_step_that_does_not_fit_the_bars_is_refused(spec: PathSpec) -> None:
    """A step divides the bar into at least four."""
    with pytest.raises(DomainError):
        play(make_candles([(100, 100, 100, 100)]), spec=spec)


def test_data_of_another_instrument_or_span_is_refused() -> None:
    """Candles, marks and funding belong to the instrument, and something must be left."""
    candles = make_candles([(100, 100, 100, 100)])
    with pytest.raises(DomainError):
        candle_market(make_instrument(symbol="ETHUSDT"), candles)
    with pytest.raises(DomainError):
        candle_market(BTC, candles, start_ns=HOUR_NS)
    with pytest.raises(DomainError):
        candle_market(BTC, candles, marks=make_marks([HOUR_NS], [(1, 1, 1, 1)], MINUTE_NS))
    for fields in ({"step_s": 0}, {"half_spread_ticks": 0}, {"depth_share": float("nan")}):
        with pytest.raises(DomainError):
            PathSpec(**fields)


def test_the_marks_of_a5_agree_with_its_8_h_opens() -> None:
    """Where an 8 h mark opens, the published mark is that open, to a rounding."""
    btc = make_instrument(tick="0.1", lot="0.001")
    market = load_market(shared_data("A5_binance_usdm_1m_2025-05"), btc)
    assert market.marks is not None
    first_ns = market.candles.open_ns[0]
    end_ns = first_ns + 30 * HOUR_NS
    tape = Tape()
    tape.source(*market.series(start_ns=first_ns, end_ns=end_ns)).pump(FOREVER)
    seen = {t: e.mark for t, e in tape.events if isinstance(e, MarkUpdated)}
    opens = [
        (time, price)
        for time, price in zip(market.marks.open_ns, market.marks.open, strict=True)
        if first_ns <= time < end_ns
    ]
    assert len(opens) == 4
    for time, price in opens:
        assert abs(seen[time] - Decimal(price) / 10**8) <= Decimal("0.00000001")
    settled = [t for t, e in tape.events if isinstance(e, FundingSettled)]
    assert settled == [time for time, _ in opens]
