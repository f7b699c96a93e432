"""The generated pages are what the code says now, and no number in a config is without a range."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.settings import PairSettings, VenueSettings
from config import reference, supervision
from config.bounds import Range, range_of
from config.load import TABLES
from config.schema import InstrumentTable, TierTable
from domain.checks import RiskLimits

DOCS = Path(__file__).resolve().parents[2] / "docs"
STRUCTS = (*TABLES.values(), RiskLimits, PairSettings, VenueSettings, InstrumentTable, TierTable)


def test_the_configuration_page_is_the_schema() -> None:
    """docs/configuration.md is what `python -m config.reference` writes."""
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == reference.markdown()


def test_the_supervision_page_is_the_tree() -> None:
    """docs/supervision.md is what `python -m config.supervision` writes."""
    assert (DOCS / "supervision.md").read_text(encoding="utf-8") == supervision.markdown()


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_number_has_a_range(struct: type[msgspec.Struct]) -> None:
    """A number that a config may set cannot be negative, zero or huge by oversight."""
    numbers = [f.name for f in msgspec.structs.fields(struct) if f.type in (int, float, Decimal)]
    assert [name for name in numbers if range_of(struct, name) is None] == []


@pytest.mark.parametrize(
    ("limits", "inside", "outside", "words"),
    [
        (Range(low=Decimal(0)), ("0", "5"), ("-1",), "at least 0"),
        (Range(low=Decimal(0), low_open=True), ("0.1",), ("0", "-1"), "above 0"),
        (Range(high=Decimal(1)), ("1", "-9"), ("1.1",), "at most 1"),
        (
            Range(low=Decimal(0), high=Decimal(1), high_open=True),
            ("0", "0.9"),
            ("1",),
            "at least 0 and below 1",
        ),
    ],
)
def test_a_range_has_its_ends_or_not(
    limits: Range, inside: tuple[str, ...], outside: tuple[str, ...], words: str
) -> None:
    """Open ends are outside, closed ones inside, and the words say which."""
    assert all(limits.has(Decimal(value)) for value in inside)
    assert not any(limits.has(Decimal(value)) for value in outside)
    assert str(limits) == words
