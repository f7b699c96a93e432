"""Whether a pair may be opened now, and how large; asked before the first leg goes out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.messages.venue import ConnectionState
from domain.authority import TradingState
from domain.hedging import LegProblem, pair_size
from domain.margin import leverage_max
from domain.sizing import leverage_by_confidence

if TYPE_CHECKING:
    from actors.hedges.leg import Leg
    from actors.messages.pairs import PairSignal
    from actors.settings import PairSettings

__all__ = ["Obstacle", "entry_obstacle", "entry_quantity"]

Obstacle = tuple[str, str]  # reason in one word, detail in a sentence
ZERO = Decimal(0)


def entry_obstacle(
    trading: TradingState, legs: tuple[Leg, Leg], quote_age_ns_max: int, monotonic_ns: int
) -> Obstacle | None:
    """Return why no pair can be opened at this moment, or None."""
    if trading is not TradingState.ACTIVE:
        return str(trading), f"trading is {trading}"
    for leg in legs:
        key = leg.instrument.key
        if leg.connection is not ConnectionState.LIVE:
            return "not_live", f"{key}: its venue is {leg.connection}"
        if not leg.confirmed:
            return "unconfirmed", f"{key}: the position is not confirmed by the venue"
        age_ns = leg.quote_age_ns(monotonic_ns)
        if age_ns is None or age_ns > quote_age_ns_max:
            return "stale_quote", f"{key}: no fresh quote"
    return None


def entry_quantity(
    settings: PairSettings, signal: PairSignal, main: Leg, hedge: Leg, leverage_cap: Decimal
) -> Decimal | Obstacle:
    """Return the signed main quantity that both venues and margins take, or why there is none.

    The main leg's notional is capital_usd times a leverage that rises with confidence. Margin is
    counted as risk counts it: at leverage_cap, or at the venue's tier where that allows less.
    """
    main_price = main.touch(buy=signal.direction > 0)
    hedge_price = hedge.touch(buy=signal.direction < 0)
    if main_price is None or hedge_price is None:
        return "no_quote", "one side of a book is empty"
    leverage = leverage_by_confidence(
        Decimal(str(round(signal.confidence, 6))),
        confidence_min=ZERO,
        leverage_min=settings.leverage_min,
        leverage_max=settings.leverage_max,
    )
    wanted = settings.capital_usd * leverage / main_price * signal.direction
    sized = pair_size(
        wanted,
        ratio=settings.ratio,
        tolerance=abs(wanted) * settings.tolerance,
        main=main.instrument,
        hedge=hedge.instrument,
        main_price=main_price,
        hedge_price=hedge_price,
    )
    if isinstance(sized, LegProblem):
        return str(sized.reason), f"{sized.role} leg {sized.instrument} cannot be sized"
    for leg, quantity, price in (
        (main, sized.main, main_price),
        (hedge, sized.hedge, hedge_price),
    ):
        value = abs(quantity) * price
        needed = value / min(leverage_cap, leverage_max(value, leg.instrument.tiers))
        needed += value * leg.instrument.taker_fee
        if leg.available is not None and needed > leg.available:
            return "margin", f"{leg.instrument.key}: needs {needed:.2f} of margin"
    return sized.main
