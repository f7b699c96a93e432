"""Profit and equity are exact, and risk is told what it must know."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from actors.messages.market import BarClosed, QuoteUpdated
from domain.instruments import ContractKind
from domain.positions import apply_fill, apply_funding, flat
from tests.portfolio.cast import (
    HEDGE,
    MAIN,
    MINUTE_NS,
    World,
    account,
    bought,
    changed,
    decimals,
    listed,
)

PRICES = st.integers(1, 200_000).map(lambda ticks: ticks * Decimal("0.5"))
MONEY = st.integers(-(10**6), 10**6).map(lambda cents: cents * Decimal("0.01"))
QUANTITIES = st.integers(-500, 500).filter(bool).map(lambda lots: lots * Decimal("0.001"))
STEP = st.one_of(
    st.tuples(st.just("fill"), st.sampled_from([MAIN, HEDGE]), QUANTITIES, PRICES, MONEY),
    st.tuples(st.just("funding"), st.sampled_from([MAIN, HEDGE]), MONEY),
    st.tuples(st.just("mark"), st.sampled_from([MAIN, HEDGE]), PRICES),
)


@given(st.lists(STEP, max_size=25))
def test_p9_profit_is_exactly_the_cash_that_moved_plus_what_is_held(
    steps: list[tuple],  # type: ignore[type-arg]
) -> None:
    """P9: pnl of legs, pair and total, fees, funding and equity equal an independent cash book."""
    world = World()
    world.tell(account("a", "1000"), account("b", "500"), changed(flat(MAIN)), changed(flat(HEDGE)))
    cash = {MAIN.key: Decimal(0), HEDGE.key: Decimal(0)}
    marks: dict[str, Decimal] = {}
    books = {MAIN.key: flat(MAIN), HEDGE.key: flat(HEDGE)}
    for place, (kind, instrument, *values) in enumerate(steps):
        key = instrument.key
        if kind == "mark":
            marks[key] = values[0]
            world.mark(instrument, values[0])
            continue
        if kind == "fill":
            quantity, price, fee = values
            cash[key] -= quantity * price + fee
            marks.setdefault(key, price)
            world.mark(instrument, marks[key])
            books[key] = apply_fill(books[key], quantity, price, fee)
        else:
            cash[key] += values[0]
            books[key] = apply_funding(books[key], values[0])
        world.tell(changed(books[key], f"f{place}" if kind == "fill" else ""))
    report = world.report()
    zero = Decimal(0)
    worth = {key: cash[key] + books[key].quantity * marks.get(key, zero) for key in cash}
    assert {leg.instrument: leg.pnl for leg in report.legs} == worth
    for leg in report.legs:
        assert leg.pnl == leg.realised - leg.fees + leg.funding + leg.unrealised - leg.carried
    total = sum(worth.values(), zero)
    assert report.pnl == report.pairs[0].pnl == total
    assert report.fees == sum((book.fees for book in books.values()), zero)
    assert report.funding == sum((book.funding for book in books.values()), zero)
    assert report.equity == 1_500 + total
    assert report.fills == sum(step[0] == "fill" for step in steps)
    assert report.final_flat == (not any(book.quantity for book in books.values()))


def test_equity_is_unknown_until_every_venue_has_reported() -> None:
    """A sum over half of the accounts would look like a loss; so there is none."""
    world = World()
    world.tell(account("a", "1000"))
    world.runtime.advance(3 * MINUTE_NS)
    report = world.report()
    assert (report.equity, report.equity_start, report.peak) == (None, None, None)
    assert world.heard == []
    world.tell(account("b", "500"))
    world.runtime.advance(MINUTE_NS)
    assert world.report().equity == 1_500
    assert [update.equity for update in world.heard] == [1_500]


def test_risk_is_told_equity_peak_and_drawdown_at_each_sample() -> None:
    """Once a minute, the figures that drawdown rules run on; the curve has a point for each."""
    world = World()
    world.tell(account("a", "1000"), account("b", "1000"))
    world.mark(MAIN, "100")
    world.tell(changed(bought(MAIN, "2", "100"), "f1"))
    for price in ("100", "200", "150"):
        world.mark(MAIN, price)
        world.runtime.advance(MINUTE_NS)
    told = [(update.equity, update.peak, update.drawdown) for update in world.heard]
    assert told == [
        decimals(2_000, 2_000, 0),
        decimals(2_200, 2_200, 0),
        decimals(2_100, 2_200, "0.045454546"),
    ]
    report = world.report(curve=True)
    assert [(point.utc_ns, point.equity) for point in report.curve] == [
        (MINUTE_NS, Decimal(2_000)),
        (2 * MINUTE_NS, Decimal(2_200)),
        (3 * MINUTE_NS, Decimal(2_100)),
    ]
    assert report.max_drawdown == Decimal("0.045454546")


def test_a_fill_is_told_when_it_moved_the_drawdown_by_a_step_and_not_otherwise() -> None:
    """A small fee is silent, a loss of more than a step is told before the next sample."""
    world = World(step="0.01")
    world.tell(account("a", "1000"), account("b", "0"))
    world.runtime.advance(MINUTE_NS)
    world.mark(MAIN, "100")
    world.tell(changed(bought(MAIN, "1", "100", fee="5"), "f1"))
    assert len(world.heard) == 1
    world.tell(changed(bought(MAIN, "1", "100", fee="10"), "f2"))
    assert [update.drawdown for update in world.heard] == [0, Decimal("0.01")]


def test_many_small_losses_are_told_as_one_large_one() -> None:
    """Fees that are each below a step add up: risk hears of them when they make a step."""
    world = World(step="0.01")
    world.tell(account("a", "1000"), account("b", "0"))
    world.runtime.advance(MINUTE_NS)
    world.mark(MAIN, "100")
    position = bought(MAIN, "1", "100", fee="1")
    for number in range(25):
        world.tell(changed(position, f"f{number}"))
        position = apply_fill(position, Decimal(1), Decimal(100), Decimal(1))
    told = [update.drawdown for update in world.heard[1:]]
    assert len(told) == 2
    assert all(
        abs(found - wanted) < Decimal("0.005")
        for found, wanted in zip(told, decimals("0.01", "0.02"), strict=True)
    )


def test_a_position_from_before_the_run_is_no_profit_of_the_run() -> None:
    """What an earlier run earned is carried: it is in the account's equity already."""
    world = World(instruments=(MAIN,))
    world.mark(MAIN, "120")
    before = apply_fill(bought(MAIN, "3", "100", fee="2"), Decimal(-1), Decimal(110), Decimal(1))
    world.tell(changed(before), account("a", "1000"))
    leg = world.leg(MAIN)
    assert (leg.pnl, leg.carried) == decimals(0, 10 - 3 + 40)
    world.mark(MAIN, "121")
    assert world.leg(MAIN).pnl == 2
    assert world.report().equity == 1_002


def test_a_first_report_in_the_middle_of_trading_finds_the_start_by_what_was_earned() -> None:
    """Equity at the start is the reported one less what this run earned by then."""
    world = World(instruments=(MAIN,))
    world.mark(MAIN, "100")
    world.tell(changed(bought(MAIN, "1", "90"), "f1"), account("a", "1000"))
    report = world.report()
    assert (report.equity_start, report.equity, report.pnl) == decimals(990, 1_000, 10)


def test_a_leg_is_valued_at_the_mark_else_the_middle_of_the_book_else_the_last_close() -> None:
    """The mark wins whenever it came; without any price nothing is made up."""
    world = World(instruments=(MAIN,))
    world.tell(changed(bought(MAIN, "1", "100"), "f1"))
    assert not world.leg(MAIN).priced
    assert world.leg(MAIN).unrealised == 0
    bar = BarClosed(
        instrument=MAIN.key,
        open_ticks=210,
        high_ticks=210,
        low_ticks=210,
        close_ticks=210,
        volume_lots=1,
        open_time_ns=0,
        close_time_ns=1,
    )
    world.publish("bar", bar)
    assert world.leg(MAIN).mark == 105
    quote = QuoteUpdated(
        instrument=MAIN.key,
        bid_ticks=220,
        bid_lots=1,
        ask_ticks=223,
        ask_lots=1,
        venue_time_ns=0,
        sequence=1,
    )
    world.publish("quote", quote)
    assert world.leg(MAIN).mark == Decimal("110.75")
    world.mark(MAIN, "111")
    assert (world.leg(MAIN).mark, world.leg(MAIN).unrealised) == decimals(111, 11)


def test_a_coin_settled_leg_counts_in_quote_at_the_mark() -> None:
    """An inverse contract earns coin; totals convert it, its own row does not."""
    inverse = listed("a", ContractKind.INVERSE)
    world = World(instruments=(inverse,))
    world.mark(inverse, "20000")
    world.tell(account("a", "0"), changed(bought(inverse, "10", "10000"), "f1"))
    assert world.leg(inverse).pnl == Decimal("0.05")
    report = world.report()
    assert (report.pnl, report.gross, report.net) == decimals(1_000, 1_000, 1_000)


def test_exposure_is_gross_and_net_over_both_legs() -> None:
    """A hedged pair is large in gross and small in net."""
    world = World()
    world.mark(MAIN, "100")
    world.mark(HEDGE, "101")
    world.tell(changed(bought(MAIN, "2", "100"), "f1"), changed(bought(HEDGE, "-2", "100"), "f2"))
    report = world.report()
    assert (report.gross, report.net) == decimals(402, -2)
    assert not report.final_flat
