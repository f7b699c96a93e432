"""Orders: each state and event is decided, and what cannot be is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import DomainError, InvariantError
from domain.orders import (
    FINAL_STATES,
    Fill,
    Liquidity,
    OrderEvent,
    OrderState,
    OrderType,
    Side,
    advance,
)
from tests.domain.examples import make_order

EVENTS = (
    OrderEvent.SUBMIT,
    OrderEvent.REFUSE,
    OrderEvent.ACKNOWLEDGE,
    OrderEvent.FILL_PART,
    OrderEvent.FILL_ALL,
    OrderEvent.CANCEL_SENT,
    OrderEvent.CANCEL_REFUSED,
    OrderEvent.CANCEL,
    OrderEvent.REJECT,
    OrderEvent.EXPIRE,
    OrderEvent.LOSE,
)
# One row per state, one column per event above; "." stays as it is and "!" is a violation.
DECISIONS = {
    # submit, refuse, acknowledge, part, all, cancel sent and refused, cancel, reject, expire, lose
    OrderState.PENDING: "S R ! ! ! ! ! C ! ! !",
    OrderState.SUBMITTED: "! ! O P F cp . C R E ?",
    OrderState.OPEN: "! ! . P F cp . C R E ?",
    OrderState.PARTIALLY_FILLED: "! ! . . F cp . C R E ?",
    OrderState.CANCEL_PENDING: "! ! . . F . O C R E ?",
    OrderState.UNKNOWN: "! ! O P F . . C R E .",
    OrderState.FILLED: "! ! . . . . . . . . .",
    OrderState.CANCELLED: "! ! . . F . . . . . .",
    OrderState.REJECTED: "! ! . . F . . . . . .",
    OrderState.EXPIRED: "! ! . . F . . . . . .",
}
LETTERS = {
    "S": OrderState.SUBMITTED,
    "O": OrderState.OPEN,
    "P": OrderState.PARTIALLY_FILLED,
    "F": OrderState.FILLED,
    "cp": OrderState.CANCEL_PENDING,
    "C": OrderState.CANCELLED,
    "R": OrderState.REJECTED,
    "E": OrderState.EXPIRED,
    "?": OrderState.UNKNOWN,
}
PAIRS = [
    pytest.param(state, event, letter, id=f"{state}-{event}")
    for state, row in DECISIONS.items()
    for event, letter in zip(EVENTS, row.split(), strict=True)
]


@pytest.mark.parametrize(("state", "event", "letter"), PAIRS)
def test_every_state_and_event_is_decided(
    state: OrderState, event: OrderEvent, letter: str
) -> None:
    """Each of the 110 pairs leads where the table says, or is a violation."""
    if letter == "!":
        with pytest.raises(InvariantError, match=f"{state}.*{event}"):
            advance(state, event)
    else:
        assert advance(state, event) is (state if letter == "." else LETTERS[letter])


def test_the_table_leaves_nothing_out() -> None:
    """All states and all events are in the table above."""
    assert sorted(DECISIONS) == sorted(OrderState)
    assert sorted(EVENTS) == sorted(OrderEvent)
    assert len(PAIRS) == len(OrderState) * len(OrderEvent) == 110


@pytest.mark.parametrize(
    "events",
    [
        "fill_all",
        "fill_part acknowledge fill_all acknowledge",
        "acknowledge cancel_sent fill_part cancel fill_part",
        "acknowledge cancel_sent cancel_refused fill_part fill_all cancel_refused",
        "lose acknowledge cancel_sent lose cancel lose",
        "acknowledge acknowledge fill_part fill_part expire expire",
    ],
)
def test_late_and_repeated_venue_events_are_no_violation(events: str) -> None:
    """A venue may answer out of order and twice: the order still ends in a final state."""
    state = advance(OrderState.PENDING, OrderEvent.SUBMIT)
    for event in events.split():
        state = advance(state, OrderEvent(event))
    assert state in FINAL_STATES


@pytest.mark.parametrize("first", ["cancel", "reject", "expire"])
def test_a_complete_fill_wins_over_another_end(first: str) -> None:
    """The venue traded, whatever it said before; and nothing undoes a fill."""
    state = advance(advance(OrderState.OPEN, OrderEvent(first)), OrderEvent.FILL_ALL)
    assert state is OrderState.FILLED
    assert advance(state, OrderEvent(first)) is OrderState.FILLED


@pytest.mark.parametrize("value", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
@pytest.mark.parametrize("field", ["quantity", "price"])
def test_an_order_without_a_real_size_or_price_is_refused(field: str, value: Decimal) -> None:
    """Zero, negative and non-finite numbers make no order."""
    with pytest.raises(DomainError):
        make_order(**{field: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"price": None},
        {"order_type": OrderType.MARKET},
        {"order_type": OrderType.STOP, "price": None},
        {"order_type": OrderType.TAKE_PROFIT, "price": Decimal("NaN")},
    ],
)
def test_a_price_belongs_to_every_order_but_a_market_order(changes: dict[str, Any]) -> None:
    """A limit and a trigger need a price; a market order must not pretend to have one."""
    with pytest.raises(DomainError):
        make_order(**changes)


def test_a_side_signs_a_quantity() -> None:
    """Buys count up and sells down, for orders and fills."""
    assert make_order().signed_quantity == Decimal("0.1")
    assert make_order(side=Side.SELL).signed_quantity == Decimal("-0.1")
    assert [side.opposite for side in Side] == [Side.SELL, Side.BUY]
    fill = Fill(
        fill_id="1",
        client_id="",
        instrument="alpha:BTC",
        side=Side.SELL,
        quantity=Decimal(2),
        price=Decimal(1),
        fee=Decimal(0),
        fee_currency="USD",
        liquidity=Liquidity.MAKER,
        venue_time_ns=0,
    )
    assert fill.signed_quantity == -2
