"""Instruments: a listing that could not be traded is refused when it is made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.errors import DomainError
from domain.instruments import Instrument, split_key
from tests.domain.examples import TIERS, make_instrument


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tick", Decimal(0)),
        ("tick", Decimal(-1)),
        ("tick", Decimal("NaN")),
        ("lot", Decimal(0)),
        ("lot", Decimal("Infinity")),
        ("multiplier", Decimal(0)),
        ("tiers", ()),
        ("tiers", TIERS[1:]),
        ("quantity_min", Decimal(101)),
    ],
)
def test_an_impossible_listing_is_refused_with_its_field(field: str, value: Any) -> None:
    """The message names the instrument and the field at fault."""
    with pytest.raises(DomainError, match=f"alpha:BTC.*{field}"):
        make_instrument(**{field: value})


def test_a_key_names_venue_and_symbol() -> None:
    """The key splits into what it was made of, even where a symbol has a colon."""
    assert make_instrument().key == "alpha:BTC"
    assert split_key("alpha:BTC") == ("alpha", "BTC")
    assert split_key("hyperliquid:xyz:XYZ100") == ("hyperliquid", "xyz:XYZ100")


@pytest.mark.parametrize("key", ["", "BTC", ":BTC", "alpha:"])
def test_a_key_without_venue_or_symbol_is_refused(key: str) -> None:
    """A bare symbol is ambiguous."""
    with pytest.raises(DomainError):
        split_key(key)


def test_an_instrument_is_immutable_and_survives_the_journal() -> None:
    """It cannot be changed in place, and encodes and decodes to an equal value."""
    instrument = make_instrument()
    with pytest.raises(AttributeError):
        instrument.tick = Decimal(1)  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(instrument), type=Instrument) == instrument
