"""Pre-trade checks: each rule refuses what it is for, at its limit and not before."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.authority import TradingState
from domain.checks import (
    RefusalReason,
    RiskLimits,
    check_order,
    reduces_net,
    reduces_position,
    worst_price,
)
from domain.instruments import ContractKind
from domain.orders import OrderType, Side
from tests.domain.examples import PROPERTY, make_context, make_instrument, make_order

D = Decimal
R = RefusalReason
LIMITS = RiskLimits(
    order_quantity_max=D(5),
    order_notional_max=D(4000),
    position_notional_max=D(6000),
    portfolio_notional_max=D(12_000),
    leverage_max=D(2),
    price_deviation_max=D("0.02"),
    market_slippage_max=D("0.01"),
    open_orders_max=3,
    orders_per_minute_max=10,
    daily_loss_max=D(100),
    quote_age_ns_max=1000,
)
FRESH = {"quote_age_ns": 1000}
MARKET = {"order_type": OrderType.MARKET, "price": None}
Changes = dict[str, Any]


def check(
    order: Changes | None = None,
    context: Changes | None = None,
    instrument: Changes | None = None,
    limits: RiskLimits = LIMITS,
) -> RefusalReason | None:
    """Return the verdict on an order to buy 0.1 at 1000, with changes to it and its world."""
    return check_order(
        make_order(**(order or {})),
        make_instrument(**(instrument or {})),
        limits,
        make_context(**(FRESH | (context or {}))),
    )


def test_p1_a_sound_order_has_consent() -> None:
    """P1: within every limit, limit and market orders of both sides pass, at the limits as well."""
    for side in Side:
        assert check({"side": side}) is None
        assert check({"side": side, **MARKET}) is None
    assert check({"quantity": D(4)}) is None
    assert check({"price": D(1020)}) is None
    assert check({"price": D(980)}) is None
    assert check(context={"open_orders": 2, "orders_last_minute": 9}) is None
    assert check(context={"realised_today": D("-99.99")}) is None
    assert check({"quantity": D(3)}, {"quantity": D(3)}) is None
    assert check({"quantity": D(3)}, instrument={"quantity_min": D(3)}) is None
    assert check({"quantity": D(3)}, instrument={"quantity_max": D(3)}) is None
    assert check({"quantity": D("0.01")}) is None
    assert check(context={"gross_notional": D(11_900)}) is None
    assert check(context={"gross_notional": D(9900), "equity": D(5000)}) is None
    assert check(context={"available_margin": D("50.05")}) is None
    assert check(context={"bid": D(1000), "ask": D(1000)}) is None


REFUSALS: list[tuple[RefusalReason, Changes, Changes]] = [
    (R.HALTED, {}, {"trading_state": TradingState.HALTED}),
    (R.NO_QUOTE, {}, {"bid": D(0)}),
    (R.NO_QUOTE, {}, {"ask": D(0)}),
    (R.NO_QUOTE, {}, {"mark": D(0)}),
    (R.STALE_QUOTE, {}, {"quote_age_ns": 1001}),
    (R.CROSSED_QUOTE, {}, {"bid": D("1000.2")}),
    (R.LOT, {"quantity": D("0.1005")}, {}),
    (R.QUANTITY_MAX, {"quantity": D("100.001")}, {}),
    (R.TICK, {"price": D("1000.05")}, {}),
    (R.NOTIONAL_MIN, {"quantity": D("0.009")}, {}),
    (R.NOTIONAL_MIN, {"quantity": D("0.009"), **MARKET}, {}),
    (R.PRICE_BAND, {"price": D("1020.1")}, {}),
    (R.PRICE_BAND, {"price": D("979.9")}, {}),
    (R.PRICE_BAND, MARKET, {"ask": D("1020.1")}),
    (R.PRICE_BAND, {"side": Side.SELL, **MARKET}, {"bid": D("979.9")}),
    (R.NOT_REDUCING, {"reduce_only": True}, {}),
    (R.NOT_REDUCING, {"reduce_only": True}, {"quantity": D("0.1")}),
    (R.NOT_REDUCING, {"reduce_only": True}, {"quantity": D("-0.099")}),
    (R.REDUCING, {}, {"trading_state": TradingState.REDUCING}),
    (R.UNKNOWN_ORDER, {}, {"unknown_on_instrument": True}),
    (R.DAILY_LOSS, {}, {"realised_today": D(-100)}),
    (R.OPEN_ORDERS, {}, {"open_orders": 3}),
    (R.ORDER_RATE, {}, {"orders_last_minute": 10}),
    (R.ORDER_QUANTITY, {"quantity": D("5.001")}, {}),
    (R.ORDER_NOTIONAL, {"quantity": D("4.001")}, {}),
    (R.ORDER_NOTIONAL, {"quantity": D(4), **MARKET}, {}),
    (R.POSITION_NOTIONAL, {"quantity": D(3)}, {"quantity": D("3.001")}),
    (R.POSITION_NOTIONAL, {"quantity": D(3)}, {"reserved_buy": D("3.001")}),
    (R.POSITION_NOTIONAL, {"quantity": D(3), "side": Side.SELL}, {"reserved_sell": D("3.001")}),
    (R.PORTFOLIO_NOTIONAL, {}, {"gross_notional": D("11900.01")}),
    (R.LEVERAGE, {}, {"gross_notional": D(9901), "equity": D(5000)}),
    (R.LEVERAGE, {}, {"equity": D(0)}),
    (R.MARGIN, {}, {"available_margin": D("50.04")}),
]


@pytest.mark.parametrize(("reason", "order", "context"), REFUSALS)
def test_p1_each_rule_refuses_what_it_is_for(
    reason: RefusalReason, order: Changes, context: Changes
) -> None:
    """P1: an order that breaks one rule is refused with that rule's name."""
    assert check(order, context) is reason


def test_a_size_below_the_minimum_is_refused() -> None:
    """The venue's least quantity is asked before its least notional."""
    assert check({"quantity": D("0.05")}, instrument={"quantity_min": D("0.051")}) is R.QUANTITY_MIN


def test_every_reason_of_a_check_has_a_case() -> None:
    """No rule stands untested; the four others are given by the risk supervisor itself."""
    own = {R.NOT_LIVE, R.RECOVERING, R.BREAKER, R.DRAWDOWN}
    tested = {reason for reason, _, _ in REFUSALS} | {R.QUANTITY_MIN}
    assert sorted(tested | own) == sorted(R)


def test_the_first_broken_rule_is_named() -> None:
    """Rules are asked in the documented order, whatever else is wrong."""
    order = {"quantity": D("200.0005"), "price": D("2000.05"), "reduce_only": True}
    world: Changes = {
        "trading_state": TradingState.HALTED,
        "ask": D(0),
        "quote_age_ns": 5000,
        "unknown_on_instrument": True,
        "realised_today": D(-500),
        "open_orders": 9,
        "orders_last_minute": 99,
        "equity": D(0),
        "gross_notional": D(10**9),
        "available_margin": D(0),
    }
    heal: list[tuple[RefusalReason, Changes, Changes]] = [
        (R.HALTED, {}, {"trading_state": TradingState.REDUCING}),
        (R.NO_QUOTE, {}, {"ask": D("999.8")}),
        (R.STALE_QUOTE, {}, {"quote_age_ns": 1}),
        (R.CROSSED_QUOTE, {}, {"ask": D("1000.1")}),
        (R.LOT, {"quantity": D(200)}, {}),
        (R.QUANTITY_MAX, {"quantity": D(6)}, {}),
        (R.TICK, {"price": D(2000)}, {}),
        (R.PRICE_BAND, {"price": D(1000)}, {}),
        (R.NOT_REDUCING, {"reduce_only": False}, {}),
        (R.REDUCING, {}, {"trading_state": TradingState.ACTIVE}),
        (R.UNKNOWN_ORDER, {}, {"unknown_on_instrument": False}),
        (R.DAILY_LOSS, {}, {"realised_today": D(0)}),
        (R.OPEN_ORDERS, {}, {"open_orders": 0}),
        (R.ORDER_RATE, {}, {"orders_last_minute": 0}),
        (R.ORDER_QUANTITY, {"quantity": D(5)}, {}),
        (R.ORDER_NOTIONAL, {"quantity": D(4)}, {"quantity": D("2.001")}),
        (R.POSITION_NOTIONAL, {}, {"quantity": D(0)}),
        (R.PORTFOLIO_NOTIONAL, {}, {"gross_notional": D(8000)}),
        (R.LEVERAGE, {}, {"equity": D(6000)}),
        (R.MARGIN, {}, {"available_margin": D(2002)}),
    ]
    for reason, order_change, world_change in heal:
        assert check(order, world) is reason
        order |= order_change
        world |= world_change
    assert check(order, world) is None


def test_p1_a_market_order_is_measured_at_its_worst() -> None:
    """P1: 3.97 at market costs up to 1010.1 each, which a limit at 1000 does not."""
    assert check({"quantity": D("3.97")}) is None
    assert check({"quantity": D("3.97"), **MARKET}) is R.ORDER_NOTIONAL
    assert check({"quantity": D("3.96"), **MARKET}) is None


def test_a_sell_is_measured_no_lower_than_the_market() -> None:
    """A sell limit far below the bid is worth the bid, not its limit."""
    order = {"side": Side.SELL, "price": D(980), "quantity": D("4.001")}
    assert check(order) is R.ORDER_NOTIONAL


def test_a_quantity_that_reduces_passes_every_size_and_activity_rule() -> None:
    """Closing is never refused for being large, late in the day, or the eleventh order."""
    world: Changes = {
        "quantity": D(50),
        "trading_state": TradingState.REDUCING,
        "unknown_on_instrument": True,
        "realised_today": D(-5000),
        "open_orders": 99,
        "orders_last_minute": 99,
        "equity": D(-1),
        "available_margin": D(-1),
        "gross_notional": D(50_000),
    }
    order: Changes = {"side": Side.SELL, "quantity": D(50), "reduce_only": True}
    assert check(order, world) is None
    assert check(order | MARKET, world) is None
    assert check(order, world | {"quote_age_ns": 5000}) is R.STALE_QUOTE
    assert check(order | {"price": D(900)}, world) is R.PRICE_BAND


def test_p4_a_reservation_of_unknown_fate_counts_as_filled() -> None:
    """P4: while an order that may have closed the position is UNKNOWN, no second close passes."""
    world: Changes = {"quantity": D(1), "trading_state": TradingState.REDUCING}
    order: Changes = {"side": Side.SELL, "quantity": D("0.5")}
    assert check(order, world) is None
    assert check(order, world | {"reserved_sell": D("0.5")}) is None
    assert check(order, world | {"reserved_sell": D("0.501")}) is R.REDUCING
    assert check(order | {"reduce_only": True}, world | {"reserved_sell": D(1)}) is R.NOT_REDUCING


def test_a_hedge_that_lowers_the_pair_s_error_passes_while_reducing() -> None:
    """It is no new risk, so neither REDUCING nor activity stops it; its size is still limited."""
    world: Changes = {
        "net_target_reduces": True,
        "trading_state": TradingState.REDUCING,
        "unknown_on_instrument": True,
        "realised_today": D(-5000),
        "open_orders": 99,
        "orders_last_minute": 99,
    }
    assert check({}, world) is None
    assert check({"quantity": D("4.001")}, world) is R.ORDER_NOTIONAL
    assert check({}, world | {"available_margin": D(0)}) is R.MARGIN
    assert check({}, world | {"trading_state": TradingState.HALTED}) is R.HALTED


def test_a_protective_stop_may_lie_far_from_the_mark() -> None:
    """The band is for prices that trade now; a trigger is far away on purpose."""
    stop: Changes = {"order_type": OrderType.STOP, "price": D(800), "side": Side.SELL}
    assert check(stop, {"quantity": D(1)}) is None


def test_margin_follows_the_tier_s_leverage() -> None:
    """A tier that allows 10x asks for a tenth, however much leverage the limits allow."""
    loose = RiskLimits(
        order_notional_max=D(10**6),
        position_notional_max=D(10**6),
        portfolio_notional_max=D(10**6),
        leverage_max=D(100),
    )
    order: Changes = {"quantity": D(90)}
    world: Changes = {"quantity": D(200), "equity": D(10**5)}
    assert check(order, world | {"available_margin": D(9045)}, limits=loose) is None
    assert check(order, world | {"available_margin": D(9044)}, limits=loose) is R.MARGIN


def test_inverse_orders_are_measured_in_dollars() -> None:
    """Contracts times their dollars, whatever the price."""
    inverse = {
        "kind": ContractKind.INVERSE,
        "multiplier": D(100),
        "lot": D(1),
        "notional_min": D(0),
    }
    roomy = RiskLimits(order_notional_max=D(4000), position_notional_max=D(10**6))
    for quantity, verdict in ((D(40), None), (D(41), R.ORDER_NOTIONAL)):
        assert check({"quantity": quantity}, instrument=inverse, limits=roomy) is verdict


@pytest.mark.parametrize("field", ["bid", "ask", "mark", "equity", "quantity", "available_margin"])
def test_p3_a_risk_that_cannot_be_computed_is_a_failure(field: str) -> None:
    """P3: NaN is neither consent nor refusal: it raises, and the supervisor flattens."""
    with pytest.raises(InvalidOperation):
        check(context={field: D("NaN")})


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({}, "1000"),
        ({"side": Side.SELL}, "1000"),
        (MARKET, "1010.101"),
        ({**MARKET, "side": Side.SELL}, "989.901"),
        ({"order_type": OrderType.STOP, "price": D(1100)}, "1111"),
        ({"order_type": OrderType.STOP, "price": D(900), "side": Side.SELL}, "891"),
        ({"order_type": OrderType.TAKE_PROFIT, "price": D(900)}, "1010.101"),
        ({"order_type": OrderType.TAKE_PROFIT, "price": D(1100), "side": Side.SELL}, "989.901"),
    ],
)
def test_the_worst_price_is_the_far_side_or_the_trigger(changes: Changes, price: str) -> None:
    """A limit holds its price; anything else may slip by the band beyond book and trigger."""
    got = worst_price(make_order(**changes), D("999.9"), D("1000.1"), D("0.01"))
    assert got == D(price)


small = st.integers(-20, 20).map(D)
positive = st.integers(1, 20).map(D)
reserved = st.integers(0, 10).map(D)


@PROPERTY
@given(st.sampled_from(list(Side)), positive, small, reserved, reserved)
def test_what_reduces_a_position_does_so_whatever_else_fills(
    side: Side, quantity: Decimal, held: Decimal, buys: Decimal, sells: Decimal
) -> None:
    """With any part of its own side filled as well, abs(position) falls and zero is not crossed."""
    own = buys if side is Side.BUY else sells
    if reduces_position(side, quantity, held, buys, sells):
        for filled in (D(0), own):
            before = held + side * filled
            after = before + side * quantity
            assert abs(after) < abs(before)
            assert after * held >= 0
    else:
        assert held * side >= 0 or quantity + own > abs(held)


@PROPERTY
@example(Side.BUY, D(2), D(-1), D(0), D(0))
@example(Side.SELL, D(2), D(1), D(0), D(0))
@given(st.sampled_from(list(Side)), positive, small, reserved, reserved)
def test_what_reduces_the_net_does_so_whatever_else_fills(
    side: Side, quantity: Decimal, error: Decimal, buys: Decimal, sells: Decimal
) -> None:
    """abs(net − target) falls for every outcome of what is out, and only then is it said."""
    outcomes = [error + buys, error - sells, error + buys - sells, error]
    lowers = all(abs(net + side * quantity) < abs(net) for net in outcomes)
    assert reduces_net(side, quantity, error, buys, sells) is lowers


def test_the_default_limits_are_small() -> None:
    """Without configuration no order above 10,000 and no leverage above 3 passes."""
    limits = RiskLimits()
    roomy = {"equity": D(10**9), "available_margin": D(10**9), "quote_age_ns": 0}
    assert check({"quantity": D(10)}, roomy, limits=limits) is None
    assert check({"quantity": D("10.001")}, roomy, limits=limits) is R.ORDER_NOTIONAL
    assert check({}, {"equity": D(33)}, limits=limits) is R.LEVERAGE
