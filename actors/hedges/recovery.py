"""What a pair must know before it acts: intent, both legs, and orders that may still trade."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.addresses import JOURNAL, position_address
from actors.messages.journal import RecordQuery, RecordReply
from actors.messages.orders import CancelOrder, OrdersQuery, OrdersReply, OrderUpdated
from actors.messages.pairs import CloseReason, PairPhase
from actors.messages.positions import PositionQuery
from actors.runtime import EngineError
from domain.orders import FINAL_STATES

if TYPE_CHECKING:
    from actors.hedges.leg import Leg
    from actors.messages.pairs import PairRecord
    from actors.runtime.context import Context
    from actors.settings import PairSettings

__all__ = ["Recovery"]

MS_NS = 1_000_000
ZERO = Decimal(0)


class Recovery:
    """Collects the answers; complete when all agree, a failure when that takes too long."""

    def __init__(self, context: Context, settings: PairSettings, main: Leg, hedge: Leg) -> None:
        """Work for a pair in its context."""
        self._context = context
        self._settings = settings
        self._legs = {leg.instrument.key: leg for leg in (main, hedge)}
        self._begun_ns = context.monotonic
        self._listed: set[str] = set()
        self._pending: dict[str, str] = {}
        self._known = False
        self.record: PairRecord | None = None

    def begin(self) -> None:
        """Ask the journal for the intent and everybody else for the facts."""
        self._context.request(
            JOURNAL,
            RecordQuery(pair=self._settings.name),
            self._settings.record_timeout_ms * MS_NS,
        )
        self.ask_again()

    def ask_again(self) -> None:
        """Ask for what is not known yet."""
        if not self._known:
            self._context.tell(JOURNAL, RecordQuery(pair=self._settings.name))
        for key, leg in self._legs.items():
            self._context.tell(position_address(key), PositionQuery(instrument=key))
            if leg.venue not in self._listed:
                self._context.tell(leg.venue, OrdersQuery())

    def recorded(self, message: RecordReply) -> None:
        """Take the journal's answer."""
        self._known = True
        self.record = message.pair

    def orders(self, message: OrdersReply) -> None:
        """Cancel what an earlier instance left at a venue, and wait for the end of it."""
        if not message.live:
            return
        self._listed.add(f"/venues/{message.venue}")
        for live in message.orders:
            if live.order.owner == self._context.path:
                client_id, instrument = live.order.client_id, live.order.instrument
                self._pending[client_id] = instrument
                self._context.tell(
                    f"/venues/{message.venue}",
                    CancelOrder(
                        client_id=client_id, instrument=instrument, reason="owner recovers"
                    ),
                )

    def updated(self, message: OrderUpdated) -> None:
        """Note that an order of the earlier instance ended."""
        if message.state in FINAL_STATES and message.client_id in self._pending:
            del self._pending[message.client_id]
            key = message.instrument
            self._context.tell(position_address(key), PositionQuery(instrument=key))

    def tick(self) -> None:
        """Ask again, or fail when the deadline is over and the venues answer.

        Raises: EngineError after recover_ms_max with both venues reachable.
        """
        if not all(leg.reachable for leg in self._legs.values()):
            self._begun_ns = self._context.monotonic
        waited = self._context.monotonic - self._begun_ns
        if waited > self._settings.recover_ms_max * MS_NS:
            raise EngineError(f"pair {self._settings.name} could not recover in time: {self}")
        self.ask_again()

    def complete(self) -> bool:
        """Whether intent, legs and orders are all known and settled."""
        return (
            self._known
            and len(self._listed) == len({leg.venue for leg in self._legs.values()})
            and not self._pending
            and all(leg.confirmed for leg in self._legs.values())
        )

    def meaning(self) -> tuple[PairPhase, Decimal, str]:
        """Return (phase, main target, why) that record and legs amount to, once all is known.

        LEASED means that nobody knows why the legs are there: the flattener must take them.
        """
        main, hedge = (leg.quantity for leg in self._legs.values())
        record = self.record
        if not main and not hedge:
            return PairPhase.FLAT, ZERO, "both legs are zero"
        if record is None or record.phase is PairPhase.FLAT:
            return PairPhase.LEASED, ZERO, "exposure without a record of intent"
        if record.phase in (PairPhase.EXITING, PairPhase.UNWINDING) or not main:
            return PairPhase.UNWINDING, ZERO, CloseReason.RECOVERY
        return PairPhase.ENTERING, main, "completing what was begun"

    def __str__(self) -> str:
        """Say what is still missing."""
        missing = [key for key, leg in self._legs.items() if not leg.confirmed]
        return (
            f"record {'known' if self._known else 'missing'}, "
            f"venues listed {sorted(self._listed)}, orders pending {sorted(self._pending)}, "
            f"unconfirmed {missing}"
        )
