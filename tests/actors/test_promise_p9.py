"""P9: money is exact; what Keel books is what the venue booked, to the last digit."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from actors.addresses import position_address
from actors.messages.market import FundingSettled
from actors.messages.positions import AccountReported
from domain.errors import DomainError
from domain.orders import Order, OrderType, Side
from tests.drills.cast import Buy, Sell
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, DEPOSIT, World, leg

D = Decimal


def settle_funding(world: World, key: str, rate: str) -> None:
    """Let a venue settle funding."""
    instrument = world.instruments[key]
    settled = FundingSettled(
        instrument=key,
        rate=D(rate),
        reference_price=world.price[instrument.base],
        venue_time_ns=world.runtime.now_ns,
    )
    world.venues[instrument.venue].publish_funding(settled)
    world.runtime.settle()


def earned(world: World, venue: str) -> Decimal:
    """Return realised − fees + funding of a venue's books."""
    total = D(0)
    for key, instrument in world.instruments.items():
        if instrument.venue == venue:
            book = world.actor(position_address(key)).book
            total += book.realised - book.fees + book.funding
    return total


@pytest.mark.parametrize("seed", range(4))
def test_p9_balance_is_deposit_plus_realised_minus_fees_plus_funding(seed: int) -> None:
    """P9: through 60 trades at odd prices, flips and funding, both sides agree exactly."""
    world = World()
    draw = random.Random(seed)
    keys = (leg(ALPHA, "ETH"), leg(BETA, "ETH"))
    for _ in range(60):
        world.price["ETH"] += D(draw.randrange(-300, 301)) / 100
        for key in keys:
            world.quote(key)
            world.mark(key)
        kind = draw.choice((Buy, Sell))
        quantity = D(draw.randrange(20, 900)) / 1_000
        world.tell("/trader", kind(instrument=draw.choice(keys), quantity=quantity, price=None))
        if draw.random() < 0.2:
            settle_funding(world, draw.choice(keys), str(D(draw.randrange(-9, 9)) / 10_000))
        world.run(1.1)
    for venue in (ALPHA, BETA):
        account = world.venues[venue].exchange.account("main")
        assert account.balance == DEPOSIT + earned(world, venue)
    assert not world.actor("/trader").refused
    verdict(world, exposed_ms_max=0)


def test_p9_funding_is_booked_once_with_its_sign() -> None:
    """P9: a long pays 0.01 % of 999 dollars, a short receives it, to the last digit."""
    world = World()
    world.open_pair()
    for key in (leg(ALPHA), leg(BETA)):
        settle_funding(world, key, "0.0001")
    main = world.actor(position_address(leg(ALPHA))).book
    hedge = world.actor(position_address(leg(BETA))).book
    assert main.funding == -D("0.333") * 30_000 * D("0.0001")
    assert hedge.funding == D("0.166") * 30_000 * D("0.0001")
    verdict(world, exposed_ms_max=0)


def test_p9_the_reported_balance_is_the_venue_s_own() -> None:
    """P9: what risk is told of an account is never computed by us."""
    world = World()
    world.open_pair()
    world.run(31)
    reported = [item for item in world.said(AccountReported) if item.venue == ALPHA][-1]
    assert reported.balance == world.venues[ALPHA].exchange.account("main").balance


def test_p9_a_fill_of_no_number_is_no_fill() -> None:
    """P9: a quantity that decodes to NaN ends at the border and moves no book."""
    world = World()
    world.run(1)
    world.venues[ALPHA].malformed_next(2)
    world.tell("/trader", Buy(instrument=leg(ALPHA, "ETH"), quantity=D("0.5"), price=None))
    book = world.actor(position_address(leg(ALPHA, "ETH"))).book
    assert book.quantity.is_finite()
    world.run(40)
    assert world.actor(position_address(leg(ALPHA, "ETH"))).book.quantity == D("0.5")
    verdict(world, exposed_ms_max=0)


@pytest.mark.parametrize("quantity", ["NaN", "Infinity", "-1", "0"])
def test_p9_an_order_of_no_size_cannot_be_made(quantity: str) -> None:
    """P9: an order is complete and finite, or there is none."""
    with pytest.raises(DomainError):
        Order(
            client_id="1",
            instrument=leg(ALPHA),
            side=Side.BUY,
            quantity=D(quantity),
            owner="/x",
            created_ns=0,
            order_type=OrderType.MARKET,
        )
