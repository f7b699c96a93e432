"""Keel's formulas give what the shared vectors expect, and not what a naive version gives."""

from __future__ import annotations

import json
import os
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain import funding, hedging, liquidation, metrics
from domain.checks import worst_price
from domain.errors import DomainError
from domain.orders import Order, OrderType, Side
from tests.vectors import FUNCTIONS

ROOT = Path(__file__).resolve().parent.parent
VECTORS = Path(os.environ.get("KEEL_SHARED", ROOT.parent / "shared")) / "vectors"
TOPICS = (
    "perp_pnl_fills",
    "funding_rates",
    "funding_rates_more",
    "mark_prices",
    "margin_liquidation",
    "position_sizing",
)
ALSO = ("max_drawdown",)

Json = Any

if not VECTORS.is_dir():
    pytest.skip(
        "the shared test vectors are not beside this checkout; KEEL_SHARED names their parent",
        allow_module_level=True,
    )


class Case(NamedTuple):
    """One vector: a function's name, what goes in and what must come out."""

    function: str
    inputs: Json
    expected: Json
    tolerance: Json
    absolute: bool


def load(topic: str) -> list[dict[str, Json]]:
    """Return the cases of a file."""
    text = (VECTORS / f"{topic}.json").read_text(encoding="utf-8")
    cases: list[dict[str, Json]] = json.loads(text)["cases"]
    return cases


def cases() -> list[Json]:
    """Return every case that Keel must pass, each with its name."""
    own = [(topic, case) for topic in TOPICS for case in load(topic)]
    own += [("portfolio_risk", c) for c in load("portfolio_risk") if c["function"] in ALSO]
    return [
        pytest.param(
            Case(
                case["function"],
                case["inputs"],
                case["expected"],
                case["tolerance"],
                "tolerance is absolute" in case.get("note", ""),
            ),
            id=f"{topic}-{place}-{case['id']}",
        )
        for place, (topic, case) in enumerate(own)
    ]


def require_equal(got: Json, expected: Json, tolerance: Json, *, absolute: bool) -> None:
    """Fail unless two results have the same keys and shape, and agree within the tolerance."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys()
        for key, value in expected.items():
            limit = tolerance[key] if isinstance(tolerance, dict) else tolerance
            require_equal(got[key], value, limit, absolute=absolute)
    elif isinstance(expected, list):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            require_equal(one, other, tolerance, absolute=absolute)
    elif expected is None or isinstance(expected, bool):
        assert got is expected
    else:
        # An exact text is answered by exact arithmetic, a plain number by a plain number.
        assert isinstance(got, Decimal if isinstance(expected, str) else int | float)
        wanted: Fraction = Fraction(expected)
        scale = Fraction(1) if absolute else max(Fraction(1), abs(wanted))
        allowed = Fraction(tolerance) * scale
        assert abs(Fraction(got) - wanted) <= allowed, f"{got} is not {expected}"


@pytest.mark.parametrize("case", cases())
def test_formula_gives_what_the_vector_expects(case: Case) -> None:
    """Every case gives the expected result, or is refused where the vector says so."""
    function = FUNCTIONS[case.function]
    refused = isinstance(case.expected, dict) and "error" in case.expected

    def call() -> Json:
        if isinstance(case.inputs, dict):
            return function(**case.inputs)
        return function(case.inputs)

    if refused:
        with pytest.raises(DomainError):
            call()
    else:
        require_equal(call(), case.expected, case.tolerance, absolute=case.absolute)


def test_every_function_of_the_files_has_an_adapter_and_every_adapter_a_case() -> None:
    """A function without an adapter, or an adapter that no case runs, is an error."""
    named = Counter(case["function"] for topic in TOPICS for case in load(topic))
    assert sorted({*named, *ALSO}) == sorted(FUNCTIONS)
    assert sum(named.values()) == sum(len(load(topic)) for topic in TOPICS) > 100


def mistakes() -> dict[str, dict[str, Json]]:
    """Return the common mistakes by name."""
    return {entry["id"]: entry for entry in load("common_mistakes")}


@pytest.mark.parametrize(
    "name", ["liq_price_10_1", "liq_price_10_-1", "liq_price_2_1", "liq_price_50_-1"]
)
def test_liquidation_takes_maintenance_on_the_notional_at_liquidation(name: str) -> None:
    """The price is the right one, not the one with maintenance on the entry notional."""
    entry = mistakes()[name]
    got = FUNCTIONS["liq_price_isolated_linear"](**entry["inputs"], maintenance_deduction="0")
    require_equal(got, entry["correct"], 1e-12, absolute=False)
    naive = Decimal(entry["naive_implementation_gives"])
    assert abs(got - naive) > Decimal("0.005")
    assert got < naive  # a long is liquidated later than the naive price, a short EARLIER


def test_a_whole_leverage_stays_exact() -> None:
    """An integer leverage makes no float: the mistake raised TypeError or lost digits."""
    assert "liq_price_type" in mistakes()
    price = FUNCTIONS["bankruptcy_price"](entry=100, leverage=3, side=1)
    assert isinstance(price, Decimal)
    assert abs(Fraction(price) - Fraction(200, 3)) < Fraction(1, 10**30)


def test_a_premium_is_not_multiplied_by_the_interval() -> None:
    """A premium of 0.001 pays 0.0005 per 8 h; times the hours it would be 0.008."""
    assert mistakes()["funding_times_interval"]["correct"].endswith("for P=0.001,N=8: 0.0005")
    assert funding.funding_rate_binance(Decimal("0.001")) == Decimal("0.0005")


def test_carry_compares_rates_per_year_and_so_picks_the_right_side() -> None:
    """Long at 0.005 %/h against short at 0.02 %/8 h loses 21.9 % a year; the reverse earns it."""
    correct = mistakes()["arb_annualise"]["correct"]
    hourly, eight_hourly = Decimal("0.00005"), Decimal("0.0002")
    naive_side = funding.carry_annual(
        rate_long=hourly, interval_long_h=1, rate_short=eight_hourly, interval_short_h=8
    )
    reverse = funding.carry_annual(
        rate_long=eight_hourly, interval_long_h=8, rate_short=hourly, interval_short_h=1
    )
    assert naive_side == Decimal(str(correct["carry_apr"]))
    assert reverse == Decimal(correct["apr"])


def test_a_constant_return_has_no_sharpe_ratio() -> None:
    """Rounding noise is not volatility: the ratio is undefined, neither 7e15 nor zero."""
    assert mistakes()["sharpe_const"]["correct"] == "undefined/NaN"
    assert metrics.sharpe_ratio([0.1] * 3) is None
    assert metrics.sharpe_ratio([0.01] * 3) is None


def test_a_drawdown_from_nothing_is_refused() -> None:
    """A fall from a peak at or below zero is no fraction; a rise from zero is no fall."""
    assert mistakes()["drawdown_nonpositive"]["correct"].startswith("error")
    with pytest.raises(DomainError):
        metrics.max_drawdown([Decimal(-10), Decimal(-20), Decimal(-5)])
    assert metrics.max_drawdown([Decimal(0), Decimal(1)]).fraction == 0


def test_funding_bounds_hold_in_either_order() -> None:
    """Bounds printed as (max, min) clamp as (min, max) do; taken literally they gave 1 %."""
    assert mistakes()["perma_clamp"]["correct"] == "clamp(x,-0.01,0.01)"
    low, high = Decimal("-0.01"), Decimal("0.01")
    for premium in (Decimal("-0.5"), Decimal("-0.001"), Decimal(0), Decimal("0.5")):
        rates = [
            funding.funding_rate_perma(
                premium, interest=Decimal("0.0001"), rate_min=one, rate_max=other
            )
            for one, other in ((low, high), (high, low))
        ]
        assert rates[0] == rates[1]
        assert low <= rates[0] <= high
    assert funding.clamp(Decimal("0.005"), high, low) == Decimal("0.005")


def test_a_hedge_of_20_to_50_percent_needs_more_leverage_than_half() -> None:
    """On an 80/20 split the hedge needs 0.8 to 2 times the main leverage; half gives 12.5 %."""
    assert mistakes()["hedge_ratio"]["naive_implementation_gives"] == "12.5% of main notional"
    share = Decimal("0.8")
    for ratio, leverage in (("0.2", "0.8"), ("0.5", "2"), ("0.125", "0.5")):
        got = hedging.hedge_leverage_ratio(ratio=Decimal(ratio), main_share=share)
        assert got == Decimal(leverage)


@pytest.mark.parametrize("side", list(Side))
def test_a_market_order_is_never_valued_at_nothing(side: Side) -> None:
    """A market order has no price, and is valued at the book, not at quantity × (price or 0)."""
    assert mistakes()["market_order_notional"]["correct"] == "use mark/best price"
    order = Order(
        client_id="0x0",
        instrument="v:BTC",
        side=side,
        quantity=Decimal(1),
        owner="/strategies/one",
        created_ns=0,
        order_type=OrderType.MARKET,
    )
    price = worst_price(order, Decimal(99), Decimal(101), Decimal("0.01"))
    assert price == {Side.BUY: Decimal("102.01"), Side.SELL: Decimal("98.01")}[side]


def test_liquidation_and_bankruptcy_agree_where_nothing_is_maintained() -> None:
    """With a maintenance rate of zero a position is liquidated exactly where its margin ends."""
    for side in Side:
        bankrupt = liquidation.bankruptcy_price(entry=Decimal(100), leverage=Decimal(8), side=side)
        liquidated = liquidation.liquidation_price_isolated(
            quantity=Decimal(side),
            entry=Decimal(100),
            margin=Decimal("12.5"),
            maintenance_rate=Decimal(0),
        )
        assert bankrupt == liquidated
