"""A simulated venue: an exchange joined to time, sessions, latency and faults.

Market sources publish through it; clients reach it over sessions. The exchange acts on a frame when
it arrives, and its answers travel back to every session of the account they concern, except answers
to a question, which go to whoever asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from actors.messages.market import (
    BarClosed,
    FundingSettled,
    MarkUpdated,
    QuoteUpdated,
    TradePrinted,
)
from actors.ports import Frame, MarketEvent, TransportSink
from domain.errors import DomainError
from simulations.distortion import Distortion
from simulations.exchange.exchange import Exchange
from simulations.exchange.matching import Market
from simulations.exchange.report import account_frame
from simulations.latency import LatencyModel, NoLatency
from simulations.session import Session, SessionState, World
from simulations.wire import (
    AccountQueryFrame,
    ArmSwitchFrame,
    CancelAllFrame,
    CancelFrame,
    CancelRefusedFrame,
    ErrorFrame,
    ErrorKind,
    OrderQueryFrame,
    Ping,
    Pong,
    SubmitFrame,
    Subscribe,
    Subscribed,
)

__all__ = ["SimulatedVenue"]

_REFUSAL_NS = 100_000_000
_REPLIES = (CancelRefusedFrame, ErrorFrame)


class Feed:
    """One instrument's way from the market to its subscribers; mark is the last one published."""

    __slots__ = ("book", "mark", "market", "receivers")

    def __init__(self, market: Market) -> None:
        """Start without subscribers."""
        self.market = market
        self.book = market.book
        self.receivers: tuple[Callable[[Any], None], ...] = ()
        self.mark: MarkUpdated | None = None


class SimulatedVenue:
    """Joins an exchange to a world: sessions, the market's way in, and faults.

    Faults act from the call on. Counted ones hit the next n frames of their kind, whoever they are
    for. A venue that is dark, halted or banning goes on booking funding; it goes on matching and
    liquidating unless it is halted.
    """

    __slots__ = (
        "_armed_ns",
        "_banned_until_ns",
        "_dark",
        "_extra_ns",
        "_feeds",
        "_gaps",
        "_handlers",
        "_latency",
        "_outbox",
        "_sessions",
        "_world",
        "exchange",
        "faults",
    )

    def __init__(
        self, exchange: Exchange, world: World, latency: LatencyModel | None = None
    ) -> None:
        """Open the venue for sessions; without a latency model frames arrive at once, in order."""
        self.exchange = exchange
        self.faults = Distortion()
        self._world = world
        self._latency: LatencyModel = latency or NoLatency()
        self._extra_ns = 0
        self._sessions: list[Session] = []
        self._feeds = {key: Feed(market) for key, market in exchange.markets.items()}
        self._outbox = exchange.outbox
        self._armed_ns: int | None = None
        self._dark = False
        self._banned_until_ns = 0
        self._gaps: dict[Session, None] = {}
        self._handlers: dict[type, Callable[[Session, Any], None]] = {
            SubmitFrame: self._submit,
            CancelFrame: self._cancel,
            CancelAllFrame: self._cancel_all,
            AccountQueryFrame: self._query_account,
            OrderQueryFrame: self._query_order,
            ArmSwitchFrame: self._arm_switch,
            Subscribe: self._subscribe,
            Ping: self._ping,
        }

    # -- market data in --------------------------------------------------------------------------

    def publish_quote(self, quote: QuoteUpdated) -> None:
        """Let the market quote: orders that it reaches trade, then subscribers see it.

        Raises: KeyError if the instrument is not listed here, as do the other publish methods.
        """
        feed = self._feeds[quote.instrument]
        feed.book.quote = quote
        if feed.market.busy:
            self.exchange.quote(quote, self._world.now_ns)
        for receive in feed.receivers:
            receive(quote)
        if self._outbox:
            self._drain(None)

    def publish_trade(self, trade: TradePrinted) -> None:
        """Let others trade: resting orders that the print would have reached trade too."""
        self.exchange.trade(trade, self._world.now_ns)
        self._broadcast(trade)

    def publish_bar(self, bar: BarClosed) -> None:
        """Show a complete candle; it moves nothing."""
        for receive in self._feeds[bar.instrument].receivers:
            receive(bar)
        if self._outbox:
            self._drain(None)

    def publish_mark(self, mark: MarkUpdated) -> None:
        """Set the mark, liquidate on it, and show it."""
        self.exchange.mark(mark.instrument, mark.mark, mark.index, self._world.now_ns)
        self._feeds[mark.instrument].mark = mark
        self._broadcast(mark)

    def publish_funding(self, funding: FundingSettled) -> None:
        """Settle funding for every account and show the settlement."""
        self.exchange.settle_funding(
            funding.instrument, funding.rate, funding.reference_price, self._world.now_ns
        )
        self._broadcast(funding)

    # -- sessions --------------------------------------------------------------------------------

    def connect(self, account: str, sink: TransportSink) -> Session:
        """Begin a session; its sink hears connected, or disconnected while the venue is dark.

        Raises: DomainError if the account does not exist.
        """
        self.exchange.account(account)
        session = Session(self._world, self, account, sink)
        self._world.at(self._world.now_ns + self.entry_ns(), lambda: self._establish(session))
        return session

    def close(self, session: Session) -> None:
        """End a session for its client; what the client sent before still arrives."""
        session.end(lose_sent=False)
        self._forget(session)

    def entry_ns(self) -> int:
        """Return how long a frame sent now takes to the venue."""
        return self._latency.entry_ns(self._world.now_ns) + self._extra_ns

    def arrived(self, session: Session, frame: Frame) -> None:
        """Act on a frame that has reached the venue; one that cannot be read gets an ErrorFrame."""
        handler = self._handlers.get(type(frame))
        until_ns = self._banned_until_ns
        if until_ns and self._world.now_ns < until_ns and type(frame) is not Ping:
            self._error(
                session, ErrorKind.RATE_LIMITED, f"banned until {self._banned_until_ns}", frame
            )
            return
        if handler is None:
            self._error(session, ErrorKind.MALFORMED, f"no frame: {frame!r:.80}", frame)
            return
        handler(session, frame)
        if self._outbox:
            self._drain(session)
        self._arm()

    # -- faults ----------------------------------------------------------------------------------

    def go_dark(self, until_ns: int | None = None, *, silent: bool = False) -> None:
        """Become unreachable, until a time or return_(); frames under way are lost both ways.

        Clients see a disconnect, or with silent nothing at all. Connecting fails meanwhile.
        """
        self._dark = True
        for session in tuple(self._sessions):
            if silent:
                session.silent = True
            else:
                self._drop(session, "the venue is unreachable", lose_sent=True)
        self._route()
        if until_ns is not None:
            self._world.at(until_ns, self.return_)

    def return_(self) -> None:
        """Become reachable again; sessions do not come back by themselves."""
        self._dark = False

    def disconnect(self, reason: str, *, account: str | None = None) -> None:
        """Drop the sessions of an account, or all; what clients sent before still arrives."""
        for session in self._of(account):
            self._drop(session, reason, lose_sent=False)

    def half_open(self, *, account: str | None = None) -> None:
        """Let nothing through the present sessions any more, in either direction, unnoticed."""
        for session in self._of(account):
            session.silent = True
        self._route()

    def delay(self, extra_ns: int) -> None:
        """Add to every travel time from now on; 0 ends it."""
        self._extra_ns = extra_ns
        self._route()

    def halt(self) -> None:
        """Stop matching and taking orders; cancels and queries work."""
        self.exchange.halt()

    def resume(self) -> None:
        """Match and take orders again."""
        self.exchange.resume(self._world.now_ns)
        self._drain(None)

    def mass_cancel(self, reason: str = "venue") -> None:
        """Cancel every order of every account, unasked."""
        for account in self.exchange.accounts:
            self.exchange.mass_cancel(account.name, self._world.now_ns, reason)
        self._drain(None)

    def lose_next_acks(self, count: int) -> None:
        """Never send the next acknowledgements; the orders live."""
        self.faults.losing_acks += count

    def delay_next_acks(self, count: int) -> None:
        """Send the next acknowledgements after the fills that their orders got on arrival."""
        self.faults.late_acks += count

    def duplicate_next_fills(self, count: int) -> None:
        """Send the next fills twice."""
        self.faults.duplicating_fills += count

    def malformed_next(self, count: int) -> None:
        """Send the next private frames so that they cannot be read."""
        self.faults.garbling += count

    def stale_next_snapshots(self, count: int) -> None:
        """Answer the next account queries with the answer before."""
        self.faults.stale_snapshots += count

    def reject_next(self, count: int, reason: str) -> None:
        """Refuse the next orders for a reason."""
        self.faults.rejecting += count
        self.faults.reject_reason = reason

    def partial_fill_next(self, fraction: Decimal) -> None:
        """Let the next order take at most this share, then show nothing until the next quote.

        Raises: DomainError unless 0 <= fraction < 1.
        """
        if not 0 <= fraction < 1:
            raise DomainError(f"a partial fill is a share of at least 0 and below 1: {fraction}")
        self.exchange.execution.partial_next = fraction

    def cross_next_quotes(self, count: int) -> None:
        """Show the next quotes with bid above ask; the book itself stays sound."""
        self.faults.crossing_quotes += count
        self._route()

    def gap_next_sequence(self) -> None:
        """Lose the next quote on each present session, so that the one after shows a gap."""
        self._gaps.update(dict.fromkeys(self._sessions))
        self._route()

    def rate_limit_ban(self, until_ns: int) -> None:
        """Refuse every frame but pings until a time."""
        self._banned_until_ns = until_ns

    # -- inside: sessions ------------------------------------------------------------------------

    def _establish(self, session: Session) -> None:
        if session.state is not SessionState.CONNECTING:
            return
        if self._dark:
            due_ns = self._world.now_ns + _REFUSAL_NS
            self._world.at(due_ns, lambda: _refuse(session))
            return
        session.state = SessionState.OPEN
        self._sessions.append(session)
        session.sink.connected()

    def _of(self, account: str | None) -> list[Session]:
        return [s for s in self._sessions if account is None or s.account == account]

    def _drop(self, session: Session, reason: str, *, lose_sent: bool) -> None:
        session.end(lose_sent=lose_sent)
        self._forget(session)
        self._world.at(self._world.now_ns, lambda: session.sink.disconnected(reason))

    def _forget(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
        self._gaps.pop(session, None)
        self._route()

    def _error(self, session: Session, kind: ErrorKind, detail: str, frame: Frame) -> None:
        client_id = frame.client_id if type(frame) is SubmitFrame else ""
        error = ErrorFrame(
            kind=kind, detail=detail, client_id=client_id, time_ns=self._world.now_ns
        )
        self._send(session, error)

    def _send(self, session: Session, frame: Frame) -> None:
        """Send on the private stream, at once where that is the latency."""
        travel_ns = self._latency.response_ns(self._world.now_ns) + self._extra_ns
        if travel_ns == 0 and session.response.empty:
            session.receive(frame)
        else:
            session.response.push(frame, travel_ns)

    def _drain(self, asker: Session | None) -> None:
        """Send what the exchange has to say; refusals to a question go to the asker only."""
        entries = self._outbox.copy()
        self._outbox.clear()
        frames: Iterable[tuple[str, Frame]] = entries
        if self.faults.private:
            frames = self.faults.apply(entries)
        for account, frame in frames:
            if asker is not None and type(frame) in _REPLIES:
                self._send(asker, frame)
                continue
            for session in tuple(self._sessions):
                if session.account == account:
                    self._send(session, frame)

    def _arm(self) -> None:
        due_ns = self.exchange.due_ns
        if due_ns is not None and (self._armed_ns is None or due_ns < self._armed_ns):
            self._armed_ns = due_ns
            self._world.at(due_ns, self._advance)

    def _advance(self) -> None:
        self._armed_ns = None
        self.exchange.advance(self._world.now_ns)
        self._drain(None)
        self._arm()

    # -- inside: market data out -----------------------------------------------------------------

    def _route(self) -> None:
        """Decide how each instrument's events reach its subscribers: directly, or carried."""
        for key, feed in self._feeds.items():
            sessions = [s for s in self._sessions if key in s.symbols and not s.silent]
            if sessions and self._barred(sessions):
                feed.receivers = (self._carry,)
            elif len(sessions) == 1:
                feed.receivers = (sessions[0].sink.received,)
            else:
                # A handler may close another session: each is asked again before it receives.
                feed.receivers = tuple(session.receive for session in sessions)

    def _barred(self, sessions: list[Session]) -> bool:
        return (
            not self._latency.feed_instant
            or bool(self._extra_ns or self._gaps or self.faults.crossing_quotes)
            or any(not session.feed.empty for session in sessions)
        )

    def _carry(self, event: MarketEvent) -> None:
        """Send an event to its subscribers through whatever bars the direct way."""
        if isinstance(event, QuoteUpdated):
            event = self.faults.quote(event)
        for session in tuple(self._sessions):
            if event.instrument not in session.symbols:
                continue
            if session in self._gaps and isinstance(event, QuoteUpdated):
                del self._gaps[session]
                continue
            self._feed(session, event)
        if self._latency.feed_instant:
            self._route()

    def _feed(self, session: Session, frame: Frame) -> None:
        travel_ns = self._latency.feed_ns(self._world.now_ns) + self._extra_ns
        if travel_ns == 0 and session.feed.empty:
            session.receive(frame)
        else:
            session.feed.push(frame, travel_ns)

    def _broadcast(self, event: MarketEvent) -> None:
        for receive in self._feeds[event.instrument].receivers:
            receive(event)
        if self._outbox:
            self._drain(None)

    # -- inside: what clients ask ----------------------------------------------------------------

    def _submit(self, session: Session, frame: SubmitFrame) -> None:
        faults = self.faults
        if faults.rejecting:
            faults.rejecting -= 1
            self.exchange.refuse(
                session.account, frame.client_id, faults.reject_reason, self._world.now_ns
            )
            return
        self.exchange.submit(session.account, frame, self._world.now_ns)

    def _cancel(self, session: Session, frame: CancelFrame) -> None:
        self.exchange.cancel(session.account, frame.client_id, self._world.now_ns)

    def _cancel_all(self, session: Session, frame: CancelAllFrame) -> None:
        self.exchange.cancel_all(session.account, frame.symbol, self._world.now_ns, "requested")

    def _query_account(self, session: Session, frame: AccountQueryFrame) -> None:
        account = self.exchange.account(session.account)
        answer = account_frame(account, frame.request, frame.fills_after_ns, self._world.now_ns)
        self._send(session, self.faults.snapshot(session.account, answer))

    def _query_order(self, session: Session, frame: OrderQueryFrame) -> None:
        answer = self.exchange.order_frame(
            session.account, frame.request, frame.client_id, self._world.now_ns
        )
        self._send(session, answer)

    def _arm_switch(self, session: Session, frame: ArmSwitchFrame) -> None:
        self.exchange.arm_switch(session.account, frame.deadline_ns)

    def _ping(self, session: Session, frame: Ping) -> None:
        self._send(session, Pong(token=frame.token, time_ns=self._world.now_ns))

    def _subscribe(self, session: Session, frame: Subscribe) -> None:
        for symbol in frame.symbols:
            market = self.exchange.market(symbol)
            if market is None:
                self._error(session, ErrorKind.UNKNOWN_SYMBOL, symbol, frame)
                continue
            feed = self._feeds[market.instrument.key]
            session.symbols[market.instrument.key] = None
            self._feed(session, Subscribed(symbol=symbol))
            for event in (feed.book.quote, feed.mark):
                if event is not None:
                    self._feed(session, event)
        self._route()


def _refuse(session: Session) -> None:
    if session.state is SessionState.CONNECTING:
        session.state = SessionState.DEAD
        session.sink.disconnected("the venue is unreachable")
