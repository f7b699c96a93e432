"""Flattener: cancels and closes a scope by a path that uses nothing of what failed.

Per venue of a mandate:

    CANCELLING --wait--> MEASURING --zero--> CONFIRMING --zero again, late enough--> FLAT_CONFIRMED
         ^                 |   ^                 |
         '-- live orders --'   |                 '-- not zero --> CLOSING
                               '---- order ended, or timeout -------'

Sizes come from the venue's snapshots, never from our books. Each order needs its own permit from
the root, is reduce-only and IOC, and one per instrument is out at a time. A reject is measured
again, never repeated as it was. While a venue is away the outcome is FLAT_UNCONFIRMED, and the
work goes on.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from actors.addresses import ROOT
from actors.flatten.alarms import Overdue, Step, WakeSession
from actors.flatten.closing import closing_order
from actors.flatten.session import Session
from actors.flatten.task import ZERO_SNAPSHOTS, Mandate, Task
from actors.messages.flatten import (
    BeginFlatten,
    FlattenerStarted,
    FlattenState,
    FlattenStatus,
    PermitDenied,
    PermitGranted,
    PermitRequested,
)
from actors.messages.market import QuoteUpdated, topic_key
from actors.messages.orders import OrderRefused, OrderUpdated
from actors.messages.venue import (
    AccountSnapshot,
    GatewayEvent,
    GatewayProblem,
    OrderFilled,
    OrderFinished,
    ProblemKind,
    VenueStateChanged,
)
from actors.runtime import Actor, handles
from domain.authority import Gate
from domain.client_ids import ClientIdScheme, owner_number
from domain.instruments import split_key
from domain.orders import Fill, Order, OrderState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from actors.messages.venue import VenuePosition
    from actors.ports import Gateway, GatewaySink, Transport
    from actors.settings import FlattenSettings
    from domain.instruments import Instrument

__all__ = ["Flattener"]

MS_NS = 1_000_000
ZERO = Decimal(0)
BACKOFF_STEPS_MAX = 10


class Flattener(Actor):
    """Owns its own sessions and the mandates under way.

    Receives: BeginFlatten, PermitGranted, PermitDenied, its venues' events. Sends:
    PermitRequested and FlattenStatus to the root. When it fails: the next instance asks the root
    for the mandates and measures every scope afresh.
    """

    def __init__(
        self,
        *,
        settings: FlattenSettings,
        gateways: Mapping[str, Callable[[GatewaySink], Gateway]],
        transports: Mapping[str, Transport],
        instruments: tuple[Instrument, ...],
        client_ids: ClientIdScheme,
        permit_key: bytes,
    ) -> None:
        """Join gateways and transports by venue name."""
        super().__init__()
        self._settings = settings
        self._gate = Gate(permit_key)
        self._instruments = {item.key: item for item in instruments}
        # Ids of an instance that replaces a failed one must differ from that one's.
        owner = owner_number(f"{self.context.path}#{self.context.incarnation}")
        self._issuer = client_ids.issuer(owner, 0)
        self._mandates: dict[int, Mandate] = {}
        self._sessions = {
            venue: Session(
                venue=venue,
                context=self.context,
                gateway=gateways[venue],
                transport=transports[venue],
                on_event=self._event,
                on_change=self._session_changed,
                on_wake=self._wake_later,
            )
            for venue in gateways
        }

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return each mandate with its tasks, and each session."""
        mandates = (
            (
                f"mandate {number}",
                "; ".join(
                    f"{task.venue} {task.state} open {task.open} attempts {task.attempts}"
                    for task in mandate.tasks.values()
                ),
            )
            for number, mandate in self._mandates.items()
        )
        sessions = (
            (f"session {venue}", "up" if session.up else "down")
            for venue, session in self._sessions.items()
        )
        return (*mandates, *sessions)

    # -- sessions ------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Connect if sessions are to be kept warm, and ask for mandates."""
        if self._settings.warm:
            for session in self._sessions.values():
                session.connect()
        self.context.tell(ROOT, FlattenerStarted())

    def on_stop(self) -> None:
        """Close every session."""
        for session in self._sessions.values():
            session.close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Close every session, so that the next instance has its own."""
        self.on_stop()

    def _session_changed(self, venue: str) -> None:
        for mandate in self._active(venue):
            task = mandate.tasks[venue]
            task.in_flight.clear()
            self._release(mandate, task)
            if self._sessions[venue].up:
                task.failures = 0
                task.measured = False
                self._cancel(mandate, task)
            else:
                self._later(mandate, task, self._backoff_ms(task))

    @handles(VenueStateChanged)
    def venue_changed(self, message: VenueStateChanged) -> None:
        """Try again at once when a venue answers others."""
        session = self._sessions.get(message.venue)
        if session is not None and message.state == "live" and self._active(message.venue):
            session.connect()

    def _wake_later(self, venue: str, delay_ns: int, token: int) -> None:
        self.context.after(delay_ns, WakeSession(venue=venue, token=token))

    @handles(WakeSession)
    def woken(self, message: WakeSession) -> None:
        """Let a gateway do its heartbeat."""
        session = self._sessions[message.venue]
        if session.up:
            session.gateway.woken(message.token, self.context.now)

    # -- mandates ------------------------------------------------------------------------------

    @handles(BeginFlatten)
    def begin(self, message: BeginFlatten) -> None:
        """Start on every venue of a mandate; the same mandate again changes nothing."""
        if message.mandate in self._mandates:
            return
        now = self.context.monotonic
        by_venue: dict[str, list[str]] = {}
        for key in message.instruments:
            by_venue.setdefault(split_key(key)[0], []).append(key)
        tasks = {venue: Task(venue, tuple(keys), now) for venue, keys in by_venue.items()}
        mandate = self._mandates[message.mandate] = Mandate(message, tasks, now)
        for task in tasks.values():
            self._cancel(mandate, task)
        self._report(mandate)
        patience_ns = self._settings.unconfirmed_after_ms * MS_NS
        self.context.after(patience_ns, Overdue(mandate=message.mandate))

    @handles(Overdue)
    def overdue(self, message: Overdue) -> None:
        """Say that a mandate is not confirmed yet."""
        mandate = self._mandates.get(message.mandate)
        if mandate is not None:
            self._report(mandate)

    def _active(self, venue: str) -> list[Mandate]:
        return [
            mandate
            for mandate in self._mandates.values()
            if venue in mandate.tasks and not mandate.tasks[venue].done
        ]

    @handles(Step)
    def step(self, message: Step) -> None:
        """Go on after a wait, unless the task has moved on meanwhile."""
        mandate = self._mandates.get(message.mandate)
        if mandate is None:
            return
        task = mandate.tasks[message.venue]
        if message.token != task.token or task.done:
            return
        session = self._sessions[message.venue]
        if not session.up:
            session.opening = False
            session.connect()
            task.failures += 1
            self._later(mandate, task, self._backoff_ms(task))
            task.attempts += 1
        elif task.state is FlattenState.CANCELLING and task.cancelled:
            self._measure(mandate, task)
        elif task.request:
            # The venue owes an answer for too long: a new session may get one.
            task.request = 0
            session.drop()
        else:
            task.in_flight.clear()
            self._measure(mandate, task)
        self._report(mandate)

    def _later(self, mandate: Mandate, task: Task, delay_ms: int) -> None:
        task.token += 1
        self.context.after(
            delay_ms * MS_NS,
            Step(mandate=mandate.message.mandate, venue=task.venue, token=task.token),
        )

    def _backoff_ms(self, task: Task) -> int:
        settings = self._settings
        steps = min(max(task.failures - 1, 0), BACKOFF_STEPS_MAX)
        return int(min(settings.retry_ms * 2**steps, settings.retry_ms_max))

    # -- the protocol --------------------------------------------------------------------------

    def _cancel(self, mandate: Mandate, task: Task) -> None:
        session = self._sessions[task.venue]
        task.state = FlattenState.CANCELLING
        task.zeros = 0
        task.request = 0
        task.cancelled = session.up
        if not session.up:
            session.connect()
            self._later(mandate, task, self._settings.retry_ms)
            return
        for key in task.instruments:
            session.gateway.cancel_all(key, self.context.now)
        self._later(mandate, task, self._settings.cancel_wait_ms)

    def _measure(self, mandate: Mandate, task: Task) -> None:
        if task.state is not FlattenState.CONFIRMING:
            task.state = FlattenState.MEASURING
        task.request = self._sessions[task.venue].ask_account()
        self._later(mandate, task, self._settings.query_timeout_ms)

    def _snapshot(self, venue: str, snapshot: AccountSnapshot) -> None:
        for mandate in self._active(venue):
            task = mandate.tasks[venue]
            if task.request != snapshot.request:
                continue
            task.request = 0
            positions = task.measure(snapshot)
            if positions is None:
                self._measure(mandate, task)
            elif task.live_orders(snapshot):
                self._cancel(mandate, task)
            elif positions:
                self._close(mandate, task, positions)
            else:
                self._confirm(mandate, task)
            self._release(mandate, task)
            self._report(mandate)

    def _confirm(self, mandate: Mandate, task: Task) -> None:
        """Count a zero snapshot; the last must be too late for anything sent before."""
        waited = self.context.monotonic - task.begun_ns
        left_ms = self._settings.in_flight_ms - waited // MS_NS
        task.zeros += 1
        if task.zeros >= ZERO_SNAPSHOTS and left_ms <= 0:
            task.state = FlattenState.FLAT_CONFIRMED
            task.token += 1
            if not self._settings.warm and not self._active(task.venue):
                self._sessions[task.venue].close()
            return
        task.state = FlattenState.CONFIRMING
        self._later(mandate, task, max(1, left_ms))

    def _close(self, mandate: Mandate, task: Task, positions: list[VenuePosition]) -> None:
        """Ask for a permit per position, for as much of it as may be closed now."""
        task.zeros = 0
        excess = {item.instrument: item.quantity - self._kept(mandate, item) for item in positions}
        task.holding = not all(excess.values())
        if not any(excess.values()):
            self._later(mandate, task, self._settings.retry_ms)
            return
        task.state = FlattenState.CLOSING
        task.attempts += 1
        out = {
            key
            for other in self._active(task.venue)
            for key in other.tasks[task.venue].in_flight.values()
        }
        for position in positions:
            quantity = abs(excess[position.instrument])
            if position.instrument in out or not quantity:
                continue
            order = self._order(position, quantity, task.attempts)
            task.in_flight[order.client_id] = position.instrument
            self.context.tell(
                ROOT,
                PermitRequested(
                    mandate=mandate.message.mandate,
                    order=order,
                    venue_quantity=position.quantity,
                ),
            )
        self._later(mandate, task, self._settings.close_timeout_ms)

    def _kept(self, mandate: Mandate, position: VenuePosition) -> Decimal:
        """Return what must not be closed yet, so that a leg at a dark venue is not more naked."""
        partner = mandate.partners.get(position.instrument)
        task = None if partner is None else mandate.tasks.get(split_key(partner)[0])
        if partner is None or task is None:
            return ZERO
        return task.kept(
            position.quantity,
            partner,
            mandate.held.get(partner, ZERO),
            reachable=self._sessions[task.venue].up,
        )

    def _release(self, mandate: Mandate, known: Task) -> None:
        """Look again at legs that were kept for a venue of which more is known now."""
        for task in mandate.tasks.values():
            if (
                task is not known
                and task.holding
                and not task.in_flight
                and self._sessions[task.venue].up
            ):
                task.holding = False
                self._measure(mandate, task)

    def _order(self, position: VenuePosition, quantity: Decimal, attempt: int) -> Order:
        now_ns = self.context.now
        return closing_order(
            self._instruments[position.instrument],
            self.context.topic(topic_key(QuoteUpdated, position.instrument)).last,
            position,
            quantity,
            band=self._band(attempt),
            client_id=self._issuer.next(),
            owner=self.context.path,
            created_ns=now_ns,
            expires_ns=now_ns + self._settings.close_timeout_ms * MS_NS,
        )

    def _band(self, attempt: int) -> Decimal:
        """Return how far beyond the best price an attempt may go: twice as far each time."""
        doublings = min(attempt - 1, BACKOFF_STEPS_MAX)
        band: Decimal = self._settings.band_first * 2**doublings
        return min(band, self._settings.band_max)

    @handles(PermitGranted)
    def permit_granted(self, message: PermitGranted) -> None:
        """Send the order, unless its task has moved on."""
        permit = message.permit
        client_id = permit.order.client_id
        for mandate in self._active(split_key(permit.order.instrument)[0]):
            task = mandate.tasks[split_key(permit.order.instrument)[0]]
            session = self._sessions[task.venue]
            if client_id not in task.in_flight or not session.up:
                continue
            refused = self._gate.redeem(permit, self.context.monotonic)
            if refused is None:
                session.gateway.submit(permit, self.context.now)
            else:
                self._ended(mandate, task, client_id, f"permit {refused}")
            return

    @handles(PermitDenied)
    def permit_denied(self, message: PermitDenied) -> None:
        """Measure again: the root does not see what we saw."""
        for mandate in self._mandates.values():
            for task in mandate.tasks.values():
                if message.client_id in task.in_flight:
                    self._ended(mandate, task, message.client_id, message.reason)

    # -- events --------------------------------------------------------------------------------

    def _event(self, venue: str, event: GatewayEvent) -> None:
        if type(event) is AccountSnapshot:
            self._snapshot(venue, event)
        elif type(event) is OrderFilled:
            self._filled(venue, event.fill)
        elif type(event) is OrderFinished:
            for mandate in self._active(venue):
                task = mandate.tasks[venue]
                task.last_terminal_ns = max(task.last_terminal_ns, event.venue_time_ns)
                if event.client_id in task.in_flight:
                    # A book that gave nothing is no better at this instant than a reject.
                    nothing = event.state is OrderState.REJECTED or not event.filled
                    self._ended(mandate, task, event.client_id, event.reason if nothing else "")
        elif type(event) is GatewayProblem and event.kind is ProblemKind.DISCONNECTED:
            self._sessions[venue].drop()

    def _filled(self, venue: str, fill: Fill) -> None:
        for mandate in self._active(venue):
            task = mandate.tasks[venue]
            task.last_terminal_ns = max(task.last_terminal_ns, fill.venue_time_ns)
            if fill.client_id in task.in_flight:
                task.failures = 0
                self._ended(mandate, task, fill.client_id, "")

    def _ended(self, mandate: Mandate, task: Task, client_id: str, problem: str) -> None:
        """Measure anew once nothing is out; after a problem only after a pause."""
        task.in_flight.pop(client_id, None)
        if problem:
            task.failures += 1
            task.last_reject = problem
            self._later(mandate, task, self._backoff_ms(task))
        elif not task.in_flight and not task.request:
            self._measure(mandate, task)
        self._report(mandate)

    @handles(OrderUpdated, OrderRefused)
    def told_otherwise(self, _: OrderUpdated | OrderRefused) -> None:
        """The venue connection sees our orders too; our own session is what counts."""

    # -- status --------------------------------------------------------------------------------

    def _report(self, mandate: Mandate) -> None:
        """Tell the root when the outcome, or the work left, changed."""
        tasks = mandate.tasks.values()
        elapsed_ns = self.context.monotonic - mandate.begun_ns
        attempts = max(task.attempts for task in tasks) if tasks else 0
        if all(task.done for task in tasks):
            state = FlattenState.FLAT_CONFIRMED
        elif attempts >= self._settings.failed_after_attempts:
            state = FlattenState.FAILED
        elif elapsed_ns >= self._settings.unconfirmed_after_ms * MS_NS:
            state = FlattenState.FLAT_UNCONFIRMED
        else:
            state = next(task.state for task in tasks if not task.done)
        left = tuple(item for task in tasks for item in sorted(task.open.items()))
        reason = "; ".join(
            f"{task.venue}: {task.last_reject or 'no answer yet'}"
            for task in tasks
            if not task.done
        )
        summary = f"{state} {left}"
        if summary == mandate.reported:
            return
        mandate.state, mandate.reported = state, summary
        message = mandate.message
        self.context.tell(
            ROOT,
            FlattenStatus(
                mandate=message.mandate,
                scope=message.scope,
                key=message.key,
                state=state,
                reason=reason,
                attempts=attempts,
                elapsed_ns=elapsed_ns,
                open_quantities=left,
            ),
        )
        if state is FlattenState.FLAT_CONFIRMED:
            self._mandates.pop(message.mandate, None)
