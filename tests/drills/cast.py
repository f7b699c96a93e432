"""The parts that only drills play: a recorder, a trader, a strategy that raises."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from actors.addresses import RISK
from actors.messages.flatten import FlattenStatus
from actors.messages.market import QuoteUpdated, topic_key
from actors.messages.orders import (
    CancelOrder,
    OrderRefused,
    OrderUpdated,
    ProposeOrder,
    ResolveOrder,
)
from actors.messages.pairs import ExposureEnded, PairStateChanged
from actors.messages.portfolio import EquityUpdated
from actors.messages.positions import AccountReported, PositionChanged
from actors.messages.risk import HaltRequested, MarginWarning, TradingStateChanged
from actors.messages.venue import ConnectionState, VenueStateChanged
from actors.runtime import Actor, Message, handles
from domain.client_ids import ClientIdScheme, owner_number
from domain.orders import FINAL_STATES, Order, OrderType, Side, TimeInForce

__all__ = ["Buy", "PullThePlug", "Raiser", "Recorder", "Sell", "Trader", "Withdraw"]


class Recorder(Actor):
    """Stands at the portfolio's address and keeps, with the monotonic time, what it is told."""

    def __init__(self, log: list[tuple[int, Any]]) -> None:
        super().__init__()
        self._log = log

    @handles(
        PositionChanged,
        AccountReported,
        TradingStateChanged,
        VenueStateChanged,
        PairStateChanged,
        ExposureEnded,
        MarginWarning,
        OrderRefused,
        FlattenStatus,
        EquityUpdated,
    )
    def note(self, message: Message) -> None:
        """Keep it."""
        self._log.append((self.context.monotonic, message))


class Buy(Message, kw_only=True):
    """Tells the trader to buy; a price of None means at market."""

    instrument: str
    quantity: Decimal
    price: Decimal | None
    time_in_force: TimeInForce = TimeInForce.GTC
    ttl_ns: int = 0
    reduce_only: bool = False


class Sell(Buy, kw_only=True):
    """Tells the trader to sell."""


class PullThePlug(Message, kw_only=True):
    """Tells the trader to halt trading, so many messages to itself later."""

    hops: int = 0


class Withdraw(Message, kw_only=True):
    """Tells the trader to cancel its latest order."""


class Trader(Actor):
    """Owns orders that rest: proposes what it is told to and follows each to its end."""

    def __init__(self, scheme: ClientIdScheme) -> None:
        super().__init__()
        self.orders: dict[str, Order] = {}
        self.open: dict[str, Order] = {}
        self.updates: list[OrderUpdated] = []
        self.refused: list[OrderRefused] = []
        self._issuer = scheme.issuer(
            owner_number(f"{self.context.path}#{self.context.incarnation}")
        )

    @handles(Buy, Sell)
    def trade(self, message: Buy) -> None:
        """Propose an order."""
        side = Side.SELL if type(message) is Sell else Side.BUY
        order = Order(
            client_id=self._issuer.next(),
            instrument=message.instrument,
            side=side,
            quantity=message.quantity,
            owner=self.context.path,
            created_ns=self.context.now,
            order_type=OrderType.MARKET if message.price is None else OrderType.LIMIT,
            price=message.price,
            time_in_force=message.time_in_force,
            reduce_only=message.reduce_only,
            expires_ns=self.context.now + message.ttl_ns if message.ttl_ns else 0,
        )
        self.orders[order.client_id] = self.open[order.client_id] = order
        self.context.tell(RISK, ProposeOrder(order=order))

    @handles(PullThePlug)
    def pull(self, message: PullThePlug) -> None:
        """Ask for a halt."""
        if message.hops:
            self.context.tell(self.context.path, PullThePlug(hops=message.hops - 1))
            return
        self.context.tell(RISK, HaltRequested(who="trader", reason="drill"))

    @handles(Withdraw)
    def withdraw(self, _: Withdraw) -> None:
        """Cancel the latest order."""
        order = list(self.orders.values())[-1]
        venue = order.instrument.partition(":")[0]
        self.context.tell(
            f"/venues/{venue}",
            CancelOrder(client_id=order.client_id, instrument=order.instrument, reason="drill"),
        )

    @handles(OrderUpdated)
    def updated(self, message: OrderUpdated) -> None:
        """Keep it."""
        self.updates.append(message)
        if message.state in FINAL_STATES:
            self.open.pop(message.client_id, None)

    @handles(VenueStateChanged)
    def venue_changed(self, message: VenueStateChanged) -> None:
        """Ask a new session what became of the orders that it may not know."""
        if message.state is ConnectionState.LIVE:
            for order in self.open.values():
                if order.instrument.startswith(f"{message.venue}:"):
                    self.context.tell(f"/venues/{message.venue}", ResolveOrder(order=order))

    @handles(OrderRefused)
    def was_refused(self, message: OrderRefused) -> None:
        """Keep it."""
        self.refused.append(message)
        self.open.pop(message.client_id, None)


class Raiser(Actor):
    """A strategy that fails at every message."""

    def __init__(self, instrument: str) -> None:
        super().__init__()
        self._instrument = instrument

    def on_start(self) -> None:
        """Ask for quotes."""
        self.context.subscribe(topic_key(QuoteUpdated, self._instrument))

    @handles(QuoteUpdated, TradingStateChanged)
    def fail(self, message: Message) -> None:
        """Fail."""
        raise RuntimeError(f"a strategy that cannot stand {type(message).__name__}")
