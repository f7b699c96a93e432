"""Funding: premium, each venue's rate, cash flows and figures per year.

A rate is a fraction per payment interval; above zero longs pay shorts. A cash flow is signed from
the holder's side: above zero is received. A premium is already a rate per eight hours: a venue may
scale it down to a shorter interval, none multiplies it by the hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.errors import DomainError

__all__ = [
    "annual_rate_compound",
    "annual_rate_simple",
    "carry_annual",
    "clamp",
    "funding_cap_from_margin",
    "funding_cash_flow",
    "funding_cash_flow_inverse",
    "funding_index_grvt_legacy",
    "funding_payment_deribit",
    "funding_rate_binance",
    "funding_rate_binance_until_2025_09_18",
    "funding_rate_deribit_8h",
    "funding_rate_grvt",
    "funding_rate_hyperliquid",
    "funding_rate_hyperliquid_hip3",
    "funding_rate_lighter",
    "funding_rate_perma",
    "premium_average",
    "premium_index",
    "premium_index_hip3",
]

_ZERO = Decimal(0)
_HOURS_PER_YEAR = 8760
_MS_PER_8H = 28_800_000
_BASIS_POINT = Decimal("0.0001")
_DAMPER = Decimal("0.0005")


def clamp(value: Decimal, bound: Decimal, other_bound: Decimal) -> Decimal:
    """Return value held between two bounds, whichever way round a document prints them."""
    low, high = (bound, other_bound) if bound <= other_bound else (other_bound, bound)
    return max(low, min(value, high))


def premium_index(impact_bid: Decimal, impact_ask: Decimal, index: Decimal) -> Decimal:
    """Return the premium per 8 h: zero while the index lies between the impact prices.

    Units: average fill prices of the impact notional on each side, and the index, in quote.
    Raises: DomainError if the index is not above zero.
    Source: Binance, Hyperliquid, GRVT and Lighter documentation.
    """
    _require_price("index", index)
    return (max(_ZERO, impact_bid - index) - max(_ZERO, index - impact_ask)) / index


def premium_index_hip3(impact_bid: Decimal, impact_ask: Decimal, oracle: Decimal) -> Decimal:
    """Return the premium per 8 h of a Hyperliquid HIP-3 market: its impact mid over the oracle.

    Raises: DomainError if the oracle price is not above zero.
    """
    _require_price("oracle", oracle)
    return (impact_bid + impact_ask) / 2 / oracle - 1


def premium_average(samples: Sequence[Decimal]) -> Decimal:
    """Return the average premium with weights 1, 2, 3 …, the latest sample heaviest.

    Shape: samples oldest first.
    Raises: DomainError if there are none.
    """
    if not samples:
        raise DomainError("an average premium needs at least one sample")
    count = len(samples)
    weighted = sum((weight * sample for weight, sample in enumerate(samples, start=1)), _ZERO)
    return weighted / (count * (count + 1) // 2)


def funding_rate_binance(
    premium: Decimal,
    *,
    interest: Decimal = _BASIS_POINT,
    interval_h: int = 8,
    cap: Decimal | None = None,
    floor: Decimal | None = None,
) -> Decimal:
    """Return Binance's rate per interval, as it is since 2025-09-18 08:01 UTC.

    Units: premium and interest per 8 h; cap and floor per interval, applied after scaling, from
    GET /fapi/v1/fundingInfo.
    """
    rate = _damped(premium, interest, _DAMPER) * _intervals(interval_h) / 8
    return _capped(rate, cap, floor)


def funding_rate_binance_until_2025_09_18(
    premium: Decimal, *, interest: Decimal = _BASIS_POINT
) -> Decimal:
    """Return Binance's rate as it was: the bracket per interval, whatever the interval's length."""
    return _damped(premium, interest, _DAMPER)


def funding_cap_from_margin(
    rate: Decimal, maintenance_rate: Decimal, multiple: Decimal = Decimal("0.75")
) -> Decimal:
    """Return the rate held within ± multiple × the maintenance margin rate (Binance)."""
    bound = maintenance_rate * multiple
    return clamp(rate, -bound, bound)


def funding_rate_hyperliquid(premium: Decimal) -> Decimal:
    """Return Hyperliquid's hourly rate; the cap of 4 % an hour applies after the division by 8.

    Units: premium is the mean of the hour's 5 s samples.
    """
    bound = Decimal("0.04")
    return clamp(_damped(premium, _BASIS_POINT, _DAMPER) / 8, -bound, bound)


def funding_rate_hyperliquid_hip3(
    premium: Decimal,
    *,
    multiplier: Decimal,
    interest: Decimal = _BASIS_POINT,
    damper: Decimal = Decimal("0.0003"),
) -> Decimal:
    """Return the hourly rate of a Hyperliquid HIP-3 market. Units: interest and damper per 8 h."""
    return multiplier * _damped(premium, interest, damper) / 8


def funding_rate_lighter(premium: Decimal) -> Decimal:
    """Return Lighter's hourly rate; its cap of 4 % applies before the division by 8."""
    bound = Decimal("0.04")
    return clamp(_damped(premium, _BASIS_POINT, _DAMPER), -bound, bound) / 8


def funding_rate_grvt(premium: Decimal, *, interval_h: int, cap: Decimal) -> Decimal:
    """Return GRVT's rate per interval since 2025-10-10; the scaling by hours is inferred."""
    rate = _damped(premium, _BASIS_POINT, _DAMPER) * _intervals(interval_h) / 8
    return clamp(rate, -cap, cap)


def funding_index_grvt_legacy(
    premiums: Sequence[Decimal], index: Sequence[Decimal], cap: Decimal
) -> Decimal:
    """Return GRVT's funding index after some minutes, until 2025-10-10: quote per base unit.

    The payment of a holder is −quantity × (index now − index at the start).
    Shape: one premium and one index price per minute.
    Raises: DomainError if they differ in number.
    """
    if len(premiums) != len(index):
        raise DomainError(f"{len(premiums)} premiums for {len(index)} index prices")
    minutes = zip(premiums, index, strict=True)
    return sum((clamp(premium, -cap, cap) * price / 480 for premium, price in minutes), _ZERO)


def funding_rate_deribit_8h(
    premium: Decimal, *, cap: Decimal, damper: Decimal = Decimal("0.00025")
) -> Decimal:
    """Return Deribit's rate per 8 h: nothing inside ± damper, then the excess, up to the cap."""
    rate = max(damper, premium) + min(-damper, premium)
    return clamp(rate, -cap, cap)


def funding_payment_deribit(
    rate_8h: Decimal, *, notional_usd: Decimal, index: Decimal, duration_ms: int
) -> Decimal:
    """Return the coin a holder receives for a stretch of time; Deribit's funding is continuous.

    Units: notional_usd signed like the position.
    Raises: DomainError if the index is not above zero.
    """
    _require_price("index", index)
    return -rate_8h * notional_usd / index * duration_ms / _MS_PER_8H


def funding_rate_perma(
    premium: Decimal, *, interest: Decimal, rate_min: Decimal, rate_max: Decimal
) -> Decimal:
    """Return Perma's rate, held between its bounds in either order."""
    return clamp(_damped(premium, interest, _DAMPER), rate_min, rate_max)


def funding_cash_flow(quantity: Decimal, reference_price: Decimal, rate: Decimal) -> Decimal:
    """Return the quote that the holder of a linear position receives.

    Units: quantity signed; reference_price is the oracle price on Hyperliquid, the mark on Binance.
    """
    return -quantity * reference_price * rate


def funding_cash_flow_inverse(
    contracts: Decimal, contract_usd: Decimal, mark: Decimal, rate: Decimal
) -> Decimal:
    """Return the coin that the holder of an inverse position receives. Units: contracts signed.

    Raises: DomainError if the mark is not above zero.
    """
    _require_price("mark", mark)
    return -contracts * contract_usd / mark * rate


def annual_rate_simple(rate: Decimal, interval_h: int) -> Decimal:
    """Return a rate per interval as a simple rate per 365 days; only these may be compared."""
    return rate * _HOURS_PER_YEAR / _intervals(interval_h)


def annual_rate_compound(rate: Decimal, interval_h: int) -> Decimal:
    """Return a rate per interval compounded over 365 days, as venues like to advertise it."""
    return (1 + rate) ** (Decimal(_HOURS_PER_YEAR) / _intervals(interval_h)) - 1


def carry_annual(
    *, rate_long: Decimal, interval_long_h: int, rate_short: Decimal, interval_short_h: int
) -> Decimal:
    """Return what a long on one venue and a short on another earn per year, as a fraction.

    Below zero the pair loses: the reverse earns it.
    """
    return annual_rate_simple(rate_short, interval_short_h) - annual_rate_simple(
        rate_long, interval_long_h
    )


def _damped(premium: Decimal, interest: Decimal, damper: Decimal) -> Decimal:
    return premium + clamp(interest - premium, -damper, damper)


def _capped(rate: Decimal, cap: Decimal | None, floor: Decimal | None) -> Decimal:
    if cap is not None and floor is not None:
        return clamp(rate, floor, cap)
    if cap is not None:
        return min(rate, cap)
    return rate if floor is None else max(rate, floor)


def _intervals(interval_h: int) -> int:
    if interval_h <= 0:
        raise DomainError(f"a funding interval must be above 0 h, is {interval_h}")
    return interval_h


def _require_price(name: str, price: Decimal) -> None:
    if price <= _ZERO:
        raise DomainError(f"{name} must be above 0, is {price}")
