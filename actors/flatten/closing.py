"""The order that closes: reduce-only, IOC, at the best price that is known moved by a band."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.money import from_ticks, marketable_price
from domain.orders import Order, OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from actors.messages.market import QuoteUpdated
    from actors.messages.venue import VenuePosition
    from domain.instruments import Instrument

__all__ = ["closing_order", "closing_price"]

ZERO = Decimal(0)


def closing_price(
    instrument: Instrument, quote: QuoteUpdated | None, mark: Decimal, side: Side, band: Decimal
) -> Decimal | None:
    """Return the worse of touch and mark, moved by the band against us; None if neither is known.

    Units: quote per base; band a fraction.
    """
    reference = mark
    if quote is not None:
        ticks = quote.ask_ticks if side is Side.BUY else quote.bid_ticks
        touch = from_ticks(ticks, instrument.tick)
        if touch > ZERO:
            worse = max if side is Side.BUY else min
            reference = worse(touch, reference) if reference > ZERO else touch
    if reference <= ZERO:
        return None
    return marketable_price(side, reference * (1 + band * side), instrument.tick)


def closing_order(
    instrument: Instrument,
    quote: QuoteUpdated | None,
    position: VenuePosition,
    quantity: Decimal,
    *,
    band: Decimal,
    client_id: str,
    owner: str,
    created_ns: int,
    expires_ns: int,
) -> Order:
    """Return the order that takes a quantity off a position; a market order without any price.

    Units: quantity in base units, above 0, at most the position's.
    """
    side = Side.SELL if position.quantity > ZERO else Side.BUY
    price = closing_price(instrument, quote, position.mark, side, band)
    return Order(
        client_id=client_id,
        instrument=instrument.key,
        side=side,
        quantity=quantity,
        owner=owner,
        created_ns=created_ns,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        price=price,
        time_in_force=TimeInForce.IOC,
        reduce_only=True,
        expires_ns=expires_ns,
    )
