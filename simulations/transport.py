"""A transport that is a session with a simulated venue in the same process."""

from __future__ import annotations

from actors.ports import Frame, TransportSink
from simulations.session import Session
from simulations.venue import SimulatedVenue

__all__ = ["MemoryTransport"]


class MemoryTransport:
    """One session at a time with a simulated venue, for one account; frames pass by reference.

    Nothing is delivered within send or open: the venue's world calls back.
    """

    __slots__ = ("_account", "_session", "_venue")

    def __init__(self, venue: SimulatedVenue, account: str) -> None:
        """Take the venue and the account that logs in.

        Raises: DomainError if the venue has no such account.
        """
        venue.exchange.account(account)
        self._venue = venue
        self._account = account
        self._session: Session | None = None

    def open(self, sink: TransportSink) -> None:
        """Begin to connect; an earlier session of this transport is closed first."""
        self.close()
        self._session = self._venue.connect(self._account, sink)

    def send(self, frame: Frame) -> None:
        """Send a frame to the venue, or nowhere without a live session."""
        if self._session is not None:
            self._session.send(frame)

    def close(self) -> None:
        """End the session; nothing is delivered after this returns."""
        if self._session is not None:
            self._venue.close(self._session)
            self._session = None
