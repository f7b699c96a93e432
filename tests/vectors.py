"""Adapts Keel's functions to the shared test vectors: FUNCTIONS maps their names to callables.

Every callable takes a case's `inputs` as keyword arguments and returns what `expected` has, with
the same keys and shape; texts that stand for exact numbers become Decimals, plain numbers stay
plain. Only names and types are converted here: the arithmetic is Keel's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain import funding, hedging, liquidation, margin, marks, metrics, sizing
from domain.errors import DomainError
from domain.instruments import ContractKind, Instrument, MarginTier
from domain.liquidation import CrossPosition
from domain.money import install_context
from domain.orders import Side
from domain.positions import (
    apply_fill,
    break_even_price,
    flat,
    total_profit,
    trade_fee,
    unrealised,
)

__all__ = ["FUNCTIONS"]

install_context()

Inputs = Any  # what a JSON file may hold
Result = Any
Adapter = Callable[..., Result]


def exact(value: str | float) -> Decimal:
    """Return a vector's number, at the precision of Keel's money."""
    return +Decimal(str(value))


def texts_exact(value: Inputs) -> Inputs:
    """Return inputs with every text made a Decimal, in lists as well."""
    if isinstance(value, list):
        return [texts_exact(item) for item in value]
    return exact(value) if isinstance(value, str) else value


def adapt(function: Adapter, **names: str) -> Adapter:
    """Return the function under the vectors' argument names, given as theirs=ours.

    Arguments named alike need no mention, and an empty name drops one.
    """

    def call(**inputs: Inputs) -> Result:
        renamed = {names.get(name, name): texts_exact(value) for name, value in inputs.items()}
        renamed.pop("", None)
        return function(**renamed)

    return call


def plain(function: Adapter) -> Adapter:
    """Return the function between plain numbers: exact inside, floats outside."""

    def call(**inputs: float) -> float:
        return float(function(**{name: exact(value) for name, value in inputs.items()}))

    return call


def fields(function: Adapter, **names: str) -> Adapter:
    """Return the function with its result under the vectors' keys, given as theirs=ours."""

    def call(**inputs: Inputs) -> Result:
        result = function(**inputs)
        return {key: getattr(result, name) for key, name in names.items()}

    return call


def floats(function: Adapter) -> Adapter:
    """Return the function with the Decimals of its result made plain numbers."""

    def call(**inputs: Inputs) -> Result:
        return {
            key: float(value) if isinstance(value, Decimal) else value
            for key, value in function(**inputs).items()
        }

    return call


def tier_table(tiers: Sequence[Mapping[str, str]]) -> tuple[MarginTier, ...]:
    """Return a margin table; vectors give no leverage, which nothing here reads."""
    return tuple(
        MarginTier(
            notional_floor=exact(tier["lower"]),
            maintenance_rate=exact(tier["mmr"]),
            leverage_max=Decimal(1),
        )
        for tier in tiers
    )


def apply_fills(*, kind: str, multiplier: str, fills: Inputs, fee_rate: str, mark: str) -> Result:
    """Apply fills one by one and value what is left at the mark."""
    instrument = Instrument(
        venue="vectors",
        symbol="PERP",
        base="BASE",
        quote="QUOTE",
        settle="SETTLE",
        tick=Decimal(1),
        lot=Decimal(1),
        kind=ContractKind(kind),
        multiplier=exact(multiplier),
        tiers=tier_table([{"lower": "0", "mmr": "0.01"}]),
    )
    position = flat(instrument)
    trace = []
    for fill in fills:
        quantity, price = exact(fill["qty"]), exact(fill["price"])
        fee = trade_fee(instrument, quantity, price, exact(fee_rate))
        position = apply_fill(position, quantity, price, fee)
        trace.append(
            {
                "qty": position.quantity,
                "entry": position.entry,
                "realized": position.realised,
                "fees": position.fees,
            }
        )
    return {
        "trace": trace,
        "unrealized": unrealised(position, exact(mark)),
        "equity_change": total_profit(position, exact(mark)),
    }


def mark_ma30(*, samples: Sequence[Mapping[str, str]], index_now: str) -> Decimal:
    """Return Perma's mark price."""
    return marks.mark_price_basis(
        [exact(sample["mid"]) for sample in samples],
        [exact(sample["index"]) for sample in samples],
        exact(index_now),
    )


def hl_time_ema(*, samples: Sequence[Sequence[float]], tau_s: float) -> float | None:
    """Return Hyperliquid's average over time."""
    average = marks.TimeAverage()
    for sample, duration_s in samples:
        average = average.add(exact(sample), exact(duration_s), exact(tau_s))
    return None if average.value is None else float(average.value)


def liq_price_isolated_linear(
    *, entry: float, leverage: float, mmr: str, side: int, maintenance_deduction: str
) -> Decimal:
    """Return the liquidation price of one base unit on its initial margin."""
    return liquidation.liquidation_price_isolated(
        quantity=exact(side),
        entry=exact(entry),
        margin=exact(entry) / exact(leverage),
        maintenance_rate=exact(mmr),
        deduction=exact(maintenance_deduction),
    )


def signed(function: Adapter, size: str) -> Adapter:
    """Return the function taking a side beside a size, which become one signed argument."""

    def call(*, side: int, **inputs: Inputs) -> Result:
        return function(**{**inputs, size: side * inputs[size]})

    return call


def tiered(function: Adapter) -> Adapter:
    """Return the function taking the vectors' margin tables."""

    def call(*, tiers: Sequence[Mapping[str, str]], **inputs: Inputs) -> Result:
        result = function(tiers=tier_table(tiers), **inputs)
        return list(result) if isinstance(result, tuple) else result

    return call


def liq_price_cross(*, balance: str, positions: Sequence[Mapping[str, str]], index: int) -> Decimal:
    """Return the liquidation price of one of several positions."""
    held = [
        CrossPosition(
            quantity=exact(position["qty"]),
            entry=exact(position["entry"]),
            mark=exact(position["mark"]),
            maintenance_rate=exact(position["mmr"]),
        )
        for position in positions
    ]
    return liquidation.liquidation_price_cross(exact(balance), held, index)


def bankruptcy_price(*, entry: float, leverage: float, side: int) -> Decimal:
    """Return the price that uses up the margin."""
    return liquidation.bankruptcy_price(
        entry=exact(entry), leverage=exact(leverage), side=Side(side)
    )


def size_by_risk(*, mm_use: str = "1", **inputs: str) -> Result:
    """Return the size that a stop and a risk allow; the vectors leave no balance unused."""
    result = adapt(
        sizing.size_by_risk,
        bal="balance",
        risk="risk_fraction",
        E="entry",
        S="stop",
        L="leverage",
        mmr="maintenance_rate",
        mm_use="margin_use",
        fee="fee_rate",
        slip="slippage",
    )(mm_use=mm_use, **inputs)
    return {
        "side": int(result.side),
        "qty": result.quantity,
        "capped": result.capped,
        "margin": result.margin,
        "loss_at_stop": result.loss_at_stop,
        "liq_price": result.liquidation_price,
        "stop_before_liq": result.stop_inside_liquidation,
    }


def hedged_trade(
    *, direction: str, main_ratio: float, hedge_ratio_margin: float, **inputs: float
) -> hedging.HedgedTrade:
    """Return the exposure of a hedged trade whose two margins are all of the capital."""
    _require_whole(main_ratio, hedge_ratio_margin)
    return hedging.hedged_trade(
        capital=exact(inputs["capital"]),
        side={"LONG": Side.BUY, "SHORT": Side.SELL}[direction],
        main_leverage=exact(inputs["main_leverage"]),
        hedge_leverage=exact(inputs["main_leverage"]) * exact(inputs["hedge_leverage_ratio"]),
        main_share=exact(main_ratio),
        maintenance_rate=exact(inputs["mmr"]),
    )


def hedge_leverage_ratio(*, target: float, main_ratio: float, hedge_margin_ratio: float) -> Result:
    """Return the leverage ratio that gives a hedge its notional."""
    _require_whole(main_ratio, hedge_margin_ratio)
    return plain(hedging.hedge_leverage_ratio)(ratio=target, main_share=main_ratio)


def _require_whole(main_ratio: float, hedge_ratio: float) -> None:
    if exact(main_ratio) + exact(hedge_ratio) != 1:
        raise DomainError(f"margin shares {main_ratio} and {hedge_ratio} are not the whole")


def max_drawdown(*, equity: Sequence[float]) -> metrics.Drawdown:
    """Return the deepest fall of an equity curve."""
    return metrics.max_drawdown([exact(value) for value in equity])


def cppi_exposure(*, max_exposure: float, **inputs: float) -> Result:
    """Return the exposure above a floor."""
    return plain(sizing.cppi_exposure)(exposure_max=max_exposure, **inputs)


_POSITIONS: dict[str, Adapter] = {
    "apply_fills": apply_fills,
    "break_even_price": adapt(break_even_price, qty="quantity"),
    "funding_cashflow": adapt(
        funding.funding_cash_flow, qty="quantity", ref_price="reference_price"
    ),
    "funding_cashflow_inverse": adapt(funding.funding_cash_flow_inverse),
}

_FUNDING: dict[str, Adapter] = {
    "premium_index": adapt(funding.premium_index),
    "premium_index_hip3": adapt(funding.premium_index_hip3),
    "premium_twap_linear_weights": adapt(funding.premium_average),
    "funding_binance": adapt(
        funding.funding_rate_binance, avg_premium="premium", interval_hours="interval_h"
    ),
    "funding_binance_pre_2025_09_18": adapt(
        funding.funding_rate_binance_until_2025_09_18, avg_premium="premium", interval_hours=""
    ),
    "funding_cap_mmr": adapt(funding.funding_cap_from_margin, mmr="maintenance_rate", raw="rate"),
    "funding_hyperliquid_hourly": adapt(funding.funding_rate_hyperliquid),
    "funding_hyperliquid_hip3_hourly": adapt(
        funding.funding_rate_hyperliquid_hip3, interest_8h="interest", clamp_8h="damper"
    ),
    "funding_lighter_hourly": adapt(funding.funding_rate_lighter),
    "funding_grvt_2025": adapt(
        funding.funding_rate_grvt, avg_premium="premium", interval_hours="interval_h"
    ),
    "funding_grvt_legacy_index": adapt(
        funding.funding_index_grvt_legacy, premium_rates_per_minute="premiums"
    ),
    "funding_deribit_8h": adapt(funding.funding_rate_deribit_8h, damp="damper"),
    "funding_deribit_payment_coin": adapt(
        funding.funding_payment_deribit, position_usd="notional_usd", ms="duration_ms"
    ),
    "funding_perma": adapt(funding.funding_rate_perma, min="rate_min", max="rate_max"),
}

_MARKS: dict[str, Adapter] = {
    "mark_ma30": mark_ma30,
    "mark_price_binance": fields(
        adapt(marks.mark_price_binance), price1="funding_price", price2="basis_price", mark="mark"
    ),
    "mark_price_hyperliquid": fields(
        adapt(
            marks.mark_price_hyperliquid,
            ema150_mid_minus_oracle="basis_average",
            cex_perp_mids="venue_mids",
        ),
        c1="oracle_price",
        c2="book_price",
        c3="venues_price",
        mark="mark",
    ),
    "hl_time_ema": hl_time_ema,
}

_MARGIN: dict[str, Adapter] = {
    "liq_price_isolated_linear": liq_price_isolated_linear,
    "liq_price_hyperliquid": adapt(
        signed(liquidation.liquidation_price_hyperliquid, "quantity"),
        entry="price",
        size="quantity",
        isolated_margin="margin",
        max_leverage="",
        maintenance_margin_rate="maintenance_rate",
    ),
    "liq_price_binance": adapt(
        signed(liquidation.liquidation_price_of_account, "quantity"),
        wallet_balance="balance",
        tmm_other="maintenance_others",
        upnl_other="unrealised_others",
        cum="deduction",
        qty="quantity",
        mmr="maintenance_rate",
    ),
    "maintenance_deductions": tiered(margin.maintenance_deductions),
    "maintenance_margin": tiered(adapt(margin.maintenance_margin, notional="value")),
    "liq_price_tiered": tiered(
        adapt(signed(liquidation.liquidation_price_tiered, "quantity"), size="quantity")
    ),
    "liq_price_cross": liq_price_cross,
    "deribit_margin_linear_perp": fields(
        adapt(margin.deribit_margin_linear, size_btc="size"),
        im_rate="initial_rate",
        mm_rate="maintenance_rate",
        im_usdc="initial",
        mm_usdc="maintenance",
    ),
    "liq_price_inverse": adapt(
        signed(liquidation.liquidation_price_inverse, "notional_usd"), mmr="maintenance_rate"
    ),
    "bankruptcy_price": bankruptcy_price,
}

_SIZING: dict[str, Adapter] = {
    "size_by_risk": size_by_risk,
    "kelly_binary": fields(
        adapt(sizing.kelly_binary, p="win_chance"), f="fraction", growth_per_bet="growth"
    ),
    "kelly_continuous": fields(
        adapt(sizing.kelly_continuous, mu="mean", sigma="deviation", r="risk_free"),
        full="full",
        fractional="fractional",
        growth_full="growth_full",
        growth_half="growth_fractional",
    ),
    "kelly_multivariate": lambda mu, cov: list(sizing.kelly_multivariate(mu, cov)),
    "vol_target_leverage": adapt(
        sizing.volatility_target_leverage, realized="realised", max="leverage_max"
    ),
    "hedged_trade_exposure": floats(
        fields(
            hedged_trade,
            main_notional="main_notional",
            hedge_notional="hedge_notional",
            gross="gross",
            net="net",
            hedge_ratio="hedge_ratio",
            net_leverage="net_leverage",
            gross_leverage="gross_leverage",
            main_liq_move="main_liquidation_move",
            main_pnl_at_liq="main_profit_at_liquidation",
            equity_left_if_main_seized="equity_if_main_seized",
            pnl_1pct_adverse="profit_at_1_percent_adverse",
        )
    ),
    "hedge_leverage_ratio_for_notional_ratio": hedge_leverage_ratio,
    "min_variance_hedge_ratio": fields(
        adapt(
            hedging.min_variance_hedge,
            spot_returns="returns",
            fut_returns="hedge_returns",
            spot_value="value",
            fut_contract_value="contract_value",
        ),
        h="ratio",
        rho="correlation",
        contracts="contracts",
        variance_reduction="variance_reduction",
    ),
    "min_variance_hedge_ratio_params": fields(
        adapt(
            hedging.min_variance_hedge_from_deviations,
            sigma_s="deviation",
            sigma_f="hedge_deviation",
            rho="correlation",
            qa="size",
            qf="unit",
        ),
        h="ratio",
        contracts="contracts",
    ),
    "cppi_exposure": cppi_exposure,
    "max_margin_for_floor": plain(sizing.max_margin_for_floor),
}

_PORTFOLIO: dict[str, Adapter] = {
    "max_drawdown": floats(
        fields(
            max_drawdown,
            max_drawdown="fraction",
            peak_index="peak",
            trough_index="trough",
            recovery_index="recovery",
        )
    ),
}

FUNCTIONS: dict[str, Adapter] = {
    **_POSITIONS,
    **_FUNDING,
    **_MARKS,
    **_MARGIN,
    **_SIZING,
    **_PORTFOLIO,
}
