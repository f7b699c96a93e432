"""Rate budget, scope map, flatten task: the small parts that decide alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.flatten.task import Task
from actors.messages.flatten import FlattenState
from actors.messages.venue import AccountSnapshot, VenueOrder, VenuePosition
from actors.root import ScopeMap
from actors.venues.budget import RateBudget
from domain.errors import DomainError
from domain.orders import Side

D = Decimal
SECOND_NS = 1_000_000_000


def test_a_rate_budget_keeps_its_reserve_for_what_lowers_risk() -> None:
    """Of 20 tokens new risk gets 15; the last five are for cancels and reduce-only orders."""
    budget = RateBudget(10.0, 20, 0.25)
    risky = [budget.take(0, lowers_risk=False) for _ in range(20)]
    assert risky == [True] * 15 + [False] * 5
    lowering = [budget.take(0, lowers_risk=True) for _ in range(7)]
    assert lowering == [True] * 5 + [False] * 2


def test_a_rate_budget_refills_by_time_and_never_beyond_its_burst() -> None:
    """At 10 a second one token returns in 100 ms; an hour returns no more than the burst."""
    budget = RateBudget(10.0, 20, 0.0)
    for _ in range(20):
        assert budget.take(0, lowers_risk=True)
    assert not budget.take(99_000_000, lowers_risk=True)
    assert budget.take(100_000_001, lowers_risk=True)
    assert not budget.take(100_000_001, lowers_risk=True)
    later = 3_600 * SECOND_NS
    assert [budget.take(later, lowers_risk=True) for _ in range(21)] == [True] * 20 + [False]


def test_a_refused_request_spends_nothing() -> None:
    """Asking in vain does not use up the reserve."""
    budget = RateBudget(1.0, 4, 0.5)
    for _ in range(100):
        budget.take(0, lowers_risk=False)
    assert [budget.take(0, lowers_risk=True) for _ in range(3)] == [True, True, False]


# -- scopes -----------------------------------------------------------------------------------

SCOPES = ScopeMap(
    instruments=("a:BTC", "a:ETH", "b:BTC", "b:ETH", "c:SOL"),
    pairs=(("btc", "a:BTC", "b:BTC"), ("eth", "b:ETH", "a:ETH")),
)


@pytest.mark.parametrize(
    ("scope", "key", "instruments", "pairs"),
    [
        ("instrument", "c:SOL", ("c:SOL",), ()),
        ("instrument", "b:BTC", ("a:BTC", "b:BTC"), ("btc",)),
        ("pair", "eth", ("a:ETH", "b:ETH"), ("eth",)),
        ("venue", "a", ("a:BTC", "a:ETH", "b:BTC", "b:ETH"), ("btc", "eth")),
        ("venue", "c", ("c:SOL",), ()),
        ("all", "", ("a:BTC", "a:ETH", "b:BTC", "b:ETH", "c:SOL"), ("btc", "eth")),
    ],
)
def test_a_scope_that_touches_one_leg_takes_the_other(
    scope: str, key: str, instruments: tuple[str, ...], pairs: tuple[str, ...]
) -> None:
    """No flatten leaves a naked leg; the order is that of the config."""
    assert SCOPES.expand(scope, key) == (instruments, pairs)


@pytest.mark.parametrize(
    ("scope", "key"), [("pair", "doge"), ("venue", "d"), ("instrument", "a:SOL"), ("world", "")]
)
def test_a_scope_that_does_not_exist_is_refused(scope: str, key: str) -> None:
    """The refusal names what was asked for."""
    with pytest.raises(DomainError, match=f"no {scope} '{key}'"):
        SCOPES.expand(scope, key)


# -- tasks ------------------------------------------------------------------------------------


def snapshot(time_ns: int, held: dict[str, str], orders: tuple[str, ...] = ()) -> AccountSnapshot:
    """Return an account that holds and orders this."""
    return AccountSnapshot(
        request=1,
        venue_time_ns=time_ns,
        balance=D(0),
        equity=D(0),
        available=D(0),
        orders=tuple(
            VenueOrder(
                client_id=f"o{index}",
                instrument=key,
                side=Side.BUY,
                quantity=D(1),
                filled=D(0),
                price=None,
                reduce_only=False,
            )
            for index, key in enumerate(orders)
        ),
        positions=tuple(
            VenuePosition(
                instrument=key,
                quantity=D(quantity),
                entry=None,
                mark=D(1),
                margin=D(0),
                maintenance=D(0),
                liquidation_price=None,
            )
            for key, quantity in held.items()
        ),
        fills=(),
    )


def test_a_snapshot_older_than_the_last_terminal_event_does_not_count() -> None:
    """What was measured before an order ended says nothing about after."""
    task = Task("a", ("a:BTC",), 0)
    task.last_terminal_ns = 100
    assert task.measure(snapshot(99, {"a:BTC": "0"})) is None
    measured = task.measure(snapshot(100, {"a:BTC": "-2"}))
    assert measured is not None
    assert [position.quantity for position in measured] == [D(-2)]
    assert task.open == {"a:BTC": D(-2)}


def test_a_task_sees_its_own_instruments_only() -> None:
    """Positions and orders outside the scope are nobody's business here."""
    task = Task("a", ("a:BTC",), 0)
    shot = snapshot(1, {"a:BTC": "0", "a:ETH": "5"}, ("a:ETH", "a:BTC", "a:BTC"))
    assert task.measure(shot) == []
    assert task.live_orders(shot) == ("a:BTC",)


def test_a_task_is_done_when_the_venue_confirmed_flat_and_not_before() -> None:
    """Every other state goes on."""
    task = Task("a", ("a:BTC",), 0)
    for state in FlattenState:
        task.state = state
        assert task.done is (state is FlattenState.FLAT_CONFIRMED)
