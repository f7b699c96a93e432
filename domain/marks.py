"""Mark prices: what margin, liquidation and funding run on, never the last trade alone."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.errors import DomainError
from domain.value import Value

__all__ = [
    "BinanceMark",
    "HyperliquidMark",
    "TimeAverage",
    "mark_price_basis",
    "mark_price_binance",
    "mark_price_hyperliquid",
    "median",
    "weighted_median",
]

_ZERO = Decimal(0)
_BASIS_SAMPLES_MAX = 30


class BinanceMark(Value, kw_only=True):
    """The mark and the two model prices that compete with the contract price for the median."""

    funding_price: Decimal
    basis_price: Decimal
    mark: Decimal


def mark_price_binance(
    *,
    index: Decimal,
    last_funding_rate: Decimal,
    hours_to_funding: Decimal,
    interval_h: Decimal,
    basis_samples: Sequence[Decimal],
    contract_price: Decimal,
) -> BinanceMark:
    """Return Binance's mark price: the median of two model prices and the contract price.

    Shape: basis_samples are mid − index, one a second, the last 30 (60 before 2025-09-18).
    Raises: DomainError if there is no sample.
    """
    funding_price = index * (1 + last_funding_rate * hours_to_funding / interval_h)
    basis_price = index + _mean(basis_samples)
    return BinanceMark(
        funding_price=funding_price,
        basis_price=basis_price,
        mark=median((funding_price, basis_price, contract_price)),
    )


class HyperliquidMark(Value, kw_only=True):
    """The mark and its candidates; a candidate without a source is None."""

    oracle_price: Decimal | None
    book_price: Decimal
    venues_price: Decimal | None
    mark: Decimal


def mark_price_hyperliquid(
    *,
    best_bid: Decimal,
    best_ask: Decimal,
    last: Decimal,
    oracle: Decimal | None = None,
    basis_average: Decimal = _ZERO,
    venue_mids: Sequence[Decimal] = (),
    weights: Sequence[int] = (),
    book_average: Decimal | None = None,
) -> HyperliquidMark:
    """Return Hyperliquid's mark price: the median of what oracle, own book and other venues say.

    With exactly two of the three, the 30 s average of the book price joins them where it is given.
    Units: basis_average is the 150 s average of mid − oracle; weights as published 3, 2, 2, 1, 1.
    Raises: DomainError if weights and mids differ in number.
    """
    oracle_price = None if oracle is None else oracle + basis_average
    book_price = median((best_bid, best_ask, last))
    venues_price = weighted_median(venue_mids, weights) if venue_mids else None
    candidates = [price for price in (oracle_price, book_price, venues_price) if price is not None]
    if len(candidates) == 2 and book_average is not None:  # noqa: PLR2004
        candidates.append(book_average)
    return HyperliquidMark(
        oracle_price=oracle_price,
        book_price=book_price,
        venues_price=venues_price,
        mark=median(candidates),
    )


def mark_price_basis(
    mids: Sequence[Decimal], index: Sequence[Decimal], index_now: Decimal
) -> Decimal:
    """Return the index plus the mean of the last 30 differences mid − index, or of those there are.

    Shape: one mid and one index price a second, oldest first. Sample on a clock: samples per event
    could be moved by whoever sends many quotes.
    Raises: DomainError if there is no sample, or mids and index differ in number.
    """
    if len(mids) != len(index):
        raise DomainError(f"{len(mids)} mids for {len(index)} index prices")
    pairs = list(zip(mids, index, strict=True))[-_BASIS_SAMPLES_MAX:]
    return index_now + _mean([mid - price for mid, price in pairs])


class TimeAverage(Value, kw_only=True):
    """An exponential average over time, as a ratio, so that its start carries no made-up weight.

    Decimal exponentials round correctly, hence alike on every machine; floats need not.
    """

    numerator: Decimal = _ZERO
    denominator: Decimal = _ZERO

    def add(self, sample: Decimal, duration_s: Decimal, time_constant_s: Decimal) -> TimeAverage:
        """Return the average after a sample that held for a duration.

        Raises: DomainError if a duration is below zero or the time constant not above it.
        """
        if duration_s < _ZERO or time_constant_s <= _ZERO:
            raise DomainError(f"duration {duration_s} s at time constant {time_constant_s} s")
        decay = (-duration_s / time_constant_s).exp()
        return TimeAverage(
            numerator=self.numerator * decay + sample * duration_s,
            denominator=self.denominator * decay + duration_s,
        )

    @property
    def value(self) -> Decimal | None:
        """The average, None before any time has passed."""
        return self.numerator / self.denominator if self.denominator else None


def median(values: Sequence[Decimal]) -> Decimal:
    """Return the middle value, or the mean of the two middle ones.

    Raises: DomainError if there is none.
    """
    if not values:
        raise DomainError("a median needs at least one value")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def weighted_median(values: Sequence[Decimal], weights: Sequence[int]) -> Decimal:
    """Return the least value that, with all below it, holds at least half of the weight.

    Raises: DomainError if there is none, or weights and values differ in number.
    """
    if not values or len(values) != len(weights) or min(weights) < 0 or not sum(weights):
        raise DomainError(f"{len(values)} values with weights {tuple(weights)}")
    ordered = sorted(zip(values, weights, strict=True))
    total = sum(weights)
    found = ordered[0][0]
    passed = 0
    for value, weight in ordered:
        found = value
        passed += weight
        if 2 * passed >= total:
            break
    return found


def _mean(values: Sequence[Decimal]) -> Decimal:
    if not values:
        raise DomainError("a mean needs at least one sample")
    return sum(values, _ZERO) / len(values)
