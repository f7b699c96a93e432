"""The simulated venue's gateway: its wire protocol as a state machine without input or output.

Nothing that comes in is believed unchecked. What cannot be used becomes a GatewayProblem and moves
nothing; in particular no unreadable or impossible frame ever becomes a fill.
"""

from __future__ import annotations

from decimal import Decimal

from actors.messages.market import (
    BarClosed,
    FundingSettled,
    MarkUpdated,
    QuoteUpdated,
    TradePrinted,
)
from actors.messages.venue import GatewayProblem, OrderFinished, ProblemKind
from actors.ports import Capability, Frame, GatewaySink, MarketEvent
from domain.authority import Approval, FlattenPermit
from domain.errors import DomainError
from domain.instruments import Instrument
from domain.orders import OrderState, OrderType, TimeInForce
from simulations.exchange.book import sound
from simulations.translation import LIMIT, SANE, TRANSLATORS
from simulations.wire import (
    AccountQueryFrame,
    ArmSwitchFrame,
    CancelAllFrame,
    CancelFrame,
    ErrorFrame,
    ErrorKind,
    MassCancelFrame,
    OrderQueryFrame,
    Ping,
    Pong,
    SubmitFrame,
    Subscribe,
    Subscribed,
)

__all__ = ["SimulatedGateway"]

_SECOND_NS = 1_000_000_000
_AWAITING, _FRESH = -1, -2
_EVIDENCE_MAX = 200


class Feed:
    """How far one instrument's quotes are: next_sequence, or awaiting a subscription, or fresh."""

    __slots__ = ("next_sequence", "symbol")

    def __init__(self, symbol: str) -> None:
        """Wait for the subscription."""
        self.symbol = symbol
        self.next_sequence = _AWAITING


class SimulatedGateway:
    """Speaks the wire protocol of ``simulations.wire`` for one session of one account.

    Heartbeat: a ping every heartbeat_ns; if the one before is unanswered by then the session counts
    as half-open, which is reported once as DISCONNECTED; closing it is the owner's to do. Each beat
    arms the dead-man's switch switch_ns ahead. Quotes of a symbol count up by one; on a gap the
    symbol is subscribed anew, and its quotes are dropped until that subscription begins.
    dropped_quotes counts them, and quotes that were seen before.
    """

    __slots__ = (
        "_awaiting_pong",
        "_feeds",
        "_heartbeat_ns",
        "_keys",
        "_market",
        "_session",
        "_sink",
        "_switch_ns",
        "_symbols",
        "capability",
        "dropped_quotes",
        "instruments",
    )

    def __init__(
        self,
        instruments: tuple[Instrument, ...],
        *,
        sink: GatewaySink,
        orders_per_second: int = 100,
        heartbeat_ns: int = 5 * _SECOND_NS,
        switch_ns: int = 15 * _SECOND_NS,
    ) -> None:
        """Take what to trade and subscribe to, and the sink; switch_ns 0 leaves the switch alone.

        Raises: DomainError without instruments, or if the switch could trip between two beats.
        """
        if not instruments:
            raise DomainError("a gateway needs at least one instrument")
        if heartbeat_ns <= 0 or switch_ns < 0 or 0 < switch_ns <= 2 * heartbeat_ns:
            raise DomainError(
                f"heartbeat {heartbeat_ns} ns must be above 0 and the switch, {switch_ns} ns, "
                "0 or above two beats"
            )
        self.instruments = instruments
        self.capability = Capability(
            order_types=(OrderType.LIMIT, OrderType.MARKET),
            times_in_force=tuple(TimeInForce),
            reduce_only=True,
            order_expiry=True,
            dead_mans_switch=switch_ns > 0,
            query_by_client_id=True,
            own_signer_for_flatten=True,
            netting=True,
            funding_interval_h=min(instrument.funding_interval_h for instrument in instruments),
            orders_per_second=Decimal(orders_per_second),
        )
        self.dropped_quotes = 0
        self._sink = sink
        self._market = sink.market
        self._heartbeat_ns = heartbeat_ns
        self._switch_ns = switch_ns
        self._session = 0
        self._awaiting_pong = False
        self._symbols = {instrument.key: instrument.symbol for instrument in instruments}
        self._keys = {instrument.symbol: instrument.key for instrument in instruments}
        self._feeds = {instrument.key: Feed(instrument.symbol) for instrument in instruments}

    # -- session ---------------------------------------------------------------------------------

    def connected(self, now_ns: int) -> None:
        """Subscribe to everything, arm the switch, and begin to beat."""
        self._forget()
        self._sink.send(Subscribe(symbols=tuple(self._symbols.values())))
        self._beat(now_ns)

    def disconnected(self, now_ns: int) -> None:  # noqa: ARG002 - the port's signature
        """Forget the session: its beats, its subscriptions and what it had been asked."""
        self._forget()

    def woken(self, token: int, now_ns: int) -> None:
        """Beat again, unless the wake belongs to an earlier session."""
        if token != self._session:
            return
        if self._awaiting_pong:
            self._problem(
                ProblemKind.DISCONNECTED, f"no answer to a ping for {self._heartbeat_ns} ns"
            )
            return
        waiting = [f.symbol for f in self._feeds.values() if f.next_sequence == _AWAITING]
        if waiting:
            self._sink.send(Subscribe(symbols=tuple(waiting)))
        self._beat(now_ns)

    def _forget(self) -> None:
        self._session += 1
        self._awaiting_pong = False
        for feed in self._feeds.values():
            feed.next_sequence = _AWAITING

    def _beat(self, now_ns: int) -> None:
        if self._switch_ns:
            self._sink.send(ArmSwitchFrame(deadline_ns=now_ns + self._switch_ns))
        self._awaiting_pong = True
        self._sink.send(Ping(token=self._session))
        self._sink.wake(self._heartbeat_ns, self._session)

    # -- orders ----------------------------------------------------------------------------------

    def submit(self, authority: Approval | FlattenPermit, now_ns: int) -> None:  # noqa: ARG002
        """Send the order that the authority embeds.

        Raises: TypeError for anything that is not an authority.
        """
        if type(authority) is not Approval and type(authority) is not FlattenPermit:
            raise TypeError(
                f"an order is sent on an Approval or a FlattenPermit, not {authority!r:.80}"
            )
        order = authority.order
        self._sink.send(
            SubmitFrame(
                client_id=order.client_id,
                symbol=self._symbol(order.instrument),
                side=order.side,
                quantity=order.quantity,
                price=order.price,
                order_type=order.order_type,
                time_in_force=order.time_in_force,
                reduce_only=order.reduce_only,
                expires_ns=order.expires_ns,
            )
        )

    def cancel(self, client_id: str, instrument: str, now_ns: int) -> None:  # noqa: ARG002
        """Ask to cancel one order."""
        self._sink.send(CancelFrame(client_id=client_id, symbol=self._symbol(instrument)))

    def cancel_all(self, instrument: str | None, now_ns: int) -> None:  # noqa: ARG002
        """Ask to cancel every order, in one instrument or in all."""
        symbol = None if instrument is None else self._symbol(instrument)
        self._sink.send(CancelAllFrame(symbol=symbol))

    def query_account(self, request: int, fills_after_ns: int, now_ns: int) -> None:  # noqa: ARG002
        """Ask for a snapshot."""
        self._sink.send(AccountQueryFrame(request=request, fills_after_ns=fills_after_ns))

    def query_order(
        self,
        request: int,
        client_id: str,
        instrument: str,  # noqa: ARG002 - the venue finds orders by client id alone
        now_ns: int,  # noqa: ARG002
    ) -> None:
        """Ask what became of one order."""
        self._sink.send(OrderQueryFrame(request=request, client_id=client_id))

    def _symbol(self, key: str) -> str:
        # What is not listed goes out as it is: the venue refuses it, and the refusal is on record.
        return self._symbols.get(key, key)

    # -- frames in -------------------------------------------------------------------------------

    def sound(self, frame: Frame) -> MarketEvent | None:
        """Return sound market data, a quote in sequence counted in, or None for anything else."""
        if type(frame) is not QuoteUpdated:
            return self._sane(frame)
        sequence = frame.sequence
        try:
            feed = self._feeds[frame.instrument]
            if (
                sequence == feed.next_sequence
                and 0 < frame.bid_ticks < frame.ask_ticks < LIMIT
                and 0 <= frame.bid_lots < LIMIT
                and 0 <= frame.ask_lots < LIMIT
            ):
                feed.next_sequence = sequence + 1
                return frame
        except (KeyError, TypeError):
            # Not ours, or no numbers: received says so.
            return None
        return None

    def _sane(self, frame: Frame) -> MarketEvent | None:
        if isinstance(frame, (TradePrinted, BarClosed, MarkUpdated, FundingSettled)):
            try:
                if frame.instrument in self._feeds and SANE[type(frame)](frame):
                    return frame
            except (AttributeError, TypeError):
                # No numbers: received says so.
                return None
        return None

    def received(self, frame: Frame, now_ns: int) -> None:  # noqa: ARG002 - frames carry their time
        """Turn one frame into events; what cannot be used becomes a problem, never a trade."""
        if type(frame) is QuoteUpdated:
            quote = self.sound(frame)
            if quote is not None:
                self._market(quote)
            else:
                self._odd_quote(frame, self._feeds.get(frame.instrument))
            return
        kind = type(frame)
        if isinstance(frame, (TradePrinted, BarClosed, MarkUpdated, FundingSettled)):
            data = self._sane(frame)
            if data is not None:
                self._market(data)
            else:
                self._problem(ProblemKind.BAD_QUOTE, f"{frame!r}", frame.instrument)
        elif kind in TRANSLATORS:
            event = TRANSLATORS[kind](frame, self._keys)
            if event is None:
                self._problem(ProblemKind.MALFORMED, f"cannot have happened: {frame!r}")
            else:
                self._sink.emit(event)
        else:
            self._control(frame)

    def _control(self, frame: Frame) -> None:
        """Take what concerns the session itself; anything else is malformed."""
        if isinstance(frame, Pong):
            self._awaiting_pong = self._awaiting_pong and frame.token != self._session
        elif isinstance(frame, Subscribed) and frame.symbol in self._keys:
            self._feeds[self._keys[frame.symbol]].next_sequence = _FRESH
        elif isinstance(frame, MassCancelFrame):
            self._problem(ProblemKind.MASS_CANCEL, frame.reason)
        elif isinstance(frame, ErrorFrame):
            self._refused(frame)
        else:
            self._problem(ProblemKind.MALFORMED, f"no frame of this venue: {frame!r}")

    def _refused(self, frame: ErrorFrame) -> None:
        """Report a frame that the venue did not take, and end the order that it was."""
        limited = frame.kind is ErrorKind.RATE_LIMITED
        kind = ProblemKind.RATE_LIMITED if limited else ProblemKind.MALFORMED
        self._problem(kind, f"{frame.kind.value}: {frame.detail} {frame.client_id}")
        if limited and frame.client_id:
            # The venue never took the order; a duplicate id, though, names one that it did take.
            self._sink.emit(
                OrderFinished(
                    client_id=frame.client_id,
                    state=OrderState.REJECTED,
                    filled=Decimal(0),
                    reason=frame.kind.value,
                    venue_time_ns=frame.time_ns,
                )
            )

    def _odd_quote(self, quote: QuoteUpdated, feed: Feed | None) -> None:
        """Sort out a quote that is one-sided, impossible, out of sequence or of no instrument."""
        sequence = quote.sequence
        if feed is None or type(sequence) is not int:
            self._problem(ProblemKind.MALFORMED, f"no quote of ours: {quote!r}")
            return
        expected = feed.next_sequence
        if expected == _AWAITING or (expected != _FRESH and sequence < expected):
            self.dropped_quotes += 1
            return
        if expected not in (_FRESH, sequence):
            feed.next_sequence = _AWAITING
            self.dropped_quotes += 1
            self._problem(
                ProblemKind.SEQUENCE_GAP,
                f"sequence {sequence} after {expected - 1}",
                quote.instrument,
            )
            self._sink.send(Subscribe(symbols=(feed.symbol,)))
            return
        feed.next_sequence = sequence + 1
        if sound(quote):
            self._market(quote)
        else:
            self._problem(ProblemKind.BAD_QUOTE, f"{quote!r}", quote.instrument)

    def _problem(self, kind: ProblemKind, detail: str, instrument: str = "") -> None:
        problem = GatewayProblem(kind=kind, detail=detail[:_EVIDENCE_MAX], instrument=instrument)
        self._sink.emit(problem)
