"""The Portfolio reports exactly what its sources said, and tells risk what it must know."""

import random
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.messages.flatten import FlattenState, FlattenStatus
from actors.messages.market import BarClosed, MarkUpdated, QuoteUpdated
from actors.messages.orders import OrderRefused
from actors.messages.pairs import ExposureEnded, PairPhase, PairStateChanged
from actors.messages.portfolio import (
    CountsQuery,
    CountsReported,
    EquityUpdated,
    LegReport,
    PortfolioQuery,
    PortfolioReply,
)
from actors.messages.positions import AccountReported, PositionChanged
from actors.messages.risk import MarginWarning, TradingStateChanged
from actors.messages.venue import ConnectionState, VenueStateChanged
from actors.portfolio.portfolio import Portfolio
from actors.runtime import Actor, ActorSpec, Message, SimulatedRuntime, handles
from actors.settings import PairSettings
from domain.authority import TradingState
from domain.instruments import ContractKind, Instrument, MarginTier
from domain.money import install_context
from domain.positions import Position, apply_fill, apply_funding, flat

install_context()

MINUTE_NS = 60_000_000_000
TIER = MarginTier(
    notional_floor=Decimal(0), maintenance_rate=Decimal("0.01"), leverage_max=Decimal(50)
)


def stream(name: str) -> random.Random:
    """Return a random stream of its own for each name."""
    return random.Random(name)


def decimals(*values: str | int) -> tuple[Decimal, ...]:
    """Return numbers as decimals."""
    return tuple(Decimal(value) for value in values)


def listed(venue: str, kind: ContractKind = ContractKind.LINEAR) -> Instrument:
    """Return an instrument with a tick of 0.5."""
    return Instrument(
        venue=venue,
        symbol="BTC",
        base="BTC",
        quote="USD",
        settle="USD",
        tick=Decimal("0.5"),
        lot=Decimal("0.001"),
        kind=kind,
        multiplier=Decimal(100 if kind is ContractKind.INVERSE else 1),
        tiers=(TIER,),
    )


MAIN, HEDGE = listed("a"), listed("b")
PAIR = PairSettings(
    name="btc", main=MAIN.key, hedge=HEDGE.key, ratio=Decimal(1), capital_usd=Decimal(1_000)
)


class Listener(Actor):
    """Stands for risk and for a source of counts."""

    def __init__(self, heard: list[EquityUpdated], counts: dict[str, int]) -> None:
        super().__init__()
        self.heard = heard
        self.told = counts

    @handles(EquityUpdated)
    def updated(self, message: EquityUpdated) -> None:
        """Keep it."""
        self.heard.append(message)

    @handles(CountsQuery)
    def counts(self, _: CountsQuery) -> None:
        """Answer with the counts of the moment."""
        counts = tuple(self.told.items())
        self.context.reply(CountsReported(source=self.context.path, counts=counts))


class World:
    """A portfolio, a risk that listens, and two sources of counts."""

    def __init__(
        self,
        instruments: tuple[Instrument, ...] = (MAIN, HEDGE),
        sources: tuple[str, ...] = (),
        step: str = "0.01",
    ) -> None:
        self.runtime = SimulatedRuntime(stream)
        self.heard: list[EquityUpdated] = []
        self.counts: dict[str, dict[str, int]] = {"journal": {}, "trend": {}}
        pairs = (PAIR,) if len(instruments) > 1 else ()
        self.runtime.spawn(ActorSpec("risk", lambda: Listener(self.heard, {})))
        for name, counts in self.counts.items():
            self.runtime.spawn(ActorSpec(name, partial(Listener, [], counts)))
        self.runtime.spawn(
            ActorSpec(
                "portfolio",
                lambda: Portfolio(
                    pairs=pairs,
                    instruments=instruments,
                    sources=sources,
                    drawdown_step=Decimal(step),
                ),
            )
        )
        self.runtime.settle()

    def tell(self, *messages: Message) -> None:
        """Tell the portfolio."""
        for message in messages:
            self.runtime.kernel.tell("/portfolio", message)
            self.runtime.settle()

    def publish(self, kind: str, message: MarkUpdated | QuoteUpdated | BarClosed) -> None:
        """Show market data under its topic."""
        topic = self.runtime.kernel.lifecycle.topic(f"{kind}:{message.instrument}")
        self.runtime.kernel.publish(topic, message)

    def mark(self, instrument: Instrument, price: str | Decimal) -> None:
        """Publish a mark."""
        mark = Decimal(price)
        update = MarkUpdated(instrument=instrument.key, mark=mark, index=mark, venue_time_ns=0)
        self.publish("mark", update)

    def report(self, *, curve: bool = False) -> PortfolioReply:
        """Ask for the figures."""
        reply = self.runtime.ask("/portfolio", PortfolioQuery(curve=curve))
        assert isinstance(reply, PortfolioReply)
        return reply

    def leg(self, instrument: Instrument) -> LegReport:
        """Return the figures of one leg."""
        (leg,) = [leg for leg in self.report().legs if leg.instrument == instrument.key]
        return leg


def changed(position: Position, fill_id: str = "") -> PositionChanged:
    """Return what a position owner would say of its book."""
    return PositionChanged(
        instrument=position.instrument,
        quantity=position.quantity,
        entry=position.entry,
        cost=position.cost,
        realised=position.realised,
        fees=position.fees,
        funding=position.funding,
        confirmed=True,
        venue_time_ns=0,
        fill_id=fill_id,
    )


def account(venue: str, equity: str) -> AccountReported:
    """Return what a venue says of an account."""
    worth = Decimal(equity)
    return AccountReported(
        venue=venue, balance=worth, equity=worth, available=worth, venue_time_ns=0
    )


def bought(instrument: Instrument, quantity: str, price: str, fee: str = "0") -> Position:
    """Return a position after one fill."""
    return apply_fill(flat(instrument), Decimal(quantity), Decimal(price), Decimal(fee))


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


def test_a_fill_is_counted_once_and_funding_is_no_fill() -> None:
    """The same fill id again, and changes without one, count nothing."""
    world = World()
    position = bought(MAIN, "2", "100")
    world.tell(
        changed(position, "f1"),
        changed(position, "f1"),
        changed(apply_funding(position, Decimal(1))),
        changed(position, "f2"),
        changed(position, "f1"),
    )
    assert world.report().fills == 2
    assert world.leg(MAIN).fills == 2


def test_what_happened_is_counted_and_the_latest_state_shown() -> None:
    """Refusals by reason, margin warnings, exposures, states of pairs, venues and mandates."""
    world = World()
    refusal = OrderRefused(client_id="c", instrument=MAIN.key, reason="leverage", detail="")
    status = FlattenStatus(
        mandate=1,
        scope="pair",
        key="btc",
        state=FlattenState.CLOSING,
        reason="drill",
        attempts=1,
        elapsed_ns=1,
        open_quantities=(),
    )
    exposed = [(1_000, 0, "5", "0.1"), (3_000, 70, "9", "0.3"), (2_000, 0, "7", "0.2")]
    world.tell(
        refusal,
        refusal,
        TradingStateChanged(state=TradingState.REDUCING, epoch=2, reason="drawdown"),
        VenueStateChanged(venue="b", state=ConnectionState.DEGRADED, reason="stale"),
        MarginWarning(venue="b", ratio=Decimal("0.4"), action="warn"),
        PairStateChanged(
            pair="btc",
            phase=PairPhase.UNWINDING,
            reason="hedge refused",
            main=Decimal(1),
            hedge=Decimal(0),
        ),
        status,
        *(
            ExposureEnded(
                pair="btc",
                exposed_ns=exposed_ns,
                unreachable_ns=unreachable_ns,
                notional_max=Decimal(notional),
                delta_error_max=Decimal(error),
            )
            for exposed_ns, unreachable_ns, notional, error in exposed
        ),
    )
    report = world.report()
    assert report.refusals == (("leverage", 2),)
    assert (report.trading, report.trading_reason) == (TradingState.REDUCING, "drawdown")
    venue = report.venues[1]
    assert (venue.state, venue.reason, venue.margin_warnings) == (
        ConnectionState.DEGRADED,
        "stale",
        1,
    )
    pair = report.pairs[0]
    assert (pair.phase, pair.reason, pair.exposures) == (PairPhase.UNWINDING, "hedge refused", 3)
    assert pair.delta_error_max == report.max_delta_error == Decimal("0.3")
    assert (report.exposed.count, report.exposed.p50, report.exposed.max) == (3, 2_000, 3_000)
    assert (report.unreachable.max, report.max_notional) == (70, Decimal(9))
    assert [flatten.state for flatten in report.flattens] == [FlattenState.CLOSING]
    assert report.unlisted == 0


def test_p7_reasons_and_mandates_are_bounded() -> None:
    """P7: a thousand different reasons and mandates keep 201 and 100 entries."""
    world = World()
    for number in range(1_000):
        world.tell(
            OrderRefused(client_id="c", instrument="x", reason=f"r{number}", detail=""),
            FlattenStatus(
                mandate=number,
                scope="all",
                key="",
                state=FlattenState.FAILED,
                reason="",
                attempts=0,
                elapsed_ns=0,
                open_quantities=(),
            ),
        )
    report = world.report()
    assert len(report.refusals) == 201
    assert dict(report.refusals)["other"] == 800
    assert [flatten.mandate for flatten in report.flattens] == list(range(900, 1_000))


def test_p8_messages_of_what_is_not_listed_are_counted() -> None:
    """P8: a stranger's message changes no figure and is not lost silently."""
    world = World()
    stranger = listed("z")
    world.tell(
        changed(bought(stranger, "1", "1"), "f"),
        account("z", "1"),
        VenueStateChanged(venue="z", state=ConnectionState.LIVE, reason=""),
    )
    report = world.report()
    assert (report.unlisted, report.fills, report.pnl) == (3, 0, Decimal(0))


def test_counts_come_from_their_sources_at_the_moment_of_the_question() -> None:
    """Bars from strategies, signals and orders from the journal; other names are passed on."""
    world = World(sources=("/journal", "/trend"))
    world.counts["journal"].update(signals=3, orders=8, liquidations=1)
    world.counts["trend"].update(bars=500, missing_bars=2)
    report = world.report()
    assert (report.bars, report.signals, report.orders, report.liquidations) == (500, 3, 8, 1)
    assert report.counts == (("missing_bars", 2),)
    assert report.complete
    world.counts["trend"].update(bars=501)
    assert world.report().bars == 501


def test_a_source_that_starts_again_goes_on_from_what_it_had_counted() -> None:
    """A restarted strategy counts from zero; the run does not."""
    world = World(sources=("/trend",))
    world.counts["trend"].update(bars=500)
    assert world.report().bars == 500
    world.counts["trend"].update(bars=7)
    assert world.report().bars == 507


def test_a_source_that_is_gone_does_not_hold_up_the_answer() -> None:
    """After a second the answer comes with the last known counts, and says so."""
    world = World(sources=("/trend", "/nobody"))
    world.counts["trend"].update(bars=3)
    report = world.report()
    assert (report.bars, report.complete) == (3, False)
    assert world.runtime.now_ns == 1_000_000_000


@pytest.mark.parametrize("curve", [True, False])
def test_the_curve_comes_along_only_when_asked_for(curve: bool) -> None:  # noqa: FBT001
    """A status that is drawn every second does not carry thousands of points."""
    world = World()
    world.tell(account("a", "1"), account("b", "1"))
    world.runtime.advance(2 * MINUTE_NS)
    assert len(world.report(curve=curve).curve) == (2 if curve else 0)
