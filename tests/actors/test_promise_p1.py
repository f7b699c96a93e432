"""P1: no order without authority; each test carries a way round it that is closed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.messages.flatten import BeginFlatten, PermitDenied, PermitGranted, PermitRequested
from actors.messages.orders import OrderRefused, SubmitOrder
from actors.messages.risk import EpochRaised, HaltRequested, ReduceRequested, ResumeRequested
from domain.authority import Approval, Gate, GateRefusal, Mint
from domain.errors import InvariantError
from domain.orders import Order, OrderType, Side, TimeInForce
from simulations.gateway import SimulatedGateway
from tests.drills.cast import Buy
from tests.drills.faults import Crash
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, APPROVAL_KEY, PERMIT_KEY, World, leg

ETH = leg(ALPHA, "ETH")
EPOCH = 1_000_001


def order(number: int = 1, **changes: Any) -> Order:
    """Return a market order of the trader, changed as asked."""
    fields: dict[str, Any] = {
        "client_id": f"0x0000000700000100000000{number:010x}",
        "instrument": ETH,
        "side": Side.BUY,
        "quantity": Decimal("0.5"),
        "owner": "/trader",
        "created_ns": 0,
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.IOC,
    }
    return Order(**{**fields, **changes})


def approval(world: World, of: Order, *, epoch: int = EPOCH, ttl_ms: int = 1_000) -> Approval:
    """Return an approval as risk would mint it."""
    expires_ns = world.kernel.monotonic + ttl_ms * 1_000_000
    return Mint(APPROVAL_KEY).approve(of, epoch=epoch, book_sequence=1, expires_ns=expires_ns)


def refusals(world: World) -> list[str]:
    """Return why the trader's orders did not leave."""
    return [str(item.reason) for item in world.actor("/trader").refused]


def submit(world: World, authority: Any) -> None:
    """Hand an authority to the connection, past risk."""
    world.tell("/venues/alpha", SubmitOrder(authority=authority))
    world.run(0.1)


def test_p1_an_approval_is_good_for_exactly_one_order_once() -> None:
    """P1: the second use of an approval is refused and never reaches the venue."""
    world = World()
    approved = approval(world, order())
    submit(world, approved)
    submit(world, approved)
    assert world.held(ETH) == Decimal("0.5")
    assert refusals(world) == ["duplicate"]


def test_p1_an_order_approved_twice_is_handed_over_once() -> None:
    """P1: a second approval of the same client id opens no second way."""
    world = World()
    submit(world, approval(world, order()))
    submit(world, approval(world, order(quantity=Decimal("0.7"))))
    assert world.held(ETH) == Decimal("0.5")
    assert refusals(world) == ["duplicate"]


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Decimal("0.6")},
        {"side": Side.SELL},
        {"instrument": leg(ALPHA, "BTC")},
        {"reduce_only": True},
        {"time_in_force": TimeInForce.GTC},
        {"client_id": "0x00000007000001000000000000000009"},
    ],
    ids=str,
)
def test_p1_an_altered_order_has_no_approval(changes: dict[str, Any]) -> None:
    """P1: the seal covers every field of the order."""
    world = World()
    approved = approval(world, order())
    altered = msgspec.structs.replace(approved, order=order(**changes))
    submit(world, altered)
    assert refusals(world) == ["forged"]
    assert not world.witness.submissions


@pytest.mark.parametrize("field", ["epoch", "expires_ns", "book_sequence", "number"])
def test_p1_an_altered_approval_is_no_approval(field: str) -> None:
    """P1: the seal covers every field of the approval."""
    world = World()
    approved = approval(world, order())
    longer = getattr(approved, field) + 10**12
    submit(world, msgspec.structs.replace(approved, **{field: longer}))
    assert refusals(world) == ["forged"]
    assert not world.witness.submissions


def test_p1_a_seal_of_another_key_is_no_seal() -> None:
    """P1: whoever does not hold risk's key cannot approve."""
    world = World()
    foreign = Mint(PERMIT_KEY).approve(
        order(), epoch=EPOCH, book_sequence=1, expires_ns=world.kernel.monotonic + 10**9
    )
    submit(world, foreign)
    assert refusals(world) == ["forged"]
    assert not world.witness.submissions


def test_p1_a_permit_key_does_not_turn_an_approval_into_a_permit() -> None:
    """P1: permits and approvals are sealed apart, so neither passes as the other."""
    permit = Mint(APPROVAL_KEY).permit(
        order(reduce_only=True), epoch=1, scope="all:", venue_quantity=Decimal(1), expires_ns=10**9
    )
    assert Gate(PERMIT_KEY).redeem(permit, 0) is GateRefusal.FORGED


def test_p1_an_approval_of_an_earlier_epoch_is_refused_at_the_venue() -> None:
    """P1: each change to REDUCING or HALTED voids what was approved before it."""
    world = World()
    early = approval(world, order())
    world.tell("/risk", ReduceRequested(who="operator", reason="drill"))
    submit(world, early)
    assert refusals(world) == ["stale_epoch"]
    assert not world.witness.submissions


def test_p1_a_connection_that_knows_no_epoch_takes_no_approval() -> None:
    """P1: until risk has said which epoch holds, every approval may be stale."""
    mute = Crash(EpochRaised, times=99, mute=True)
    world = World(crashes={"/venues/alpha": mute})
    submit(world, approval(world, order()))
    assert refusals(world) == ["stale_epoch"]
    assert not world.witness.submissions


def test_p1_a_connection_that_starts_again_learns_the_epoch_before_its_first_order() -> None:
    """P1: a crash of the receiver makes no void approval valid."""
    world = World()
    early = approval(world, order(), ttl_ms=60_000)
    world.tell("/risk", ReduceRequested(who="operator", reason="drill"))
    world.tell("/risk", ResumeRequested(who="operator"))
    world.poison("/venues/alpha")
    world.until(lambda: world.connection(ALPHA) == "live", 2)
    submit(world, early)
    assert refusals(world) == ["stale_epoch"]
    assert not world.witness.submissions


def test_p1_an_approval_expires_on_the_monotonic_clock() -> None:
    """P1: after its 1,000 ms it is worth nothing, whatever UTC says."""
    world = World()
    early = approval(world, order(), ttl_ms=1_000)
    world.run(1.001)
    world.runtime.step_clock(-(10**10))
    submit(world, early)
    assert refusals(world) == ["expired"]
    assert not world.witness.submissions


def test_p1_a_gateway_takes_nothing_but_an_authority() -> None:
    """P1: an order by itself cannot be handed over."""
    world = World()
    gateway = world.actor("/venues/alpha")._gateway._inner
    assert isinstance(gateway, SimulatedGateway)
    with pytest.raises(TypeError, match="Approval or a FlattenPermit"):
        gateway.submit(order(), 0)  # type: ignore[arg-type]


def test_p1_a_market_order_is_valued_at_its_worst_case_from_a_fresh_book() -> None:
    """P1: 25 ETH at 2,000 pass a limit of 50,000 by the mid, not at the far side and 1 % beyond."""
    world = World()
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("24.9"), price=None))
    assert refusals(world) == ["order_notional"]
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("24.7"), price=None))
    world.run(0.1)
    assert refusals(world) == ["order_notional"]
    assert world.held(ETH) == Decimal("24.7")


def test_p1_a_market_order_without_a_fresh_price_gets_no_approval() -> None:
    """P1: a quote older than 2,000 ms is no price."""
    world = World()
    world.quoting[ALPHA] = False
    world.run(1.9)
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.1"), price=None))
    world.run(0.2)
    assert refusals(world) == []
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.1"), price=None))
    assert refusals(world) == ["stale_quote"]


def test_p1_a_halt_leaves_no_way_to_an_approval() -> None:
    """P1: HALTED, even an order that only reduces is refused."""
    world = World()
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.1"), price=None))
    world.run(0.1)
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal("0.1"), price=None))
    assert refusals(world) == ["halted"]
    verdict(world, exposed_ms_max=0)


# -- permits ----------------------------------------------------------------------------------


def permit_for(world: World, wanted: Order, figure: str, mandate: int = 1) -> Any:
    """Ask the root for a permit as the flattener does, and return its answer."""
    request = PermitRequested(mandate=mandate, order=wanted, venue_quantity=Decimal(figure))
    return world.runtime.ask("/", request)


def with_mandate(world: World) -> None:
    """Give the root a mandate over ETH on alpha that has not ended."""
    begin = BeginFlatten(
        mandate=1, epoch=1, scope="instrument", key=ETH, instruments=(ETH,), reason="drill"
    )
    world.actor("/").flattening[1] = begin


@pytest.mark.parametrize(
    ("wanted", "figure", "mandate"),
    [
        (order(side=Side.SELL, reduce_only=True, quantity=Decimal("0.6")), "0.5", 1),
        (order(side=Side.SELL, reduce_only=False), "0.5", 1),
        (order(side=Side.BUY, reduce_only=True), "0.5", 1),
        (order(side=Side.SELL, reduce_only=True), "0", 1),
        (order(side=Side.SELL, reduce_only=True), "0.5", 2),
        (order(side=Side.SELL, reduce_only=True, instrument=leg(ALPHA)), "0.5", 1),
    ],
    ids=["too large", "not reduce-only", "wrong side", "nothing held", "no mandate", "other scope"],
)
def test_p1_the_root_permits_nothing_beyond_mandate_and_venue_figure(
    wanted: Order, figure: str, mandate: int
) -> None:
    """P1: a permit is reduce-only, closing, in scope, and at most the venue's own figure."""
    world = World()
    with_mandate(world)
    answer = permit_for(world, wanted, figure, mandate)
    assert isinstance(answer, PermitDenied)


def test_p1_a_permit_needs_no_fresh_price_and_no_risk_supervisor() -> None:
    """P1: the root permits what closes, however old the quotes and whatever the trading state."""
    world = World()
    with_mandate(world)
    world.quoting[ALPHA] = False
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.run(60)
    answer = permit_for(world, order(side=Side.SELL, reduce_only=True), "0.5")
    assert isinstance(answer, PermitGranted)
    assert answer.permit.scope == f"instrument:{ETH}"


def test_p1_a_permit_cannot_be_made_for_more_than_the_venue_shows() -> None:
    """P1: the mint itself refuses, as a violation."""
    with pytest.raises(InvariantError, match="at most"):
        Mint(PERMIT_KEY).permit(
            order(side=Side.SELL, reduce_only=True, quantity=Decimal(2)),
            epoch=1,
            scope="all:",
            venue_quantity=Decimal(1),
            expires_ns=1,
        )


def test_p1_a_permit_is_spent_once_at_the_gate() -> None:
    """P1: a permit sent to a connection twice closes once."""
    world = World()
    world.tell("/trader", Buy(instrument=ETH, quantity=Decimal(1), price=None))
    world.run(0.1)
    permit = Mint(PERMIT_KEY).permit(
        order(side=Side.SELL, reduce_only=True),
        epoch=1,
        scope="all:",
        venue_quantity=Decimal(1),
        expires_ns=world.kernel.monotonic + 10**9,
    )
    submit(world, permit)
    submit(world, permit)
    assert world.held(ETH) == Decimal("0.5")
    assert refusals(world) == ["duplicate"]


def test_p1_every_refusal_at_the_gate_is_told_to_owner_and_risk() -> None:
    """P1: what did not leave frees its reservation and is counted."""
    world = World()
    submit(world, approval(world, order(), epoch=1))
    assert refusals(world) == ["stale_epoch"]
    told = [item for item in world.said(OrderRefused) if item.reason == "stale_epoch"]
    assert len(told) == 1
    assert not world.actor("/risk")._book.live
