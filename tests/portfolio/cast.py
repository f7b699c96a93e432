"""What the portfolio's tests need: a portfolio, those it talks to, and books to tell it."""

import random
from decimal import Decimal
from functools import partial

from actors.messages.market import BarClosed, MarkUpdated, QuoteUpdated
from actors.messages.portfolio import (
    CountsQuery,
    CountsReported,
    EquityUpdated,
    LegReport,
    PortfolioQuery,
    PortfolioReply,
)
from actors.messages.positions import AccountReported, PositionChanged
from actors.portfolio.portfolio import Portfolio
from actors.runtime import Actor, ActorSpec, Message, SimulatedRuntime, handles
from actors.settings import PairSettings
from domain.instruments import ContractKind, Instrument, MarginTier
from domain.money import install_context
from domain.positions import Position, apply_fill, flat

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
