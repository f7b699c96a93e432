"""The flattener's own session with one venue, which shares nothing with the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.venues.inlet import Inlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.messages.venue import GatewayEvent
    from actors.ports import Frame, Gateway, GatewaySink, MarketEvent, Transport
    from actors.runtime.context import Context

__all__ = ["Session"]


class Session:
    """A gateway and a transport for one venue; its events go to one function."""

    def __init__(
        self,
        *,
        venue: str,
        context: Context,
        gateway: Callable[[GatewaySink], Gateway],
        transport: Transport,
        on_event: Callable[[str, GatewayEvent], None],
        on_change: Callable[[str], None],
        on_wake: Callable[[str, int, int], None],
    ) -> None:
        """Join the parts; connect() opens the session."""
        self.venue = venue
        self.up = False
        self.opening = False
        self.request = 0
        self._context = context
        self._transport = transport
        self._on_event = on_event
        self._on_change = on_change
        self._on_wake = on_wake
        self._inlet: Inlet | None = None
        self.gateway = gateway(self)

    def connect(self) -> None:
        """Open the session unless it is open or opening."""
        if self.up or self.opening:
            return
        self.opening = True
        self._inlet = Inlet(self._context, self._connected, self._received, self._disconnected)
        self._transport.open(self._inlet)

    def close(self) -> None:
        """Close the session; nothing arrives any more."""
        if self._inlet is not None:
            self._inlet.open = False
        self._transport.close()
        self.up = self.opening = False

    def drop(self) -> None:
        """Give the session up and tell that it is gone."""
        self.close()
        self.gateway.disconnected(self._context.now)
        self._on_change(self.venue)

    def ask_account(self) -> int:
        """Query the account and return the request's number."""
        self.request += 1
        self.gateway.query_account(self.request, 0, self._context.now)
        return self.request

    def _connected(self, _: None) -> None:
        self.up, self.opening = True, False
        self.gateway.connected(self._context.now)
        self._on_change(self.venue)

    def _disconnected(self, _: str) -> None:
        self.up = self.opening = False
        self.gateway.disconnected(self._context.now)
        self._on_change(self.venue)

    def _received(self, frame: Frame) -> None:
        self.gateway.received(frame, self._context.now)

    # -- GatewaySink ---------------------------------------------------------------------------

    def send(self, frame: Frame) -> None:
        """Put a frame on the wire."""
        self._transport.send(frame)

    def market(self, event: MarketEvent) -> None:
        """Ignore market data: the flattener reads what the venue connection published last."""

    def emit(self, event: GatewayEvent) -> None:
        """Pass an event on."""
        self._on_event(self.venue, event)

    def wake(self, delay_ns: int, token: int) -> None:
        """Wake the gateway later."""
        self._on_wake(self.venue, delay_ns, token)
