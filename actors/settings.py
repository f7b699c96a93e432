"""Settings of the trading actors, with units in their names; config fills them."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.checks import RiskLimits

__all__ = [
    "FlattenSettings",
    "JournalSettings",
    "PairSettings",
    "RiskSettings",
    "StrategySettings",
    "VenueSettings",
]


class VenueSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a venue connection behaves; durations in ms of the run's own time.

    quote_age_ms_max: older market data is stale. ack_timeout_ms: an order without an answer becomes
    UNKNOWN. clock_skew_ms_max: added to an order's expiry before "not found" counts as an answer.
    orders_per_second: the rate budget, of which reserve_fraction is kept for cancels and
    reduce-only orders. resync_ms: how often the account is compared with the venue while LIVE;
    refresh_ms: how soon after a fill it is read again, so that free margin is known.
    """

    quote_age_ms_max: int = 5_000
    ack_timeout_ms: int = 2_000
    sync_timeout_ms: int = 5_000
    reconnect_first_ms: int = 500
    reconnect_ms_max: int = 30_000
    clock_skew_ms_max: int = 1_000
    resync_ms: int = 30_000
    refresh_ms: int = 500
    orders_per_second: float = 10.0
    burst: int = 20
    reserve_fraction: float = 0.25


class PairSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One hedge pair: two legs, the ratio between them, and how long it may be exposed.

    ratio is the fraction of the main leg's base quantity held opposite in the hedge leg, so that
    the target net is main * (1 - ratio). capital_usd times a leverage between leverage_min and
    leverage_max, by the signal's confidence, is the main leg's notional. exposed_ms_max bounds
    the time beyond tolerance while the venue that is needed answers; complete_ms is how long
    bounded IOC orders are tried before market orders replace them. tolerance (beyond it the pair
    counts as exposed) and band (beyond it the hedge is adjusted, at most tolerance) are fractions
    of the main quantity.
    """

    name: str
    main: str
    hedge: str
    ratio: Decimal
    capital_usd: Decimal
    leverage_min: Decimal = Decimal(1)
    leverage_max: Decimal = Decimal(2)
    tolerance: Decimal = Decimal("0.05")
    band: Decimal = Decimal("0.03")
    slippage_max: Decimal = Decimal("0.002")
    exposed_ms_max: int = 2_000
    complete_ms: int = 500
    order_ttl_ms: int = 3_000
    entry_ms_max: int = 5_000
    quote_age_ms_max: int = 5_000
    retry_ms: int = 250
    record_timeout_ms: int = 2_000
    recover_ms_max: int = 30_000


class RiskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits and thresholds of the risk supervisor.

    margin ratios are maintenance margin over a venue's equity; at reduce a pair keeps margin_keep
    of its size, at flatten its scope is closed. drawdown_* are fractions of peak equity.
    problems are unusable frames and rate-limit refusals; a clock step is UTC moving against the
    monotonic clock.
    """

    limits: RiskLimits = RiskLimits()
    approval_ttl_ms: int = 1_000
    margin_ratio_warn: Decimal = Decimal("0.3")
    margin_ratio_reduce: Decimal = Decimal("0.45")
    margin_ratio_flatten: Decimal = Decimal("0.65")
    margin_keep: Decimal = Decimal("0.5")
    drawdown_reduce: Decimal = Decimal("0.15")
    drawdown_halt: Decimal = Decimal("0.25")
    rejects_in_a_row_max: int = 10
    problems_per_minute_max: int = 60
    clock_step_ms_max: int = 1_000
    recover_ms_max: int = 30_000


class FlattenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the flattener closes a scope.

    band_first is how far beyond the best price the first order may go (a fraction); it doubles
    per attempt up to band_max. cancel_wait_ms is how long terminal order events are waited for
    before the account is read again; in_flight_ms how long an order sent before may still appear.
    warm keeps the flattener's own sessions connected all the time, as live trading should. At an
    orderly stop pairs have exit_ms_max to close by themselves, then the flattener acts, for
    stop_ms_max at most.
    """

    warm: bool = True
    cancel_wait_ms: int = 1_000
    query_timeout_ms: int = 2_000
    close_timeout_ms: int = 3_000
    retry_ms: int = 1_000
    retry_ms_max: int = 15_000
    in_flight_ms: int = 3_000
    band_first: Decimal = Decimal("0.005")
    band_max: Decimal = Decimal("0.10")
    unconfirmed_after_ms: int = 10_000
    failed_after_attempts: int = 1_000
    exit_ms_max: int = 10_000
    stop_ms_max: int = 60_000


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and how often the journal writes; path "" keeps it in memory (simulation, backtest)."""

    path: str = ""
    flush_ms: int = 50
    chunk_max: int = 2_000
    queue_max: int = 100_000


class StrategySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One strategy: its kind, the pair it drives, and its own parameters from TOML."""

    name: str
    kind: str
    pair: str
    parameters: dict[str, str | int | float | bool] = {}
