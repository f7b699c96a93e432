"""Trades and their booking: every fill, its fee, and what it does to the account behind it.

Market data that reaches resting orders, orders that take, and forced reductions all end here, so
that money is booked in one place. Nothing here decides who may trade.
"""

from __future__ import annotations

from decimal import Decimal
from heapq import heappop, heappush

from actors.messages.market import TradePrinted
from domain.orders import Liquidity, OrderState, OrderType, Side, TimeInForce
from domain.positions import trade_fee
from simulations.exchange.account import Account, Holding
from simulations.exchange.admission import ExchangeRules, RejectReason
from simulations.exchange.liquidation import forced_fee, next_step
from simulations.exchange.matching import Market, WorkingOrder
from simulations.wire import FillFrame, FinishedFrame, VenueFrame

__all__ = ["Execution", "Outbox"]

Outbox = list[tuple[str, VenueFrame]]

_IOC, _FOK = TimeInForce.IOC, TimeInForce.FOK
_LIMIT = OrderType.LIMIT
_FILLED, _CANCELLED = OrderState.FILLED, OrderState.CANCELLED
_REDUCE_ONLY = RejectReason.REDUCE_ONLY.value
_MAKER, _TAKER = Liquidity.MAKER, Liquidity.TAKER
_BUY, _SELL = Side.BUY, Side.SELL


class Execution:
    """Trades for orders and for the market, and books both sides.

    liquidations counts forced fills. partial_next, when set, lets the next order take at most that
    share of its quantity, after which the market shows nothing more until its next quote (a fault).
    """

    __slots__ = ("_due", "_name", "_number", "_outbox", "_rules", "liquidations", "partial_next")

    def __init__(self, name: str, rules: ExchangeRules, outbox: Outbox) -> None:
        """Take the venue's name for fill ids, its rules, and where frames go."""
        self._name = name
        self._rules = rules
        self._outbox = outbox
        self._number = 0
        self._due: list[tuple[int, int, WorkingOrder | Account]] = []
        self.liquidations = 0
        self.partial_next: Decimal | None = None

    def number(self) -> int:
        """Return the next number of an order, a fill or a reminder; none is used twice."""
        self._number = number = self._number + 1
        return number

    # -- orders ----------------------------------------------------------------------------------

    def work(self, order: WorkingOrder, holding: Holding, now_ns: int) -> None:
        """Trade what can be traded now, then rest the remainder or end it."""
        frame, market = order.frame, order.market
        lots_max = order.left
        unfilled = "no_liquidity"
        if frame.reduce_only and (reducible := holding.reducible_lots(order.side)) < lots_max:
            lots_max = reducible
            unfilled = _REDUCE_ONLY
        partial_next, self.partial_next = self.partial_next, None
        if frame.time_in_force is _FOK and (
            lots_max < order.left
            or lots_max > market.available(order.side, order.ticks, order.account)
        ):
            lots_max = 0
        if partial_next is None:
            self._take(order, lots_max, now_ns)
        else:
            self._take(order, min(lots_max, int(order.left * partial_next)), now_ns)
            market.exhaust(order.side)
        if not order.left:
            return
        if (
            frame.order_type is not _LIMIT
            or frame.time_in_force is _IOC
            or frame.time_in_force is _FOK
            or unfilled is _REDUCE_ONLY
        ):
            self.finish(order, _CANCELLED, unfilled, now_ns)
            return
        market.rest(order)
        order.account.orders[frame.client_id] = order
        holding.order(order.side, order.left)
        if frame.expires_ns:
            self.remind(frame.expires_ns, order)

    def finish(self, order: WorkingOrder, state: OrderState, reason: str, now_ns: int) -> None:
        """End an order that is not filled, resting or not, and tell its account."""
        account, client_id = order.account, order.frame.client_id
        if order.queue is not None:
            self._leave(order, order.left)
        filled = order.filled
        account.remember(client_id, state, filled)
        frame = FinishedFrame(
            client_id=client_id, state=state, filled=filled, reason=reason, time_ns=now_ns
        )
        self._outbox.append((account.name, frame))

    # -- market ----------------------------------------------------------------------------------

    def requote(self, market: Market, now_ns: int, *, halted: bool) -> None:
        """Bring what rests in line with the quote that the book has just got."""
        market.requote()
        if halted or not market.busy:
            return
        for side in (1, -1):
            while (crossed := market.crossed(side)) is not None:
                order, lots = crossed
                if lots := self._reducing(order, lots, now_ns):
                    market.take_from_market(side, order.ticks, lots)
                    self._fill(order, order.ticks, lots, _MAKER, now_ns)

    def printed(self, market: Market, trade: TradePrinted, now_ns: int) -> None:
        """Fill the resting orders that a trade between others would have reached."""
        for order, lots in market.printed(trade.side, trade.price_ticks, trade.quantity_lots):
            if traded := self._reducing(order, lots, now_ns):
                self._fill(order, order.ticks, traded, _MAKER, now_ns)

    def liquidate(self, account: Account, now_ns: int) -> None:
        """Cancel everything of an account, then reduce it until equity covers maintenance."""
        for order in tuple(account.orders.values()):
            self.finish(order, _CANCELLED, "liquidation", now_ns)
        while (step := next_step(account, self._rules)) is not None:
            self._reduce(account, *step, now_ns)
        if account.balance < 0 and not any(holding.lots for holding in account.holdings.values()):
            account.relief -= account.balance
            account.balance = Decimal(0)

    # -- time ------------------------------------------------------------------------------------

    def remind(self, due_ns: int, subject: WorkingOrder | Account) -> None:
        """Let due return the order (to expire) or the account (its switch) from due_ns on."""
        heappush(self._due, (due_ns, self.number(), subject))

    def due_ns(self) -> int | None:
        """Return the earliest reminder that still means something, None without one."""
        due = self._due
        while due:
            due_ns, _, subject = due[0]
            if isinstance(subject, Account):
                if subject.switch_ns == due_ns:
                    return due_ns
            elif subject.queue is not None:
                return due_ns
            heappop(due)
        return None

    def due(self, now_ns: int) -> WorkingOrder | Account | None:
        """Return the next subject whose reminder is due, None when none is."""
        due_ns = self.due_ns()
        return heappop(self._due)[2] if due_ns is not None and due_ns <= now_ns else None

    # -- inside ----------------------------------------------------------------------------------

    def _take(self, order: WorkingOrder, lots_max: int, now_ns: int) -> None:
        """Let an order trade up to lots_max with whatever is within its limit, best first."""
        market, side, limit_ticks = order.market, order.side, order.ticks
        while lots_max > 0:
            offer = market.offer(side, limit_ticks)
            if offer is None:
                return
            ticks, lots, maker = offer
            lots = min(lots, lots_max)
            if maker is None:
                market.take_from_market(side, ticks, lots)
            elif maker.account is order.account:
                self.finish(maker, _CANCELLED, "self_trade", now_ns)
                continue
            elif lots := self._reducing(maker, lots, now_ns):
                self._fill(maker, ticks, lots, _MAKER, now_ns)
            else:
                continue
            lots_max -= lots
            self._fill(order, ticks, lots, _TAKER, now_ns)

    def _reducing(self, order: WorkingOrder, lots: int, now_ns: int) -> int:
        """Return the lots a resting order may trade; a reduce-only one with nothing left ends."""
        if not order.frame.reduce_only:
            return lots
        reducible = order.account.holding(order.market).reducible_lots(order.side)
        if not reducible:
            self.finish(order, _CANCELLED, _REDUCE_ONLY, now_ns)
        return min(lots, reducible)

    def _leave(self, order: WorkingOrder, lots: int) -> None:
        order.market.leave(order)
        del order.account.orders[order.frame.client_id]
        order.account.holding(order.market).order(order.side, -lots)

    def _fill(
        self, order: WorkingOrder, ticks: int, lots: int, liquidity: Liquidity, now_ns: int
    ) -> None:
        account, market, side = order.account, order.market, order.side
        instrument = market.instrument
        holding = account.holdings[market.symbol]
        rate = instrument.taker_fee if liquidity is _TAKER else instrument.maker_fee
        price = market.tick * ticks
        quantity = order.frame.quantity if lots == order.lots else market.lot * lots
        order.left -= lots
        if order.queue is not None:
            holding.order(side, -lots)
        self._number = number = self._number + 1
        frame = FillFrame(
            fill_id=f"{self._name}-{number}",
            client_id=order.frame.client_id,
            symbol=market.symbol,
            side=_BUY if side > 0 else _SELL,
            quantity=quantity,
            price=price,
            fee=trade_fee(instrument, quantity, price, rate),
            fee_currency=instrument.settle,
            liquidity=liquidity,
            time_ns=now_ns,
        )
        account.book_fill(holding, side * lots, frame)
        self._outbox.append((account.name, frame))
        if not order.left:
            if order.queue is not None:
                self._leave(order, 0)
            account.remember(frame.client_id, _FILLED, order.frame.quantity)

    def _reduce(
        self, account: Account, holding: Holding, lots: int, limit_ticks: int, now_ns: int
    ) -> None:
        """Close lots of a holding in the book within a limit, and the rest at the limit."""
        market = holding.market
        side = -1 if holding.lots > 0 else 1
        while lots and (offer := market.offer(side, limit_ticks)) is not None:
            ticks, offered, maker = offer
            traded = min(lots, offered)
            if maker is None:
                market.take_from_market(side, ticks, traded)
            elif traded := self._reducing(maker, traded, now_ns):
                self._fill(maker, ticks, traded, _MAKER, now_ns)
            else:
                continue
            lots -= traded
            self._force(account, holding, side * traded, market.tick * ticks, now_ns)
        if lots:
            price = market.tick * limit_ticks if limit_ticks else market.mark
            assert price is not None, "a market without a mark liquidates nobody"
            self._force(account, holding, side * lots, price, now_ns)

    def _force(
        self, account: Account, holding: Holding, signed_lots: int, price: Decimal, now_ns: int
    ) -> None:
        """Book a forced fill; its fee is at most the equity that it leaves."""
        market = holding.market
        quantity = market.lot * signed_lots
        frame = FillFrame(
            fill_id=f"{self._name}-{self.number()}",
            client_id="",
            symbol=market.symbol,
            side=_BUY if signed_lots > 0 else _SELL,
            quantity=abs(quantity),
            price=price,
            fee=forced_fee(account, holding, quantity, price, self._rules.liquidation_fee),
            fee_currency=market.instrument.settle,
            liquidity=_TAKER,
            time_ns=now_ns,
            liquidation=True,
        )
        account.book_fill(holding, signed_lots, frame)
        self._outbox.append((account.name, frame))
        self.liquidations += 1
