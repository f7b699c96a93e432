"""A small stage for simulated venues: one BTC market, and orders in few words."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from actors.messages.market import FundingSettled, MarkUpdated, QuoteUpdated, TradePrinted
from domain.instruments import Instrument, MarginTier
from domain.money import install_context
from domain.orders import OrderType, Side, TimeInForce
from simulations.exchange.account import Account
from simulations.exchange.admission import ExchangeRules
from simulations.exchange.book import DepthModel
from simulations.exchange.exchange import Exchange
from simulations.wire import FillFrame, FinishedFrame, SubmitFrame, VenueFrame

install_context()

KEY = "alpha:BTCUSDT"
SYMBOL = "BTCUSDT"
SECOND_NS = 1_000_000_000
PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)
TIERS = (
    MarginTier(
        notional_floor=Decimal(0), maintenance_rate=Decimal("0.01"), leverage_max=Decimal(50)
    ),
    MarginTier(
        notional_floor=Decimal(100_000), maintenance_rate=Decimal("0.02"), leverage_max=Decimal(20)
    ),
)


def make_instrument(**changes: Any) -> Instrument:
    """Return a linear perpetual with tick 1, lot 1, no minimum and no fee, unless changed."""
    listing: dict[str, Any] = {
        "venue": "alpha",
        "symbol": SYMBOL,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "tick": Decimal(1),
        "lot": Decimal(1),
        "tiers": TIERS,
    }
    for name in ("tick", "lot", "maker_fee", "taker_fee", "quantity_min", "notional_min"):
        if name in changes:
            changes[name] = Decimal(changes[name])
    return Instrument(**{**listing, **changes})


def make_quote(
    bid: Any, ask: Any, bid_lots: Any = 10, ask_lots: Any = 10, *, instrument: str = KEY
) -> QuoteUpdated:
    """Return a quote; the values may be impossible."""
    return QuoteUpdated(
        instrument=instrument,
        bid_ticks=bid,
        bid_lots=bid_lots,
        ask_ticks=ask,
        ask_lots=ask_lots,
        venue_time_ns=0,
        sequence=1,
    )


def make_submit(
    client_id: str,
    side: Side,
    quantity: int | str,
    price: int | str | None = None,
    **more: Any,
) -> SubmitFrame:
    """Return an order on the wire; without a price it is a market order."""
    frame: dict[str, Any] = {
        "client_id": client_id,
        "symbol": SYMBOL,
        "side": side,
        "quantity": Decimal(quantity),
        "price": None if price is None else Decimal(price),
        "order_type": OrderType.MARKET if price is None else OrderType.LIMIT,
        "time_in_force": TimeInForce.IOC if price is None else TimeInForce.GTC,
        "reduce_only": False,
        "expires_ns": 0,
    }
    return SubmitFrame(**{**frame, **more})


def shared_data(folder: str) -> Path:
    """Return a folder of the recorded data, or skip the test where it is absent."""
    root = Path(__file__).resolve().parents[2]
    shared = Path(os.environ.get("KEEL_SHARED", root.parent / "shared"))
    path = shared / "data" / folder
    if not path.is_dir():
        pytest.skip(f"the recorded data {folder} is not here")
    return path


class Stage:
    """An exchange with one market at 99 to 101, mark 100, and accounts that are opened when named.

    now_ns is what every call passes; frames collects what accounts were told.
    """

    def __init__(
        self,
        instrument: Instrument | None = None,
        *,
        depth: DepthModel | None = None,
        deposit: int = 1_000_000,
        **rules: Any,
    ) -> None:
        self.instrument = instrument or make_instrument()
        self.exchange = Exchange(
            "alpha",
            [self.instrument],
            rules=ExchangeRules(**{"orders_per_second_max": 1_000_000, **rules}),
            depth=depth or DepthModel(levels_max=1),
        )
        self.deposit = Decimal(deposit)
        self.now_ns = SECOND_NS
        self.frames: list[tuple[str, VenueFrame]] = []
        self._ids = 0
        self.quote(99, 101)
        self.mark(100)

    def account(self, name: str) -> Account:
        """Return an account, opened if need be."""
        if name not in [account.name for account in self.exchange.accounts]:
            self.exchange.open_account(name, self.deposit)
        return self.exchange.account(name)

    def held(self, name: str) -> int:
        """Return the lots that an account holds."""
        return self.account(name).holding(self.exchange.markets[KEY]).lots

    def quote(self, bid: Any, ask: Any, bid_lots: Any = 10, ask_lots: Any = 10) -> None:
        """Let the market quote."""
        self.exchange.quote(make_quote(bid, ask, bid_lots, ask_lots), self.now_ns)
        self.collect()

    def mark(self, price: int | str) -> None:
        """Set the mark."""
        self.exchange.mark(KEY, Decimal(price), None, self.now_ns)
        self.collect()

    def trade(self, price: int, lots: int, side: Side) -> None:
        """Let others trade."""
        trade = TradePrinted(
            instrument=KEY,
            price_ticks=price,
            quantity_lots=lots,
            side=side,
            venue_time_ns=self.now_ns,
        )
        self.exchange.trade(trade, self.now_ns)
        self.collect()

    def order(
        self,
        name: str,
        side: Side,
        quantity: int | str,
        price: int | str | None = None,
        **more: Any,
    ) -> str:
        """Submit an order and return its client id; without a price it is a market order."""
        self.account(name)
        self._ids += 1
        client_id = more.pop("client_id", f"{name}{self._ids}")
        submit = make_submit(client_id, side, quantity, price, **more)
        self.exchange.submit(name, submit, self.now_ns)
        self.collect()
        return submit.client_id

    def buy(
        self, name: str, quantity: int | str, price: int | str | None = None, **more: Any
    ) -> str:
        """Submit a buy."""
        return self.order(name, Side.BUY, quantity, price, **more)

    def sell(
        self, name: str, quantity: int | str, price: int | str | None = None, **more: Any
    ) -> str:
        """Submit a sell."""
        return self.order(name, Side.SELL, quantity, price, **more)

    def collect(self) -> None:
        """Take what the exchange has to say."""
        self.frames += self.exchange.outbox
        self.exchange.outbox.clear()

    def fills(self, client_id: str) -> list[tuple[int, int]]:
        """Return the (price, quantity) of an order's fills, in their order."""
        return [
            (int(frame.price), int(frame.quantity))
            for _, frame in self.frames
            if isinstance(frame, FillFrame) and frame.client_id == client_id
        ]

    def ending(self, client_id: str) -> str | None:
        """Return ``state: reason`` of an order that ended without being filled, or None."""
        for _, frame in self.frames:
            if isinstance(frame, FinishedFrame) and frame.client_id == client_id:
                return f"{frame.state.value}: {frame.reason}"
        return None


def make_mark(price: str) -> MarkUpdated:
    """Return a mark of the BTC market."""
    return MarkUpdated(instrument=KEY, mark=Decimal(price), index=Decimal(price), venue_time_ns=0)


def make_funding(rate: str, reference: str) -> FundingSettled:
    """Return a settlement of the BTC market."""
    return FundingSettled(
        instrument=KEY, rate=Decimal(rate), reference_price=Decimal(reference), venue_time_ns=0
    )
