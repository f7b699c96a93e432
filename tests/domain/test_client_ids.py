"""Client ids: unique, readable, and never mistaken for somebody else's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.client_ids import (
    ClientIdScheme,
    is_ours,
    owner_number,
    owner_numbers,
    parse,
)
from domain.errors import DomainError
from tests.domain.examples import PROPERTY

SCHEME = ClientIdScheme(deployment=0xDEADBEEF, incarnation=7)


@PROPERTY
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**24 - 1),
    st.integers(0, 2**24 - 1),
    st.integers(0, 2**8 - 1),
    st.integers(1, 5),
)
def test_an_id_says_all_that_went_into_it(
    deployment: int, incarnation: int, owner: int, leg: int, count: int
) -> None:
    """Deployment, incarnation, owner, leg and counter come back from the text."""
    issuer = ClientIdScheme(deployment=deployment, incarnation=incarnation).issuer(owner, leg)
    ids = [issuer.next() for _ in range(count)]
    assert len({*ids}) == count
    parts = parse(ids[-1])
    assert (parts.deployment, parts.incarnation) == (deployment, incarnation)
    assert (parts.owner, parts.leg, parts.counter) == (owner, leg, count)
    assert is_ours(ids[0], deployment)
    assert not is_ours(ids[0], deployment ^ 1)


def test_the_layout_is_fixed() -> None:
    """A venue that remembers our ids for months still reads as ours after an update."""
    assert SCHEME.issuer(0xABCDEF, 2).next() == "0xdeadbeef000007abcdef020000000001"


def test_an_issuer_stops_before_it_repeats() -> None:
    """After 2^40 − 1 ids there are no more."""
    issuer = SCHEME.issuer(1)
    issuer._counter = 2**40 - 2
    assert parse(issuer.next()).counter == 2**40 - 1
    with pytest.raises(DomainError):
        issuer.next()


@pytest.mark.parametrize(
    "text",
    [
        *("", "0x", "deadbeef", "0xDEADBEEF000007abcdef020000000001"),
        *("0xdeadbeef000007abcdef0200000000010", " 0xdeadbeef000007abcdef020000000001"),
        "0xdeadbeef000007abcdef02000000000g",
        "0xdeadbeef000007abcdef020000000001\n",
    ],
)
def test_a_foreign_form_is_not_ours(text: str) -> None:
    """A person's or another program's order does not parse as ours."""
    assert not is_ours(text, 0xDEADBEEF)
    with pytest.raises(DomainError):
        parse(text)


def test_every_field_has_its_own_width() -> None:
    """32, 24, 24 and 8 bits: one more is refused."""
    top = ClientIdScheme(deployment=2**32 - 1, incarnation=2**24 - 1)
    assert top.issuer(2**24 - 1, 255).next() == f"0x{'f' * 22}0000000001"
    with pytest.raises(DomainError, match="incarnation"):
        ClientIdScheme(deployment=0, incarnation=2**24)
    with pytest.raises(DomainError, match="owner"):
        top.issuer(2**24)
    with pytest.raises(DomainError, match="leg"):
        top.issuer(0, 256)


@pytest.mark.parametrize("number", [-1, 2**32])
def test_numbers_that_do_not_fit_are_refused(number: int) -> None:
    """Nothing is cut to fit its field."""
    for fields in (
        {"deployment": number, "incarnation": 0},
        {"deployment": 0, "incarnation": number},
    ):
        with pytest.raises(DomainError):
            ClientIdScheme(**fields)
    with pytest.raises(DomainError):
        SCHEME.issuer(number)
    with pytest.raises(DomainError):
        SCHEME.issuer(0, number)


def test_an_owner_has_the_same_number_everywhere() -> None:
    """The number depends on the address alone, not on the process."""
    assert owner_number("/hedges/btc") == 805_924
    assert owner_numbers(["/hedges/btc", "/flatten", "/hedges/btc"]) == {
        "/hedges/btc": 805_924,
        "/flatten": owner_number("/flatten"),
    }


def test_two_owners_with_one_number_are_refused_by_name() -> None:
    """The config check names both owners, so that one can be renamed."""
    seen: dict[int, str] = {}
    for n in range(100_000):
        address = f"/strategies/s{n}"
        other = seen.setdefault(owner_number(address), address)
        if other != address:
            with pytest.raises(DomainError, match=f"{other} and {address}"):
                owner_numbers([other, "/risk", address])
            return
    pytest.fail("no two of 100,000 addresses share 24 bits: the hash is not what it says")
