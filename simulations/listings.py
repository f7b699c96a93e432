"""What a simulated venue lists by itself: USDT perpetuals as Binance USD-M has them.

Steps, minimum sizes, fees of the lowest tier and margin tables follow that venue (its brackets of
2021); they are an example of a real venue's shape, not a copy of its present state.
"""

from __future__ import annotations

from decimal import Decimal

from domain.instruments import Instrument, MarginTier

__all__ = ["COINS", "listing"]

MAKER_FEE = Decimal("0.0002")
TAKER_FEE = Decimal("0.0005")

_TIERS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "BTC": (
        ("0", "0.004", 125),
        ("50000", "0.005", 100),
        ("250000", "0.01", 50),
        ("1000000", "0.025", 20),
        ("10000000", "0.05", 10),
        ("20000000", "0.1", 5),
        ("50000000", "0.125", 4),
        ("100000000", "0.15", 3),
        ("200000000", "0.25", 2),
        ("300000000", "0.5", 1),
    ),
    "ETH": (
        ("0", "0.005", 100),
        ("10000", "0.0065", 75),
        ("100000", "0.01", 50),
        ("500000", "0.02", 25),
        ("1000000", "0.05", 10),
        ("2000000", "0.1", 5),
        ("5000000", "0.125", 4),
        ("10000000", "0.15", 3),
        ("20000000", "0.25", 2),
    ),
    "SOL": (
        ("0", "0.01", 50),
        ("5000", "0.025", 20),
        ("25000", "0.05", 10),
        ("100000", "0.1", 5),
        ("250000", "0.125", 4),
        ("1000000", "0.5", 1),
    ),
}
# tick, lot, least notional
_STEPS: dict[str, tuple[str, str, str]] = {
    "BTC": ("0.1", "0.001", "100"),
    "ETH": ("0.01", "0.001", "20"),
    "SOL": ("0.001", "0.01", "5"),
}
COINS = tuple(_STEPS)


def listing(venue: str, coin: str, *, maker_fee: Decimal, taker_fee: Decimal) -> Instrument:
    """Return a venue's linear USDT perpetual of a coin in COINS."""
    tick, lot, notional_min = _STEPS[coin]
    return Instrument(
        venue=venue,
        symbol=f"{coin}USDT",
        base=coin,
        quote="USDT",
        settle="USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        quantity_min=Decimal(lot),
        quantity_max=Decimal(10_000),
        notional_min=Decimal(notional_min),
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        tiers=tuple(
            MarginTier(
                notional_floor=Decimal(floor),
                maintenance_rate=Decimal(rate),
                leverage_max=Decimal(leverage),
            )
            for floor, rate, leverage in _TIERS[coin]
        ),
    )
