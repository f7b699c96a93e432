"""RiskSupervisor: nothing new is risked without its consent, and it says stop.

Trips are sticky: a state once lowered stays until an operator resumes. Each lowering raises the
epoch, so that approvals on their way are refused where they arrive.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from actors.addresses import PORTFOLIO, ROOT, pair_address, position_address
from actors.messages.flatten import FlattenRequested
from actors.messages.market import MarkUpdated, QuoteUpdated, topic_key
from actors.messages.orders import (
    OrderRefused,
    OrdersQuery,
    OrdersReply,
    OrderUpdated,
    ProposeOrder,
    SubmitOrder,
)
from actors.messages.pairs import ReducePair
from actors.messages.portfolio import EquityUpdated
from actors.messages.positions import (
    AccountReported,
    PositionChanged,
    PositionCorrected,
    PositionQuery,
)
from actors.messages.risk import (
    EpochRaised,
    HaltRequested,
    JournalPressure,
    MarginWarning,
    ReduceRequested,
    ResumeRequested,
    ScopeClosing,
    ScopeReopened,
    TradingStateChanged,
    TradingStateQuery,
)
from actors.messages.venue import (
    ConnectionState,
    GatewayProblem,
    ProblemKind,
    VenueStateChanged,
)
from actors.risk.book import Holding, RiskBook
from actors.risk.margin import MarginLevel, MarginWatch
from actors.runtime import Actor, EngineError, Message, Timer, handles
from domain.authority import Mint, TradingState
from domain.checks import RefusalReason, check_order
from domain.orders import OrderState

if TYPE_CHECKING:
    from types import TracebackType

    from actors.settings import PairSettings, RiskSettings
    from domain.instruments import Instrument
    from domain.orders import Order

__all__ = ["RiskSupervisor"]

MS_NS = 1_000_000
MINUTE_NS = 60_000 * MS_NS
EPOCHS_PER_INCARNATION = 1_000_000
RETRY_NS = 500 * MS_NS
# Looked up by its class, a member of an enumeration costs as much as a call.
_PENDING, _FILLED, _REJECTED = OrderState.PENDING, OrderState.FILLED, OrderState.REJECTED
ORDER_OF_STATES = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)


class _Recover(Message, kw_only=True):
    """Time to ask again for what is not known."""


class RiskSupervisor(Actor):
    """Owns approvals, reservations, the trading state and the breakers.

    Receives: ProposeOrder, OrderUpdated, OrderRefused, PositionChanged, AccountReported, marks,
    GatewayProblem, JournalPressure, EquityUpdated, what operators ask. Sends: SubmitOrder to
    venues, OrderRefused to owners, EpochRaised to venues, TradingStateChanged to pairs, root and
    portfolio, ReducePair to pairs, FlattenRequested to the root. When it fails: nothing is
    approved until the next instance knows every live order and position; the trading state comes
    back from the root.
    """

    def __init__(
        self,
        *,
        settings: RiskSettings,
        approval_key: bytes,
        instruments: tuple[Instrument, ...],
        pairs: tuple[PairSettings, ...],
        strategies: tuple[str, ...] = (),
    ) -> None:
        """Watch these instruments and pairs; approve nothing before recovery is complete."""
        super().__init__()
        topic = self.context.topic
        holdings = {
            item.key: Holding(
                item,
                topic(topic_key(QuoteUpdated, item.key)),
                topic(topic_key(MarkUpdated, item.key)),
            )
            for item in instruments
        }
        self.trading = TradingState.ACTIVE
        self.reason = ""
        self.epoch = self.context.incarnation * EPOCHS_PER_INCARNATION
        self.recovering = True
        self.refusals: dict[str, int] = {}
        self._settings = settings
        self._book = RiskBook(holdings, pairs)
        self._mint = Mint(approval_key)
        self._pairs = pairs
        self._venues = {venue: f"/venues/{venue}" for venue in self._book.accounts}
        self._told = (
            *(pair_address(pair.name) for pair in pairs),
            *strategies,
            PORTFOLIO,
            ROOT,
        )
        self._closing: dict[str, str] = {}
        self._rejects = 0
        self._problems: deque[int] = deque()
        self._clock_offset_ns = self.context.now - self.context.monotonic
        self._waiting = {*self._venues}
        self._state_known = False
        self._begun_ns = 0
        self._again: Timer | None = None
        self._watches = {
            venue: MarginWatch(account, settings) for venue, account in self._book.accounts.items()
        }
        self._drawdown = TradingState.ACTIVE  # the rung reached since the last resume

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return trading state, why, epoch, live orders and refusals."""
        return (
            ("trading", str(self.trading)),
            ("reason", self.reason),
            ("epoch", str(self.epoch)),
            ("recovering", str(self.recovering)),
            ("live_orders", str(len(self._book.live))),
            ("closing", ", ".join(sorted(self._closing))),
            ("refusals", str(self.refusals)),
        )

    # -- recovery ------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Ask root, venues and positions for what an earlier instance knew."""
        for key in self._book.holdings:
            self.context.subscribe(topic_key(MarkUpdated, key))
        self._begun_ns = self.context.monotonic
        self._ask()

    def _ask(self) -> None:
        if not self._state_known:
            self.context.tell(ROOT, TradingStateQuery())
        for venue in sorted(self._waiting):
            self.context.tell(self._venues[venue], OrdersQuery())
            # An account is reported after each reading of it, whoever asks.
            self.context.tell(self._venues[venue], PositionQuery(instrument=""))
        for key in self._book.holdings:
            self.context.tell(position_address(key), PositionQuery(instrument=key))
        self._again = self.context.after(RETRY_NS, _Recover())

    @handles(_Recover)
    def recover(self, _: _Recover) -> None:
        """Ask again; not being able to compute risk for too long is a failure."""
        self._again = None
        if not self.recovering:
            return
        if self.context.monotonic - self._begun_ns > self._settings.recover_ms_max * MS_NS:
            raise EngineError(f"risk could not recover: no answer of {sorted(self._waiting)}")
        self._ask()

    @handles(OrdersReply)
    def orders_reply(self, message: OrdersReply) -> None:
        """Reserve for every order that may still trade."""
        if message.venue in self._waiting:
            self._waiting.discard(message.venue)
            for live in message.orders:
                if live.order.client_id not in self._book.live:
                    self._book.reserve(live.order, self.context.monotonic, live.state)
            self._book.accounts[message.venue].live = message.live
            self._check_recovered()

    @handles(TradingStateChanged)
    def state_known(self, message: TradingStateChanged) -> None:
        """Take over the trading state of an earlier instance, in an epoch of our own."""
        if not self._state_known:
            self._state_known = True
            self.trading, self.reason = message.state, message.reason
            self._raise_epoch()
            self._check_recovered()

    def _check_recovered(self) -> None:
        if self.recovering and not self._waiting and self._state_known:
            self.recovering = False
            if self._again is not None:
                self._again.cancel()

    # -- consent -------------------------------------------------------------------------------

    @handles(ProposeOrder)
    def propose(self, message: ProposeOrder) -> None:
        """Approve exactly this order or refuse it with a reason."""
        order = message.order
        self._check_clock()
        refusal = self._refusal(order)
        if refusal is not None:
            self._refuse(order, *refusal)
            return
        context = self.context
        holding = self._book.holdings[order.instrument]
        monotonic_ns = context.monotonic
        self._book.reserve(order, monotonic_ns, _PENDING)
        approval = self._mint.approve(
            order,
            epoch=self.epoch,
            book_sequence=holding.quote.last.sequence,
            expires_ns=monotonic_ns + self._settings.approval_ttl_ms * MS_NS,
        )
        context.tell(self._venues[holding.instrument.venue], SubmitOrder(authority=approval))

    def _refusal(self, order: Order) -> tuple[str, str] | None:
        holding = self._book.holdings.get(order.instrument)
        if holding is None:
            return "unknown_instrument", f"{order.instrument} is not configured"
        if self.recovering:
            return RefusalReason.RECOVERING, "risk is recovering"
        closing = self._closing.get(order.instrument)
        if closing is not None:
            return "closing", f"being flattened: {closing}"
        if not order.reduce_only:
            account = self._book.accounts[holding.instrument.venue]
            if not account.live:
                return RefusalReason.NOT_LIVE, f"{holding.instrument.venue} is not live"
            if not holding.confirmed or not account.reported:
                return RefusalReason.RECOVERING, f"{order.instrument} is not confirmed"
        context = self.context
        world = self._book.context(order, self.trading, context.now, context.monotonic)
        reason = check_order(order, holding.instrument, self._settings.limits, world)
        if reason is None:
            return None
        return reason, f"{order.side.name} {order.quantity} {order.instrument}: {reason}"

    def _refuse(self, order: Order, reason: str, detail: str) -> None:
        self.refusals[reason] = self.refusals.get(reason, 0) + 1
        refused = OrderRefused(
            client_id=order.client_id, instrument=order.instrument, reason=reason, detail=detail
        )
        self.context.tell(order.owner, refused)
        self.context.tell(PORTFOLIO, refused)

    @handles(OrderUpdated)
    def order_updated(self, message: OrderUpdated) -> None:
        """Follow reservations; too many rejects in a row trip the breaker."""
        self._book.updated(message)
        if message.state is _REJECTED:
            self._rejects += 1
            if self._rejects >= self._settings.rejects_in_a_row_max:
                self._trip(TradingState.REDUCING, f"{self._rejects} rejects in a row")
        elif message.state is _FILLED:
            self._rejects = 0

    @handles(OrderRefused)
    def order_refused(self, message: OrderRefused) -> None:
        """Release what a venue connection did not send."""
        self._book.release(message.client_id)
        self.context.tell(PORTFOLIO, message)

    # -- facts ---------------------------------------------------------------------------------

    @handles(PositionChanged)
    def position_changed(self, message: PositionChanged) -> None:
        """Take a new figure."""
        holding = self._book.position_changed(message)
        if message.fill_id:
            self._watch_margin(holding.instrument.venue)

    @handles(PositionCorrected)
    def position_corrected(self, message: PositionCorrected) -> None:
        """A book that was wrong once takes no new risk until a person has looked."""
        self._trip(
            TradingState.REDUCING,
            f"{message.instrument}: booked {message.booked}, venue {message.venue}",
        )

    @handles(AccountReported)
    def account_reported(self, message: AccountReported) -> None:
        """Take the venue's own balance and margin."""
        self._book.account_reported(message)
        self._watch_margin(message.venue)

    @handles(VenueStateChanged)
    def venue_changed(self, message: VenueStateChanged) -> None:
        """Note whether new risk may go there; a connection that begins learns which epoch holds."""
        self._book.accounts[message.venue].live = message.state is ConnectionState.LIVE
        if message.state is ConnectionState.CONNECTING:
            raised = EpochRaised(epoch=self.epoch, state=self.trading)
            self.context.tell(self._venues[message.venue], raised)

    @handles(GatewayProblem)
    def problem(self, message: GatewayProblem) -> None:
        """Take no new risk after a mass cancel, a fill that is not ours, or too much nonsense."""
        if message.kind in (ProblemKind.MASS_CANCEL, ProblemKind.UNKNOWN_FILL):
            self._trip(TradingState.REDUCING, f"{message.kind}: {message.detail}")
        now, recent = self.context.monotonic, self._problems
        recent.append(now)
        while now - recent[0] > MINUTE_NS:
            recent.popleft()
        if len(recent) > self._settings.problems_per_minute_max:
            recent.clear()
            self._trip(TradingState.REDUCING, f"too many problems, last {message.kind}")

    def _check_clock(self) -> None:
        """Take no new risk after UTC moved against the monotonic clock; compare accounts."""
        context = self.context
        offset_ns = context.now - context.monotonic
        if offset_ns == self._clock_offset_ns:
            return
        step_ms = (offset_ns - self._clock_offset_ns) // MS_NS
        if abs(step_ms) > self._settings.clock_step_ms_max:
            self._clock_offset_ns = offset_ns
            self._trip(TradingState.REDUCING, f"the clock stepped by {step_ms} ms")
            for key, holding in self._book.holdings.items():
                address = self._venues[holding.instrument.venue]
                self.context.tell(address, PositionQuery(instrument=key))

    @handles(JournalPressure)
    def journal_pressure(self, message: JournalPressure) -> None:
        """Stop trading before records are lost."""
        if message.failed or message.fraction >= _HALT_FRACTION:
            self._trip(TradingState.HALTED, f"journal: {message.reason}")
            self._flatten("all", "", f"journal: {message.reason}")
        elif message.fraction >= _REDUCE_FRACTION:
            self._trip(TradingState.REDUCING, f"journal: {message.reason}")

    # -- margin and drawdown -------------------------------------------------------------------

    @handles(MarkUpdated)
    def marked(self, message: MarkUpdated) -> None:
        """Watch the margin of the venue whose mark moved, if anything is held there."""
        self._check_clock()
        holding = self._book.holdings[message.instrument]
        venue = holding.instrument.venue
        if holding.quantity and not self._watches[venue].skip(message.instrument, message.mark):
            self._watch_margin(venue)

    def _watch_margin(self, venue: str) -> None:
        watch = self._watches[venue]
        level = watch.look(self.context.monotonic)
        if level is None:
            return
        action = ("none", "warned", "reduced", "flattened")[level]
        warning = MarginWarning(venue=venue, ratio=watch.ratio, action=action)
        self.context.tell(PORTFOLIO, warning)
        reason = f"margin of {venue} is used to {watch.ratio:.3f}"
        for pair in self._pairs:
            legs = (self._book.holdings[pair.main], self._book.holdings[pair.hedge])
            if not any(leg.quantity and leg.instrument.venue == venue for leg in legs):
                continue
            if level is MarginLevel.FLATTEN:
                self._flatten("pair", pair.name, reason)
            elif level is MarginLevel.REDUCE:
                self._reduce(pair, reason)

    def _reduce(self, pair: PairSettings, reason: str) -> None:
        self.context.tell(
            pair_address(pair.name),
            ReducePair(pair=pair.name, keep=self._settings.margin_keep, reason=reason),
        )

    @handles(EquityUpdated)
    def equity_updated(self, message: EquityUpdated) -> None:
        """Climb the drawdown ladder: smaller pairs first, then halt and flatten."""
        depth = message.drawdown
        settings = self._settings
        if depth >= settings.drawdown_halt and self._drawdown is not TradingState.HALTED:
            self._drawdown = TradingState.HALTED
            self._trip(TradingState.HALTED, f"drawdown {depth:.3f}")
            self._flatten("all", "", f"drawdown {depth:.3f}")
        elif depth >= settings.drawdown_reduce and self._drawdown is TradingState.ACTIVE:
            self._drawdown = TradingState.REDUCING
            self._trip(TradingState.REDUCING, f"drawdown {depth:.3f}")
            for pair in self._pairs:
                self._reduce(pair, f"drawdown {depth:.3f}")

    def _flatten(self, scope: str, key: str, reason: str) -> None:
        self.context.tell(
            ROOT, FlattenRequested(scope=scope, key=key, who=self.context.path, reason=reason)
        )

    # -- trading state -------------------------------------------------------------------------

    @handles(HaltRequested)
    def halt(self, message: HaltRequested) -> None:
        """Send nothing but permits from here on."""
        self._trip(TradingState.HALTED, f"{message.who}: {message.reason}")

    @handles(ReduceRequested)
    def reduce_only(self, message: ReduceRequested) -> None:
        """Take no new risk from here on."""
        self._trip(TradingState.REDUCING, f"{message.who}: {message.reason}")

    @handles(ResumeRequested)
    def resume(self, message: ResumeRequested) -> None:
        """Clear every trip, unless something is being flattened."""
        if self._closing:
            self.reason = f"not resumed for {message.who}: flattening {sorted(self._closing)}"
            return
        self._rejects = 0
        self._drawdown = TradingState.ACTIVE
        self.trading, self.reason = TradingState.ACTIVE, f"resumed by {message.who}"
        self._raise_epoch()

    @handles(ScopeClosing)
    def scope_closing(self, message: ScopeClosing) -> None:
        """Approve nothing on these instruments, and void what is on its way."""
        for instrument in message.instruments:
            self._closing[instrument] = message.reason
        self._raise_epoch()

    @handles(ScopeReopened)
    def scope_reopened(self, message: ScopeReopened) -> None:
        """The instruments are flat; their orders are over."""
        for instrument in message.instruments:
            self._closing.pop(instrument, None)

    def _trip(self, state: TradingState, reason: str) -> None:
        if ORDER_OF_STATES.index(state) <= ORDER_OF_STATES.index(self.trading):
            return
        self.trading, self.reason = state, reason
        self._raise_epoch()

    def _raise_epoch(self) -> None:
        self.epoch += 1
        for address in self._venues.values():
            self.context.tell(address, EpochRaised(epoch=self.epoch, state=self.trading))
        changed = TradingStateChanged(state=self.trading, epoch=self.epoch, reason=self.reason)
        for address in self._told:
            self.context.tell(address, changed)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Void every approval on its way: nobody watches them now."""
        self.epoch += 1
        for address in self._venues.values():
            self.context.tell(address, EpochRaised(epoch=self.epoch, state=TradingState.REDUCING))


_HALT_FRACTION = 0.9
_REDUCE_FRACTION = 0.5
