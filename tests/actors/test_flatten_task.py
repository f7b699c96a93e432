"""How much of a leg stays while its partner's venue is dark."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.flatten.task import Task
from actors.messages.flatten import FlattenState

PARTNER = "alpha:BTCUSDT"


def task(state: FlattenState = FlattenState.MEASURING, **opened: str) -> Task:
    """Return the partner's task; with a quantity it has been measured."""
    made = Task("alpha", (PARTNER,), 0)
    made.state = state
    if opened:
        made.measured = True
        made.open = {PARTNER: Decimal(opened["quantity"])}
    return made


@pytest.mark.parametrize(
    ("held", "partner", "kept"),
    [
        ("-0.5", "1", "-0.5"),  # a hedge of a dark main leg stays whole
        ("1", "-0.5", "0.5"),  # a main leg shrinks to what offsets its dark hedge
        ("1", "-2", "1"),
        ("1", "0", "0"),
        ("1", "0.5", "0"),  # the same side offsets nothing
        ("-1", "-0.5", "0"),
    ],
)
def test_a_leg_keeps_what_offsets_a_partner_at_a_dark_venue(
    held: str, partner: str, kept: str
) -> None:
    """Never more than is held, never beyond zero; measured or by the owner's last word."""
    for known in (task(quantity=partner), task()):
        found = known.kept(Decimal(held), PARTNER, Decimal(partner), reachable=False)
        assert found == Decimal(kept)


def test_nothing_is_kept_for_a_partner_that_answers_or_is_done() -> None:
    """Both legs close once both were measured; until then a leg waits for the other's figure."""
    held = Decimal(1)
    assert task(quantity="-1").kept(held, PARTNER, held, reachable=True) == 0
    assert task(FlattenState.FLAT_CONFIRMED).kept(held, PARTNER, held, reachable=False) == 0
    assert task().kept(held, PARTNER, held, reachable=True) == held
