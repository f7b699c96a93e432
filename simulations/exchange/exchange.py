"""The exchange: orders and market data in, frames for accounts out; no clock and no callback.

Every call takes the time. What accounts must be told is appended to ``outbox`` as (account, frame);
the driver empties it after each call. Replies to queries are returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from actors.messages.market import QuoteUpdated, TradePrinted
from domain.errors import DomainError
from domain.instruments import Instrument
from domain.orders import OrderState
from domain.positions import contract_value
from simulations.exchange.account import Account
from simulations.exchange.admission import ExchangeRules, RejectReason, admit
from simulations.exchange.book import DepthModel
from simulations.exchange.execution import Execution, Outbox
from simulations.exchange.matching import Market, WorkingOrder
from simulations.exchange.queue import QueueModel, RiskAverseQueue
from simulations.wire import (
    AckFrame,
    CancelRefusedFrame,
    ErrorFrame,
    ErrorKind,
    FinishedFrame,
    FundingFrame,
    MassCancelFrame,
    OrderFrame,
    SubmitFrame,
)

__all__ = ["Exchange"]

_SECOND_NS = 1_000_000_000
_ZERO = Decimal(0)


class Exchange:
    """Matches, books, margins and liquidates; the same calls give the same frames, always.

    name is the venue's; markets are found by instrument key (``venue:SYMBOL``).
    """

    __slots__ = (
        "_accounts",
        "_symbols",
        "execution",
        "halted",
        "markets",
        "name",
        "outbox",
        "rules",
    )

    def __init__(
        self,
        name: str,
        instruments: Iterable[Instrument],
        *,
        rules: ExchangeRules | None = None,
        depth: DepthModel | None = None,
        queue_model: QueueModel | None = None,
    ) -> None:
        """List the instruments.

        Raises: DomainError if one belongs to another venue, appears twice, or settles in another
        currency than the first, since an account has one balance.
        """
        self.name = name
        self.rules = rules or ExchangeRules()
        self.markets: dict[str, Market] = {}
        self._symbols: dict[str, Market] = {}
        settle = ""
        for instrument in instruments:
            settle = settle or instrument.settle
            if instrument.venue != name or instrument.symbol in self._symbols:
                raise DomainError(f"{name} cannot list {instrument.key}")
            if instrument.settle != settle:
                raise DomainError(f"{name} settles in {settle}, {instrument.key} does not")
            market = Market(instrument, depth or DepthModel(), queue_model or RiskAverseQueue())
            self.markets[instrument.key] = self._symbols[instrument.symbol] = market
        self._accounts: dict[str, Account] = {}
        self.halted = False
        self.outbox: Outbox = []
        self.execution = Execution(name, self.rules, self.outbox)

    # -- accounts --------------------------------------------------------------------------------

    def open_account(self, name: str, deposit: Decimal, leverage: Decimal = Decimal(20)) -> Account:
        """Open an account; leverage applies in every market as far as its tiers allow.

        Raises: DomainError if it exists, or deposit or leverage is not above 0.
        """
        if name in self._accounts:
            raise DomainError(f"{self.name} has an account {name!r} already")
        if not (deposit.is_finite() and deposit > 0 and leverage.is_finite() and leverage > 0):
            raise DomainError(f"{name}: deposit and leverage must be above 0")
        account = self._accounts[name] = Account(name, deposit, leverage)
        return account

    def account(self, name: str) -> Account:
        """Return an account, for queries; nobody but the exchange changes it.

        Raises: DomainError if there is none of that name.
        """
        account = self._accounts.get(name)
        if account is None:
            raise DomainError(f"{self.name} has no account {name!r}")
        return account

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All accounts, in the order of their opening."""
        return tuple(self._accounts.values())

    def market(self, symbol: str) -> Market | None:
        """Return a market by the venue's symbol, None if it is not listed."""
        return self._symbols.get(symbol)

    # -- orders ----------------------------------------------------------------------------------

    def submit(self, name: str, frame: SubmitFrame, now_ns: int) -> None:
        """Take an order or refuse it; what it can trade at once it trades before this returns."""
        account = self._accounts[name]
        client_id = frame.client_id
        if not self._within_rate(account, now_ns):
            error = ErrorFrame(
                kind=ErrorKind.RATE_LIMITED,
                detail=f"more than {self.rules.orders_per_second_max} orders a second",
                client_id=client_id,
                time_ns=now_ns,
            )
            self.outbox.append((name, error))
            return
        if account.known(client_id):
            # The first order of that id lives on, whatever is said of the second.
            self.outbox.append((name, _duplicate(client_id, now_ns)))
            return
        market = self._symbols.get(frame.symbol)
        if market is None or self.halted:
            refusal = RejectReason.UNKNOWN_SYMBOL if market is None else RejectReason.HALTED
            self.refuse(name, client_id, refusal.value, now_ns)
            return
        holding = account.holding(market)
        admitted = admit(account, holding, frame, self.rules, now_ns)
        if isinstance(admitted, RejectReason):
            self.refuse(name, client_id, admitted.value, now_ns)
            return
        execution = self.execution
        order = WorkingOrder(execution.number(), account, market, frame, admitted)
        self.outbox.append((name, AckFrame(client_id=client_id, time_ns=now_ns)))
        execution.work(order, holding, now_ns)

    def refuse(self, name: str, client_id: str, reason: str, now_ns: int) -> None:
        """Refuse an order for a reason of the venue's own."""
        account = self._accounts[name]
        account.remember(client_id, OrderState.REJECTED, _ZERO)
        frame = FinishedFrame(
            client_id=client_id,
            state=OrderState.REJECTED,
            filled=_ZERO,
            reason=reason,
            time_ns=now_ns,
        )
        self.outbox.append((name, frame))

    def cancel(self, name: str, client_id: str, now_ns: int) -> None:
        """Cancel one order, or say why that did nothing."""
        account = self._accounts[name]
        order = account.orders.get(client_id)
        if order is not None:
            self.execution.finish(order, OrderState.CANCELLED, "requested", now_ns)
            return
        reason = "final" if account.known(client_id) else "unknown"
        refused = CancelRefusedFrame(client_id=client_id, reason=reason, time_ns=now_ns)
        self.outbox.append((name, refused))

    def cancel_all(self, name: str, symbol: str | None, now_ns: int, reason: str) -> int:
        """Cancel the account's orders, in one symbol or (None) in all, and return how many."""
        orders = [
            order
            for order in self._accounts[name].orders.values()
            if symbol is None or order.market.symbol == symbol
        ]
        for order in orders:
            self.execution.finish(order, OrderState.CANCELLED, reason, now_ns)
        return len(orders)

    def mass_cancel(self, name: str, now_ns: int, reason: str) -> None:
        """Cancel everything of an account unasked, and say so even if nothing was live."""
        self.cancel_all(name, None, now_ns, reason)
        self.outbox.append((name, MassCancelFrame(reason=reason, time_ns=now_ns)))

    def arm_switch(self, name: str, deadline_ns: int) -> None:
        """Cancel everything of the account at the deadline unless armed anew; 0 disarms."""
        account = self._accounts[name]
        account.switch_ns = deadline_ns
        if deadline_ns:
            self.execution.remind(deadline_ns, account)

    def order_frame(self, name: str, request: int, client_id: str, now_ns: int) -> OrderFrame:
        """Return what is known of a client id; an order filled in part is PARTIALLY_FILLED."""
        account = self._accounts[name]
        order = account.orders.get(client_id)
        state: OrderState | None = None
        filled = _ZERO
        outcome = account.outcome(client_id)
        if order is not None:
            filled = order.filled
            state = OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
        elif outcome is not None:
            state, filled = outcome
        return OrderFrame(
            request=request, client_id=client_id, state=state, filled=filled, time_ns=now_ns
        )

    # -- market ----------------------------------------------------------------------------------

    def quote(self, quote: QuoteUpdated, now_ns: int) -> None:
        """Take the market's new best prices; orders that they reach are filled.

        Raises: KeyError if the instrument is not listed here.
        """
        market = self.markets[quote.instrument]
        market.book.quote = quote
        if market.busy:
            self.execution.requote(market, now_ns, halted=self.halted)

    def trade(self, trade: TradePrinted, now_ns: int) -> None:
        """Take a trade between others: it may have reached orders that rest here."""
        market = self.markets[trade.instrument]
        if self.halted or not market.busy:
            return
        price, lots = trade.price_ticks, trade.quantity_lots
        if type(price) is not int or type(lots) is not int or price <= 0 or lots <= 0:
            return
        self.execution.printed(market, trade, now_ns)

    def mark(self, key: str, mark: Decimal, index: Decimal | None, now_ns: int) -> None:
        """Take a mark price and liquidate whoever falls below maintenance on it.

        A mark that is not finite and above 0 is not taken: the last good one stays.
        """
        market = self.markets[key]
        if not (mark.is_finite() and mark > 0):
            return
        market.mark = mark
        market.mark_time_ns = now_ns
        if index is not None and index.is_finite() and index > 0:
            market.index = index
        self._liquidate(market, now_ns)

    def settle_funding(
        self, key: str, rate: Decimal, reference: Decimal | None, now_ns: int
    ) -> None:
        """Pay funding on everything held: longs pay shorts while rate is above 0.

        reference is the price the venue settles on, the mark when None. Without any price, or with
        a rate that is not finite, nothing is settled.
        """
        market = self.markets[key]
        price = market.mark if reference is None else reference
        if price is None or not (price.is_finite() and price > 0 and rate.is_finite()):
            return
        instrument = market.instrument
        for account in self._accounts.values():
            holding = account.holdings.get(market.symbol)
            if holding is None or not holding.lots:
                continue
            value = contract_value(
                instrument.kind, instrument.multiplier, holding.position.quantity, price
            )
            amount = -value * rate
            account.book_funding(holding, amount)
            paid = FundingFrame(
                payment_id=f"{self.name}-{market.symbol}-{now_ns}",
                symbol=market.symbol,
                amount=amount,
                rate=rate,
                time_ns=now_ns,
            )
            self.outbox.append((account.name, paid))
        self._liquidate(market, now_ns)

    # -- time ------------------------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When advance must be called next, None while nothing waits for time."""
        return self.execution.due_ns()

    def advance(self, now_ns: int) -> None:
        """Expire orders and trip dead-man's switches that are due."""
        while (subject := self.execution.due(now_ns)) is not None:
            if isinstance(subject, Account):
                subject.switch_ns = 0
                self.mass_cancel(subject.name, now_ns, "dead_mans_switch")
            else:
                self.execution.finish(subject, OrderState.EXPIRED, "expired", now_ns)

    def halt(self) -> None:
        """Stop matching and refuse orders; cancels, queries, marks and funding go on."""
        self.halted = True

    def resume(self, now_ns: int) -> None:
        """Match again, beginning with what the book has reached meanwhile."""
        self.halted = False
        for market in self.markets.values():
            self.execution.requote(market, now_ns, halted=False)
            self._liquidate(market, now_ns)

    # -- inside ----------------------------------------------------------------------------------

    def _within_rate(self, account: Account, now_ns: int) -> bool:
        second = now_ns // _SECOND_NS
        if second != account.window_start_s:
            account.window_start_s = second
            account.window_count = 0
        account.window_count += 1
        return account.window_count <= self.rules.orders_per_second_max

    def _liquidate(self, market: Market, now_ns: int) -> None:
        """Liquidate every account with a holding in the market that is below maintenance."""
        if self.halted:
            return
        for account in self._accounts.values():
            holding = account.holdings.get(market.symbol)
            if holding is not None and holding.lots and account.below_maintenance(holding):
                self.execution.liquidate(account, now_ns)


def _duplicate(client_id: str, now_ns: int) -> ErrorFrame:
    return ErrorFrame(
        kind=ErrorKind.DUPLICATE_CLIENT_ID, detail="", client_id=client_id, time_ns=now_ns
    )
