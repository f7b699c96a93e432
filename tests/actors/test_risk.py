"""Risk: reservations, the margin and drawdown ladders, the breaker, and sticky trips."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actors.messages.market import MarkUpdated, QuoteUpdated, topic_key
from actors.messages.orders import OrderRefused, OrderUpdated
from actors.messages.pairs import PairPhase
from actors.messages.portfolio import EquityUpdated
from actors.messages.positions import PositionQuery
from actors.messages.risk import (
    HaltRequested,
    MarginWarning,
    ReduceRequested,
    ResumeRequested,
    TradingStateChanged,
)
from actors.risk.book import Holding, RiskBook
from actors.runtime import Topic
from domain.authority import TradingState
from domain.money import install_context
from domain.orders import Order, OrderState, OrderType, Side
from simulations.listings import listing
from tests.drills.cast import Buy
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, World, leg, pair_settings

D = Decimal
T = TradingState
install_context()


def book() -> RiskBook:
    """Return a book of BTC on alpha and beta, hedged at one half."""
    holdings = {}
    for venue in (ALPHA, BETA):
        item = listing(venue, "BTC", maker_fee=D(0), taker_fee=D(0))
        quote, mark = (
            Topic(topic_key(QuoteUpdated, item.key)),
            Topic(topic_key(MarkUpdated, item.key)),
        )
        quote.last = QuoteUpdated(
            instrument=item.key,
            bid_ticks=299_999,
            bid_lots=9,
            ask_ticks=300_001,
            ask_lots=9,
            venue_time_ns=0,
            sequence=1,
        )
        quote.seen_ns = 0
        holdings[item.key] = Holding(item, quote, mark)
    return RiskBook(holdings, (pair_settings(),))


def order(number: int, side: Side = Side.BUY, quantity: str = "0.5", venue: str = ALPHA) -> Order:
    """Return a market order."""
    return Order(
        client_id=str(number),
        instrument=leg(venue),
        side=side,
        quantity=D(quantity),
        owner="/x",
        created_ns=0,
        order_type=OrderType.MARKET,
    )


def update(number: int, state: OrderState, filled: str = "0") -> OrderUpdated:
    """Return what a venue connection says of an order."""
    return OrderUpdated(client_id=str(number), instrument=leg(ALPHA), state=state, filled=D(filled))


def reserved(kept: RiskBook) -> tuple[Decimal, Decimal, int]:
    """Return what is reserved on alpha: to buy, to sell, and how many orders are UNKNOWN."""
    holding = kept.holdings[leg(ALPHA)]
    return holding.reserved_buy, holding.reserved_sell, holding.unknown


def test_an_order_is_reserved_at_full_size_until_it_is_final() -> None:
    """Neither acknowledgement nor a partial fill releases anything."""
    kept = book()
    kept.reserve(order(1), 0, OrderState.PENDING)
    kept.reserve(order(2, Side.SELL, "0.2"), 0, OrderState.PENDING)
    assert reserved(kept) == (D("0.5"), D("0.2"), 0)
    kept.updated(update(1, OrderState.OPEN))
    kept.updated(update(1, OrderState.PARTIALLY_FILLED, "0.4"))
    assert reserved(kept) == (D("0.5"), D("0.2"), 0)
    kept.updated(update(1, OrderState.FILLED, "0.5"))
    kept.updated(update(2, OrderState.CANCELLED))
    assert reserved(kept) == (D("0.0"), D("0.0"), 0)
    assert not kept.live


def test_an_unknown_order_keeps_its_full_size_and_blocks_its_instrument() -> None:
    """UNKNOWN counts once, however often it is told, and ends with the order's fate."""
    kept = book()
    kept.reserve(order(1), 0, OrderState.PENDING)
    for _ in range(3):
        kept.updated(update(1, OrderState.UNKNOWN))
    assert reserved(kept) == (D("0.5"), D(0), 1)
    assert kept.context(order(2), T.ACTIVE, 0, 0).unknown_on_instrument
    assert not kept.context(order(2, venue=BETA), T.ACTIVE, 0, 0).unknown_on_instrument
    kept.updated(update(1, OrderState.OPEN))
    assert reserved(kept) == (D("0.5"), D(0), 0)
    kept.updated(update(1, OrderState.UNKNOWN))
    kept.updated(update(1, OrderState.EXPIRED))
    assert reserved(kept) == (D("0.0"), D(0), 0)


def test_an_order_that_never_left_is_released_once() -> None:
    """A refusal at the gate frees the reservation; a second one changes nothing."""
    kept = book()
    kept.reserve(order(1), 0, OrderState.PENDING)
    kept.release("1")
    kept.release("1")
    kept.updated(update(1, OrderState.FILLED, "0.5"))
    assert reserved(kept) == (D("0.0"), D(0), 0)


def test_reservations_count_towards_gross_notional() -> None:
    """What may still be bought or sold is exposure already, at the mid without a mark."""
    kept = book()
    kept.reserve(order(1), 0, OrderState.PENDING)
    kept.reserve(order(2, Side.SELL, "0.2", BETA), 0, OrderState.PENDING)
    assert kept.context(order(3), T.ACTIVE, 0, 0).gross_notional == D("0.7") * 30_000


def test_orders_of_the_last_minute_are_counted_from_their_approval() -> None:
    """A minute later they do not count any more."""
    kept = book()
    for number in range(3):
        kept.reserve(order(number), number * 10**9, OrderState.PENDING)
    assert kept.orders_last_minute(60 * 10**9) == 3
    assert kept.orders_last_minute(61 * 10**9) == 2
    assert kept.orders_last_minute(63 * 10**9) == 0


def test_profit_of_the_day_starts_again_at_midnight_utc() -> None:
    """The daily loss is measured from the first look of each UTC day."""
    kept = book()
    day_ns = 86_400 * 10**9
    assert kept.booked_today(0) == 0
    kept.holdings[leg(ALPHA)].booked = D(-40)
    assert kept.booked_today(day_ns - 1) == -40
    assert kept.booked_today(day_ns) == 0
    kept.holdings[leg(ALPHA)].booked = D(-45)
    assert kept.booked_today(day_ns + 1) == -5


# -- the margin ladder ------------------------------------------------------------------------


def squeeze(world: World, equity: str) -> None:
    """Leave the account at alpha with so much equity, and let Keel see account and mark."""
    account = world.venues[ALPHA].exchange.account("main")
    taken = account.equity() - D(equity)
    account.balance -= taken
    account.deposits -= taken
    world.tell("/venues/alpha", PositionQuery(instrument=leg(ALPHA)))
    world.run(0.1)
    world.mark(leg(ALPHA))
    world.run(1.1)


@pytest.mark.parametrize(
    ("equity", "actions", "held"),
    [
        ("140", [], "0.333"),
        ("130", ["warned"], "0.333"),
        ("85", ["reduced"], "0.166"),
        ("60", ["flattened"], "0"),
    ],
)
def test_margin_is_warned_of_then_reduced_then_flattened(
    equity: str, actions: list[str], held: str
) -> None:
    """Maintenance is 39.96: from 30 % of equity a warning, 45 % half the pair, 65 % nothing."""
    world = World()
    world.open_pair()
    squeeze(world, equity)
    assert [item.action for item in world.said(MarginWarning)] == actions
    if held == "0":
        world.until(world.confirmed_flat, 10)
    assert world.held(leg(ALPHA)) == D(held)
    verdict(world, exposed_ms_max=0)


def test_an_account_without_equity_is_flattened() -> None:
    """No equity is not a division by zero but the end of the ladder."""
    world = World()
    world.open_pair()
    squeeze(world, "41")
    world.until(world.confirmed_flat, 10)
    assert world.flat()


# -- the drawdown ladder ----------------------------------------------------------------------


def fall(world: World, drawdown: str) -> None:
    """Let the portfolio report a drawdown."""
    equity = D(100) * (1 - D(drawdown))
    world.tell("/risk", EquityUpdated(equity=equity, peak=D(100), drawdown=D(drawdown)))
    world.run(1)


def test_a_drawdown_below_the_first_step_changes_nothing() -> None:
    """At 14.9 % everything goes on."""
    world = World()
    world.open_pair()
    fall(world, "0.149")
    assert world.trading().state is T.ACTIVE
    assert world.held(leg(ALPHA)) == D("0.333")


def test_a_drawdown_of_fifteen_percent_reduces_once_and_keeps_half() -> None:
    """The step is taken once, not at every sample."""
    world = World()
    world.open_pair()
    for drawdown in ("0.15", "0.16", "0.17"):
        fall(world, drawdown)
    assert world.trading().state is T.REDUCING
    assert world.held(leg(ALPHA)) == D("0.166")
    assert world.phase() is PairPhase.HEDGED
    verdict(world, exposed_ms_max=0)


def test_a_drawdown_of_twenty_five_percent_halts_and_flattens() -> None:
    """The last step closes everything by permits."""
    world = World()
    world.open_pair()
    fall(world, "0.15")
    fall(world, "0.25")
    assert world.trading().state is T.HALTED
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


# -- trips ------------------------------------------------------------------------------------


def test_trips_are_sticky_and_only_go_down_until_an_operator_resumes() -> None:
    """HALTED does not become REDUCING by itself, and each change raises the epoch."""
    world = World()
    epochs = [world.trading().epoch]
    steps: list[tuple[Any, TradingState]] = [
        (ReduceRequested(who="a", reason="x"), T.REDUCING),
        (HaltRequested(who="a", reason="x"), T.HALTED),
        (ReduceRequested(who="b", reason="y"), T.HALTED),
        (ResumeRequested(who="c"), T.ACTIVE),
    ]
    for message, state in steps:
        world.tell("/risk", message)
        assert world.trading().state is state
        epochs.append(world.trading().epoch)
    assert epochs == sorted(epochs)
    assert len(set(epochs)) == 4
    assert world.said(TradingStateChanged)[-1].reason == "resumed by c"


def test_a_trip_survives_a_crash_of_risk() -> None:
    """The state comes back from the root, sticky as it was."""
    world = World()
    world.tell("/risk", HaltRequested(who="a", reason="x"))
    world.poison("/risk")
    world.run(1)
    assert world.trading().state is T.HALTED
    assert world.trading().epoch > 2_000_000
    buy = Buy(instrument=leg(ALPHA, "ETH"), quantity=D("0.5"), price=None)
    world.tell("/trader", buy)
    assert world.actor("/trader").refused[-1].reason == "halted"


def test_rejects_in_a_row_are_counted_from_the_last_fill() -> None:
    """Nine rejects, a fill, nine rejects: no trip; the tenth in a row trips."""
    world = World()
    eth = leg(ALPHA, "ETH")

    def trade(rejects: int) -> None:
        world.venues[ALPHA].reject_next(rejects, "no")
        for _ in range(rejects):
            world.tell("/trader", Buy(instrument=eth, quantity=D("0.05"), price=None))
            world.run(0.6)

    trade(9)
    world.tell("/trader", Buy(instrument=eth, quantity=D("0.05"), price=None))
    world.run(0.6)
    trade(9)
    assert world.trading().state is T.ACTIVE
    trade(1)
    assert world.trading().state is T.REDUCING
    assert world.trading().reason == "10 rejects in a row"


@pytest.mark.parametrize(
    ("side", "quantity", "venue", "lowers"),
    [
        (Side.SELL, "0.15", BETA, True),
        (Side.SELL, "0.299", BETA, True),
        (Side.SELL, "0.3", BETA, False),
        (Side.BUY, "0.15", BETA, False),
        (Side.SELL, "0.15", ALPHA, False),
    ],
)
def test_only_the_hedge_leg_lowers_the_net_error_and_not_by_overshooting(
    side: Side, quantity: str, venue: str, lowers: bool
) -> None:
    """With 0.3 of main leg the error is 0.15: leaving as much on the other side is no gain."""
    kept = book()
    kept.holdings[leg(ALPHA)].quantity = D("0.3")
    wanted = order(1, side, quantity, venue)
    assert kept.context(wanted, T.REDUCING, 0, 0).net_target_reduces is lowers


def test_a_hedge_already_on_its_way_counts_as_filled() -> None:
    """Two hedges that each close the error would together open another."""
    kept = book()
    kept.holdings[leg(ALPHA)].quantity = D("0.3")
    kept.reserve(order(1, Side.SELL, "0.15", BETA), 0, OrderState.PENDING)
    second = order(2, Side.SELL, "0.15", BETA)
    assert not kept.context(second, T.REDUCING, 0, 0).net_target_reduces


def test_a_half_open_pair_is_hedged_while_reducing() -> None:
    """REDUCING refuses the next pair and not the hedge of this one."""
    world = World(latency_ns=20_000_000)
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1)
    world.tell("/risk", ReduceRequested(who="a", reason="x"))
    world.until(lambda: world.phase() is PairPhase.HEDGED, 2)
    world.signal(-1)
    world.run(1)
    assert world.flat()
    assert "reducing" in [item.reason for item in world.said(OrderRefused)]
    verdict(world, exposed_ms_max=60)
