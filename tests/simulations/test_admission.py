"""The exchange takes orders that obey its rules and names the first rule that one breaks."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.errors import DomainError
from domain.orders import OrderState, Side
from simulations.exchange.admission import ExchangeRules
from simulations.exchange.exchange import Exchange
from simulations.wire import CancelRefusedFrame, ErrorFrame, ErrorKind, MassCancelFrame
from tests.simulations.stage import KEY, SECOND_NS, Stage, make_instrument, make_quote

LISTED = make_instrument(
    tick="0.5", lot="0.01", quantity_min="0.05", quantity_max=Decimal(50), notional_min="20"
)


def rejected(stage: Stage, client_id: str) -> str | None:
    """Return the reason of a rejection."""
    state, _, reason = (stage.ending(client_id) or ": ").partition(": ")
    return reason if state == "rejected" else None


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        ("0.055", None, "lot"),
        ("NaN", None, "lot"),
        ("Infinity", None, "lot"),
        ("-1", None, "lot"),
        ("0", None, "lot"),
        ("0.04", None, "quantity_min"),
        ("50.01", None, "quantity_max"),
        ("1", "100.3", "tick"),
        ("1", "NaN", "tick"),
        ("1", "-100", "tick"),
        ("1", "0", "tick"),
        ("0.1", "100", "notional_min"),
        ("0.1", None, "notional_min"),
    ],
)
def test_an_order_off_the_listing_is_refused(quantity: str, price: str | None, reason: str) -> None:
    """Steps, minimum and maximum size, and minimum notional are the listing's."""
    stage = Stage(LISTED)
    assert rejected(stage, stage.buy("a", quantity, price)) == reason
    assert stage.held("a") == 0


def test_an_order_on_the_listing_is_taken() -> None:
    """The smallest order that obeys every rule trades."""
    stage = Stage(LISTED)
    stage.quote(199, 201, 100, 100)
    assert stage.ending(stage.buy("a", "0.21")) is None
    assert stage.held("a") == 21


def test_minimum_notional_is_waived_for_what_only_reduces() -> None:
    """A rest below the minimum can be closed, unless the house rules say otherwise."""
    for waived, reason in ((True, None), (False, "notional_min")):
        stage = Stage(LISTED, reduce_only_below_minimum=waived)
        stage.quote(199, 201, 100, 100)
        stage.buy("a", "0.21")
        assert rejected(stage, stage.sell("a", "0.1", reduce_only=True)) == reason


def test_reduce_only_refuses_what_would_increase() -> None:
    """Flat or on the same side as the position, there is nothing to reduce."""
    stage = Stage()
    assert rejected(stage, stage.sell("a", 1, reduce_only=True)) == "reduce_only"
    stage.buy("a", 2)
    assert rejected(stage, stage.buy("a", 1, reduce_only=True)) == "reduce_only"
    assert rejected(stage, stage.sell("a", 1, reduce_only=True)) is None


def test_an_unknown_symbol_is_refused() -> None:
    """An order for what is not listed is rejected."""
    stage = Stage()
    assert rejected(stage, stage.buy("a", 1, symbol="DOGE")) == "unknown_symbol"


def test_an_order_that_arrives_after_its_expiry_is_refused() -> None:
    """The venue enforces expires_ns on arrival too."""
    stage = Stage()
    assert rejected(stage, stage.buy("a", 1, expires_ns=stage.now_ns)) == "expired"


def test_a_halted_exchange_refuses_orders_and_takes_cancels() -> None:
    """Halted: no order in, every order out."""
    stage = Stage()
    resting = stage.buy("a", 1, 98)
    stage.exchange.halt()
    assert rejected(stage, stage.buy("a", 1)) == "halted"
    stage.exchange.cancel("a", resting, stage.now_ns)
    stage.collect()
    assert stage.ending(resting) == "cancelled: requested"


def test_without_a_mark_nothing_can_be_margined() -> None:
    """Before the first mark price orders are refused."""
    stage = Stage()
    exchange = Exchange("alpha", [make_instrument()])
    stage.exchange = exchange
    exchange.quote(make_quote(99, 101), 1)
    assert rejected(stage, stage.buy("a", 1)) == "no_mark"


def test_a_mark_that_is_no_price_is_not_taken() -> None:
    """NaN, infinity and zero leave the last good mark in place."""
    stage = Stage()
    for bad in ("NaN", "Infinity", "0", "-5"):
        stage.mark(bad)
        assert stage.exchange.markets[KEY].mark == 100


def test_a_client_id_works_once() -> None:
    """The second use is an error that leaves the first order alone, live or finished."""
    stage = Stage()
    stage.buy("a", 1, 98, client_id="same")
    stage.buy("a", 7, client_id="same")
    errors = [frame for _, frame in stage.frames if isinstance(frame, ErrorFrame)]
    assert [error.kind for error in errors] == [ErrorKind.DUPLICATE_CLIENT_ID]
    assert stage.ending("same") is None
    stage.exchange.cancel("a", "same", stage.now_ns)
    stage.buy("a", 7, client_id="same")
    assert stage.held("a") == 0
    assert stage.fills(stage.buy("b", 1, client_id="same")) == [(101, 1)]


def test_too_many_orders_a_second_are_not_taken() -> None:
    """The order beyond the limit is an error, is not on record, and the next second starts anew."""
    stage = Stage(orders_per_second_max=2)
    orders = [stage.buy("a", 1, 90) for _ in range(3)]
    errors = [frame for _, frame in stage.frames if isinstance(frame, ErrorFrame)]
    assert [(error.kind, error.client_id) for error in errors] == [
        (ErrorKind.RATE_LIMITED, orders[2])
    ]
    assert stage.exchange.order_frame("a", 1, orders[2], 0).state is None
    stage.now_ns += SECOND_NS
    assert stage.buy("a", 1, 90) in stage.exchange.account("a").orders


def test_a_cancel_of_what_is_not_live_says_why() -> None:
    """Unknown and final orders are told apart."""
    stage = Stage()
    filled = stage.buy("a", 1)
    for client_id in ("never", filled):
        stage.exchange.cancel("a", client_id, stage.now_ns)
    stage.collect()
    refused = [frame for _, frame in stage.frames if isinstance(frame, CancelRefusedFrame)]
    assert [frame.reason for frame in refused] == ["unknown", "final"]


def test_an_order_can_be_looked_up_in_every_state() -> None:
    """Open, partly filled, filled, cancelled, rejected and unknown orders are told apart."""
    stage = Stage()
    ids = {
        OrderState.OPEN: stage.buy("a", 1, 90),
        OrderState.FILLED: stage.buy("a", 1),
        OrderState.PARTIALLY_FILLED: stage.buy("a", 12, 101),
        OrderState.CANCELLED: stage.buy("a", 1, 91),
        OrderState.REJECTED: stage.sell("a", 99, symbol="DOGE"),
    }
    stage.exchange.cancel("a", ids[OrderState.CANCELLED], stage.now_ns)
    found = {
        state: stage.exchange.order_frame("a", 1, client_id, 0) for state, client_id in ids.items()
    }
    assert {state: frame.state for state, frame in found.items()} == {state: state for state in ids}
    assert found[OrderState.PARTIALLY_FILLED].filled == 9
    assert found[OrderState.FILLED].filled == 1
    assert stage.exchange.order_frame("a", 1, "never", 0).state is None


def test_a_dead_mans_switch_cancels_everything_of_its_account_alone() -> None:
    """Armed anew it waits; disarmed it never trips; tripped it says so."""
    stage = Stage()
    mine, others = stage.buy("a", 1, 90), stage.buy("b", 1, 90)
    stage.exchange.arm_switch("a", 5 * SECOND_NS)
    stage.exchange.arm_switch("a", 9 * SECOND_NS)
    stage.exchange.arm_switch("b", 5 * SECOND_NS)
    stage.exchange.arm_switch("b", 0)
    stage.exchange.advance(8 * SECOND_NS)
    stage.collect()
    assert stage.ending(mine) is None
    assert stage.exchange.due_ns == 9 * SECOND_NS
    stage.exchange.advance(9 * SECOND_NS)
    stage.collect()
    assert stage.ending(mine) == "cancelled: dead_mans_switch"
    assert stage.account("a").switch_ns == 0
    assert stage.ending(others) is None
    told = [name for name, frame in stage.frames if isinstance(frame, MassCancelFrame)]
    assert told == ["a"]


def test_cancel_all_can_be_limited_to_a_symbol() -> None:
    """Only that symbol's orders end; None means all."""
    stage = Stage()
    orders = [stage.buy("a", 1, 90), stage.order("a", Side.SELL, 1, 110)]
    assert stage.exchange.cancel_all("a", "OTHER", stage.now_ns, "requested") == 0
    assert stage.exchange.cancel_all("a", None, stage.now_ns, "requested") == 2
    stage.collect()
    assert [stage.ending(order) for order in orders] == ["cancelled: requested"] * 2


@pytest.mark.parametrize(
    "rules",
    [
        {"orders_per_second_max": 0},
        {"liquidation_fee": Decimal(1)},
        {"liquidation_step": Decimal(0)},
    ],
)
def test_impossible_house_rules_are_refused(rules: dict[str, Decimal]) -> None:
    """Rules that no venue could have are errors."""
    with pytest.raises(DomainError):
        ExchangeRules(**rules)  # type: ignore[arg-type] # made of one field each


def test_accounts_are_opened_once_and_with_money() -> None:
    """A second account of one name, or one without deposit, is an error; so is an unknown one."""
    exchange = Exchange("alpha", [make_instrument()])
    exchange.open_account("a", Decimal(1))
    for name, deposit in (("a", Decimal(1)), ("b", Decimal(0)), ("c", Decimal("NaN"))):
        with pytest.raises(DomainError):
            exchange.open_account(name, deposit)
    with pytest.raises(DomainError):
        exchange.account("nobody")
