"""Liquidation runs on the mark, in steps, and never leaves a debt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.orders import Side
from simulations.exchange.exchange import Exchange
from simulations.exchange.liquidation import bankruptcy_ticks
from simulations.market.candles import PathSpec
from simulations.market.chunks import ChunkSource
from simulations.market.folders import load_market
from simulations.venue import SimulatedVenue
from simulations.wire import FillFrame, FinishedFrame
from simulations.world import VirtualWorld
from tests.simulations.stage import (
    KEY,
    PROPERTY,
    SECOND_NS,
    Stage,
    make_instrument,
    make_quote,
    make_submit,
    shared_data,
)

WICK_NS = 1_621_429_200 * SECOND_NS  # 2021-05-19 13:00 UTC


def forced(stage: Stage, name: str = "a") -> list[FillFrame]:
    """Return the fills that the exchange forced on an account."""
    return [
        frame
        for told, frame in stage.frames
        if told == name and isinstance(frame, FillFrame) and frame.liquidation
    ]


def leveraged(*, side: Side = Side.BUY, **rules: Any) -> Stage:
    """Return a stage where account a holds 40 at about 100 on a deposit of 100, maintenance 40."""
    stage = Stage(make_instrument(tick="0.1"), **rules)
    stage.exchange.open_account("a", Decimal(100), Decimal(50))
    stage.quote(999, 1_000, 500, 500)
    stage.order("a", side, 40)
    return stage


def test_the_last_price_liquidates_nobody() -> None:
    """Quotes and prints far below the liquidation price do nothing while the mark stands."""
    stage = leveraged()
    stage.quote(500, 501, 500, 500)
    stage.trade(500, 100, Side.SELL)
    assert forced(stage) == []
    assert stage.held("a") == 40


@pytest.mark.parametrize(("side", "mark"), [(Side.BUY, "98.4"), (Side.SELL, "101.6")])
def test_the_mark_liquidates(side: Side, mark: str) -> None:
    """Below maintenance on the mark, on either side, the exchange closes."""
    stage = leveraged(side=side)
    stage.mark(mark)
    assert forced(stage)
    assert all(frame.side is side.opposite for frame in forced(stage))
    assert all(frame.client_id == "" for frame in forced(stage))


def test_orders_are_cancelled_before_positions_are_reduced() -> None:
    """Everything on order ends first, with the reason, and only of that account."""
    stage = leveraged()
    mine, others = stage.buy("a", 1, "90"), stage.buy("b", 1, "90")
    stage.mark("98.4")
    assert stage.ending(mine) == "cancelled: liquidation"
    assert stage.ending(others) is None
    of_account = [frame for name, frame in stage.frames if name == "a"]
    cancelled = next(
        place for place, frame in enumerate(of_account) if isinstance(frame, FinishedFrame)
    )
    first_forced = next(
        place
        for place, frame in enumerate(of_account)
        if isinstance(frame, FillFrame) and frame.liquidation
    )
    assert cancelled < first_forced


def test_a_position_is_reduced_in_steps_until_maintenance_is_covered() -> None:
    """A quarter at a time while that suffices, and no more than needed."""
    stage = leveraged(liquidation_fee=Decimal(0))
    stage.quote(985, 986, 500, 500)
    stage.mark("98.45")
    assert [int(frame.quantity) for frame in forced(stage)] == [10]
    account = stage.account("a")
    assert stage.held("a") == 30
    assert account.equity() >= account.maintenance()


def test_far_below_maintenance_everything_goes_at_once() -> None:
    """Under two thirds of maintenance the whole position is closed."""
    stage = leveraged(liquidation_fee=Decimal(0))
    stage.quote(980, 981, 500, 500)
    stage.mark("98.05")
    assert [int(frame.quantity) for frame in forced(stage)] == [40]
    assert stage.held("a") == 0


def test_the_largest_maintenance_goes_first() -> None:
    """Of two holdings the one with more maintenance is reduced first."""
    other = make_instrument(symbol="ETHUSDT", base="ETH")
    exchange = Exchange("alpha", [make_instrument(), other])
    stage = Stage()
    stage.exchange = exchange
    stage.quote(99, 100, 500, 500)
    stage.mark(100)
    exchange.quote(make_quote(99, 100, 500, 500, instrument=other.key), 1)
    exchange.mark(other.key, Decimal(100), None, 1)
    exchange.open_account("a", Decimal(100), Decimal(50))
    stage.buy("a", 10, symbol="ETHUSDT")
    stage.buy("a", 20)
    stage.mark(96)
    assert forced(stage)[0].symbol == "BTCUSDT"


def test_the_liquidation_fee_is_taken_but_never_more_than_is_left() -> None:
    """The fee is its rate of the notional, capped by the equity after the fill."""
    stage = leveraged(liquidation_fee=Decimal("0.001"))
    stage.quote(985, 986, 500, 500)
    stage.mark("98.45")
    first = forced(stage)[0]
    assert first.fee == first.price * first.quantity * Decimal("0.001")
    greedy = leveraged(liquidation_fee=Decimal("0.5"))
    greedy.mark("98.4")
    assert greedy.account("a").balance == 0
    assert greedy.held("a") == 0
    assert greedy.account("a").relief == 0
    greedy.account("a").check()


def test_what_the_book_does_not_take_goes_at_the_bankruptcy_price() -> None:
    """With an empty book the insurance fund takes over, and nothing is owed."""
    stage = leveraged(liquidation_fee=Decimal(0))
    stage.quote(0, 0, 0, 0)
    stage.mark("98")
    (fill,) = forced(stage)
    # Equity 100 - 40 x 2 = 20 at 98, so 40 can be closed 0.5 lower before nothing is left.
    assert fill.price == Decimal("97.5")
    assert stage.account("a").balance == 0


def test_a_mark_beyond_bankruptcy_leaves_nothing_and_owes_nothing() -> None:
    """After a gap through the bankruptcy price the fund pays the difference."""
    stage = leveraged()
    stage.quote(500, 501, 500, 500)
    stage.mark("50")
    assert stage.held("a") == 0
    assert 0 <= stage.account("a").balance < 5
    stage.account("a").check()


def test_a_liquidation_trades_with_other_accounts_orders() -> None:
    """Resting bids above the bankruptcy price are met, and their owners are makers."""
    stage = leveraged()
    maker = stage.buy("b", 500, "98.3")
    stage.quote(0, 0, 0, 0)
    stage.mark("98.4")
    assert sum(quantity for _, quantity in stage.fills(maker)) == sum(
        int(frame.quantity) for frame in forced(stage)
    )


def test_a_halted_exchange_liquidates_on_resuming() -> None:
    """Nothing trades while halted, not even by force; resuming catches up."""
    stage = leveraged()
    stage.exchange.halt()
    stage.mark("98.4")
    assert forced(stage) == []
    stage.exchange.resume(stage.now_ns)
    stage.collect()
    assert forced(stage)


def test_funding_can_liquidate() -> None:
    """A payment that takes equity below maintenance is acted upon at once."""
    stage = leveraged()
    stage.exchange.settle_funding(KEY, Decimal("0.02"), None, stage.now_ns)
    stage.collect()
    assert forced(stage)


def test_a_debt_that_no_price_repays_is_paid_by_the_fund() -> None:
    """Funding took four times the balance of a small short: the rest is relief, on record."""
    stage = Stage(make_instrument(tick="0.1"), liquidation_fee=Decimal(0))
    stage.exchange.open_account("a", Decimal(100), Decimal(50))
    stage.sell("a", 1)
    stage.quote(0, 0, 0, 0)
    stage.exchange.settle_funding(KEY, Decimal(-5), None, stage.now_ns)
    account = stage.account("a")
    assert account.balance == 0
    # The fund took the position over at the lowest price there is, and that was not enough.
    entry, taken_over = Decimal("9.9"), Decimal("0.1")
    assert account.relief == 500 - 100 - (entry - taken_over)
    account.check()


@PROPERTY
@given(
    side=st.sampled_from(list(Side)),
    lots=st.integers(1, 48),
    mark=st.integers(1, 40_000),
    bid=st.integers(1, 3_000),
    depth=st.integers(0, 60),
)
def test_no_liquidation_leaves_a_debt(
    side: Side, lots: int, mark: int, bid: int, depth: int
) -> None:
    """Whatever the mark jumps to and the book holds, an account that is flat owes nothing."""
    stage = Stage(make_instrument(tick="0.1", taker_fee="0.0005"))
    stage.exchange.open_account("a", Decimal(100), Decimal(50))
    stage.quote(999, 1_000, 500, 500)
    stage.order("a", side, lots)
    stage.quote(bid, bid + 1, depth, depth)
    stage.mark(str(Decimal(mark) / 100))
    account = stage.account("a")
    account.check()
    assert account.equity() >= 0
    assert stage.held("a") or account.balance >= 0
    assert account.relief >= 0
    assert account.equity() >= account.maintenance()


def test_the_bankruptcy_price_is_rounded_in_the_accounts_favour() -> None:
    """A long sells at the tick above, a short buys at the tick below."""
    for side, expected in ((Side.BUY, 968), (Side.SELL, 1_032)):
        stage = Stage(make_instrument(tick="0.1"))
        stage.exchange.open_account("a", Decimal(100), Decimal(50))
        stage.quote(1_000, 1_001, 500, 500) if side is Side.SELL else stage.quote(
            999, 1_000, 500, 500
        )
        stage.order("a", side, 31)
        holding = stage.account("a").holding(stage.exchange.markets[KEY])
        assert bankruptcy_ticks(holding, stage.account("a").equity()) == expected


@pytest.mark.slow
def test_the_eth_wick_of_may_2021_liquidates_on_no_mark() -> None:
    """The trade price fell to 1,400.73, the mark to 1,764.26: only the mark counts."""
    eth = make_instrument(symbol="ETHUSDT", base="ETH", tick="0.01", lot="0.001")
    market = load_market(shared_data("A2_binance_usdm_1h_2019_2024"), eth)
    begin_ns = WICK_NS - 4 * 3600 * SECOND_NS
    survived = {}
    for liquidated_at in (1_700, 1_800):
        world = VirtualWorld(start_ns=begin_ns)
        exchange = Exchange("alpha", [eth])
        spec = PathSpec(step_s=300)
        series = market.series(spec, start_ns=begin_ns, end_ns=WICK_NS + 3600 * SECOND_NS)
        source = ChunkSource(series, {"alpha": SimulatedVenue(exchange, world)}, world.set_time)
        source.pump(begin_ns)
        book = exchange.markets[eth.key].book
        top = book.top(-1)
        assert top is not None
        entry = eth.tick * top[0]
        exchange.open_account("a", entry - liquidated_at * Decimal("0.99"))
        order = make_submit("a1", Side.BUY, 1, symbol=eth.symbol)
        exchange.submit("a", order, world.now_ns)
        lows = []
        while (time_ns := source.next_ns()) is not None:
            source.pump(time_ns)
            lows.append(book.quote.bid_ticks if book.quote else 0)
        assert min(lows) == 140_073 - spec.half_spread_ticks
        survived[liquidated_at] = exchange.execution.liquidations == 0
    # A long that the mark would liquidate at 1,700 survives the hour; one at 1,800 does not.
    assert survived == {1_700: True, 1_800: False}


@PROPERTY
@given(
    st.integers(-250, 250).filter(bool),
    st.lists(st.integers(40, 400), min_size=1, max_size=80),
)
def test_looking_less_often_skips_no_mark_that_matters(held: int, marks: list[int]) -> None:
    """An account is found below maintenance at exactly the marks at which a full count says so."""
    stage = Stage(make_instrument(), deposit=1_000)
    stage.quote(99, 101, 1_000, 1_000)
    account = stage.account("a")
    stage.order("a", Side.BUY if held > 0 else Side.SELL, abs(held))
    market = stage.exchange.markets[KEY]
    holding = account.holding(market)
    assume(holding.lots)
    for mark in marks:
        market.mark = Decimal(mark)
        below = account.equity() < account.maintenance()
        assert account.below_maintenance(holding) == below
