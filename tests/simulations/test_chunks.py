"""Columns become events, in time order, whatever the number of series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.market import BarClosed, QuoteUpdated
from domain.errors import DomainError
from domain.orders import Side
from simulations.market.chunks import Chunk, ChunkKind, ChunkSource, MarketSource, Series
from tests.simulations.stage import KEY, PROPERTY

FOREVER = 1 << 62
OTHER = "alpha:ETHUSDT"


class Tape:
    """A market sink that keeps what was published, with the time that was set before."""

    def __init__(self) -> None:
        self.now_ns = -1
        self.events: list[tuple[int, Any]] = []

    def set_time(self, time_ns: int) -> None:
        """Keep the time."""
        self.now_ns = time_ns

    def keep(self, event: object) -> None:
        """Keep an event."""
        self.events.append((self.now_ns, event))

    publish_quote = publish_trade = publish_bar = publish_mark = publish_funding = keep

    def source(self, *series: Series) -> ChunkSource:
        """Return a source that publishes here."""
        return ChunkSource(series, {"alpha": self}, self.set_time)


def trades(times: list[int], instrument: str = KEY, until_ns: int = 0) -> Chunk:
    """Return a chunk of trades whose price is their time."""
    ones = [1] * len(times)
    return Chunk(
        instrument=instrument,
        kind=ChunkKind.TRADE,
        times_ns=times,
        columns=(times, ones, ones),
        until_ns=until_ns,
    )


def quotes(times: list[int], instrument: str = KEY) -> Chunk:
    """Return a chunk of quotes."""
    ones = [1] * len(times)
    return Chunk(
        instrument=instrument,
        kind=ChunkKind.QUOTE,
        times_ns=times,
        columns=(ones, ones, [2] * len(times), ones),
    )


CHUNKED = st.lists(st.lists(st.integers(0, 50), max_size=8), max_size=5)


def cut(parts: list[list[int]]) -> list[Chunk]:
    """Return chunks of the same sizes whose times never fall."""
    times = sorted(time for part in parts for time in part)
    chunks = []
    for part in parts:
        chunks.append(trades(times[: len(part)]))
        times = times[len(part) :]
    return chunks


@PROPERTY
@given(st.lists(CHUNKED, max_size=4), st.lists(st.integers(0, 60), max_size=6))
def test_any_series_are_merged_by_time_and_nothing_is_lost(
    series: list[list[list[int]]], limits: list[int]
) -> None:
    """Pumped in any steps, every event comes once, in time order, at its own time."""
    tape = Tape()
    source: MarketSource = tape.source(*(cut(parts) for parts in series))
    total = 0
    for limit in sorted(limits):
        total += source.pump(limit)
        upcoming = source.next_ns()
        assert upcoming is None or upcoming > limit
        assert all(time <= limit for time, _ in tape.events)
    total += source.pump(FOREVER)
    expected = sorted(time for parts in series for part in parts for time in part)
    assert [time for time, _ in tape.events] == expected
    assert [event.price_ticks for _, event in tape.events] == expected
    assert total == len(expected)
    assert source.next_ns() is None
    assert source.pump(FOREVER) == 0


def test_at_one_instant_the_order_of_the_series_counts() -> None:
    """Series given first publish first, within one window."""
    tape = Tape()
    tape.source([trades([5, 5], OTHER)], [trades([1, 5])]).pump(FOREVER)
    assert [event.instrument for _, event in tape.events] == [KEY, OTHER, OTHER, KEY]


def test_quotes_of_an_instrument_are_numbered_without_gaps() -> None:
    """Sequence rises by one per instrument, across chunks."""
    tape = Tape()
    tape.source([quotes([1, 2]), quotes([3])], [quotes([2, 9], OTHER)]).pump(FOREVER)
    numbers = [(event.instrument, event.sequence) for _, event in tape.events]
    assert [n for key, n in numbers if key == KEY] == [1, 2, 3]
    assert [n for key, n in numbers if key == OTHER] == [1, 2]


def test_a_series_without_events_does_not_hold_up_others() -> None:
    """A chunk that only says how far it reaches lets the others go on to there."""
    asked = []

    def endless(instrument: str, *, full: bool) -> Iterator[Chunk]:
        for start in range(0, 10_000, 10):
            asked.append(instrument)
            yield trades([start] if full else [], instrument, until_ns=start + 10)

    tape = Tape()
    source = tape.source(endless(KEY, full=True), endless(OTHER, full=False))
    assert source.pump(35) == 4
    assert len(asked) < 20


def test_every_kind_becomes_its_message() -> None:
    """Units are applied: marks in 1E-8, rates in 1E-12, sides by sign; a bar has its times."""
    tape = Tape()
    kinds = [
        (ChunkKind.BAR, ([1], [4], [1], [3], [9], [60])),
        (ChunkKind.MARK, ([10_000_000_001], [9_900_000_000])),
        (ChunkKind.FUNDING, ([100_000_000], [10_000_000_000])),
        (ChunkKind.TRADE, ([7], [2], [-1])),
    ]
    series = [
        [Chunk(instrument=KEY, kind=kind, times_ns=[120], columns=columns)]
        for kind, columns in kinds
    ]
    tape.source(*series).pump(FOREVER)
    bar, mark, funding, trade = [event for _, event in tape.events]
    assert isinstance(bar, BarClosed)
    assert (bar.open_time_ns, bar.close_time_ns, bar.volume_lots) == (60, 120, 9)
    assert (str(mark.mark), str(mark.index)) == ("100.00000001", "99.00000000")
    assert (float(funding.rate), int(funding.reference_price)) == (0.0001, 100)
    assert trade.side is Side.SELL


def test_the_clock_is_set_before_each_event() -> None:
    """What is due before an event can happen before it: the sink sees the event's own time."""
    tape = Tape()
    tape.source([quotes([3, 8])]).pump(FOREVER)
    assert [(time, type(event)) for time, event in tape.events] == [
        (3, QuoteUpdated),
        (8, QuoteUpdated),
    ]


@pytest.mark.parametrize(
    ("times", "columns"),
    [([1, 2], ([1, 2], [1], [1, 1])), ([1], ([1], [1])), ([2, 1], ([1, 1], [1, 1], [1, 1]))],
)
def test_columns_that_do_not_fit_are_refused(
    times: list[int], columns: tuple[list[int], ...]
) -> None:
    """Unequal lengths, a missing column, or times that fall are errors."""
    with pytest.raises(DomainError):
        Chunk(instrument=KEY, kind=ChunkKind.TRADE, times_ns=times, columns=columns)


def test_chunks_that_go_back_in_time_are_refused() -> None:
    """A series whose next chunk begins before the last one ended is an error."""
    source = Tape().source([trades([5]), trades([4])])
    with pytest.raises(DomainError):
        source.pump(FOREVER)


def test_a_series_of_a_venue_without_sink_is_an_error() -> None:
    """Nothing is published into the void."""
    source = Tape().source([trades([1], "beta:BTCUSDT")])
    with pytest.raises(KeyError):
        source.pump(FOREVER)
