"""P3: failure flattens; whoever owns exposure and fails for good has it closed by another path."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pytest

from actors.messages.flatten import FlattenRequested, FlattenState, FlattenStatus
from actors.messages.orders import OrdersQuery
from actors.messages.portfolio import EquityUpdated
from actors.messages.positions import PositionChanged
from actors.settings import RiskSettings
from domain.authority import FlattenPermit
from domain.errors import InvariantError
from tests.drills.faults import Crash
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, LIMITS, World, leg, pair_settings

POSITION = "/positions/beta/main/BTCUSDT"


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("/hedges/btc", "pair:btc"),
        ("/venues/alpha", "venue:alpha"),
        (POSITION, "instrument:beta:BTCUSDT"),
    ],
)
def test_p3_the_fourth_failure_within_a_minute_closes_the_scope_of_the_child_spec(
    address: str, scope: str
) -> None:
    """P3: three restarts are allowed; at the fourth failure the scope is closed by permits."""
    world = World(pairs=[pair_settings(), pair_settings("ETH")])
    world.open_pair()
    for _ in range(3):
        world.until(lambda: world.alive(address), 5)
        world.poison(address)
    world.until(lambda: world.alive(address), 5)
    assert not world.said(FlattenStatus)
    world.poison(address)
    world.until(world.confirmed_flat, 15)
    assert world.flat("BTC")
    assert {permit.scope for permit in world.witness.permits()} == {scope}
    world.run(10)
    group = address.rpartition("/")[0] or "/"
    siblings = [path for path in world.kernel.boxes if path.startswith(address.split("/")[1], 1)]
    verdict(world, exposed_ms_max=1_500, dead=[*siblings, group])


def test_p3_the_path_of_the_closing_orders_uses_nothing_of_what_failed() -> None:
    """P3: every closing order goes over the flattener's own sessions with the root's permits."""
    world = World()
    world.open_pair()
    before = len(world.witness.submissions)
    for _ in range(4):
        world.until(lambda: world.alive("/venues/alpha"), 5)
        world.poison("/venues/alpha")
    world.until(world.confirmed_flat, 15)
    closing = world.witness.submissions[before:]
    assert closing
    assert all(item.role == "flatten" for item in closing)
    assert all(type(item.authority) is FlattenPermit for item in closing)


def test_p3_the_outcome_says_whether_the_venue_confirmed_flat() -> None:
    """P3: FLAT_CONFIRMED comes after two zero snapshots, the second later than 3,000 ms."""
    world = World()
    world.open_pair()
    world.tell("/", FlattenRequested(scope="all", key="", who="operator", reason="drill"))
    world.until(world.confirmed_flat, 10)
    status = world.said(FlattenStatus)[-1]
    assert status.elapsed_ns >= 3_000_000_000
    assert status.open_quantities == ()
    assert world.flattens() == [
        FlattenState.CANCELLING,
        FlattenState.MEASURING,
        FlattenState.CLOSING,
        FlattenState.MEASURING,
        FlattenState.CONFIRMING,
        FlattenState.FLAT_CONFIRMED,
    ]


def test_p3_risk_that_cannot_be_computed_is_a_failure_of_risk() -> None:
    """P3: NaN in a figure is neither consent nor refusal: risk fails and starts again."""
    world = World()
    world.open_pair()
    message = world.said(PositionChanged)[-1]
    poisoned = PositionChanged(
        instrument=message.instrument,
        quantity=Decimal("NaN"),
        entry=None,
        cost=Decimal(0),
        realised=Decimal(0),
        fees=Decimal(0),
        funding=Decimal(0),
        confirmed=True,
        venue_time_ns=0,
        fill_id="x",
    )
    world.tell("/risk", poisoned)
    world.run(2)
    failures = [exit_.reason for path, exit_, *_ in world.kernel.lifecycle.failures]
    assert any(InvalidOperation.__name__ in reason for reason in failures)
    assert not world.actor("/risk").recovering
    verdict(world, exposed_ms_max=0, dead=["/risk"])


def test_p3_risk_that_cannot_recover_in_time_fails_until_everything_is_flat() -> None:
    """P3: a risk supervisor whose venues never answer gives up after recover_ms_max, each time."""
    silent: list[bool] = []
    mute = Crash(OrdersQuery, times=10**6, mute=True, when=lambda _: bool(silent))
    settings = RiskSettings(limits=LIMITS, recover_ms_max=2_000)
    world = World(risk=settings, crashes={"/venues/alpha": mute})
    world.open_pair()
    silent.append(True)
    world.stopping = True
    world.poison("/risk")
    world.until(world.confirmed_flat, 90, step_ms=100)
    assert world.flat()
    failures = [exit_.reason for path, exit_, *_ in world.kernel.lifecycle.failures]
    assert len([reason for reason in failures if "risk could not recover" in reason]) == 10


def test_p3_a_drawdown_beyond_the_limit_halts_and_flattens_everything() -> None:
    """P3: at 25 % below the peak nothing stays open."""
    world = World()
    world.open_pair()
    world.tell(
        "/risk", EquityUpdated(equity=Decimal(75), peak=Decimal(100), drawdown=Decimal("0.25"))
    )
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_p3_a_violation_anywhere_flattens_at_once_and_is_not_restarted() -> None:
    """P3: an InvariantError of a pair closes both its legs; its address stays empty."""
    crash = Crash(PositionChanged, error=InvariantError, when=lambda m: m.quantity < 0)
    world = World(crashes={"/hedges/btc": crash})
    world.signal(1)
    world.until(lambda: crash.done == 1 and world.confirmed_flat(), 20)
    assert world.flat()
    assert not world.alive("/hedges/btc")
    assert world.kernel.boxes["/hedges/btc"].incarnation == 1


def test_p3_a_flatten_takes_both_legs_of_a_pair_with_it() -> None:
    """P3: closing one venue leaves no naked leg on the other."""
    world = World(pairs=[pair_settings(), pair_settings("ETH")])
    world.open_pair()
    world.open_pair(-1, "eth")
    world.tell("/", FlattenRequested(scope="venue", key=ALPHA, who="operator", reason="drill"))
    world.until(world.confirmed_flat, 10)
    assert world.held(leg(BETA)) == 0
    assert world.held(leg(BETA, "ETH")) == 0
    verdict(world, exposed_ms_max=0)
