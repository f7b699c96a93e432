"""What a venue lists: contract kind, steps, limits, fees and margin tiers."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from domain.errors import DomainError
from domain.value import Value

__all__ = ["ContractKind", "Instrument", "MarginTier", "split_key"]

ONE = Decimal(1)
ZERO = Decimal(0)


class ContractKind(StrEnum):
    """How a contract pays: linear in quote, inverse in coin, quanto in a third currency."""

    LINEAR = "linear"
    INVERSE = "inverse"
    QUANTO = "quanto"


class MarginTier(Value, kw_only=True):
    """One row of a venue's margin table; it holds from notional_floor up to the next row's floor.

    Units: notional_floor in quote currency; rates are fractions; leverage_max a multiple.
    """

    notional_floor: Decimal
    maintenance_rate: Decimal
    leverage_max: Decimal


class Instrument(Value, kw_only=True):
    """A perpetual contract as one venue lists it.

    Units: tick in quote currency per base unit (the price step); lot, quantity_min and
    quantity_max in base units (inverse: contracts); notional_min in quote currency; fees are
    fractions of notional, positive when paid; multiplier is dollars per contract (inverse), or
    settlement currency per price point and unit (quanto), and 1 for linear contracts.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    settle: str
    tick: Decimal
    lot: Decimal
    kind: ContractKind = ContractKind.LINEAR
    multiplier: Decimal = ONE
    quantity_min: Decimal = ZERO
    quantity_max: Decimal = Decimal(1_000_000_000)
    notional_min: Decimal = ZERO
    maker_fee: Decimal = ZERO
    taker_fee: Decimal = ZERO
    tiers: tuple[MarginTier, ...]
    funding_interval_h: int = 8

    def __post_init__(self) -> None:
        """Refuse a listing that no order could satisfy.

        Raises: DomainError with the field at fault.
        """
        for name in ("tick", "lot", "multiplier"):
            value = getattr(self, name)
            if not (value.is_finite() and value > 0):
                raise DomainError(f"{self.venue}:{self.symbol}: {name} must be above 0, is {value}")
        if not self.tiers or self.tiers[0].notional_floor != 0:
            raise DomainError(f"{self.venue}:{self.symbol}: tiers must start at notional 0")
        if self.quantity_min > self.quantity_max:
            raise DomainError(
                f"{self.venue}:{self.symbol}: quantity_min {self.quantity_min} is above "
                f"quantity_max {self.quantity_max}"
            )

    @property
    def key(self) -> str:
        """The name by which messages mean this instrument: ``venue:symbol``."""
        return f"{self.venue}:{self.symbol}"


def split_key(key: str) -> tuple[str, str]:
    """Return (venue, symbol) of an instrument key.

    Raises: DomainError if the key is not ``venue:symbol``.
    """
    venue, colon, symbol = key.partition(":")
    if not (venue and colon and symbol):
        raise DomainError(f"an instrument is written venue:SYMBOL, not {key!r}")
    return venue, symbol
