"""A funding rate made from premiums, for markets whose own was not recorded."""

from __future__ import annotations

from decimal import Decimal

from domain.funding import funding_rate_binance, premium_index

__all__ = ["FundingMeter"]

_ZERO = Decimal(0)


class FundingMeter:
    """Averages premiums over one interval, the latest heaviest, and settles like Binance.

    The weights are those of ``domain.funding.premium_average``, kept as running sums. The best
    prices stand in for the impact prices: a quote does not tell more.
    """

    __slots__ = ("_count", "_weighted")

    def __init__(self) -> None:
        """Start an interval without samples."""
        self._count = 0
        self._weighted = _ZERO

    def sample(self, bid: Decimal, ask: Decimal, index: Decimal) -> None:
        """Take the premium of this moment; call it at fixed times, not per quote."""
        self._count += 1
        self._weighted += self._count * premium_index(bid, ask, index)

    def settle(self, *, interval_h: int, cap: Decimal) -> Decimal:
        """Return the rate of the interval that ends now and start the next one.

        Units: a fraction per interval, held within ±cap. Without samples the premium counts as 0.
        """
        weights = self._count * (self._count + 1) // 2
        premium = self._weighted / weights if weights else _ZERO
        self._count = 0
        self._weighted = _ZERO
        return funding_rate_binance(premium, interval_h=interval_h, cap=cap, floor=-cap)
