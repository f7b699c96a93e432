"""What every drill watches while it runs: the border of each gateway, epochs, mailboxes.

A witness only looks: it sends nothing, holds nothing back and raises nothing. What it objects to is
kept in ``objections`` and read at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from actors.messages.risk import EpochRaised
from actors.ports import Frame, Gateway, MarketEvent
from actors.runtime import Kernel
from domain.authority import Approval, FlattenPermit, Gate, TradingState

__all__ = ["Submission", "Witness"]


class Submission(NamedTuple):
    """An order at the border between Keel and a venue."""

    venue: str
    role: str
    authority: Approval | FlattenPermit
    utc_ns: int


class Witness:
    """Checks every order at the border on a path of its own: seal, single use, expiry, epoch.

    deepest is the largest number of messages that ever waited, by address.
    """

    def __init__(
        self, kernel: Kernel, approval_key: bytes, permit_key: bytes, venues: Iterable[str]
    ) -> None:
        self.submissions: list[Submission] = []
        self.objections: list[str] = []
        self.deepest: dict[str, int] = {}
        self.halted: dict[str, bool] = {}
        self._kernel = kernel
        self._approvals = {venue: Gate(approval_key) for venue in venues}
        self._permits = {venue: Gate(permit_key) for venue in venues}

    def observe(self, box: Any, message: Any, sequence: int, cause: int) -> None:  # noqa: ARG002
        """Look at a message that is about to be handled."""
        waiting = len(box.data) + len(box.control) + 1
        if waiting > self.deepest.get(box.path, 0):
            self.deepest[box.path] = waiting
        if type(message) is EpochRaised:
            venue = box.path.removeprefix("/venues/")
            self._approvals[venue].raise_epoch(message.epoch)
            self.halted[venue] = message.state is TradingState.HALTED

    def guarded(self, venue: str, role: str, gateway: Gateway) -> Gateway:
        """Return the gateway with this witness at its border."""
        return _Watched(gateway, lambda authority: self._submitted(venue, role, authority))

    def _submitted(self, venue: str, role: str, authority: Any) -> None:
        if type(authority) is Approval:
            gate = self._approvals[venue]
            if self.halted.get(venue):
                self.objections.append(f"approval at halted {venue}: {authority}")
        elif type(authority) is FlattenPermit:
            gate = self._permits[venue]
            if authority.order.quantity > abs(authority.venue_quantity):
                self.objections.append(f"permit beyond the venue's figure: {authority}")
        else:
            self.objections.append(f"{venue}: no authority at all: {authority!r}")
            return
        refused = gate.redeem(authority, self._kernel.monotonic)
        if refused is not None:
            self.objections.append(f"{venue}: {refused} authority sent: {authority}")
        self.submissions.append(Submission(venue, role, authority, self._kernel.now))

    def permits(self) -> list[FlattenPermit]:
        """Return the permits that were used, in order."""
        sent = (item.authority for item in self.submissions)
        return [authority for authority in sent if type(authority) is FlattenPermit]


class _Watched:
    """A gateway that is the inner one in everything, but for a look at each order."""

    def __init__(self, inner: Gateway, look: Any) -> None:
        self.capability = inner.capability
        self.instruments = inner.instruments
        self._inner = inner
        self._look = look

    def connected(self, now_ns: int) -> None:
        self._inner.connected(now_ns)

    def disconnected(self, now_ns: int) -> None:
        self._inner.disconnected(now_ns)

    def received(self, frame: Frame, now_ns: int) -> None:
        self._inner.received(frame, now_ns)

    def sound(self, frame: Frame) -> MarketEvent | None:
        return self._inner.sound(frame)

    def woken(self, token: int, now_ns: int) -> None:
        self._inner.woken(token, now_ns)

    def submit(self, authority: Approval | FlattenPermit, now_ns: int) -> None:
        self._look(authority)
        self._inner.submit(authority, now_ns)

    def cancel(self, client_id: str, instrument: str, now_ns: int) -> None:
        self._inner.cancel(client_id, instrument, now_ns)

    def cancel_all(self, instrument: str | None, now_ns: int) -> None:
        self._inner.cancel_all(instrument, now_ns)

    def query_account(self, request: int, fills_after_ns: int, now_ns: int) -> None:
        self._inner.query_account(request, fills_after_ns, now_ns)

    def query_order(self, request: int, client_id: str, instrument: str, now_ns: int) -> None:
        self._inner.query_order(request, client_id, instrument, now_ns)
