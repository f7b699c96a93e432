"""The order desk of a venue connection: hands orders over, follows them, and finds out lost fates.

An order is never sent twice. One whose fate is not known is UNKNOWN until the venue says what
became of it; "not found" is an answer only after the order's expiry plus the allowed clock skew,
and twice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.messages.orders import LiveOrder, OrderRefused, OrderUpdated
from actors.venues.ledger import Ledger, Tracked
from domain.orders import (
    FINAL_STATES,
    Order,
    OrderEvent,
    OrderState,
    OrderType,
    TimeInForce,
)

if TYPE_CHECKING:
    from actors.messages.venue import (
        OrderAcknowledged,
        OrderFilled,
        OrderFinished,
        OrderLookup,
        VenueOrder,
    )
    from actors.ports import Gateway
    from actors.runtime.context import Context
    from actors.settings import VenueSettings
    from domain.authority import Approval, FlattenPermit

__all__ = ["OrderDesk"]

MS_NS = 1_000_000
NOT_FOUND_NEEDED = 2
# Looked up by its class, a member of an enumeration costs as much as a call.
_SUBMIT, _ACKNOWLEDGE = OrderEvent.SUBMIT, OrderEvent.ACKNOWLEDGE
_FILL_ALL, _FILL_PART = OrderEvent.FILL_ALL, OrderEvent.FILL_PART
FINISH_EVENTS = {
    OrderState.CANCELLED: OrderEvent.CANCEL,
    OrderState.REJECTED: OrderEvent.REJECT,
    OrderState.EXPIRED: OrderEvent.EXPIRE,
    OrderState.FILLED: OrderEvent.FILL_ALL,
}


class OrderDesk:
    """Owns the ledger of one venue's orders; tells each change to owner and risk."""

    def __init__(
        self, context: Context, settings: VenueSettings, gateway: Gateway, risk: str
    ) -> None:
        """Work for a venue connection, in its context and through its gateway."""
        self._context = context
        self._settings = settings
        self._gateway = gateway
        self._risk = risk
        self._requests: dict[int, str] = {}
        self._request = 0
        self.ledger = Ledger()
        self.fills_wanted = False

    # -- out -----------------------------------------------------------------------------------

    def submit(self, authority: Approval | FlattenPermit) -> None:
        """Send an order whose authority has just been redeemed."""
        context, order = self._context, authority.order
        tracked = self.ledger.add(order, context.monotonic)
        self.ledger.apply(tracked, _SUBMIT)
        self._gateway.submit(authority, context.now)

    def refuse(self, order: Order, reason: str, detail: str) -> None:
        """Tell owner and risk that an order did not leave."""
        refused = OrderRefused(
            client_id=order.client_id, instrument=order.instrument, reason=reason, detail=detail
        )
        self._context.tell(order.owner, refused)
        self._context.tell(self._risk, refused)

    def cancel(self, client_id: str, instrument: str, reason: str) -> None:
        """Cancel a live order; leave a tombstone for one that has not come yet."""
        tracked = self.ledger.find(client_id)
        if tracked is None:
            self.ledger.bury(client_id, reason)
        elif tracked.live:
            self.ledger.apply(tracked, OrderEvent.CANCEL_SENT)
            self._gateway.cancel(client_id, instrument, self._context.now)

    def cancel_where(self, instrument: str, *, keep_reducing: bool) -> None:
        """Cancel the live orders of an instrument, of all if empty."""
        for tracked in self.ledger.of_instrument(instrument):
            if not (keep_reducing and tracked.order.reduce_only):
                self.cancel(tracked.order.client_id, tracked.order.instrument, "cancelled by risk")

    # -- in ------------------------------------------------------------------------------------

    def acknowledged(self, event: OrderAcknowledged) -> None:
        """Note that the venue holds an order."""
        tracked = self.ledger.find(event.client_id)
        if tracked is not None and self.ledger.apply(tracked, _ACKNOWLEDGE):
            self._tell(tracked, "")

    def filled(self, event: OrderFilled) -> bool:
        """Note a fill of an order of ours; return whether the fill is new."""
        fill = event.fill
        if not self.ledger.fill(fill):
            return False
        tracked = self.ledger.find(fill.client_id)
        if tracked is not None:
            tracked.filled += fill.quantity
            whole = tracked.filled >= tracked.order.quantity
            self.ledger.apply(tracked, _FILL_ALL if whole else _FILL_PART)
            self._tell(tracked, "")
        return True

    def finished(self, event: OrderFinished) -> None:
        """Note that an order can trade no more; ask for fills that did not come."""
        tracked = self.ledger.find(event.client_id)
        if tracked is not None:
            self._finish(tracked, event.state, event.filled, event.reason)

    def _finish(
        self, tracked: Tracked, state: OrderState, venue_filled: Decimal, reason: str
    ) -> None:
        tracked.venue_filled = max(tracked.venue_filled, venue_filled)
        if tracked.fills_missing:
            self.fills_wanted = True
        if self.ledger.apply(tracked, FINISH_EVENTS[state]):
            self._tell(tracked, reason)

    def cancel_refused(self, client_id: str, reason: str) -> None:
        """Look an order up whose cancel did nothing."""
        tracked = self.ledger.find(client_id)
        if tracked is not None and tracked.live:
            self.ledger.apply(tracked, OrderEvent.CANCEL_REFUSED)
            self.look_up(tracked)
            self._tell(tracked, reason)

    def _tell(self, tracked: Tracked, reason: str) -> None:
        order = tracked.order
        updated = OrderUpdated(
            client_id=order.client_id,
            instrument=order.instrument,
            state=tracked.state,
            filled=tracked.filled,
            reason=reason,
        )
        tell = self._context.tell
        tell(order.owner, updated)
        tell(self._risk, updated)

    # -- unknown fates -------------------------------------------------------------------------

    def lose(self, tracked: Tracked, reason: str) -> None:
        """Mark an order UNKNOWN: it may live, be filled, or never have arrived."""
        if self.ledger.apply(tracked, OrderEvent.LOSE):
            self._tell(tracked, reason)

    def lose_in_flight(self, reason: str) -> None:
        """Mark UNKNOWN what was sent and not yet answered, because the session is gone."""
        for tracked in self.ledger.of_instrument(""):
            if tracked.state in (OrderState.SUBMITTED, OrderState.CANCEL_PENDING):
                self.lose(tracked, reason)
        self._requests.clear()

    def sweep(self) -> None:
        """Mark orders UNKNOWN whose answer is overdue and ask about every UNKNOWN one again."""
        now, monotonic = self._context.now, self._context.monotonic
        timeout_ns = self._settings.ack_timeout_ms * MS_NS
        skew_ns = self._settings.clock_skew_ms_max * MS_NS
        for tracked in self.ledger.of_instrument(""):
            order = tracked.order
            overdue = monotonic - tracked.sent_ns >= timeout_ns
            expired = order.expires_ns and now > order.expires_ns + skew_ns
            # What cannot rest is at its end as soon as the venue has seen it.
            rests = order.time_in_force in (TimeInForce.GTC, TimeInForce.POST_ONLY)
            waits = not rests or tracked.state in (OrderState.SUBMITTED, OrderState.CANCEL_PENDING)
            if (waits and overdue) or expired:
                self.lose(tracked, "no answer from the venue in time")
            if tracked.state is OrderState.UNKNOWN and monotonic - tracked.asked_ns >= timeout_ns:
                self.look_up(tracked)

    def look_up(self, tracked: Tracked) -> None:
        """Ask the venue what became of an order."""
        self._request += 1
        self._requests[self._request] = tracked.order.client_id
        tracked.asked_ns = self._context.monotonic
        order = tracked.order
        self._gateway.query_order(
            self._request, order.client_id, order.instrument, self._context.now
        )

    @property
    def lookups_open(self) -> int:
        """How many questions the venue has not answered yet."""
        return len(self._requests)

    def looked_up(self, answer: OrderLookup) -> None:
        """Take the venue's word for an order; not found only counts late enough and twice."""
        client_id = self._requests.pop(answer.request, None)
        tracked = None if client_id is None else self.ledger.find(client_id)
        if tracked is None or not tracked.live:
            return
        if answer.state is None:
            self._not_found(tracked)
        elif answer.state in FINAL_STATES:
            self._finish(tracked, answer.state, answer.filled, "as the venue says")
        else:
            tracked.not_found = 0
            tracked.venue_filled = max(tracked.venue_filled, answer.filled)
            self.fills_wanted = self.fills_wanted or tracked.fills_missing
            if tracked.state is OrderState.UNKNOWN and self.ledger.apply(
                tracked, OrderEvent.ACKNOWLEDGE
            ):
                self._tell(tracked, "the venue holds it")

    def _not_found(self, tracked: Tracked) -> None:
        order = tracked.order
        skew_ns = self._settings.clock_skew_ms_max * MS_NS
        if not order.expires_ns or self._context.now <= order.expires_ns + skew_ns:
            self.lose(tracked, "not found, but it may still arrive")
            return
        tracked.not_found += 1
        if tracked.not_found >= NOT_FOUND_NEEDED:
            self._finish(tracked, OrderState.EXPIRED, tracked.filled, "never reached the venue")
        else:
            self.look_up(tracked)

    def resolve(self, order: Order) -> None:
        """Tell the owner what became of an order; one that is not tracked becomes UNKNOWN first."""
        tracked = self.ledger.find(order.client_id)
        if tracked is None:
            tracked = self.ledger.add(order, self._context.monotonic)
            self.ledger.apply(tracked, OrderEvent.SUBMIT)
            self.lose(tracked, "this connection did not send it")
            self.look_up(tracked)
        else:
            # One that was adopted from the venue's list has its owner only now.
            tracked.order = order
            self._tell(tracked, "as asked")

    def adopt(self, listed: VenueOrder) -> None:
        """Track an order of an earlier instance just to cancel it; its owner asks for its fate."""
        order = Order(
            client_id=listed.client_id,
            instrument=listed.instrument,
            side=listed.side,
            quantity=listed.quantity,
            owner=self._risk,
            created_ns=self._context.now,
            order_type=OrderType.MARKET if listed.price is None else OrderType.LIMIT,
            price=listed.price,
            time_in_force=TimeInForce.GTC,
            reduce_only=listed.reduce_only,
        )
        self.resolve(order)
        self.cancel(listed.client_id, listed.instrument, "left by an earlier instance")

    def live_orders(self) -> tuple[LiveOrder, ...]:
        """Return every order that may still trade."""
        return tuple(
            LiveOrder(order=tracked.order, state=tracked.state, filled=tracked.filled)
            for tracked in self.ledger.of_instrument("")
        )
