"""The Portfolio: equity, drawdown, profit per leg and pair, and the counts of a run."""

from __future__ import annotations

from decimal import Decimal

from actors.addresses import JOURNAL, RISK
from actors.messages.flatten import FlattenStatus
from actors.messages.orders import OrderRefused
from actors.messages.pairs import ExposureEnded, PairStateChanged
from actors.messages.portfolio import (
    CountsQuery,
    CountsReported,
    EquityUpdated,
    FlattenReport,
    PairReport,
    PortfolioQuery,
    PortfolioReply,
    VenueReport,
)
from actors.messages.positions import AccountReported, PositionChanged
from actors.messages.risk import MarginWarning, TradingStateChanged
from actors.messages.venue import VenueStateChanged
from actors.portfolio.books import Leg, Venue
from actors.portfolio.curve import EquityCurve
from actors.portfolio.samples import Samples
from actors.runtime.actor import Actor, handles
from actors.runtime.context import Deferred
from actors.runtime.message import Message
from actors.runtime.system import RequestTimedOut
from actors.settings import PairSettings
from domain.authority import TradingState
from domain.instruments import Instrument

__all__ = ["Portfolio"]

MS_NS = 1_000_000
COUNTS_TIMEOUT_NS = 1_000 * MS_NS
ASKERS_MAX = 100
FLATTENS_MAX = 100
REASONS_MAX = 200
OTHER = "other"
ZERO = Decimal(0)


class _SampleDue(Message, kw_only=True):
    """Time for a point of the equity curve."""


class _Pair:
    """What is known of one pair beside its legs."""

    __slots__ = ("delta_error_max", "exposures", "legs", "state")

    def __init__(self, legs: tuple[Leg, ...]) -> None:
        self.legs = legs
        self.state: PairStateChanged | None = None
        self.exposures = 0
        self.delta_error_max = ZERO


class Portfolio(Actor):
    """Owns the figures of the run; decides nothing.

    Receives PositionChanged, AccountReported, TradingStateChanged, VenueStateChanged,
    PairStateChanged, ExposureEnded, MarginWarning, OrderRefused, FlattenStatus; PortfolioQuery, for
    which it asks the sources of counts first. Looks at marks, quotes and bars, and subscribes to
    none. Sends EquityUpdated to risk at each sample, and when fills moved the drawdown by a step.
    Equity is the sum of the venues' equity at the start and what the run earned since: deposits
    count neither as profit nor as loss. When it fails: curve and counts begin anew, books come back
    with the next reports; trading goes on.
    """

    def __init__(
        self,
        *,
        pairs: tuple[PairSettings, ...],
        instruments: tuple[Instrument, ...],
        sources: tuple[str, ...] = (JOURNAL,),
        risk: str = RISK,
        sample_ms: int = 60_000,
        drawdown_step: Decimal = Decimal("0.005"),
        points_max: int = 4_096,
    ) -> None:
        """Watch these pairs; sources are the addresses that answer CountsQuery."""
        super().__init__()
        topic = self.context.topic
        self._legs = {
            item.key: Leg(
                item,
                mark=topic(f"mark:{item.key}"),
                quote=topic(f"quote:{item.key}"),
                bar=topic(f"bar:{item.key}"),
            )
            for item in instruments
        }
        names = dict.fromkeys(item.venue for item in instruments)
        legs = self._legs.values()
        self._venues = {
            name: Venue(name, (leg for leg in legs if leg.instrument.venue == name))
            for name in names
        }
        self._pairs = {
            pair.name: _Pair(tuple(self._legs[key] for key in (pair.main, pair.hedge)))
            for pair in pairs
        }
        self.trading: TradingState | None = None
        self.trading_reason = ""
        self.unlisted = 0
        self.refusals: dict[str, int] = {}
        self.notional_max = ZERO
        self.delta_error_max = ZERO
        self.curve = EquityCurve(points_max)
        self._flattens: dict[int, FlattenReport] = {}
        self._exposed = Samples(self.context.rng)
        self._unreachable = Samples(self.context.rng)
        self._risk = risk
        self._sample_ns = sample_ms * MS_NS
        self._drawdown_step = drawdown_step
        self._drawdown_told = ZERO
        self._drift = ZERO
        self._drift_max = ZERO
        self._sources = sources
        self._awaited: dict[str, None] = {}
        self._askers: list[tuple[Deferred, PortfolioQuery]] = []
        self._complete = True
        self._counts: dict[str, dict[str, int]] = {source: {} for source in sources}
        self._counted_before: dict[str, int] = {}

    def on_start(self) -> None:
        """Begin to sample."""
        self.context.every(self._sample_ns, _SampleDue())

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return the headline figures."""
        return (
            ("trading", f"{self.trading} {self.trading_reason}".strip()),
            ("equity", str(self.equity())),
            ("peak", str(self.curve.peak)),
            ("drawdown", str(self.curve.drawdown)),
            ("max drawdown", str(self.curve.max_drawdown)),
            ("pnl", str(self._pnl())),
            ("flat", str(self._flat())),
            ("refusals", str(self.refusals)),
            ("curve", f"{len(self.curve.points)} points, one per {self.curve.stride} samples"),
        )

    # -- books -----------------------------------------------------------------------------------

    @handles(PositionChanged)
    def position_changed(self, message: PositionChanged) -> None:
        """Take a book; a fill may have moved the drawdown."""
        leg = self._legs.get(message.instrument)
        if leg is None:
            self.unlisted += 1
        elif leg.take(message):
            self._observe_fill(leg)

    @handles(AccountReported)
    def account_reported(self, message: AccountReported) -> None:
        """Take what the venue says the account is worth."""
        venue = self._venues.get(message.venue)
        if venue is None:
            self.unlisted += 1
        else:
            venue.take(message)

    def equity(self) -> Decimal | None:
        """Return the equity by our books in quote currency, None until every venue has reported."""
        total = ZERO
        for venue in self._venues.values():
            equity = venue.equity()
            if equity is None:
                return None
            total += equity
        return total

    @handles(_SampleDue)
    def sample(self, _: _SampleDue) -> None:
        """Add a point to the curve and tell risk."""
        equity = self.equity()
        if equity is not None:
            self.curve.sample(self.context.now, equity)
            self._tell(equity)

    def _observe_fill(self, leg: Leg) -> None:
        """Look at the whole equity only when fills have moved it by half a step since the last."""
        before = leg.worth
        self._drift += leg.value() - before
        if abs(self._drift) < self._drift_max:
            return
        equity = self.equity()
        if equity is None:
            return
        self.curve.observe(equity)
        self._settle_drift()
        if abs(self.curve.drawdown - self._drawdown_told) >= self._drawdown_step:
            self._tell(equity)

    def _settle_drift(self) -> None:
        self._drift = ZERO
        self._drift_max = max(ZERO, (self.curve.peak or ZERO) * self._drawdown_step / 2)

    def _tell(self, equity: Decimal) -> None:
        curve = self.curve
        assert curve.peak is not None, "an equity was observed"
        self._settle_drift()
        self._drawdown_told = curve.drawdown
        updated = EquityUpdated(equity=equity, peak=curve.peak, drawdown=curve.drawdown)
        self.context.tell(self._risk, updated)

    # -- what happened ---------------------------------------------------------------------------

    @handles(TradingStateChanged)
    def trading_changed(self, message: TradingStateChanged) -> None:
        """Note what may be sent, and why."""
        self.trading, self.trading_reason = message.state, message.reason

    @handles(VenueStateChanged)
    def venue_changed(self, message: VenueStateChanged) -> None:
        """Note how a venue can be reached."""
        venue = self._venues.get(message.venue)
        if venue is None:
            self.unlisted += 1
        else:
            venue.state, venue.reason = message.state, message.reason

    @handles(PairStateChanged)
    def pair_changed(self, message: PairStateChanged) -> None:
        """Note where a pair is."""
        pair = self._pairs.get(message.pair)
        if pair is None:
            self.unlisted += 1
        else:
            pair.state = message

    @handles(ExposureEnded)
    def exposure_ended(self, message: ExposureEnded) -> None:
        """Add a finished exposure to the distributions."""
        self._exposed.add(message.exposed_ns)
        self._unreachable.add(message.unreachable_ns)
        self.notional_max = max(self.notional_max, message.notional_max)
        self.delta_error_max = max(self.delta_error_max, message.delta_error_max)
        pair = self._pairs.get(message.pair)
        if pair is None:
            self.unlisted += 1
        else:
            pair.exposures += 1
            pair.delta_error_max = max(pair.delta_error_max, message.delta_error_max)

    @handles(MarginWarning)
    def margin_warned(self, message: MarginWarning) -> None:
        """Count a warning at its venue."""
        venue = self._venues.get(message.venue)
        if venue is None:
            self.unlisted += 1
        else:
            venue.warnings += 1

    @handles(OrderRefused)
    def order_refused(self, message: OrderRefused) -> None:
        """Count a refusal by its reason; beyond 200 reasons, as "other"."""
        refusals = self.refusals
        reason = str(message.reason)
        if reason not in refusals and len(refusals) >= REASONS_MAX:
            reason = OTHER
        refusals[reason] = refusals.get(reason, 0) + 1

    @handles(FlattenStatus)
    def flatten_status(self, message: FlattenStatus) -> None:
        """Keep where each of the latest mandates stands."""
        self._flattens[message.mandate] = FlattenReport(
            mandate=message.mandate,
            scope=message.scope,
            key=message.key,
            state=message.state,
            reason=message.reason,
        )
        while len(self._flattens) > FLATTENS_MAX:
            del self._flattens[next(iter(self._flattens))]

    # -- questions -------------------------------------------------------------------------------

    @handles(PortfolioQuery)
    def query(self, message: PortfolioQuery) -> None:
        """Answer once the sources of counts have, or their time is up.

        While a hundred queries wait, another gets no answer, and times out.
        """
        if len(self._askers) >= ASKERS_MAX:
            return
        self._askers.append((self.context.defer(), message))
        if not self._awaited:
            self._complete = True
            for source in self._sources:
                self._awaited[source] = None
                self.context.request(source, CountsQuery(), COUNTS_TIMEOUT_NS)
            self._answer_if_complete()

    @handles(CountsReported)
    def counted(self, message: CountsReported) -> None:
        """Take counts; a source that starts from zero again goes on from what it had."""
        known = self._counts.get(message.source)
        if known is None:
            self.unlisted += 1
            return
        counts = dict(message.counts)
        if any(counts.get(name, 0) < count for name, count in known.items()):
            for name, count in known.items():
                self._counted_before[name] = self._counted_before.get(name, 0) + count
        self._counts[message.source] = counts
        self._awaited.pop(message.source, None)
        self._answer_if_complete()

    @handles(RequestTimedOut)
    def timed_out(self, message: RequestTimedOut) -> None:
        """Answer with the last known counts of a source that is not there."""
        if message.address in self._awaited:
            del self._awaited[message.address]
            self._complete = False
            self._answer_if_complete()

    def _answer_if_complete(self) -> None:
        if self._awaited:
            return
        askers, self._askers = self._askers, []
        if askers:
            reply = self._reply()
            whole = reply
            if any(question.curve for _, question in askers):
                whole = self._reply(curve=True)
            for deferred, question in askers:
                deferred.reply(whole if question.curve else reply)

    def _total_counts(self) -> dict[str, int]:
        total = dict(self._counted_before)
        for counts in self._counts.values():
            for name, count in counts.items():
                total[name] = total.get(name, 0) + count
        return total

    def _reply(self, *, curve: bool = False) -> PortfolioReply:
        legs = tuple(self._legs.values())
        exposures = [leg.exposure() for leg in legs]
        counts = self._total_counts()
        starts = [venue.equity_start for venue in self._venues.values()]
        settled = [leg for leg in legs if leg.changed is not None]
        return PortfolioReply(
            utc_ns=self.context.now,
            trading=self.trading,
            trading_reason=self.trading_reason,
            bars=counts.pop("bars", 0),
            signals=counts.pop("signals", 0),
            orders=counts.pop("orders", 0),
            fills=sum(leg.fills for leg in legs),
            liquidations=counts.pop("liquidations", 0),
            fees=sum((leg.in_quote(leg.changed.fees) for leg in settled if leg.changed), ZERO),
            funding=sum(
                (leg.in_quote(leg.changed.funding) for leg in settled if leg.changed), ZERO
            ),
            pnl=self._pnl(),
            legs=tuple(leg.report() for leg in legs),
            pairs=tuple(self._pair_report(name) for name in self._pairs),
            venues=tuple(self._venue_report(venue) for venue in self._venues.values()),
            flattens=tuple(self._flattens.values()),
            equity_start=None if None in starts else sum(filter(None, starts), ZERO),
            equity=self.equity(),
            peak=self.curve.peak,
            drawdown=self.curve.drawdown,
            max_drawdown=self.curve.max_drawdown,
            gross=sum((abs(value) for value in exposures), ZERO),
            net=sum(exposures, ZERO),
            exposed=self._exposed.distribution(),
            unreachable=self._unreachable.distribution(),
            max_notional=self.notional_max,
            max_delta_error=self.delta_error_max,
            refusals=tuple(sorted(self.refusals.items())),
            final_flat=self._flat(),
            unlisted=self.unlisted,
            counts=tuple(sorted(counts.items())),
            complete=self._complete,
            curve=self.curve.curve() if curve else (),
        )

    def _pnl(self) -> Decimal:
        return sum((venue.pnl() for venue in self._venues.values()), ZERO)

    def _flat(self) -> bool:
        return not any(leg.quantity for leg in self._legs.values())

    def _pair_report(self, name: str) -> PairReport:
        pair = self._pairs[name]
        state = pair.state
        return PairReport(
            pair=name,
            phase=None if state is None else state.phase,
            reason="" if state is None else state.reason,
            pnl=sum((leg.value() for leg in pair.legs), ZERO),
            exposures=pair.exposures,
            delta_error_max=pair.delta_error_max,
        )

    def _venue_report(self, venue: Venue) -> VenueReport:
        return VenueReport(
            venue=venue.name,
            state=venue.state,
            reason=venue.reason,
            equity_start=venue.equity_start,
            equity=venue.equity(),
            equity_reported=None if venue.reported is None else venue.reported.equity,
            margin_warnings=venue.warnings,
        )
