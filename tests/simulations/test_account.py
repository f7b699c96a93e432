"""Balances, margin and funding of the exchange add up, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvariantError
from domain.funding import funding_rate_binance, premium_average
from domain.instruments import ContractKind, Instrument
from domain.marks import mark_price_basis
from domain.orders import Side
from simulations.exchange.exchange import Exchange
from simulations.exchange.funding import FundingMeter
from simulations.exchange.marks import BasisMark
from simulations.exchange.report import account_frame
from simulations.wire import FillFrame, FundingFrame
from tests.simulations.stage import KEY, PROPERTY, SECOND_NS, Stage, make_instrument, make_quote

NAMES = ("a", "b", "c")
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"),
            st.sampled_from(NAMES),
            st.sampled_from(list(Side)),
            st.integers(1, 30),
            st.one_of(st.none(), st.integers(80, 120)),
            st.booleans(),
        ),
        st.tuples(st.just("quote"), st.integers(80, 118), st.integers(1, 3), st.integers(0, 20)),
        st.tuples(st.just("mark"), st.integers(70, 130)),
        st.tuples(st.just("print"), st.integers(80, 120), st.integers(1, 20)),
        st.tuples(st.just("fund"), st.integers(-300, 300)),
        st.tuples(st.just("cancel"), st.sampled_from(NAMES)),
    ),
    max_size=60,
)


def play(stage: Stage, steps: list[tuple[Any, ...]]) -> None:
    """Play random steps on a stage."""
    for kind, *values in steps:
        stage.now_ns += SECOND_NS
        if kind == "order":
            name, side, quantity, price, reduce_only = values
            stage.order(name, side, quantity, price, reduce_only=reduce_only)
        elif kind == "quote":
            bid, spread, lots = values
            stage.quote(bid, bid + spread, lots, lots)
        elif kind == "mark":
            stage.mark(values[0])
        elif kind == "print":
            stage.trade(values[0], values[1], Side.SELL)
        elif kind == "fund":
            rate = Decimal(values[0]) / 100_000
            stage.exchange.settle_funding(KEY, rate, None, stage.now_ns)
        else:
            stage.exchange.cancel_all(values[0], None, stage.now_ns, "requested")
        stage.collect()


@PROPERTY
@given(STEPS)
def test_whatever_happens_the_books_add_up(steps: list[tuple[Any, ...]]) -> None:
    """Balance is deposits + realised - fees + funding + relief; no flat account owes anything."""
    stage = Stage(make_instrument(maker_fee="0.0002", taker_fee="0.0007"), deposit=300)
    for name in NAMES:
        stage.account(name)
    play(stage, steps)
    for account in stage.exchange.accounts:
        account.check()
        holding = account.holding(stage.exchange.markets[KEY])
        told = [f for name, f in stage.frames if name == account.name]
        fills = [frame for frame in told if isinstance(frame, FillFrame)]
        assert sum(frame.side * frame.quantity for frame in fills) == holding.lots
        fees = sum((frame.fee for frame in fills), Decimal(0))
        paid = sum((f.amount for f in told if isinstance(f, FundingFrame)), Decimal(0))
        assert (fees, paid) == (holding.position.fees, holding.position.funding)
        assert holding.lots or account.balance >= 0
        on_order = [order.side * order.left for order in account.orders.values()]
        assert holding.buy_lots == sum(lots for lots in on_order if lots > 0)
        assert holding.sell_lots == -sum(lots for lots in on_order if lots < 0)


@PROPERTY
@given(STEPS)
def test_what_one_account_gets_others_and_the_market_gave(steps: list[tuple[Any, ...]]) -> None:
    """Each trade between accounts is booked to both, at one price and quantity."""
    stage = Stage(deposit=10**9)
    for name in NAMES:
        stage.account(name)
    play(stage, steps)
    fills = [frame for _, frame in stage.frames if isinstance(frame, FillFrame)]
    assert len({frame.fill_id for frame in fills}) == len(fills)
    for name in NAMES:
        assert [f for f in stage.account(name).fills] == [  # noqa: C416 - a deque beside a list
            frame for told, frame in stage.frames if told == name and isinstance(frame, FillFrame)
        ]


def test_funding_is_zero_sum_across_accounts() -> None:
    """What longs pay shorts receive, to the last digit, whatever the rate and the mark."""
    stage = Stage(make_instrument(lot="0.001", tick="0.1"))
    stage.quote(0, 0, 0, 0)
    stage.sell("a", "0.007", "100.3")
    stage.sell("b", "0.031", "100.7")
    stage.buy("c", "0.038", "101")
    stage.mark("100.12345678")
    for rate in ("0.00012345678", "-0.003", "0"):
        stage.exchange.settle_funding(KEY, Decimal(rate), None, stage.now_ns)
        stage.collect()
    frames = [(name, frame) for name, frame in stage.frames if isinstance(frame, FundingFrame)]
    assert len(frames) == 9
    assert sum((frame.amount for _, frame in frames), Decimal(0)) == 0
    first = {name: frame.amount for name, frame in frames[:3]}
    assert first["c"] == -Decimal("0.038") * Decimal("100.12345678") * Decimal("0.00012345678")
    assert first["c"] < 0 < first["a"]


def test_funding_settles_on_the_reference_price_when_the_venue_states_one() -> None:
    """An oracle price replaces the mark; a rate or price that is no number settles nothing."""
    stage = Stage()
    stage.buy("a", 2)
    before = stage.account("a").balance
    for rate, reference in (("NaN", "100"), ("0.01", "NaN"), ("0.01", "0")):
        stage.exchange.settle_funding(KEY, Decimal(rate), Decimal(reference), stage.now_ns)
    assert stage.account("a").balance == before
    stage.exchange.settle_funding(KEY, Decimal("0.01"), Decimal(90), stage.now_ns)
    assert stage.account("a").balance - before == Decimal("-1.80")


def test_the_initial_margin_is_checked_on_submit() -> None:
    """With 50x leverage 1,000 of balance opens just under 50,000 at the mark, fee included."""
    stage = Stage(make_instrument(taker_fee="0.001"), deposit=1_000)
    stage.exchange.open_account("a", Decimal(1_000), Decimal(50))
    stage.quote(99, 100, 1_000, 1_000)
    assert stage.ending(stage.buy("a", 500)) == "rejected: insufficient_margin"
    assert stage.ending(stage.buy("a", 470)) is None
    assert stage.ending(stage.buy("a", 10)) == "rejected: insufficient_margin"
    assert stage.ending(stage.sell("a", 470)) is None


def test_a_larger_position_is_allowed_less_leverage() -> None:
    """Beyond 100,000 the second tier's 20x holds, whatever the account asked for."""
    stage = Stage()
    stage.exchange.open_account("a", Decimal(3_000), Decimal(50))
    stage.quote(99, 100, 10_000, 10_000)
    assert stage.ending(stage.buy("a", 1_100)) == "rejected: insufficient_margin"
    assert stage.ending(stage.buy("a", 999)) is None


def test_a_loss_against_the_mark_counts_before_it_is_made() -> None:
    """An order that would buy far above the mark needs the loss as margin too."""
    stage = Stage()
    stage.exchange.open_account("a", Decimal(300), Decimal(50))
    stage.quote(99, 150)
    assert stage.ending(stage.buy("a", 10)) == "rejected: insufficient_margin"
    stage.quote(99, 101)
    assert stage.ending(stage.buy("a", 10)) is None


def test_open_orders_take_margin_until_they_end() -> None:
    """Two orders that fit one by one do not fit together; a cancel frees the margin."""
    stage = Stage()
    stage.exchange.open_account("a", Decimal(100), Decimal(50))
    first = stage.buy("a", 40, 90)
    assert stage.ending(stage.buy("a", 40, 91)) == "rejected: insufficient_margin"
    assert stage.ending(stage.sell("a", 40, 110)) is None
    stage.exchange.cancel("a", first, stage.now_ns)
    assert stage.ending(stage.buy("a", 40, 91)) is None


def test_reducing_is_always_affordable() -> None:
    """An account whose equity is far below its initial margin can still close."""
    stage = Stage()
    stage.exchange.open_account("a", Decimal(1_000), Decimal(50))
    stage.quote(99, 100, 1_000, 1_000)
    stage.buy("a", 450)
    stage.mark("98.9")
    assert stage.ending(stage.buy("a", 1)) == "rejected: insufficient_margin"
    assert stage.ending(stage.sell("a", 10)) is None
    assert stage.ending(stage.sell("a", 440)) is None
    assert stage.held("a") == 0


def test_a_short_takes_as_much_margin_as_a_long() -> None:
    """What is available after equal positions and orders on either side is equal."""
    available = []
    for side, price in ((Side.BUY, 98), (Side.SELL, 102)):
        stage = Stage()
        stage.quote(100, 101) if side is Side.SELL else stage.quote(99, 100)
        stage.order("a", side, 5)
        stage.order("a", side, 3, price)
        stage.order("a", side.opposite, 2, 200 - price)
        available.append(account_frame(stage.account("a"), 1, 0, 1).available)
    assert available == [1_000_000 - Decimal(8 * 100) / 20] * 2


def test_an_account_report_is_the_account() -> None:
    """Balance, equity, orders, positions and fills since the cursor, oldest first."""
    stage = Stage()
    stage.buy("a", 4)
    stage.now_ns += SECOND_NS
    cursor = stage.now_ns
    stage.sell("a", 1)
    resting = stage.buy("a", 2, 98)
    stage.mark(110)
    frame = account_frame(stage.account("a"), 7, cursor, stage.now_ns)
    assert (frame.request, frame.time_ns) == (7, stage.now_ns)
    assert frame.balance == 999_998
    assert frame.equity == 999_998 + 27
    (order,) = frame.orders
    assert (order.client_id, int(order.quantity), int(order.filled)) == (resting, 2, 0)
    (position,) = frame.positions
    assert (int(position.quantity), int(position.mark)) == (3, 110)
    assert position.entry == 101
    assert position.maintenance == Decimal("3.3")
    assert [int(fill.quantity) for fill in frame.fills] == [1]
    assert len(account_frame(stage.account("a"), 7, 0, stage.now_ns).fills) == 2
    assert frame.available == frame.equity - Decimal(5 * 110) / 20


def test_fills_at_the_cursors_own_instant_are_reported() -> None:
    """Several fills may share an instant, so the one at the cursor is sent again."""
    stage = Stage()
    stage.buy("a", 1)
    assert len(account_frame(stage.account("a"), 1, stage.now_ns, stage.now_ns).fills) == 1


def test_the_reported_liquidation_price_is_where_it_happens() -> None:
    """One tick above it nothing happens, at one tick below the account is liquidated."""
    for side in Side:
        stage = Stage(make_instrument(tick="0.01"), deposit=100)
        stage.quote(9_990, 10_000, 100, 100)
        stage.order("a", side, 15)
        (line,) = account_frame(stage.account("a"), 1, 0, 1).positions
        price = line.liquidation_price
        assert price is not None
        safe, deadly = price + side * Decimal("0.01"), price - side * Decimal("0.01")
        stage.mark(str(safe))
        assert stage.exchange.execution.liquidations == 0
        stage.mark(str(deadly))
        assert stage.exchange.execution.liquidations > 0


def test_books_that_disagree_are_noticed() -> None:
    """A check raises when a balance or a lot is not what the positions say."""
    stage = Stage()
    stage.buy("a", 1)
    account = stage.account("a")
    account.balance += 1
    with pytest.raises(InvariantError):
        account.check()
    account.balance -= 1
    account.holding(stage.exchange.markets[KEY]).lots += 1
    with pytest.raises(InvariantError):
        account.check()


def make_inverse() -> Instrument:
    """Return a perpetual of 100 dollars a contract that settles in coin."""
    return Instrument(
        venue="alpha",
        symbol="BTCUSD",
        base="BTC",
        quote="USD",
        settle="BTC",
        tick=Decimal("0.5"),
        lot=Decimal(1),
        kind=ContractKind.INVERSE,
        multiplier=Decimal(100),
        taker_fee=Decimal("0.001"),
        tiers=make_instrument().tiers,
    )


@pytest.mark.parametrize(("deposit", "ending"), [("0.0225", None), ("0.0215", "rejected: ins")])
def test_inverse_margin_is_in_coin(deposit: str, ending: str | None) -> None:
    """Margin 0.02, loss against the mark 0.00198 and fee 0.000198 coin, together 0.02218."""
    stage = Stage()
    stage.exchange = Exchange("alpha", [make_inverse()])
    stage.exchange.open_account("a", Decimal(deposit), Decimal(10))
    key = make_inverse().key
    stage.exchange.quote(make_quote(100_000, 101_000, 1_000, 1_000, instrument=key), 1)
    stage.exchange.mark(key, Decimal(50_000), None, 1)
    found = stage.ending(stage.buy("a", 100, symbol="BTCUSD"))
    assert (found and found[:13]) == ending


def test_inverse_contracts_pay_in_coin() -> None:
    """A short of 100 dollar contracts closed lower earns N C (1/P - 1/E) coin, fees in coin."""
    inverse = make_inverse()
    exchange = Exchange("alpha", [inverse])
    exchange.open_account("a", Decimal(1), Decimal(10))
    stage = Stage()
    stage.exchange = exchange
    key = inverse.key
    exchange.quote(make_quote(100_000, 100_001, 1_000, 1_000, instrument=key), 1)
    exchange.mark(key, Decimal(50_000), None, 1)
    stage.sell("a", 100, symbol="BTCUSD")
    exchange.quote(make_quote(79_999, 80_000, 1_000, 1_000, instrument=key), 1)
    exchange.mark(key, Decimal(40_000), None, 1)
    stage.buy("a", 100, symbol="BTCUSD")
    account = exchange.account("a")
    account.check()
    gain = Decimal(10_000) / 40_000 - Decimal(10_000) / 50_000
    fees = (Decimal(10_000) / 40_000 + Decimal(10_000) / 50_000) * Decimal("0.001")
    assert account.balance == 1 + gain - fees


def test_a_generated_mark_is_the_published_rule() -> None:
    """The running mean of 30 basis samples equals the rule over the whole history."""
    mark = BasisMark()
    mids = [Decimal(100 + n * n % 7) for n in range(80)]
    index = [Decimal(99 + n % 3) for n in range(80)]
    for n in range(80):
        expected = mark_price_basis(mids[: n + 1], index[: n + 1], index[n])
        assert mark.sample(mids[n], index[n]) == expected


def test_a_generated_rate_is_the_published_rule() -> None:
    """Premiums are averaged with rising weights and damped; each interval starts anew."""
    meter = FundingMeter()
    premiums = []
    for n in range(50):
        bid = Decimal(100) + Decimal(n) / 10
        meter.sample(bid, bid + 1, Decimal(100))
        premiums.append((bid - 100) / 100)
    expected = funding_rate_binance(premium_average(premiums), cap=Decimal(1), floor=Decimal(-1))
    assert meter.settle(interval_h=8, cap=Decimal(1)) == expected
    assert expected > Decimal("0.03")
    assert meter.settle(interval_h=8, cap=Decimal(1)) == Decimal("0.0001")
    meter.sample(Decimal(150), Decimal(151), Decimal(100))
    assert meter.settle(interval_h=8, cap=Decimal("0.02")) == Decimal("0.02")
