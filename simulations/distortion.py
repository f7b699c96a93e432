"""What can go wrong on the way from an exchange to its clients, one counted fault at a time.

Every fault here has been seen at a real venue. A counter says how many of the next frames it hits;
at 0 it is off. The exchange itself is never wrong: only what clients are told of it is.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from actors.messages.market import QuoteUpdated
from actors.ports import Frame
from simulations.wire import AccountFrame, AckFrame, FillFrame, VenueFrame

__all__ = ["Distortion"]

_RUBBISH = b"\xc1{not a frame"


class Distortion:
    """Counters of faults, and what they do to private frames, snapshots and quotes.

    losing_acks: acknowledgements lost while their orders live. late_acks: acknowledgements sent
    after all that the order did on arrival. duplicating_fills: fills sent twice. garbling: private
    frames that cannot be read (a fill with quantity NaN, anything else as rubbish bytes).
    stale_snapshots: account queries answered with the previous answer. rejecting: submits refused
    with reject_reason. crossing_quotes: quotes sent with bid above ask.
    """

    __slots__ = (
        "_snapshots",
        "crossing_quotes",
        "duplicating_fills",
        "garbling",
        "late_acks",
        "losing_acks",
        "reject_reason",
        "rejecting",
        "stale_snapshots",
    )

    def __init__(self) -> None:
        """Start without faults."""
        self.losing_acks = 0
        self.late_acks = 0
        self.duplicating_fills = 0
        self.garbling = 0
        self.stale_snapshots = 0
        self.rejecting = 0
        self.reject_reason = ""
        self.crossing_quotes = 0
        self._snapshots: dict[str, AccountFrame] = {}

    @property
    def private(self) -> bool:
        """Whether any fault for private frames is on."""
        return bool(self.losing_acks or self.late_acks or self.duplicating_fills or self.garbling)

    def apply(self, frames: list[tuple[str, VenueFrame]]) -> list[tuple[str, Frame]]:
        """Return what clients are sent in place of these (account, frame) pairs."""
        sent: list[tuple[str, Frame]] = []
        late: list[tuple[str, Frame]] = []
        for account, frame in frames:
            if isinstance(frame, AckFrame) and self.losing_acks:
                self.losing_acks -= 1
            elif isinstance(frame, AckFrame) and self.late_acks:
                self.late_acks -= 1
                late.append((account, frame))
            elif self.garbling:
                self.garbling -= 1
                sent.append((account, _garbled(frame)))
            else:
                sent.append((account, frame))
                if isinstance(frame, FillFrame) and self.duplicating_fills:
                    self.duplicating_fills -= 1
                    sent.append((account, frame))
        return sent + late

    def snapshot(self, account: str, frame: AccountFrame) -> AccountFrame:
        """Return the answer to an account query: the true one, or the previous one, stale."""
        previous = self._snapshots.get(account)
        if self.stale_snapshots and previous is not None:
            self.stale_snapshots -= 1
            return msgspec.structs.replace(previous, request=frame.request)
        self._snapshots[account] = frame
        return frame

    def quote(self, quote: QuoteUpdated) -> QuoteUpdated:
        """Return the quote that clients are sent: the true one, or one with bid and ask swapped."""
        if not self.crossing_quotes:
            return quote
        self.crossing_quotes -= 1
        return msgspec.structs.replace(quote, bid_ticks=quote.ask_ticks, ask_ticks=quote.bid_ticks)


def _garbled(frame: VenueFrame) -> Frame:
    if isinstance(frame, FillFrame):
        return msgspec.structs.replace(frame, quantity=Decimal("NaN"))
    return _RUBBISH
