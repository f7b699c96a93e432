"""The ports between what decides and the outside: gateway, transport, and their capability.

A gateway is sans-IO: frames and time go in; frames, events and timer requests come out through its
sink. Only a transport touches a network; an in-memory one hands frames over as objects. So the same
gateway runs live, in a backtest and in the deterministic search.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from actors.messages.market import (
    BarClosed,
    FundingSettled,
    MarkUpdated,
    QuoteUpdated,
    TradePrinted,
)
from actors.messages.venue import GatewayEvent
from domain.authority import Approval, FlattenPermit
from domain.instruments import Instrument
from domain.orders import OrderType, TimeInForce
from domain.value import Value

__all__ = [
    "Capability",
    "Frame",
    "Gateway",
    "GatewaySink",
    "MarketEvent",
    "Transport",
    "TransportSink",
]

Frame = bytes | msgspec.Struct
MarketEvent = QuoteUpdated | TradePrinted | BarClosed | MarkUpdated | FundingSettled


class Capability(Value):
    """What a venue can do; asking for more is refused when the config is checked."""

    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    reduce_only: bool
    order_expiry: bool
    dead_mans_switch: bool
    query_by_client_id: bool
    own_signer_for_flatten: bool
    netting: bool
    funding_interval_h: int
    orders_per_second: Decimal


class TransportSink(Protocol):
    """Where a transport delivers; each call is one input of the run."""

    def connected(self) -> None:
        """The session is up; nothing of an earlier session will arrive any more."""

    def disconnected(self, reason: str) -> None:
        """The session is gone; what was handed over last may or may not have arrived."""

    def received(self, frame: Frame) -> None:
        """One frame, in the order in which the venue sent it on this session."""


class Transport(Protocol):
    """One session with a venue; it reports to the sink it was opened with."""

    def open(self, sink: TransportSink) -> None:
        """Begin to connect; the answer is sink.connected or sink.disconnected."""

    def send(self, frame: Frame) -> None:
        """Hand a frame to the session; a frame on a dead session vanishes, as on a real socket."""

    def close(self) -> None:
        """End the session; nothing is delivered after this returns."""


class GatewaySink(Protocol):
    """What a gateway's output goes to; the venue connection implements it."""

    def send(self, frame: Frame) -> None:
        """Put a frame on the wire."""

    def market(self, event: MarketEvent) -> None:
        """Publish market data; must be the last thing done with the frame it came from."""

    def emit(self, event: GatewayEvent) -> None:
        """Report something about the account or the connection."""

    def wake(self, delay_ns: int, token: int) -> None:
        """Ask for Gateway.woken(token) after a delay (heartbeats, listen keys)."""


class Gateway(Protocol):
    """A venue's protocol as a pure state machine: nonces, signing, codecs and resync live inside.

    No method blocks or reads a clock; now_ns is UTC nanoseconds of the input being handled.
    """

    capability: Capability
    instruments: tuple[Instrument, ...]

    def connected(self, now_ns: int) -> None:
        """The session is up: log in, subscribe, arm the dead-man's switch."""

    def disconnected(self, now_ns: int) -> None:
        """The session is gone: forget everything that belonged to it."""

    def received(self, frame: Frame, now_ns: int) -> None:
        """Turn one frame into events; what cannot be used becomes a GatewayProblem."""

    def sound(self, frame: Frame) -> MarketEvent | None:
        """Take in a frame of sound market data in sequence and return it, ready to be published.

        None leaves everything as it was: the frame then goes through ``received``.
        """

    def woken(self, token: int, now_ns: int) -> None:
        """A delay asked for with GatewaySink.wake is over."""

    def submit(self, authority: Approval | FlattenPermit, now_ns: int) -> None:
        """Send the order that the authority embeds; nothing else can be sent."""

    def cancel(self, client_id: str, instrument: str, now_ns: int) -> None:
        """Ask the venue to cancel one order."""

    def cancel_all(self, instrument: str | None, now_ns: int) -> None:
        """Ask the venue to cancel every order of the account, of one instrument or of all."""

    def query_account(self, request: int, fills_after_ns: int, now_ns: int) -> None:
        """Ask for an AccountSnapshot that carries this request number."""

    def query_order(self, request: int, client_id: str, instrument: str, now_ns: int) -> None:
        """Ask for an OrderLookup that carries this request number."""
