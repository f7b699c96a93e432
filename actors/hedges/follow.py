"""Following: measure the pair, and send what brings each leg nearer to where it belongs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.addresses import PORTFOLIO, RISK, position_address
from actors.hedges.exposure import ExposureMeter
from actors.messages.orders import ProposeOrder, ResolveOrder
from actors.messages.pairs import ExposureEnded
from actors.messages.positions import PositionQuery
from domain.hedging import delta_error
from domain.money import round_nearest
from domain.orders import Order, OrderType, Side, TimeInForce

if TYPE_CHECKING:
    from actors.hedges.leg import Leg
    from actors.runtime.context import Context
    from actors.settings import PairSettings

__all__ = ["MS_NS", "Follower"]

MS_NS = 1_000_000
ZERO = Decimal(0)


class Follower:
    """Knows both legs of a pair and how to move them; it decides nothing about why.

    The main leg heads for a target; the hedge leg always for -ratio x what the main leg holds.
    """

    def __init__(self, context: Context, settings: PairSettings, main: Leg, hedge: Leg) -> None:
        """Work for a pair in its context."""
        self._context = context
        self._settings = settings
        self.main = main
        self.hedge = hedge
        self.meter = ExposureMeter()
        self.problem = ""

    # -- measuring -------------------------------------------------------------------------------

    @property
    def error(self) -> Decimal:
        """Net minus target net, in base units."""
        return delta_error(self.main.quantity, self.hedge.quantity, self._settings.ratio)

    @property
    def in_band(self) -> bool:
        """Whether the hedge needs no adjustment."""
        return abs(self.error) <= self._share(self._settings.band)

    def _share(self, fraction: Decimal) -> Decimal:
        """Return a fraction of the main leg, but at least what rounding to lots may leave."""
        return max(abs(self.main.quantity) * fraction, self.hedge.instrument.lot / 2)

    def exposed_ns(self) -> int:
        """Return how long the pair has been exposed while a venue that could help answered."""
        return self.meter.exposed_now_ns(self._context.monotonic)

    def unseen_ns(self) -> int:
        """Return for how long the legs have stood as they are, whoever was there to see it."""
        latest_ns = max(self.main.venue_time_ns, self.hedge.venue_time_ns)
        return max(0, self._context.now - latest_ns) if latest_ns else 0

    def measure(self, age_ns: int = 0) -> None:
        """Note the present error; tell the portfolio when an episode of exposure has ended.

        age_ns is how long the legs have stood like this before anybody looked.
        """
        main, hedge, meter = self.main, self.hedge, self.meter
        ended = meter.update(
            self._context.monotonic,
            self.error,
            self._share(self._settings.tolerance),
            main.touch(buy=True) or ZERO,
            reachable=hedge.reachable or (bool(main.quantity) and main.reachable),
            age_ns=age_ns,
        )
        if ended:
            self._context.tell(
                PORTFOLIO,
                ExposureEnded(
                    pair=self._settings.name,
                    exposed_ns=meter.exposed_ns,
                    unreachable_ns=meter.unreachable_ns,
                    notional_max=meter.notional_max,
                    delta_error_max=meter.delta_error_max,
                ),
            )

    # -- moving ----------------------------------------------------------------------------------

    def move_main(self, target: Decimal, *, urgent: bool) -> None:
        """Send what the main leg lacks to its target, first to zero if it must cross it."""
        self._move(self.main, target - self.main.quantity, urgent=urgent)

    def move_hedge(self, *, urgent: bool) -> bool:
        """Send what the hedge leg lacks; return False when that is too small for its venue."""
        hedge = self.hedge
        wanted = round_nearest(-self.main.quantity * self._settings.ratio, hedge.instrument.lot)
        gap = wanted - hedge.quantity
        if gap and hedge.idle and hedge.quantity * gap >= ZERO and hedge.too_small(gap):
            return False
        self._move(hedge, gap, urgent=urgent)
        return True

    def _move(self, leg: Leg, gap: Decimal, *, urgent: bool) -> None:
        if not gap or not leg.idle or not leg.reachable:
            return
        if self._context.monotonic < leg.retry_ns:
            return
        reducing = leg.quantity * gap < ZERO
        if reducing and abs(gap) > abs(leg.quantity):
            gap = -leg.quantity
        side = Side.BUY if gap > ZERO else Side.SELL
        touch = leg.touch(buy=side is Side.BUY)
        if touch is None:
            self.problem = f"{leg.instrument.key}: no price to trade at"
            return
        self._send(leg, side, abs(gap), None if urgent else touch, reduce_only=reducing)

    def _send(
        self, leg: Leg, side: Side, quantity: Decimal, touch: Decimal | None, *, reduce_only: bool
    ) -> None:
        context, settings = self._context, self._settings
        price = None
        if touch is not None:
            price = leg.limit_price(touch, side, settings.slippage_max)
        order = Order(
            client_id=leg.issuer.next(),
            instrument=leg.instrument.key,
            side=side,
            quantity=quantity,
            owner=context.path,
            created_ns=context.now,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            price=price,
            time_in_force=TimeInForce.IOC,
            reduce_only=reduce_only,
            expires_ns=context.now + settings.order_ttl_ms * MS_NS,
        )
        leg.sent(order, context.monotonic)
        context.tell(RISK, ProposeOrder(order=order))

    def pause_ns(self) -> int:
        """Return when to look again: after the retry time, but not later than the bound."""
        settings = self._settings
        left_ns = settings.exposed_ms_max * MS_NS - self.exposed_ns()
        retry_ns = settings.retry_ms * MS_NS
        return left_ns if 0 < left_ns < retry_ns else retry_ns

    def pause(self, leg: Leg) -> None:
        """Try this leg again only after the retry time."""
        leg.retry_ns = self._context.monotonic + self._settings.retry_ms * MS_NS

    def look_up_overdue(self) -> None:
        """Ask about an order without an end, and about a position that does not show its fills."""
        context, settings = self._context, self._settings
        patience_ns = (settings.order_ttl_ms + settings.complete_ms) * MS_NS
        for leg in (self.main, self.hedge):
            if leg.idle or context.monotonic - leg.sent_ns < patience_ns:
                continue
            leg.sent_ns = context.monotonic
            if leg.order is not None:
                context.tell(leg.venue, ResolveOrder(order=leg.order))
            else:
                leg.expected = None
                key = leg.instrument.key
                context.tell(position_address(key), PositionQuery(instrument=key))
