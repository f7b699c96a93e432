"""Orders trade by price, then by arrival, and never on a market that makes no sense."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import DomainError
from domain.orders import OrderType, Side, TimeInForce
from simulations.exchange.book import DepthModel
from simulations.exchange.exchange import Exchange
from simulations.wire import FillFrame
from tests.simulations.stage import SECOND_NS, Stage, make_instrument

LADDER = DepthModel(levels_max=3, step_ticks=2, growth_percent=100)


def test_a_taker_pays_what_the_market_shows() -> None:
    """A market buy takes the ask and a market sell the bid."""
    stage = Stage()
    assert stage.fills(stage.buy("a", 3)) == [(101, 3)]
    assert stage.fills(stage.sell("a", 3)) == [(99, 3)]
    assert stage.held("a") == 0


def test_a_large_taker_walks_the_ladder_and_keeps_an_unfilled_remainder() -> None:
    """Levels beyond the best are paid in turn; what is beyond the last one is not filled."""
    stage = Stage(depth=LADDER)
    order = stage.buy("a", 70)
    assert stage.fills(order) == [(101, 10), (103, 20), (105, 30)]
    assert stage.ending(order) == "cancelled: no_liquidity"


def test_consumed_liquidity_stays_consumed_until_the_market_quotes_again() -> None:
    """A second taker meets only what the first one left; a new quote is a new book."""
    stage = Stage(depth=LADDER)
    stage.buy("a", 15)
    assert stage.fills(stage.buy("b", 20)) == [(103, 15), (105, 5)]
    stage.quote(99, 101)
    assert stage.fills(stage.buy("b", 5)) == [(101, 5)]


def test_a_limit_is_never_exceeded() -> None:
    """A limit buy takes only what is at its price or better, and rests with the remainder."""
    stage = Stage(depth=LADDER)
    order = stage.buy("a", 50, 103)
    assert stage.fills(order) == [(101, 10), (103, 20)]
    assert stage.ending(order) is None
    assert stage.exchange.account("a").orders[order].left == 20


def test_a_better_price_trades_first_among_accounts() -> None:
    """A taker meets the best resting price, then the market, then the next one."""
    stage = Stage()
    worse, better = stage.sell("a", 2, 102), stage.sell("b", 2, 100)
    taker = stage.buy("c", 14, 102)
    assert stage.fills(taker) == [(100, 2), (101, 10), (102, 2)]
    assert stage.fills(better) == [(100, 2)]
    assert stage.fills(worse) == [(102, 2)]


def test_an_earlier_order_trades_first_at_one_price() -> None:
    """At one price the order that came first is filled before the one that came second."""
    stage = Stage()
    first, second = stage.sell("a", 2, 100), stage.sell("b", 2, 100)
    stage.buy("c", 3, 100)
    assert stage.fills(first) == [(100, 2)]
    assert stage.fills(second) == [(100, 1)]


def test_the_market_that_was_there_first_trades_first() -> None:
    """Lots the market showed at a price when an order joined it are ahead of the order."""
    stage = Stage()
    maker = stage.sell("a", 5, 101)
    taker = stage.buy("b", 12)
    assert stage.fills(maker) == [(101, 2)]
    assert stage.fills(taker) == [(101, 10), (101, 2)]


def test_an_order_that_was_there_first_trades_before_the_market() -> None:
    """A market that comes to the price later stands behind the order."""
    stage = Stage()
    maker = stage.sell("a", 5, 100)
    stage.quote(98, 100)
    taker = stage.buy("b", 7)
    assert stage.fills(maker) == [(100, 5)]
    assert stage.fills(taker) == [(100, 5), (100, 2)]


def test_a_maker_sets_the_price_and_pays_the_maker_fee() -> None:
    """The resting order's price is the trade's, whatever the taker offered."""
    stage = Stage(make_instrument(maker_fee="0.001", taker_fee="0.002"))
    stage.sell("a", 1, 100)
    stage.buy("b", 1, 105)
    fees = {name: frame.fee for name, frame in stage.frames if isinstance(frame, FillFrame)}
    assert {name: str(fee) for name, fee in fees.items()} == {"a": "0.100", "b": "0.200"}


def test_the_market_fills_a_resting_order_when_its_quote_comes_to_it() -> None:
    """An ask at or below a resting bid fills it at the bid, at most what is shown."""
    stage = Stage()
    order = stage.buy("a", 15, 98)
    stage.quote(95, 97)
    assert stage.fills(order) == [(98, 10)]
    stage.quote(95, 98, 10, 3)
    assert stage.fills(order) == [(98, 10), (98, 3)]


def test_orders_reached_by_a_quote_are_filled_in_price_then_time_order() -> None:
    """What the market shows goes to the best resting bid first, then to the older one."""
    stage = Stage()
    low, first, second = stage.buy("a", 6, 97), stage.buy("b", 6, 98), stage.buy("c", 6, 98)
    stage.quote(90, 96)
    assert (stage.fills(first), stage.fills(second)) == ([(98, 6)], [(98, 4)])
    assert stage.fills(low) == []


def test_a_print_fills_an_order_only_once_the_queue_ahead_has_traded() -> None:
    """Joining behind 10 lots, the eleventh printed lot is ours."""
    stage = Stage()
    order = stage.buy("a", 5, 99)
    stage.trade(99, 10, Side.SELL)
    assert stage.fills(order) == []
    stage.trade(99, 2, Side.SELL)
    assert stage.fills(order) == [(99, 2)]
    stage.trade(99, 9, Side.SELL)
    assert stage.fills(order) == [(99, 2), (99, 3)]


def test_a_print_beyond_an_order_fills_it_at_its_own_price() -> None:
    """A sale below our bid must have met our bid first."""
    stage = Stage()
    order = stage.buy("a", 5, 99)
    stage.trade(98, 3, Side.SELL)
    assert stage.fills(order) == [(99, 3)]


def test_a_print_is_shared_by_the_orders_in_a_queue() -> None:
    """One printed lot fills one lot: those behind get what those in front leave."""
    stage = Stage()
    first, second = stage.buy("a", 5, 99), stage.buy("b", 5, 99)
    stage.trade(99, 17, Side.SELL)
    assert (stage.fills(first), stage.fills(second)) == ([(99, 5)], [(99, 2)])


def test_a_shrinking_level_moves_an_order_up_no_further_than_what_is_left() -> None:
    """Risk-averse: cancellations count as behind us until the level is smaller than our front."""
    stage = Stage()
    order = stage.buy("a", 5, 99)
    stage.quote(99, 101, 4)
    stage.trade(99, 4, Side.SELL)
    assert stage.fills(order) == []
    stage.trade(99, 1, Side.SELL)
    assert stage.fills(order) == [(99, 1)]


def test_nothing_is_ahead_of_an_order_that_the_market_left_alone() -> None:
    """When the market's best bid falls below our bid, the next print at our price is ours."""
    stage = Stage()
    order = stage.buy("a", 5, 99)
    stage.quote(97, 101)
    stage.trade(99, 1, Side.SELL)
    assert stage.fills(order) == [(99, 1)]


@pytest.mark.parametrize(
    ("bid", "ask", "bid_lots", "ask_lots"),
    [
        (101, 99, 10, 10),
        (100, 100, 10, 10),
        (float("nan"), 101, 10, 10),
        (99, float("nan"), 10, 10),
        (99, 101, float("nan"), float("nan")),
        (float("-inf"), float("inf"), 10, 10),
        (-5, -3, 10, 10),
        (0, 0, 10, 10),
        (99, 101, -10, -10),
    ],
)
def test_nothing_trades_on_a_market_that_makes_no_sense(
    bid: Any, ask: Any, bid_lots: Any, ask_lots: Any
) -> None:
    """Neither takers nor resting orders are filled by a crossed, NaN or non-positive quote."""
    stage = Stage()
    resting = [stage.buy("a", 1, 98), stage.sell("a", 1, 102)]
    stage.quote(bid, ask, bid_lots, ask_lots)
    assert [stage.fills(order) for order in resting] == [[], []]
    stage.exchange.cancel_all("a", None, stage.now_ns, "requested")
    takers = [stage.buy("b", 1), stage.sell("b", 1)]
    assert [stage.fills(order) for order in takers] == [[], []]
    stage.quote(99, 101)
    assert stage.fills(stage.buy("b", 1)) == [(101, 1)]


def test_a_side_without_lots_cannot_be_taken_and_the_other_can() -> None:
    """A one-sided market trades on its one side."""
    stage = Stage()
    stage.quote(99, 0, 10, 0)
    assert stage.fills(stage.buy("a", 1)) == []
    assert stage.fills(stage.sell("a", 1)) == [(99, 1)]


def test_all_or_nothing_is_all_or_nothing() -> None:
    """A fill-or-kill order fills whole, others' orders counted, or not at all."""
    stage = Stage()
    stage.sell("a", 2, 100)
    killed = stage.buy("b", 13, 101, time_in_force=TimeInForce.FOK)
    assert (stage.fills(killed), stage.ending(killed)) == ([], "cancelled: no_liquidity")
    filled = stage.buy("b", 12, 101, time_in_force=TimeInForce.FOK)
    assert stage.fills(filled) == [(100, 2), (101, 10)]


def test_all_or_nothing_counts_neither_own_orders_nor_more_than_can_be_reduced() -> None:
    """An order is killed if only its own account's, or an opening part, would complete it."""
    stage = Stage()
    stage.sell("a", 2, 100)
    own = stage.buy("a", 12, 101, time_in_force=TimeInForce.FOK)
    assert (stage.fills(own), stage.ending(own)) == ([], "cancelled: no_liquidity")
    stage.buy("b", 3)
    opening = stage.sell("b", 5, 99, time_in_force=TimeInForce.FOK, reduce_only=True)
    assert stage.fills(opening) == []
    assert stage.held("b") == 3


def test_an_immediate_order_never_rests() -> None:
    """What an IOC order cannot take at once is cancelled."""
    stage = Stage()
    order = stage.buy("a", 12, 101, time_in_force=TimeInForce.IOC)
    assert stage.fills(order) == [(101, 10)]
    assert stage.ending(order) == "cancelled: no_liquidity"
    assert not stage.exchange.account("a").orders


def test_a_post_only_order_that_would_trade_is_refused() -> None:
    """Post-only rests or is rejected; it never takes."""
    stage = Stage()
    crossing = stage.buy("a", 1, 101, time_in_force=TimeInForce.POST_ONLY)
    assert stage.ending(crossing) == "rejected: post_only"
    resting = stage.buy("a", 1, 100, time_in_force=TimeInForce.POST_ONLY)
    assert stage.ending(resting) is None


def test_an_account_does_not_trade_with_itself() -> None:
    """The resting order is cancelled, and the taker goes on to the next one."""
    stage = Stage()
    own = stage.sell("a", 2, 100)
    taker = stage.buy("a", 2, 101)
    assert stage.ending(own) == "cancelled: self_trade"
    assert stage.fills(taker) == [(101, 2)]


def test_a_reduce_only_order_never_flips_the_position() -> None:
    """It closes what is held at most, and the remainder is cancelled."""
    stage = Stage()
    stage.buy("a", 3)
    order = stage.sell("a", 5, reduce_only=True)
    assert stage.fills(order) == [(99, 3)]
    assert stage.ending(order) == "cancelled: reduce_only"
    assert stage.held("a") == 0


def test_a_resting_reduce_only_order_ends_when_nothing_is_left_to_reduce() -> None:
    """Reached after the position is gone, it is cancelled in place of opening a new one."""
    stage = Stage()
    stage.buy("a", 3)
    order = stage.sell("a", 3, 105, reduce_only=True)
    stage.sell("a", 2)
    stage.quote(105, 107)
    assert stage.fills(order) == [(105, 1)]
    stage.quote(105, 107)
    assert stage.ending(order) == "cancelled: reduce_only"
    assert stage.held("a") == 0


def test_an_order_expires_at_its_time_and_not_before() -> None:
    """Advancing ends it as EXPIRED; due_ns says when to call."""
    stage = Stage()
    order = stage.buy("a", 1, 98, expires_ns=5 * SECOND_NS)
    assert stage.exchange.due_ns == 5 * SECOND_NS
    stage.exchange.advance(5 * SECOND_NS - 1)
    stage.collect()
    assert stage.ending(order) is None
    stage.exchange.advance(5 * SECOND_NS)
    stage.collect()
    assert stage.ending(order) == "expired: expired"
    assert stage.exchange.due_ns is None


def test_a_filled_order_leaves_no_reminder_behind() -> None:
    """Nothing is due for an order that is over."""
    stage = Stage()
    stage.buy("a", 1, 98, expires_ns=5 * SECOND_NS)
    stage.quote(95, 97)
    assert stage.exchange.due_ns is None


def test_a_halted_market_matches_nothing_and_makes_up_for_it_on_resuming() -> None:
    """While halted a quote through an order fills nothing; resuming fills it."""
    stage = Stage()
    order = stage.buy("a", 1, 98)
    stage.exchange.halt()
    stage.quote(95, 97)
    stage.trade(97, 5, Side.SELL)
    assert stage.fills(order) == []
    stage.exchange.resume(stage.now_ns)
    stage.collect()
    assert stage.fills(order) == [(98, 1)]


def test_a_partial_fill_fault_leaves_the_market_empty_until_its_next_quote() -> None:
    """The next order gets its share and no more, though the book showed enough."""
    stage = Stage()
    stage.exchange.execution.partial_next = Decimal("0.5")
    order = stage.buy("a", 4, 101)
    assert stage.fills(order) == [(101, 2)]
    assert stage.fills(stage.buy("b", 1)) == []
    stage.quote(99, 101)
    assert stage.fills(order) == [(101, 2), (101, 2)]


def test_an_exchange_lists_only_its_own_and_in_one_currency() -> None:
    """An instrument of another venue, twice the same, or another settlement currency is refused."""
    listed = make_instrument()
    for other in (
        make_instrument(venue="beta"),
        listed,
        make_instrument(symbol="BTCUSD", settle="BTC"),
    ):
        with pytest.raises(DomainError):
            Exchange("alpha", [listed, other])


def test_triggered_orders_are_refused_not_guessed() -> None:
    """The exchange knows limit and market orders; a stop is unsupported."""
    stage = Stage()
    stop = stage.sell("a", 1, 90, order_type=OrderType.STOP)
    assert stage.ending(stop) == "rejected: unsupported"
