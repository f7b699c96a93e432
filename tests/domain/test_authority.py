"""Authority: what a gate lets through was minted for exactly that order, once, and in time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec.structs import astuple

from domain.authority import (
    _PERMIT,
    Approval,
    FlattenPermit,
    Gate,
    GateRefusal,
    Mint,
    _derived,
    _seal,
)
from domain.errors import DomainError, InvariantError
from domain.orders import Order, OrderType, Side, TimeInForce
from domain.value import Value
from tests.domain.examples import make_order

KEY = b"the key of this test"
OTHER_KEY = b"the key of another test"


def approval(order: Order | None = None, **changes: Any) -> Approval:
    """Return an approval of epoch 1 that expires at 1000."""
    terms: dict[str, Any] = {"epoch": 1, "book_sequence": 7, "expires_ns": 1000}
    return Mint(KEY).approve(order or make_order(), **(terms | changes))


def permit(order: Order | None = None, **changes: Any) -> FlattenPermit:
    """Return a permit of epoch 1 that expires at 1000."""
    terms: dict[str, Any] = {
        "epoch": 1,
        "scope": "venue:alpha",
        "venue_quantity": Decimal("-0.1"),
        "expires_ns": 1000,
    }
    return Mint(KEY).permit(order or make_order(reduce_only=True), **(terms | changes))


@pytest.mark.parametrize("authority", [approval(), permit()])
def test_p1_an_authority_passes_once(authority: Approval | FlattenPermit) -> None:
    """P1: the first hand-over passes and the second is refused."""
    gate = Gate(KEY)
    assert gate.redeem(authority, 1000) is None
    assert gate.redeem(authority, 1000) is GateRefusal.SPENT


def test_p1_an_order_passes_once_whoever_approves_it_again() -> None:
    """P1, P4: a second approval of an order, also from a restarted mint, sends nothing twice."""
    gate, mint = Gate(KEY), Mint(KEY)
    terms = {"epoch": 1, "book_sequence": 7, "expires_ns": 1000}
    first, second = mint.approve(make_order(), **terms), mint.approve(make_order(), **terms)
    other = Mint(KEY).approve(make_order(client_id="0x2"), **terms)
    assert (first.number, second.number, other.number) == (1, 2, 1)
    assert gate.redeem(first, 0) is None
    assert gate.redeem(second, 0) is GateRefusal.SPENT
    assert gate.redeem(other, 0) is None


ORDER_CHANGES: list[dict[str, Any]] = [
    {"client_id": "0x9"},
    {"instrument": "alpha:ETH"},
    {"side": Side.SELL},
    {"quantity": Decimal("0.2")},
    {"owner": "/strategies/other"},
    {"created_ns": 1},
    {"order_type": OrderType.STOP},
    {"price": Decimal(2000)},
    {"time_in_force": TimeInForce.IOC},
    {"reduce_only": True},
    {"expires_ns": 5},
]


@pytest.mark.parametrize("changes", ORDER_CHANGES, ids=lambda changes: next(iter(changes)))
def test_p1_an_altered_order_is_forged(changes: dict[str, Any]) -> None:
    """P1: no field of the order can change after the approval."""
    order = msgspec.structs.replace(make_order(), **changes)
    altered = msgspec.structs.replace(approval(), order=order)
    assert Gate(KEY).redeem(altered, 0) is GateRefusal.FORGED


def test_every_field_of_an_order_was_altered() -> None:
    """The list above covers each field that an order has."""
    assert sorted(name for changes in ORDER_CHANGES for name in changes) == sorted(
        Order.__struct_fields__
    )


@pytest.mark.parametrize(
    ("authority", "changes"),
    [
        (approval(), {"number": 2}),
        (approval(), {"epoch": 2}),
        (approval(), {"book_sequence": 8}),
        (approval(), {"expires_ns": 1001}),
        (approval(), {"seal": b""}),
        (permit(), {"number": 2}),
        (permit(), {"epoch": 2}),
        (permit(), {"scope": "all"}),
        (permit(), {"venue_quantity": Decimal(-100)}),
        (permit(), {"expires_ns": 1001}),
        (permit(), {"seal": bytes(16)}),
    ],
)
def test_p1_altered_terms_are_forged(
    authority: Approval | FlattenPermit, changes: dict[str, Any]
) -> None:
    """P1: neither number, epoch, expiry nor scope can change after minting."""
    altered = msgspec.structs.replace(authority, **changes)
    assert Gate(KEY).redeem(altered, 0) is GateRefusal.FORGED


def test_p1_another_mint_has_no_authority() -> None:
    """P1: a seal of another key does not hold, nor a permit's seal on an approval."""
    assert Gate(OTHER_KEY).redeem(approval(), 0) is GateRefusal.FORGED
    borrowed = msgspec.structs.replace(approval(), seal=permit().seal)
    assert Gate(KEY).redeem(borrowed, 0) is GateRefusal.FORGED


def test_p1_a_look_alike_has_no_authority() -> None:
    """P1: the same fields and a good seal in a value of another type do not pass."""

    class LookAlike(Value, kw_only=True):
        order: Order
        number: int
        epoch: int
        book_sequence: int
        expires_ns: int
        seal: bytes

    copy = LookAlike(**msgspec.structs.asdict(approval()))
    assert Gate(KEY).redeem(copy, 0) is GateRefusal.FORGED  # type: ignore[arg-type]


def test_p1_an_approval_does_not_outlive_its_epoch_but_a_permit_does() -> None:
    """P1: a halt refuses approvals in flight at the receiver; permits are made for it."""
    gate = Gate(KEY)
    gate.raise_epoch(2)
    gate.raise_epoch(1)
    assert gate.epoch == 2
    assert gate.redeem(approval(), 0) is GateRefusal.STALE_EPOCH
    assert gate.redeem(permit(), 0) is None
    assert gate.redeem(approval(make_order(client_id="0x2"), epoch=2), 0) is None


@pytest.mark.parametrize("authority", [approval(), permit()])
def test_an_authority_expires(authority: Approval | FlattenPermit) -> None:
    """It holds up to its expiry and not a nanosecond longer; a refusal spends nothing."""
    gate = Gate(KEY)
    assert gate.redeem(authority, 1001) is GateRefusal.EXPIRED
    assert gate.redeem(authority, 1000) is None


@pytest.mark.parametrize(
    "order", [make_order(), make_order(reduce_only=True, quantity=Decimal("0.101"))]
)
def test_a_permit_only_reduces_and_at_most_what_the_venue_holds(order: Order) -> None:
    """A mint does not make a permit that could open or flip a position."""
    with pytest.raises(InvariantError):
        permit(order)


def test_a_gate_remembers_a_bounded_number_of_orders() -> None:
    """P7: the memory of spent orders has a limit, and recent orders are in it."""
    gate, mint = Gate(KEY), Mint(KEY)
    terms = {"epoch": 1, "book_sequence": 7, "expires_ns": 1000}
    for number in range(65_546):
        order = make_order(client_id=f"0x{number:032x}")
        assert gate.redeem(mint.approve(order, **terms), 0) is None
    assert len(gate._spent) == 65_536
    last = make_order(client_id=f"0x{65_545:032x}")
    assert gate.redeem(mint.approve(last, **terms), 0) is GateRefusal.SPENT


def test_p1_a_gate_checks_again_that_a_permit_reduces() -> None:
    """P1: a well-sealed permit for an order that could open a position does not pass."""
    good = permit()
    fields = (_PERMIT, 1, 1, good.scope, good.venue_quantity, 1000, astuple(make_order()))
    seal = _seal(_derived(KEY), fields)
    bad = msgspec.structs.replace(good, order=make_order(), seal=seal)
    assert Gate(KEY).redeem(bad, 0) is GateRefusal.NOT_REDUCING


@pytest.mark.parametrize("length", [0, 15, 65])
def test_a_key_has_a_sound_length(length: int) -> None:
    """A short key is refused where it is given."""
    with pytest.raises(DomainError):
        Mint(bytes(length))
    with pytest.raises(DomainError):
        Gate(bytes(length))
