"""Positions: what fills, fees and funding did is booked to the last digit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DomainError
from domain.instruments import ContractKind, Instrument
from domain.positions import (
    Position,
    apply_fill,
    apply_funding,
    break_even_price,
    contract_value,
    flat,
    notional,
    total_profit,
    trade_fee,
    unrealised,
)
from tests.domain.examples import PROPERTY, make_instrument

D = Decimal
LINEAR = make_instrument()
QUANTO = make_instrument(kind=ContractKind.QUANTO, multiplier=D("0.000001"))
INVERSE = make_instrument(kind=ContractKind.INVERSE, multiplier=D(10), lot=D(1))

lots = st.integers(-5000, 5000).filter(bool)
price_ticks = st.integers(1, 10**7)
fee_units = st.integers(-(10**6), 10**6)
fills = st.lists(st.tuples(lots, price_ticks, fee_units), min_size=1, max_size=40)


def book(instrument: Instrument, sequence: list[tuple[int, int, int]]) -> list[Position]:
    """Return the position after each fill of (lots, ticks, fee in 1E-8)."""
    positions = [flat(instrument)]
    for quantity, price, fee in sequence:
        positions.append(
            apply_fill(
                positions[-1],
                quantity * instrument.lot,
                price * instrument.tick,
                fee * D("1E-8"),
            )
        )
    return positions


@pytest.mark.parametrize("instrument", [LINEAR, QUANTO], ids=["linear", "quanto"])
@PROPERTY
@given(sequence=fills, mark_ticks=price_ticks, payment=fee_units)
def test_p9_profit_equals_cash_plus_terminal_value(
    instrument: Instrument, sequence: list[tuple[int, int, int]], mark_ticks: int, payment: int
) -> None:
    """P9: after any fills, realised − fees + funding + unrealised is cash + value, exactly."""
    position = apply_funding(book(instrument, sequence)[-1], payment * D("1E-8"))
    mark = mark_ticks * instrument.tick
    multiplier = Fraction(instrument.multiplier)
    cash = held = Fraction(payment, 10**8)
    held = Fraction(0)
    for quantity, price, fee in sequence:
        moved = quantity * Fraction(instrument.lot)
        cash -= moved * price * Fraction(instrument.tick) * multiplier + Fraction(fee, 10**8)
        held += moved
    assert Fraction(position.quantity) == held
    assert (
        Fraction(position.realised)
        - Fraction(position.fees)
        + Fraction(position.funding)
        + Fraction(unrealised(position, mark))
        == Fraction(total_profit(position, mark))
        == cash + held * Fraction(mark) * multiplier
    )


@PROPERTY
@given(fills, price_ticks)
def test_p9_inverse_profit_is_exact_over_booked_coin(
    sequence: list[tuple[int, int, int]], mark_ticks: int
) -> None:
    """P9: inverse profit equals booked coin exactly, and the ideal within a quantum per booking."""
    positions = book(INVERSE, sequence)
    mark = mark_ticks * INVERSE.tick
    kind, multiplier = INVERSE.kind, INVERSE.multiplier
    booked = ideal = Fraction(0)
    bookings = 1
    for (before, after), (quantity, price_tick, fee) in zip(
        pairwise(positions), sequence, strict=True
    ):
        price = price_tick * INVERSE.tick
        parts = [quantity * INVERSE.lot]
        if before.quantity * after.quantity < 0:
            parts = [-before.quantity, after.quantity]
        booked += sum(Fraction(contract_value(kind, multiplier, p, price)) for p in parts)
        booked -= Fraction(fee, 10**8)
        ideal += Fraction(quantity * 10) / Fraction(price) - Fraction(fee, 10**8)
        bookings += len(parts)
    last = positions[-1]
    terminal = Fraction(contract_value(kind, multiplier, last.quantity, mark))
    got = Fraction(total_profit(last, mark))
    assert got == booked - terminal
    ideal -= Fraction(last.quantity * 10) / Fraction(mark)
    assert abs(got - ideal) <= bookings * Fraction(1, 2 * 10**18)


@PROPERTY
@given(fills)
def test_realised_profit_follows_the_average_entry(sequence: list[tuple[int, int, int]]) -> None:
    """Realised profit is that of average cost in fractions, within a quantum per reduction."""
    held = cost = realised = Fraction(0)
    for position, (quantity, price_tick, _) in zip(
        book(LINEAR, sequence)[1:], sequence, strict=True
    ):
        moved, price = Fraction(quantity, 1000), Fraction(price_tick, 10)
        if held * moved >= 0:
            held, cost = held + moved, cost + moved * price
        else:
            closed = min(abs(moved), abs(held)) * (1 if held > 0 else -1)
            realised += closed * (price - cost / held)
            cost -= closed * cost / held
            held += moved
            if held * moved > 0:
                cost = held * price
        assert Fraction(position.quantity) == held
        assert abs(Fraction(position.realised) - realised) < Fraction(len(sequence), 10**12)
        assert abs(Fraction(position.cost) - cost) < Fraction(len(sequence), 10**12)


@PROPERTY
@given(fills)
def test_a_position_is_flat_exactly_when_it_has_no_entry_and_no_cost(
    sequence: list[tuple[int, int, int]],
) -> None:
    """Zero has entry None and no cost left over; anything else has an entry above zero."""
    for position in book(LINEAR, sequence):
        if position.quantity:
            assert position.entry is not None
            assert position.entry > 0
            assert (position.cost > 0) is (position.quantity > 0)
        else:
            assert position.entry is None
            assert position.cost == 0
            assert unrealised(position, D(1)) == 0


def fill(position: Position, quantity: str, price: str, fee: str = "0") -> Position:
    """Return the position after a fill written as text."""
    return apply_fill(position, D(quantity), D(price), D(fee))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_reduction_realises_and_leaves_the_entry(sign: int) -> None:
    """Closing a part realises its share of profit, and the entry stays."""
    held = fill(flat(LINEAR), f"{sign * 2}", "100")
    reduced = fill(held, f"{sign * -0.5}", "110")
    assert reduced.entry == held.entry == 100
    assert reduced.quantity == sign * D("1.5")
    assert reduced.realised == sign * 5


@pytest.mark.parametrize("sign", [1, -1])
def test_a_flip_realises_all_and_enters_at_the_fill(sign: int) -> None:
    """The old position is closed whole; what is left over has the fill's price as entry."""
    flipped = fill(fill(flat(LINEAR), f"{sign * 2}", "100"), f"{sign * -3}", "90")
    assert flipped.quantity == -sign
    assert flipped.entry == 90
    assert flipped.realised == sign * -20


def test_an_inverse_average_is_harmonic() -> None:
    """Contracts bought at two prices average by coin, not by dollars."""
    held = fill(fill(flat(INVERSE), "1000", "50000"), "1000", "100000")
    assert held.entry is not None
    assert abs(held.entry - D(200000) / 3) < D("1E-9")
    closed = fill(held, "-2000", "100000")
    assert closed.realised == D("0.1")
    assert closed.entry is None


def test_fees_and_funding_stay_apart_from_price_profit() -> None:
    """A fee is never in realised, a rebate lowers fees, and funding has its own sign."""
    held = fill(fill(flat(LINEAR), "1", "100", "0.05"), "-1", "101", "-0.02")
    held = apply_funding(held, D("-0.3"))
    assert (held.realised, held.fees, held.funding) == (D(1), D("0.03"), D("-0.3"))
    assert total_profit(held, D(1)) == D("0.67")


@pytest.mark.parametrize(
    ("quantity", "price"),
    [
        ("0", "1"),
        ("NaN", "1"),
        ("Infinity", "1"),
        ("1", "0"),
        ("1", "-1"),
        ("1", "NaN"),
        ("1", "Infinity"),
    ],
)
def test_an_impossible_fill_is_refused(quantity: str, price: str) -> None:
    """A fill has a size and a price above zero, or the feed is broken."""
    with pytest.raises(DomainError):
        fill(flat(LINEAR), quantity, price)


def test_sizes_and_fees_count_in_the_contract_s_own_currency() -> None:
    """Notional is quote, dollars or settlement; an inverse fee is coin, a rebate is negative."""
    assert notional(LINEAR, D(-2), D(100)) == 200
    assert notional(INVERSE, D(-2), D(100)) == 20
    assert notional(QUANTO, D(-1000), D(2000)) == 2
    assert trade_fee(LINEAR, D(-2), D(100), D("0.0005")) == D("0.1")
    assert trade_fee(LINEAR, D(2), D(100), D("-0.0001")) == D("-0.02")
    assert trade_fee(INVERSE, D(1000), D(50000), D("0.0005")) == D("0.0001")


@pytest.mark.parametrize("quantity", ["2", "-2"])
def test_break_even_pays_for_everything(quantity: str) -> None:
    """Closing at the break-even price leaves nothing, fees of the exit included."""
    rate, fee, paid = D("0.0005"), D("0.1"), D("0.5")
    held = apply_funding(fill(flat(LINEAR), quantity, "100", str(fee)), -paid)
    price = break_even_price(
        quantity=held.quantity,
        entry=D(100),
        fees_paid=held.fees,
        funding_paid=-held.funding,
        exit_fee_rate=rate,
    )
    closed = apply_fill(held, -held.quantity, price, abs(held.quantity) * price * rate)
    assert abs(total_profit(closed, price)) < D("1E-25")


@pytest.mark.parametrize(("quantity", "rate"), [("0", "0"), ("1", "1"), ("1", "-1.5")])
def test_no_break_even_where_none_exists(quantity: str, rate: str) -> None:
    """A flat position or a fee of the whole exit has no break-even price."""
    with pytest.raises(DomainError):
        break_even_price(
            quantity=D(quantity),
            entry=D(1),
            fees_paid=D(0),
            funding_paid=D(0),
            exit_fee_rate=D(rate),
        )
