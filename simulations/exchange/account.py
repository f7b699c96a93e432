"""One account: balance, holdings, live and finished orders, and what its margin allows.

Margin is cross: one balance in the settlement currency backs every holding. What opens is margined
at the mark price for the larger of the two positions that the open orders could lead to. Whatever
happens, to the last digit: balance = deposits + realised - fees + funding + relief, where relief is
what the insurance fund paid; all but the first are sums over the holdings' positions.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from domain.errors import InvariantError
from domain.instruments import ContractKind
from domain.margin import position_maintenance
from domain.orders import OrderState
from domain.positions import (
    Position,
    apply_fill,
    apply_funding,
    contract_value,
    flat,
    notional,
    trade_fee,
    unrealised,
)
from simulations.exchange.matching import Market, Size, WorkingOrder
from simulations.wire import FillFrame

__all__ = ["Account", "Holding"]

_ZERO = Decimal(0)
_ONE = Decimal(1)
_INVERSE = ContractKind.INVERSE
_FINISHED_MAX = 50_000
_FILLS_MAX = 100_000


class Holding:
    """What one account holds and has on order in one market. Units: lots, signed where held."""

    __slots__ = (
        "_leverages",
        "buy_lots",
        "lots",
        "market",
        "position",
        "seen_mark",
        "sell_lots",
    )

    def __init__(self, market: Market, leverage: Decimal) -> None:
        """Start flat; leverage is the account's choice, capped by the tier when it counts."""
        self.market = market
        self.position: Position = flat(market.instrument)
        self.seen_mark = _ZERO
        self.lots = 0
        self.buy_lots = 0
        self.sell_lots = 0
        self._leverages = tuple(
            (tier.notional_floor, min(leverage, tier.leverage_max))
            for tier in market.instrument.tiers
        )

    @property
    def idle(self) -> bool:
        """Whether nothing is held and nothing on order."""
        return not (self.lots or self.buy_lots or self.sell_lots)

    def order(self, side: int, lots: int) -> None:
        """Count lots as on order, or (negative) no longer."""
        if side > 0:
            self.buy_lots += lots
        else:
            self.sell_lots += lots

    @property
    def exposure_lots(self) -> int:
        """The larger position that the open orders could lead to."""
        long, short = self.lots + self.buy_lots, self.sell_lots - self.lots
        return long if long > short else short  # noqa: FURB136 - max() costs three times this

    def initial(self, mark: Decimal, lots: int) -> Decimal:
        """Return the initial margin of a position of this many lots, in settlement currency."""
        market = self.market
        value = notional(market.instrument, market.lot * lots, mark)
        leverage = _ONE
        for floor, capped in self._leverages:
            if floor > value:
                break
            leverage = capped
        required = value / leverage
        return required / mark if market.instrument.kind is _INVERSE else required

    def maintenance(self) -> Decimal:
        """Return the maintenance margin of what is held, at the mark."""
        market = self.market
        if not self.lots or market.mark is None:
            return _ZERO
        return position_maintenance(market.instrument, self.position.quantity, market.mark)

    def reducible_lots(self, side: int) -> int:
        """Return how many lots an order of this side can take off the position, 0 if it adds."""
        return max(-side * self.lots, 0)


class Account:
    """The venue's record of one client; only the exchange changes it."""

    __slots__ = (
        "_slack",
        "balance",
        "deposits",
        "fills",
        "finished",
        "finished_before",
        "holdings",
        "leverage",
        "name",
        "orders",
        "relief",
        "switch_ns",
        "window_count",
        "window_start_s",
    )

    def __init__(self, name: str, deposit: Decimal, leverage: Decimal) -> None:
        """Open an account with a deposit; leverage is what it asks for wherever tiers allow it."""
        self.name = name
        self.balance = deposit
        self.deposits = deposit
        self.relief = _ZERO
        self._slack: Decimal | None = None
        self.leverage = leverage
        self.holdings: dict[str, Holding] = {}
        self.orders: dict[str, WorkingOrder] = {}
        self.finished: dict[str, tuple[OrderState, Decimal]] = {}
        self.finished_before: dict[str, tuple[OrderState, Decimal]] = {}
        self.fills: deque[FillFrame] = deque(maxlen=_FILLS_MAX)
        self.switch_ns = 0
        self.window_start_s = 0
        self.window_count = 0

    def holding(self, market: Market) -> Holding:
        """Return the holding in a market, flat if there never was one."""
        holding = self.holdings.get(market.symbol)
        if holding is None:
            holding = self.holdings[market.symbol] = Holding(market, self.leverage)
        return holding

    def book_fill(self, holding: Holding, signed_lots: int, fill: FillFrame) -> None:
        """Book one fill: position, balance and history; signed_lots is its signed quantity."""
        before = holding.position
        quantity = fill.quantity if signed_lots > 0 else -fill.quantity
        after = holding.position = apply_fill(before, quantity, fill.price, fill.fee)
        holding.lots += signed_lots
        self.balance += after.realised - before.realised - fill.fee
        self._slack = None
        self.fills.append(fill)

    def book_funding(self, holding: Holding, amount: Decimal) -> None:
        """Book one funding payment, above zero when received."""
        holding.position = apply_funding(holding.position, amount)
        self.balance += amount
        self._slack = None

    def equity(self) -> Decimal:
        """Return balance plus open profit at the marks."""
        total = self.balance
        for holding in self.holdings.values():
            if holding.lots and holding.market.mark is not None:
                total += unrealised(holding.position, holding.market.mark)
        return total

    def initial(self) -> Decimal:
        """Return the initial margin of everything held and on order."""
        total = _ZERO
        for holding in self.holdings.values():
            mark = holding.market.mark
            if mark is not None and not holding.idle:
                total += holding.initial(mark, holding.exposure_lots)
        return total

    def maintenance(self) -> Decimal:
        """Return the maintenance margin of everything held."""
        total = _ZERO
        for holding in self.holdings.values():
            if holding.lots:
                total += holding.maintenance()
        return total

    def below_maintenance(self, holding: Holding) -> bool:
        """Tell whether equity is below maintenance, after the mark of one holding moved.

        Exact. A move of the mark changes equity and maintenance by at most the held quantity times
        the move, each; until those moves have used up what was left over at the last full count,
        there is no need for another. Inverse contracts are always counted in full.
        """
        slack, mark = self._slack, holding.market.mark
        if slack is not None and mark is not None and holding.position.kind is not _INVERSE:
            position = holding.position
            moved = abs((mark - holding.seen_mark) * position.quantity * position.multiplier)
            self._slack = slack = slack - 2 * moved
            holding.seen_mark = mark
            if slack > _ZERO:
                return False
        slack = self._slack = self.equity() - self.maintenance()
        for other in self.holdings.values():
            other.seen_mark = other.market.mark or _ZERO
        return slack < _ZERO

    def affords(self, holding: Holding, size: Size, quantity: Decimal) -> bool:
        """Tell whether the margin covers one more order, its fee and its loss against the mark.

        Fee and loss are those at the worst price at which it could trade now. An order that cannot
        raise the exposure is always affordable: nobody is kept from reducing.
        """
        side, lots, ticks = size
        exposure = lots + (
            holding.lots + holding.buy_lots if side > 0 else holding.sell_lots - holding.lots
        )
        if exposure <= holding.exposure_lots:
            return True
        market = holding.market
        mark = market.mark
        if mark is None:
            return False
        free = self.equity() - holding.initial(mark, exposure)
        for other in self.holdings.values():
            if other is not holding and not other.idle and other.market.mark is not None:
                free -= other.initial(other.market.mark, other.exposure_lots)
        worst = market.book.reach(-side, lots)
        if worst is None or (ticks and side * (ticks - worst) < 0):
            worst = ticks
        price = market.tick * worst if worst else mark
        instrument = market.instrument
        cost = trade_fee(instrument, quantity, price, instrument.taker_fee)
        if price > mark if side > 0 else price < mark:
            kind, multiplier = instrument.kind, instrument.multiplier
            paid = contract_value(kind, multiplier, quantity, price)
            cost += abs(paid - contract_value(kind, multiplier, quantity, mark))
        return free >= cost

    def remember(self, client_id: str, state: OrderState, filled: Decimal) -> None:
        """Keep what became of a client id; at least the latest 50,000 are known."""
        self.finished[client_id] = (state, filled)
        if len(self.finished) >= _FINISHED_MAX:
            self.finished_before = self.finished
            self.finished = {}

    def known(self, client_id: str) -> bool:
        """Tell whether a client id is live or was used, as far as the account remembers."""
        return (
            client_id in self.orders
            or client_id in self.finished
            or client_id in self.finished_before
        )

    def outcome(self, client_id: str) -> tuple[OrderState, Decimal] | None:
        """Return how a finished order ended and what it had filled, None when not remembered."""
        return self.finished.get(client_id) or self.finished_before.get(client_id)

    def check(self) -> None:
        """Hold the books against each other.

        Raises: InvariantError when balance, positions or lots disagree.
        """
        expected = self.deposits + self.relief
        for holding in self.holdings.values():
            position = holding.position
            expected += position.realised - position.fees + position.funding
            if holding.market.lot * holding.lots != position.quantity:
                raise InvariantError(f"{self.name}: {holding.lots} lots are not {position}")
        if expected != self.balance:
            raise InvariantError(f"{self.name}: balance {self.balance} is not {expected}")
