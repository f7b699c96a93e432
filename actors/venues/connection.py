"""VenueConnection: one account at one venue, from socket to order state.

    DISCONNECTED --connect--> CONNECTING --session up--> SYNCING --reconciled--> LIVE
         ^                        |                      ^    ^                   |
         '------ session gone ----'                      |    '---- DEGRADED <----' gap, stale
         '---------------- no answer in time ------------'

LIVE only after open orders, positions, balances and fills since the cursor agree with the venue.
Only LIVE takes new risk; orders that reduce are handed over while DEGRADED as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.addresses import RISK, position_address
from actors.messages.orders import (
    CancelAll,
    CancelOrder,
    OrdersQuery,
    OrdersReply,
    ResolveOrder,
    SubmitOrder,
)
from actors.messages.positions import AccountReported, PositionQuery, PositionReported
from actors.messages.risk import EpochRaised
from actors.messages.venue import (
    AccountSnapshot,
    CancelRefused,
    ConnectionState,
    FundingPaid,
    GatewayEvent,
    GatewayProblem,
    OrderAcknowledged,
    OrderFilled,
    OrderFinished,
    OrderLookup,
    ProblemKind,
    VenueStateChanged,
    flat_position,
)
from actors.ports import Frame, Gateway, GatewaySink, MarketEvent, Transport
from actors.runtime import Actor, Timer, handles
from actors.venues.alarms import (
    CheckFeeds,
    ConnectTimeout,
    Reconnect,
    Resync,
    Sweep,
    SyncTimeout,
    Wake,
)
from actors.venues.booked import Booked
from actors.venues.budget import RateBudget
from actors.venues.desk import MS_NS, OrderDesk
from actors.venues.feeds import Feeds
from actors.venues.inlet import Inlet, MarketInlet
from domain.authority import Approval, FlattenPermit, Gate, TradingState
from domain.client_ids import is_ours

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from actors.messages.venue import VenueOrder
    from actors.settings import VenueSettings

__all__ = ["VenueConnection"]

_State = ConnectionState
_LIVE = ConnectionState.LIVE  # looked up by its class it would cost as much as a call
SWEEPS_PER_TIMEOUT = 4


class VenueConnection(Actor):
    """Owns the session, the order states and the rate budget of one account at one venue.

    Receives: SubmitOrder, CancelOrder, CancelAll, ResolveOrder, OrdersQuery, PositionQuery,
    EpochRaised, and the venue's frames. Sends: OrderUpdated and OrderRefused to owners and risk,
    OrderFilled, FundingPaid and PositionReported to positions, VenueStateChanged to its
    listeners, AccountReported to its account listeners, GatewayProblem to risk. When it fails:
    orders live on at the venue; the next instance cancels what it does not know and resolves what
    owners ask about.
    """

    def __init__(
        self,
        *,
        venue: str,
        settings: VenueSettings,
        gateway: Callable[[GatewaySink], Gateway],
        transport: Transport,
        approval_key: bytes,
        permit_key: bytes,
        deployment: int,
        listeners: tuple[str, ...],
        account_listeners: tuple[str, ...],
        risk: str = RISK,
    ) -> None:
        """Join a gateway and a transport; nothing is sent before on_start."""
        super().__init__()
        self.venue = venue
        self.connection = _State.DISCONNECTED
        self.reason = "not started"
        self._settings = settings
        self._transport = transport
        self._listeners = listeners
        self._account_listeners = account_listeners
        self._risk = risk
        self._deployment = deployment
        self._feeds = Feeds(self.context)
        # The gateway takes these as they are: a quote passes through one call less.
        self.send: Callable[[Frame], None] = transport.send
        self.market: Callable[[MarketEvent], None] = self._feeds.publish
        self._gateway = gateway(self)
        self._desk = OrderDesk(self.context, settings, self._gateway, risk)
        self._budget = RateBudget(
            settings.orders_per_second, settings.burst, settings.reserve_fraction
        )
        self._approvals = Gate(approval_key)
        self._permits = Gate(permit_key)
        self._inlet: Inlet | None = None
        self._request = 0
        self._attempt = 0
        self._sync_request = 0
        self._asked_ns = 0
        self._cursor_ns = 0
        self._backoff_ms = settings.reconnect_first_ms
        self._sweep: Timer | None = None
        self._refresh: Timer | None = None
        self._booked = Booked()
        self._instruments = tuple(item.key for item in self._gateway.instruments)
        self._positions = {key: position_address(key) for key in self._instruments}
        self._feeds.open(self._instruments)

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return the connection state, why, the live orders and the budget left."""
        orders = ", ".join(
            f"{live.order.client_id} {live.state}" for live in self._desk.live_orders()[:20]
        )
        return (
            ("connection", str(self.connection)),
            ("reason", self.reason),
            ("orders", orders),
            ("rate_tokens", f"{self._budget.tokens:.1f}"),
            ("epoch", str(self._approvals.epoch)),
        )

    # -- session -------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Connect."""
        if self._settings.quote_age_ms_max:
            self.context.every(self._settings.quote_age_ms_max * MS_NS, CheckFeeds())
        self.context.every(self._settings.resync_ms * MS_NS, Resync())
        self._connect()

    def on_stop(self) -> None:
        """Close the session."""
        if self._inlet is not None:
            self._inlet.open = False
        self._transport.close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002
        exception_value: BaseException | None,
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Close the session, so that the next instance begins with a fresh one."""
        self.on_stop()
        self._announce(_State.DISCONNECTED, f"{type(exception_value).__name__}: {exception_value}")

    def _connect(self) -> None:
        if self._inlet is not None:
            self._inlet.open = False
        self._inlet = MarketInlet(
            self.context,
            self._up,
            self._frame,
            self._down,
            sound=self._gateway.sound,
            feeds=self._feeds,
        )
        self._move(_State.CONNECTING, "opening the session")
        self._attempt += 1
        timeout_ns = self._settings.sync_timeout_ms * MS_NS
        self.context.after(timeout_ns, ConnectTimeout(attempt=self._attempt))
        self._transport.open(self._inlet)

    @handles(ConnectTimeout)
    def connect_timed_out(self, message: ConnectTimeout) -> None:
        """Give up a transport that says neither yes nor no."""
        if message.attempt == self._attempt and self.connection is _State.CONNECTING:
            self._transport.close()
            self._down("the session did not open in time")

    def _up(self, _: None) -> None:
        self._gateway.connected(self.context.now)
        self._synchronise("session up")

    def _down(self, reason: str) -> None:
        self._gateway.disconnected(self.context.now)
        self._desk.lose_in_flight("the session ended")
        self._move(_State.DISCONNECTED, reason)
        self.context.after(self._backoff_ms * MS_NS, Reconnect())
        self._backoff_ms = min(2 * self._backoff_ms, self._settings.reconnect_ms_max)

    @handles(Reconnect)
    def reconnect(self, _: Reconnect) -> None:
        """Try again."""
        if self.connection is _State.DISCONNECTED:
            self._connect()

    def _frame(self, frame: Frame) -> None:
        self._gateway.received(frame, self.context.now)

    @handles(Wake)
    def woken(self, message: Wake) -> None:
        """Let the gateway do its heartbeat."""
        self._gateway.woken(message.token, self.context.now)

    # -- what the gateway puts out (GatewaySink) -----------------------------------------------

    def wake(self, delay_ns: int, token: int) -> None:
        """Wake the gateway later."""
        self.context.after(delay_ns, Wake(token=token))

    def emit(self, event: GatewayEvent) -> None:
        """Take what the venue says of the account or the session."""
        desk = self._desk
        if type(event) is OrderFilled:
            self._filled(event)
        elif type(event) is OrderAcknowledged:
            desk.acknowledged(event)
        elif type(event) is OrderFinished:
            desk.finished(event)
        elif type(event) is OrderLookup:
            desk.looked_up(event)
            self._settle_sync()
        elif type(event) is CancelRefused:
            desk.cancel_refused(event.client_id, event.reason)
        elif type(event) is AccountSnapshot:
            self._snapshot(event)
        elif type(event) is FundingPaid:
            self._book(event.payment_id, event.instrument, event)
        elif type(event) is GatewayProblem:
            self._problem(event)
        if desk.fills_wanted:
            desk.fills_wanted = False
            self._synchronise("the venue filled more than it told")

    def _filled(self, event: OrderFilled) -> None:
        if not self._desk.filled(event):
            return
        fill = event.fill
        self._book(fill.fill_id, fill.instrument, event)
        if self._refresh is None and self.connection is _State.LIVE:
            self._refresh = self.context.after(
                self._settings.refresh_ms * MS_NS, Resync(filled=True)
            )
        known = self._desk.ledger.knows(fill.client_id)
        if fill.liquidation or not (known or is_ours(fill.client_id, self._deployment)):
            detail = "liquidation" if fill.liquidation else f"order {fill.client_id} is not ours"
            self._problem(
                GatewayProblem(
                    kind=ProblemKind.UNKNOWN_FILL,
                    detail=f"fill {fill.fill_id}: {detail}",
                    instrument=fill.instrument,
                )
            )

    def _book(self, id_: str, instrument: str, event: OrderFilled | FundingPaid) -> None:
        self._booked.add(id_, instrument, event)
        address = self._positions.get(instrument) or position_address(instrument)
        self.context.tell(address, event)

    def _problem(self, problem: GatewayProblem) -> None:
        self.context.tell(self._risk, problem)
        if problem.kind is ProblemKind.DISCONNECTED:
            self._transport.close()
            self._down(problem.detail)
        elif problem.kind in (ProblemKind.SEQUENCE_GAP, ProblemKind.MASS_CANCEL):
            if self.connection is _State.LIVE:
                self._move(_State.DEGRADED, problem.detail)
            self._synchronise(problem.detail)

    # -- reconciliation ------------------------------------------------------------------------

    def _synchronise(self, reason: str) -> None:
        if self.connection in (_State.DISCONNECTED, _State.CONNECTING) and reason != "session up":
            return
        if self.connection is not _State.LIVE:
            self._move(_State.SYNCING, reason)
        self._ask()

    def _ask(self) -> None:
        self._request += 1
        self._sync_request = self._request
        self._asked_ns = self.context.monotonic
        self._gateway.query_account(self._request, self._cursor_ns, self.context.now)
        self.context.after(
            self._settings.sync_timeout_ms * MS_NS, SyncTimeout(request=self._request)
        )

    @handles(SyncTimeout)
    def sync_timed_out(self, message: SyncTimeout) -> None:
        """Give the session up when the venue does not answer."""
        if message.request == self._sync_request and self.connection not in (
            _State.DISCONNECTED,
            _State.CONNECTING,
        ):
            self._transport.close()
            self._down("the venue did not answer an account query")

    @handles(Resync)
    def resync(self, message: Resync) -> None:
        """Compare the account with the venue."""
        if message.filled:
            self._refresh = None
        if self.connection in (_State.LIVE, _State.DEGRADED) and not self._sync_request:
            self._ask()

    def _snapshot(self, snapshot: AccountSnapshot) -> None:
        if snapshot.request != self._sync_request:
            return
        self._sync_request = 0
        for fill in snapshot.fills:
            self._filled(OrderFilled(fill=fill))
        self._compare_orders(snapshot.orders)
        listed = {position.instrument: position for position in snapshot.positions}
        for instrument in self._instruments:
            position = listed.get(instrument) or flat_position(instrument)
            self.context.tell(
                position_address(instrument),
                PositionReported(position=position, venue_time_ns=snapshot.venue_time_ns),
            )
        self._cursor_ns = max(self._cursor_ns, snapshot.venue_time_ns)
        reported = AccountReported(
            venue=self.venue,
            balance=snapshot.balance,
            equity=snapshot.equity,
            available=snapshot.available,
            venue_time_ns=snapshot.venue_time_ns,
        )
        for listener in self._account_listeners:
            self.context.tell(listener, reported)
        self._settle_sync()

    def _compare_orders(self, listed: tuple[VenueOrder, ...]) -> None:
        desk = self._desk
        at_venue = {order.client_id for order in listed}
        for tracked in desk.ledger.of_instrument(""):
            if tracked.order.client_id in at_venue:
                desk.acknowledged(
                    OrderAcknowledged(client_id=tracked.order.client_id, venue_time_ns=0)
                )
            elif tracked.sent_ns < self._asked_ns:
                desk.look_up(tracked)
        for order in listed:
            if desk.ledger.find(order.client_id) is None and is_ours(
                order.client_id, self._deployment
            ):
                desk.adopt(order)

    def _settle_sync(self) -> None:
        waiting = self._sync_request or self._desk.lookups_open
        if self.connection is _State.SYNCING and not waiting:
            self._backoff_ms = self._settings.reconnect_first_ms
            self._move(_State.LIVE, "orders, positions and balances agree")

    @handles(CheckFeeds)
    def check_feeds(self, _: CheckFeeds) -> None:
        """Degrade while market data is stale, recover when it is fresh."""
        age_ns = self._settings.quote_age_ms_max * MS_NS
        stale = self._feeds.stale(self.context.monotonic, age_ns)
        if stale and self.connection is _State.LIVE:
            self._move(_State.DEGRADED, f"no fresh quote of {stale}")
        elif not stale and self.connection is _State.DEGRADED and not self._sync_request:
            self._synchronise("quotes are fresh again")

    def _move(self, state: ConnectionState, reason: str) -> None:
        if state is not self.connection or reason != self.reason:
            self._announce(state, reason)

    def _announce(self, state: ConnectionState, reason: str) -> None:
        self.connection, self.reason = state, reason
        changed = VenueStateChanged(venue=self.venue, state=state, reason=reason)
        for listener in self._listeners:
            self.context.tell(listener, changed)

    # -- orders --------------------------------------------------------------------------------

    @handles(SubmitOrder)
    def submit(self, message: SubmitOrder) -> None:
        """Hand an order over if its authority holds at this moment, or say why not."""
        authority = message.authority
        order = authority.order
        refusal = self._refusal(authority)
        if refusal is not None:
            self._desk.refuse(order, *refusal)
            return
        self._desk.submit(authority)
        self._arm_sweep()

    def _refusal(self, authority: Approval | FlattenPermit) -> tuple[str, str] | None:
        order = authority.order
        if self.connection is not _LIVE and not (
            self.connection is _State.DEGRADED and order.reduce_only
        ):
            return "not_live", f"{self.venue} is {self.connection}: {self.reason}"
        ledger = self._desk.ledger
        if ledger.knows(order.client_id):
            return "duplicate", "an order is never sent twice"
        tombstone = ledger.tombstone(order.client_id)
        if tombstone is not None:
            return "cancelled", f"cancelled before it was sent: {tombstone}"
        monotonic_ns = self.context.monotonic
        if not self._budget.take(monotonic_ns, lowers_risk=order.reduce_only):
            return "rate", f"the rate budget of {self.venue} is used up"
        gate = self._approvals if type(authority) is Approval else self._permits
        if gate is self._approvals and not gate.epoch:
            return "stale_epoch", "risk has not said yet which epoch holds"
        refused = gate.redeem(authority, monotonic_ns)
        return None if refused is None else (str(refused), "the authority does not hold")

    @handles(CancelOrder)
    def cancel_order(self, message: CancelOrder) -> None:
        """Cancel one order."""
        self._budget.take(self.context.monotonic, lowers_risk=True)
        self._desk.cancel(message.client_id, message.instrument, message.reason)
        self._arm_sweep()

    @handles(CancelAll)
    def cancel_all(self, message: CancelAll) -> None:
        """Cancel every live order of an instrument or of the venue, known here or not."""
        self._desk.cancel_where(message.instrument, keep_reducing=False)
        self._gateway.cancel_all(message.instrument or None, self.context.now)
        self._arm_sweep()

    @handles(ResolveOrder)
    def resolve_order(self, message: ResolveOrder) -> None:
        """Find out what became of an order."""
        self._desk.resolve(message.order)
        self._arm_sweep()

    @handles(OrdersQuery)
    def orders_query(self, _: OrdersQuery) -> None:
        """List the orders that may still trade."""
        self.context.reply(
            OrdersReply(
                venue=self.venue,
                live=self.connection is _State.LIVE,
                orders=self._desk.live_orders(),
            )
        )

    @handles(PositionQuery)
    def position_query(self, message: PositionQuery) -> None:
        """Read the account afresh; the answer goes to every position of the venue."""
        if message.after_id is not None:
            for event in self._booked.after(message.instrument, message.after_id):
                self.context.tell(position_address(message.instrument), event)
        if self.connection in (_State.LIVE, _State.DEGRADED) and not self._sync_request:
            self._ask()

    @handles(EpochRaised)
    def epoch_raised(self, message: EpochRaised) -> None:
        """Void older approvals; when halted, cancel what is not reduce-only."""
        self._approvals.raise_epoch(message.epoch)
        if message.state is TradingState.HALTED:
            self._desk.cancel_where("", keep_reducing=True)
            self._arm_sweep()

    def _arm_sweep(self) -> None:
        if self._sweep is None and self._desk.ledger.live:
            period_ns = self._settings.ack_timeout_ms * MS_NS // SWEEPS_PER_TIMEOUT
            self._sweep = self.context.after(period_ns, Sweep())

    @handles(Sweep)
    def sweep(self, _: Sweep) -> None:
        """Look for orders without an answer."""
        self._sweep = None
        if self.connection in (_State.LIVE, _State.DEGRADED):
            self._desk.sweep()
        self._arm_sweep()
