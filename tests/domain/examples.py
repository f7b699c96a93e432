"""Values that the domain's tests start from, each overridden where a test needs another."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import settings

from domain.authority import TradingState
from domain.checks import OrderContext
from domain.instruments import Instrument, MarginTier
from domain.money import install_context
from domain.orders import Order, Side

install_context()

PROPERTY = settings(max_examples=200, deadline=None, derandomize=True)
TIERS = (
    MarginTier(
        notional_floor=Decimal(0), maintenance_rate=Decimal("0.005"), leverage_max=Decimal(50)
    ),
    MarginTier(
        notional_floor=Decimal(50_000), maintenance_rate=Decimal("0.01"), leverage_max=Decimal(20)
    ),
    MarginTier(
        notional_floor=Decimal(250_000), maintenance_rate=Decimal("0.025"), leverage_max=Decimal(10)
    ),
)


def make_instrument(**changes: Any) -> Instrument:
    """Return a linear BTC perpetual with tick 0.1, lot 0.001, minimum 0.001 and 10 in notional."""
    listing: dict[str, Any] = {
        "venue": "alpha",
        "symbol": "BTC",
        "base": "BTC",
        "quote": "USD",
        "settle": "USD",
        "tick": Decimal("0.1"),
        "lot": Decimal("0.001"),
        "quantity_min": Decimal("0.001"),
        "quantity_max": Decimal(100),
        "notional_min": Decimal(10),
        "taker_fee": Decimal("0.0005"),
        "tiers": TIERS,
    }
    return Instrument(**(listing | changes))


def make_order(**changes: Any) -> Order:
    """Return an order to buy 0.1 BTC at 1000."""
    order: dict[str, Any] = {
        "client_id": "0x00000001000001000001010000000001",
        "instrument": "alpha:BTC",
        "side": Side.BUY,
        "quantity": Decimal("0.1"),
        "owner": "/hedges/btc",
        "created_ns": 1_700_000_000_000_000_000,
        "price": Decimal(1000),
    }
    return Order(**(order | changes))


def make_context(**changes: Any) -> OrderContext:
    """Return a flat, healthy account with a fresh book around 1000."""
    context: dict[str, Any] = {
        "quantity": Decimal(0),
        "reserved_buy": Decimal(0),
        "reserved_sell": Decimal(0),
        "bid": Decimal("999.9"),
        "ask": Decimal("1000.1"),
        "mark": Decimal(1000),
        "quote_age_ns": 1_000_000,
        "equity": Decimal(10_000),
        "available_margin": Decimal(10_000),
        "gross_notional": Decimal(0),
        "open_orders": 0,
        "orders_last_minute": 0,
        "realised_today": Decimal(0),
        "trading_state": TradingState.ACTIVE,
        "unknown_on_instrument": False,
        "net_target_reduces": False,
    }
    return OrderContext(**(context | changes))
