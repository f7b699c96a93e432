"""HedgePair: a main leg and its hedge, both or none.

                     signal             durable           both legs at target
      RECOVERING --> FLAT --> RECORDING -----> ENTERING ---------------------> HEDGED
           ^          ^           |               |                              |
           |          '--refused--'               | exposed too long,            | signal, margin,
           |          |                           | hedge impossible             | stop
           |          |<--- both legs zero --- UNWINDING <- exposed too long - EXITING
           |          |<--- both legs zero ------------------------------------ EXITING
           '-------- LEASED (the flattener acts; from every phase; then recover)

The pair follows net, not order events: the hedge always heads for -ratio x what the main leg really
holds, so a fill that races a cancel counts like any other. Only the main leg heads for a target.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.addresses import JOURNAL, PORTFOLIO, ROOT
from actors.hedges.entry import entry_obstacle, entry_quantity
from actors.hedges.follow import MS_NS, Follower
from actors.hedges.leg import Leg
from actors.hedges.recovery import Recovery
from actors.messages.flatten import FlattenRequested
from actors.messages.journal import RecordReply, RecordStored, StoreRecord
from actors.messages.market import QuoteUpdated, topic_key
from actors.messages.orders import OrderRefused, OrdersReply, OrderUpdated, ResolveOrder
from actors.messages.pairs import (
    CloseReason,
    LeaseReturned,
    LeaseTaken,
    PairPhase,
    PairRecord,
    PairSignal,
    PairStateChanged,
    ReducePair,
)
from actors.messages.positions import AccountReported, PositionChanged
from actors.messages.risk import TradingStateChanged
from actors.messages.venue import ConnectionState, VenueStateChanged
from actors.runtime import Actor, Message, MessageRefused, RequestTimedOut, Timer, handles
from domain.authority import TradingState
from domain.client_ids import ClientIdScheme, owner_number
from domain.money import quantity_step_down

if TYPE_CHECKING:
    from actors.settings import PairSettings
    from domain.instruments import Instrument

__all__ = ["HedgePair"]

ZERO = Decimal(0)
WORKING = (PairPhase.ENTERING, PairPhase.EXITING, PairPhase.UNWINDING)
GIVE_UP_FACTOR = 3


class _Tick(Message, kw_only=True):
    """Time to look again at a pair that is under way."""


class HedgePair(Actor):
    """Owns the two positions of one pair between signal and flat.

    Receives: PairSignal, ReducePair, OrderUpdated, OrderRefused, PositionChanged,
    VenueStateChanged, leases. Sends: ProposeOrder to risk, PairRecord to the journal before its
    first leg, PairStateChanged and ExposureEnded to the portfolio and root, FlattenRequested when
    nothing else helps. When it fails: the next instance recovers intent from the journal and legs
    from the venues; beyond the restart budget the pair's scope is flattened.
    """

    def __init__(
        self,
        *,
        settings: PairSettings,
        main: Instrument,
        hedge: Instrument,
        client_ids: ClientIdScheme,
        leverage_cap: Decimal,
    ) -> None:
        """Own a pair of instruments; nothing is sent before recovery is complete."""
        super().__init__()
        # Ids of an instance that replaces a failed one must differ from that one's.
        owner = owner_number(f"{self.context.path}#{self.context.incarnation}")
        topic = self.context.topic
        self.settings = settings
        self.main = Leg(main, client_ids.issuer(owner, 0), topic(topic_key(QuoteUpdated, main.key)))
        self.hedge = Leg(
            hedge, client_ids.issuer(owner, 1), topic(topic_key(QuoteUpdated, hedge.key))
        )
        self.phase = PairPhase.RECOVERING
        self.reason = ""
        self.target = ZERO
        self.follow = Follower(self.context, settings, self.main, self.hedge)
        self.trading = TradingState.ACTIVE
        self.last_refusal = ""
        self._leverage_cap = leverage_cap
        self._record = 0
        self._entered_ns = 0
        self._next: PairSignal | None = None
        self._tick: Timer | None = None
        self._asked_flatten = False
        self._recovery: Recovery | None = None

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return phase, legs, exposure and what stands in the way."""
        return (
            ("phase", str(self.phase)),
            ("reason", self.reason),
            ("target", str(self.target)),
            ("main", f"{self.main.quantity} {self.main.connection}"),
            ("hedge", f"{self.hedge.quantity} {self.hedge.connection}"),
            ("exposed_ms", str(self.follow.exposed_ns() // MS_NS)),
            ("trading", str(self.trading)),
            ("last_refusal", self.last_refusal or self.follow.problem),
        )

    # -- recovery and leases -------------------------------------------------------------------

    def on_start(self) -> None:
        """Recover intent and legs before anything else."""
        self._recover("starting")

    def _recover(self, reason: str) -> None:
        self._move(PairPhase.RECOVERING, reason)
        self._forget()
        self._recovery = Recovery(self.context, self.settings, self.main, self.hedge)
        self._recovery.begin()
        self._arm()

    def _recovered(self, recovery: Recovery) -> None:
        """Decide what the legs and the record mean once they are all known."""
        self._recovery = None
        self._record = recovery.record.number if recovery.record is not None else 0
        phase, self.target, reason = recovery.meaning()
        if phase is PairPhase.LEASED:
            self._ask_flatten(reason)
            return
        self._entered_ns = self.context.monotonic
        self._move(phase, reason)
        if phase is PairPhase.FLAT:
            return
        self.follow.measure(self.follow.unseen_ns())
        self._work()

    @handles(LeaseTaken)
    def lease_taken(self, message: LeaseTaken) -> None:
        """Send nothing: the flattener acts for this pair."""
        self._recovery = None
        self._forget()
        self._move(PairPhase.LEASED, f"flattening {message.scope} {message.key}".strip())
        self.follow.measure()

    @handles(LeaseReturned)
    def lease_returned(self, _: LeaseReturned) -> None:
        """Own the pair again, from what the venues say."""
        self._asked_flatten = False
        self._store(PairPhase.FLAT, "flattened")
        self._recover("the lease returned")

    @handles(RecordReply)
    def record_reply(self, message: RecordReply) -> None:
        """Take the intent that an earlier instance recorded."""
        if self._recovery is not None:
            self._recovery.recorded(message)
            self._check_recovery()

    @handles(OrdersReply)
    def orders_reply(self, message: OrdersReply) -> None:
        """Take the orders of an earlier instance that may still trade."""
        for leg in (self.main, self.hedge):
            if leg.instrument.venue == message.venue and message.live:
                leg.connection = ConnectionState.LIVE
        if self._recovery is not None:
            self._recovery.orders(message)
            self._check_recovery()

    @handles(RequestTimedOut)
    def timed_out(self, message: RequestTimedOut) -> None:
        """Go on without an answer: entering is given up, recovery asks again."""
        if self._recovery is not None:
            self._recovery.ask_again()
        elif self.phase is PairPhase.RECORDING and message.message == "StoreRecord":
            self._refuse("journal", "the intent could not be made durable in time")
            self._move(PairPhase.FLAT, "the journal did not answer")

    def _forget(self) -> None:
        self.main.forget()
        self.hedge.forget()
        self._next = None

    def _check_recovery(self) -> None:
        if self._recovery is not None and self._recovery.complete():
            self._recovered(self._recovery)

    # -- what strategies and risk ask ----------------------------------------------------------

    @handles(PairSignal)
    def signal(self, message: PairSignal) -> None:
        """Open, close or reverse, or say why not."""
        if self.context.now > message.expires_ns:
            self._refuse("expired_signal", f"signal of {message.source} came too late")
        elif self.phase is PairPhase.FLAT:
            if message.direction:
                self._open(message)
        elif self.phase in (PairPhase.HEDGED, PairPhase.ENTERING):
            held = (self.target > ZERO) - (self.target < ZERO)
            if message.direction != held:
                self._next = message if message.direction else None
                self._close(CloseReason.SIGNAL)
        elif self.phase in (PairPhase.EXITING, PairPhase.UNWINDING):
            self._next = message if message.direction else None
        elif message.direction:
            self._refuse("busy", f"the pair is {self.phase}: {self.reason}")

    def _open(self, signal: PairSignal) -> None:
        sized = self._obstacle() or entry_quantity(
            self.settings, signal, self.main, self.hedge, self._leverage_cap
        )
        if isinstance(sized, tuple):
            self._refuse(*sized)
            return
        self.target = sized
        self._move(PairPhase.RECORDING, f"signal of {signal.source}")
        store = self._intent(PairPhase.ENTERING, self.reason)
        self.context.request(JOURNAL, store, self.settings.record_timeout_ms * MS_NS)

    def _obstacle(self) -> tuple[str, str] | None:
        legs, age_ns_max = (self.main, self.hedge), self.settings.quote_age_ms_max * MS_NS
        return entry_obstacle(self.trading, legs, age_ns_max, self.context.monotonic)

    @handles(RecordStored)
    def record_stored(self, message: RecordStored) -> None:
        """Send the first leg now that the intent is durable."""
        if self.phase is PairPhase.RECORDING and message.number == self._record:
            if (problem := self._obstacle()) is not None:
                self._refuse(*problem)
                self._store(PairPhase.FLAT, "not entered")
                self._move(PairPhase.FLAT, problem[1])
                return
            self._entered_ns = self.context.monotonic
            self._move(PairPhase.ENTERING, self.reason)
            self._work()

    @handles(ReducePair)
    def reduce(self, message: ReducePair) -> None:
        """Make the pair smaller, main leg first."""
        if self.phase not in (PairPhase.HEDGED, PairPhase.ENTERING):
            return
        kept = quantity_step_down(self.main.quantity * message.keep, self.main.instrument.lot)
        self._close(message.reason, kept)

    def _close(self, reason: str, target: Decimal = ZERO) -> None:
        self.target = target
        self._store(PairPhase.EXITING, reason)
        self._move(PairPhase.EXITING, reason)
        self._work()

    def _unwind(self, reason: str) -> None:
        self.target = ZERO
        self._next = None
        self._store(PairPhase.UNWINDING, reason)
        self._move(PairPhase.UNWINDING, reason)

    # -- what the world reports ----------------------------------------------------------------

    @handles(PositionChanged)
    def position_changed(self, message: PositionChanged) -> None:
        """Follow what a leg really holds."""
        leg = self._leg(message.instrument)
        leg.moved(message)
        if self._recovery is not None:
            self._check_recovery()
            return
        self._work()

    @handles(OrderUpdated)
    def order_updated(self, message: OrderUpdated) -> None:
        """Note that an order ended; what it filled shows in the position."""
        if self._recovery is not None:
            self._recovery.updated(message)
            self._check_recovery()
            return
        leg = self._leg(message.instrument)
        if leg.updated(message):
            if message.reason:
                self.last_refusal = f"{message.state}: {message.reason}"
            if leg.expected is None and leg.quantity == leg.base:
                self.follow.pause(leg)
            self._work()

    @handles(OrderRefused)
    def order_refused(self, message: OrderRefused) -> None:
        """Try again a little later; the bound on exposed time decides when to stop trying."""
        leg = self._leg(message.instrument)
        self.last_refusal = f"{message.reason}: {message.detail}"
        if leg.order is not None and leg.order.client_id == message.client_id:
            leg.order = None
            self.follow.pause(leg)
            self._work()

    @handles(VenueStateChanged)
    def venue_changed(self, message: VenueStateChanged) -> None:
        """Note whether a leg's venue answers; ask a new session about an order on its way."""
        for leg in (self.main, self.hedge):
            if leg.instrument.venue == message.venue:
                leg.connection = message.state
                if message.state is ConnectionState.LIVE:
                    self._venue_live(leg)
        self._work()

    def _venue_live(self, leg: Leg) -> None:
        if self._recovery is not None:
            self._recovery.ask_again()
        elif leg.order is not None:
            self.context.tell(leg.venue, ResolveOrder(order=leg.order))

    @handles(AccountReported)
    def account_reported(self, message: AccountReported) -> None:
        """Note what margin is free."""
        for leg in (self.main, self.hedge):
            if leg.instrument.venue == message.venue:
                leg.available = message.available

    @handles(TradingStateChanged)
    def trading_changed(self, message: TradingStateChanged) -> None:
        """Note what may be sent."""
        self.trading = message.state
        self._work()

    @handles(MessageRefused)
    def message_refused(self, message: MessageRefused) -> None:
        """Treat a full mailbox as a refusal: the order on its way there is looked up."""
        self.last_refusal = f"{message.address} is full"
        self._arm()

    # -- the work ------------------------------------------------------------------------------

    def _work(self) -> None:
        """Send what brings the legs nearer to where they belong; called after every change."""
        if self._recovery is not None:
            return
        self.follow.measure()
        if self.phase is PairPhase.HEDGED:
            self._keep_hedged()
        elif self.phase in (PairPhase.FLAT, PairPhase.RECORDING) and (
            self.main.quantity or self.hedge.quantity
        ):
            self._unwind("a leg is not zero although the pair is flat")
        if self.phase not in WORKING:
            return
        unfinished = self.follow.meter.open or self.main.quantity != self.target
        if unfinished and self.trading is TradingState.HALTED and not self._asked_flatten:
            # Nothing is approved any more: only permits can close what is open.
            self._ask_flatten("trading is halted")
        self._limit_exposure()
        if self.phase is PairPhase.ENTERING:
            self._limit_entry()
        self._move_legs()
        self._arrive()
        if self.phase in WORKING:
            self._arm()

    def _keep_hedged(self) -> None:
        """Work again when the main leg is not what it should be or the error leaves the band."""
        held = self.main.quantity
        if held != self.target:
            larger = held * self.target > ZERO and abs(held) > abs(self.target)
            self.target = self.target if larger else held
            self._move(
                PairPhase.EXITING if larger or not held else PairPhase.ENTERING,
                "the main leg changed by itself",
            )
            return
        if not self.follow.in_band:
            self._move(PairPhase.ENTERING, "the legs moved apart")

    def _limit_exposure(self) -> None:
        """Unwind when exposed for too long, and ask for a flatten when that fails too."""
        exposed_ns = self.follow.exposed_ns()
        bound_ns = self.settings.exposed_ms_max * MS_NS
        if exposed_ns >= GIVE_UP_FACTOR * bound_ns and not self._asked_flatten:
            self._ask_flatten(f"exposed for {exposed_ns // MS_NS} ms; {self.last_refusal}")
        elif exposed_ns >= bound_ns and self.phase is not PairPhase.UNWINDING:
            self._unwind(CloseReason.EXPOSED_TOO_LONG)

    def _limit_entry(self) -> None:
        """Be content with what the main leg got once its time is over."""
        late = self.context.monotonic - self._entered_ns >= self.settings.entry_ms_max * MS_NS
        if late and self.main.idle and self.main.quantity != self.target:
            self.target = self.main.quantity
            if not self.target:
                self._close("the main leg was not filled")

    def _move_legs(self) -> None:
        """Move both legs; give the main leg up when it ended at a size that cannot be hedged."""
        follow = self.follow
        follow.move_main(self.target, urgent=self._urgent())
        if follow.move_hedge(urgent=self._urgent()) or self.phase is not PairPhase.ENTERING:
            return
        if self.main.idle and self.main.quantity == self.target and follow.meter.open:
            self._unwind(CloseReason.HEDGE_IMPOSSIBLE)
            follow.move_main(self.target, urgent=True)

    def _urgent(self) -> bool:
        """Return whether price matters less than time."""
        late = self.follow.exposed_ns() >= self.settings.complete_ms * MS_NS
        return late or self.phase is PairPhase.UNWINDING

    def _arrive(self) -> None:
        """Change phase when both legs are where they belong."""
        main, hedge = self.main, self.hedge
        if not (main.idle and hedge.idle) or main.quantity != self.target:
            return
        if self.follow.meter.open:
            return
        if self.target:
            self._store(PairPhase.HEDGED, self.reason)
            self._move(PairPhase.HEDGED, self.reason)
        elif not hedge.quantity:
            self._store(PairPhase.FLAT, self.reason)
            self._move(PairPhase.FLAT, self.reason)
            signal, self._next = self._next, None
            if signal is not None and self.context.now <= signal.expires_ns:
                self._open(signal)

    @handles(_Tick)
    def tick(self, _: _Tick) -> None:
        """Look again: retries, deadlines, orders and positions that did not answer."""
        self._tick = None
        if self._recovery is not None:
            self._recovery.tick()
            self._check_recovery()
            self._arm()
            return
        self.follow.look_up_overdue()
        self._work()

    def _arm(self) -> None:
        if self._tick is None:
            self._tick = self.context.after(self.follow.pause_ns(), _Tick())

    # -- telling -------------------------------------------------------------------------------

    def _ask_flatten(self, reason: str) -> None:
        self._asked_flatten = True
        self._move(PairPhase.UNWINDING, reason)
        self.context.tell(
            ROOT,
            FlattenRequested(
                scope="pair", key=self.settings.name, who=self.context.path, reason=reason
            ),
        )

    def _refuse(self, reason: str, detail: str) -> None:
        self.last_refusal = f"{reason}: {detail}"
        self.context.tell(
            PORTFOLIO,
            OrderRefused(
                client_id="", instrument=self.main.instrument.key, reason=reason, detail=detail
            ),
        )

    def _store(self, phase: PairPhase, reason: str) -> None:
        self.context.tell(JOURNAL, self._intent(phase, reason))

    def _intent(self, phase: PairPhase, reason: str) -> StoreRecord:
        self._record += 1
        return StoreRecord(
            record=PairRecord(
                pair=self.settings.name,
                number=self._record,
                main_target=self.target,
                phase=phase,
                reason=reason,
            )
        )

    def _move(self, phase: PairPhase, reason: str) -> None:
        if phase is self.phase and reason == self.reason:
            return
        self.phase, self.reason = phase, reason
        changed = PairStateChanged(
            pair=self.settings.name,
            phase=phase,
            reason=reason,
            main=self.main.quantity,
            hedge=self.hedge.quantity,
        )
        self.context.tell(PORTFOLIO, changed)
        self.context.tell(ROOT, changed)

    def _leg(self, instrument: str) -> Leg:
        return self.main if instrument == self.main.instrument.key else self.hedge
