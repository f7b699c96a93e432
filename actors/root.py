"""RootSupervisor: the top of the tree, and the only one that mints flatten permits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from actors.addresses import FLATTEN, PORTFOLIO, RISK, pair_address
from actors.messages.flatten import (
    BeginFlatten,
    FlattenerStarted,
    FlattenRequested,
    FlattenState,
    FlattenStatus,
    PermitDenied,
    PermitGranted,
    PermitRequested,
)
from actors.messages.pairs import (
    LeaseReturned,
    LeaseTaken,
    PairPhase,
    PairStateChanged,
    ReducePair,
)
from actors.messages.risk import (
    ReduceRequested,
    ScopeClosing,
    ScopeReopened,
    TradingStateChanged,
    TradingStateQuery,
)
from actors.runtime import FlattenScope, Message, ScopeLost, Supervisor, handles
from domain.authority import Mint, TradingState
from domain.errors import DomainError
from domain.instruments import split_key

if TYPE_CHECKING:
    from actors.runtime import SupervisorSpec
    from actors.settings import FlattenSettings

__all__ = ["RootSupervisor", "ScopeMap"]

MS_NS = 1_000_000
ZERO = Decimal(0)


class _PhaseOver(Message, kw_only=True):
    """A phase of the stop had its time."""

    phase: int


class ScopeMap(msgspec.Struct, frozen=True):
    """Which instruments and pairs a flatten scope means.

    pairs are (name, main instrument, hedge instrument). A scope that touches one leg of a pair
    takes the other as well: a flatten must not leave a naked leg behind.
    """

    instruments: tuple[str, ...]
    pairs: tuple[tuple[str, str, str], ...]

    def expand(self, scope: str, key: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return (instruments, pairs) of a scope, in the order of the config.

        Raises: DomainError for a scope or key that does not exist.
        """
        if scope == FlattenScope.ALL:
            touched = list(self.instruments)
        elif scope == FlattenScope.VENUE:
            touched = [item for item in self.instruments if split_key(item)[0] == key]
        elif scope == FlattenScope.INSTRUMENT:
            touched = [item for item in self.instruments if item == key]
        elif scope == FlattenScope.PAIR:
            touched = [main for name, main, _ in self.pairs if name == key]
        else:
            touched = []
        if not touched:
            raise DomainError(f"there is no {scope} {key!r} to flatten")
        names = tuple(
            name for name, main, hedge in self.pairs if main in touched or hedge in touched
        )
        for name, main, hedge in self.pairs:
            if name in names:
                touched.extend((main, hedge))
        return tuple(item for item in self.instruments if item in touched), names


class RootSupervisor(Supervisor):
    """Owns the tree, the flatten mandates, and the memory of the trading state.

    Receives: ScopeLost, FlattenRequested, PermitRequested, FlattenStatus. Sends: BeginFlatten and
    permits to the flattener, ScopeClosing to risk, leases to pairs. It stops in phases: pairs
    close by themselves, the flattener closes what is left, children end right to left. When
    children fail beyond its budget it flattens everything before it ends.
    """

    def __init__(
        self,
        *,
        spec: SupervisorSpec,
        mint_key: bytes,
        scopes: ScopeMap,
        settings: FlattenSettings,
    ) -> None:
        """Supervise the spec's children and mint permits with this key."""
        super().__init__(spec)
        self.flattening: dict[int, BeginFlatten] = {}
        self.last_status: FlattenStatus | None = None
        self.trading = TradingStateChanged(state=TradingState.ACTIVE, epoch=0, reason="")
        self.stop_phase = 0
        self._mint = Mint(mint_key)
        self._scopes = scopes
        self._settings = settings
        self._mandate = 0
        self._pairs: dict[str, PairStateChanged] = {}
        self._stop_mandate = 0
        self._stop_error: Exception | None = None

    def state(self) -> tuple[tuple[str, str], ...]:
        """Return the children, the mandates under way, the trading state and the stop phase."""
        last = self.last_status
        return (
            *super().state(),
            ("trading", f"{self.trading.state} {self.trading.reason}".strip()),
            ("mandates", ", ".join(f"{m.scope} {m.key}" for m in self.flattening.values())),
            ("last_flatten", "" if last is None else f"{last.scope} {last.key} {last.state}"),
            ("stop_phase", str(self.stop_phase)),
        )

    # -- mandates ------------------------------------------------------------------------------

    def on_scope_lost(self, lost: ScopeLost) -> None:
        """Close what a child of the root owned."""
        self._begin(lost.scope, lost.key, f"{lost.address} failed: {lost.reason}")

    @handles(ScopeLost)
    def scope_lost(self, message: ScopeLost) -> None:
        """Close what a child further down owned."""
        self.on_scope_lost(message)

    @handles(FlattenRequested)
    def flatten_requested(self, message: FlattenRequested) -> None:
        """Close a scope because somebody asks for it; one that does not exist is refused."""
        try:
            self._begin(message.scope, message.key, f"{message.who}: {message.reason}")
        except DomainError as error:
            self.context.reply(_refused(message, str(error)))

    def _begin(self, scope: str, key: str, reason: str) -> int:
        instruments, pairs = self._scopes.expand(scope, key)
        for mandate in self.flattening.values():
            if not set(instruments) - {*mandate.instruments}:
                return mandate.mandate
        self._mandate += 1
        begin = BeginFlatten(
            mandate=self._mandate,
            epoch=self.trading.epoch,
            scope=scope,
            key=key,
            instruments=instruments,
            reason=reason,
            pairs=tuple((main, hedge) for name, main, hedge in self._scopes.pairs if name in pairs),
            held=self._held(pairs),
        )
        self.flattening[self._mandate] = begin
        self.context.tell(RISK, ScopeClosing(instruments=instruments, reason=reason))
        for pair in pairs:
            self.context.tell(pair_address(pair), LeaseTaken(scope=scope, key=key))
        self.context.tell(FLATTEN, begin)
        return self._mandate

    def _held(self, pairs: tuple[str, ...]) -> tuple[tuple[str, Decimal], ...]:
        """Return what the owners of these pairs last said of their legs."""
        held: list[tuple[str, Decimal]] = []
        for name, main, hedge in self._scopes.pairs:
            last = self._pairs.get(name)
            if name in pairs and last is not None:
                held += [(main, last.main), (hedge, last.hedge)]
        return tuple(held)

    @handles(FlattenerStarted)
    def flattener_started(self, _: FlattenerStarted) -> None:
        """Give a new flattener every mandate that is not done."""
        for begin in self.flattening.values():
            self.context.tell(FLATTEN, begin)

    @handles(PermitRequested)
    def permit_requested(self, message: PermitRequested) -> None:
        """Permit one order of a mandate: reduce-only, closing, at most the venue's figure."""
        order = message.order
        mandate = self.flattening.get(message.mandate)
        closing = order.side * message.venue_quantity < ZERO
        if (
            mandate is None
            or order.instrument not in mandate.instruments
            or not order.reduce_only
            or not closing
            or order.quantity > abs(message.venue_quantity)
        ):
            self.context.reply(
                PermitDenied(client_id=order.client_id, reason="no mandate covers this order")
            )
            return
        permit = self._mint.permit(
            order,
            epoch=self.trading.epoch,
            scope=f"{mandate.scope}:{mandate.key}",
            venue_quantity=message.venue_quantity,
            expires_ns=self.context.monotonic + self._settings.close_timeout_ms * MS_NS,
        )
        self.context.reply(PermitGranted(permit=permit))

    @handles(FlattenStatus)
    def flatten_status(self, message: FlattenStatus) -> None:
        """Note how far a mandate is; when the venue confirmed flat, owners act again."""
        self.last_status = message
        self.context.tell(PORTFOLIO, message)
        if message.state is not FlattenState.FLAT_CONFIRMED:
            return
        begin = self.flattening.pop(message.mandate, None)
        if begin is None:
            return
        still = {key for other in self.flattening.values() for key in other.instruments}
        free = tuple(key for key in begin.instruments if key not in still)
        if self.stop_phase == 0:
            self.context.tell(RISK, ScopeReopened(instruments=free))
            for name, main, hedge in self._scopes.pairs:
                if main in free and hedge in free:
                    self.context.tell(
                        pair_address(name), LeaseReturned(scope=begin.scope, key=begin.key)
                    )
        if message.mandate == self._stop_mandate:
            self._end_children()

    # -- trading state -------------------------------------------------------------------------

    @handles(TradingStateChanged)
    def trading_changed(self, message: TradingStateChanged) -> None:
        """Remember the state for a risk supervisor that starts again."""
        self.trading = message

    @handles(TradingStateQuery)
    def trading_query(self, _: TradingStateQuery) -> None:
        """Tell what the state was, and which scopes are closing."""
        self.context.reply(self.trading)
        for begin in self.flattening.values():
            closing = ScopeClosing(instruments=begin.instruments, reason=begin.reason)
            self.context.tell(RISK, closing)

    @handles(PairStateChanged)
    def pair_changed(self, message: PairStateChanged) -> None:
        """Follow the pairs: a new instance learns what holds for it, an exit that it is over."""
        self._pairs[message.pair] = message
        if message.phase is PairPhase.RECOVERING:
            self.context.tell(pair_address(message.pair), self.trading)
            self._lease_again(message.pair)
        if self.stop_phase == 1 and self._all_flat():
            self._flatten_rest()

    def _lease_again(self, pair: str) -> None:
        legs = [leg for name, *two in self._scopes.pairs for leg in two if name == pair]
        for begin in self.flattening.values():
            if any(leg in begin.instruments for leg in legs):
                lease = LeaseTaken(scope=begin.scope, key=begin.key)
                self.context.tell(pair_address(pair), lease)
                return

    def _all_flat(self) -> bool:
        return all(last.phase is PairPhase.FLAT for last in self._pairs.values())

    # -- stopping in phases --------------------------------------------------------------------

    def on_stop_requested(self) -> bool:
        """Begin the orderly stop; a second request changes nothing."""
        if self.stop_phase == 0:
            self._stop_in_phases(None)
        return False

    def _stop_in_phases(self, error: Exception | None) -> None:
        self._stop_error = error
        self.stop_phase = 1
        self.context.tell(RISK, ReduceRequested(who="root", reason="stopping"))
        for name, _, _ in self._scopes.pairs:
            self.context.tell(
                pair_address(name), ReducePair(pair=name, keep=ZERO, reason="stopping")
            )
        if self._all_flat():
            self._flatten_rest()
            return
        self.context.after(self._settings.exit_ms_max * MS_NS, _PhaseOver(phase=1))

    def _flatten_rest(self) -> None:
        self.stop_phase = 2
        if not self._scopes.instruments:
            self._end_children()
            return
        self._stop_mandate = self._begin(FlattenScope.ALL, "", "stopping")
        self.context.after(self._settings.stop_ms_max * MS_NS, _PhaseOver(phase=2))

    @handles(_PhaseOver)
    def phase_over(self, message: _PhaseOver) -> None:
        """Go on with the next phase when one took too long."""
        if message.phase == 1 and self.stop_phase == 1:
            self._flatten_rest()
        elif message.phase == 2 and self.stop_phase == 2:  # noqa: PLR2004 - phases are numbered
            self._end_children()

    def _end_children(self) -> None:
        self.stop_phase = 3
        super()._shut_down(self._stop_error)

    def _shut_down(self, verdict: Exception | None) -> None:
        """Flatten everything before ending because children failed beyond the budget."""
        if self.stop_phase == 0:
            self._stop_in_phases(verdict)
        else:
            self._stop_error = self._stop_error or verdict


def _refused(request: FlattenRequested, reason: str) -> FlattenStatus:
    return FlattenStatus(
        mandate=0,
        scope=request.scope,
        key=request.key,
        state=FlattenState.FAILED,
        reason=reason,
        attempts=0,
        elapsed_ns=0,
        open_quantities=(),
    )
