"""What must hold at the end of every drill, judged from the venue's side and the journal's.

Oracles only read. Each returns what is wrong as text; ``verdict`` runs them all. The truth about
exposure is made again from the exchanges' own fills, not from what Keel measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from actors.addresses import position_address
from actors.journal.rows import Record
from actors.messages.flatten import PermitGranted
from actors.messages.orders import OrderUpdated, SubmitOrder
from actors.messages.venue import OrderFilled
from actors.settings import PairSettings
from domain.instruments import split_key
from simulations.wire import FillFrame
from tests.drills.world import MS_NS, World

__all__ = ["Episode", "episodes", "exposed_ms", "records", "verdict"]

ZERO = Decimal(0)
WAITING_MAX = 500


class Episode(NamedTuple):
    """A time for which a pair was beyond its tolerance, by the exchanges' fills."""

    begun_ns: int
    ended_ns: int
    error_max: Decimal


def verdict(
    world: World,
    *,
    exposed_ms_max: float,
    dead: Iterable[str] = (),
    strangers: bool = False,
    fates_open: bool = False,
    books: bool = True,
    corrected: bool = False,
) -> None:
    """Fail the drill unless every oracle is content.

    exposed_ms_max bounds every episode of every pair (P2). dead are the addresses whose instance
    the drill broke: mail to them may be lost. strangers: somebody else traded on the account.
    fates_open: a venue is away, so orders may be unresolved. books: book equals venue.
    corrected: a book was set to the venue's figure, so its totals are not the venue's.
    """
    problems = [
        *world.witness.objections,
        *_unapproved(world, strangers=strangers),
        *_mailboxes(world),
        *_dead_letters(world, tuple(dead)),
        *_journal(world),
        *_exposure(world, exposed_ms_max),
    ]
    if not fates_open:
        problems += _open_orders(world)
    if books:
        problems += _books(world, corrected=corrected)
    assert not problems, "\n".join([*problems, world.story()])


# -- books ------------------------------------------------------------------------------------


def _books(world: World, *, corrected: bool) -> list[str]:
    """P9 and P4: every book is the venue's, and every balance its sum to the last digit."""
    wrong = []
    for venue, simulated in world.venues.items():
        account = simulated.exchange.account("main")
        account.check()
        earned = ZERO
        for key, instrument in world.instruments.items():
            if instrument.venue != venue:
                continue
            owner = world.actor(position_address(key))
            if owner is None and world.stopping:
                return []
            book = owner.book
            if book.quantity != world.held(key):
                wrong.append(f"{key}: booked {book.quantity}, held {world.held(key)}")
            earned += book.realised - book.fees + book.funding
        if account.deposits + account.relief + earned != account.balance and not corrected:
            wrong.append(f"{venue}: balance {account.balance}, booked {earned}")
    return wrong


def _open_orders(world: World) -> list[str]:
    """Every order reached a final state, at the venue and in Keel."""
    wrong = []
    for venue, simulated in world.venues.items():
        live = simulated.exchange.account("main").orders
        wrong += [f"{venue} still holds {client_id}" for client_id in live]
        connection = world.actor(f"/venues/{venue}")
        if connection is not None:
            tracked = connection._desk.ledger.live.values()
            wrong += [f"{venue}: {item.order.client_id} is {item.state}" for item in tracked]
    risk = world.actor("/risk")
    if risk is not None:
        wrong += [
            f"risk still reserves {order} {state}" for order, state in risk._book.live.values()
        ]
    return wrong


# -- authority --------------------------------------------------------------------------------


def _unapproved(world: World, *, strangers: bool) -> list[str]:
    """P1: what a venue took went over the border with an authority; no id went over twice."""
    handed = []
    run: World | None = world
    while run is not None:
        handed += [item.authority.order.client_id for item in run.witness.submissions]
        run = run.before
    wrong = [f"{client_id} was handed over twice" for client_id in _repeated(handed)]
    if strangers:
        return wrong
    for venue, simulated in world.venues.items():
        account = simulated.exchange.account("main")
        seen = [*account.orders, *account.finished, *(f.client_id for f in account.fills)]
        wrong += [
            f"{venue} took {client_id!r} without authority"
            for client_id in dict.fromkeys(seen)
            if client_id and client_id not in handed
        ]
    return wrong


def _repeated(items: list[str]) -> list[str]:
    return [item for item in dict.fromkeys(items) if items.count(item) > 1]


# -- mail -------------------------------------------------------------------------------------


def _mailboxes(world: World) -> list[str]:
    """P7: nobody ever had more than a few messages waiting."""
    return [
        f"{path} had {waiting} messages waiting"
        for path, waiting in world.witness.deepest.items()
        if waiting > WAITING_MAX
    ]


def _dead_letters(world: World, broken: tuple[str, ...]) -> list[str]:
    """P8: mail is lost only around instances that the drill broke, or that had not started yet."""
    wrong = []
    for address, sequence, sender, message, reason in world.kernel.dead:
        if sequence <= world.ready_sequence or address in broken or world.stopping:
            continue
        wrong.append(f"dead letter {type(message).__name__} from {sender} to {address}: {reason}")
    return wrong


# -- journal ----------------------------------------------------------------------------------


def records(world: World) -> list[Record]:
    """Return every record, written or still waiting."""
    written = [row[2] for row in world.store.inner.rows]
    return [*written, *world.audit.newest(len(world.audit))]


def _journal(world: World) -> list[str]:
    """P8: every order and fill is on record, and each record's cause is an earlier one."""
    rows = records(world)
    messages = [record[5] for record in rows]
    approved = {m.authority.order.client_id for m in messages if type(m) is SubmitOrder}
    permitted = {m.permit.order.client_id for m in messages if type(m) is PermitGranted}
    wrong = [
        f"{item.authority.order.client_id} was sent and is not on record"
        for item in world.witness.submissions
        if item.authority.order.client_id not in approved | permitted
    ]
    wrong += [f"record {r[0]} was caused by a later one, {r[1]}" for r in rows if r[1] >= r[0] > 0]
    wrong += [
        f"{type(r[5]).__name__} {r[0]} has no cause"
        for r in rows
        if type(r[5]) in (SubmitOrder, PermitGranted, OrderUpdated, OrderFilled) and not r[1]
    ]
    filled = {m.fill.fill_id for m in messages if type(m) is OrderFilled}
    for venue, simulated in world.venues.items():
        if world.connection(venue) != "live":
            continue
        fills = simulated.exchange.account("main").fills
        wrong += [f"fill {f.fill_id} is not on record" for f in fills if f.fill_id not in filled]
    return wrong


# -- exposure ---------------------------------------------------------------------------------


def episodes(world: World, pair: PairSettings) -> list[Episode]:
    """Return when a pair was exposed, from the fills of both exchanges; an open one ends now."""
    fills = sorted(
        ((fill.time_ns, key, _signed(fill)) for key, fill in _fills(world, pair)),
        key=lambda item: item[0],
    )
    held = {pair.main: ZERO, pair.hedge: ZERO}
    half_lot = world.instruments[pair.hedge].lot / 2
    found: list[Episode] = []
    begun, worst = 0, ZERO
    for index, (time_ns, key, quantity) in enumerate(fills):
        held[key] += quantity
        if index + 1 < len(fills) and fills[index + 1][0] == time_ns:
            continue
        error = abs(held[pair.main] * pair.ratio + held[pair.hedge])
        exposed = error > max(abs(held[pair.main]) * pair.tolerance, half_lot)
        if exposed:
            begun, worst = begun or time_ns, max(worst, error)
        elif begun:
            found.append(Episode(begun, time_ns, worst))
            begun, worst = 0, ZERO
    if begun:
        found.append(Episode(begun, world.runtime.now_ns, worst))
    return found


def _fills(world: World, pair: PairSettings) -> Iterable[tuple[str, FillFrame]]:
    for key in (pair.main, pair.hedge):
        venue, symbol = split_key(key)
        for fill in world.venues[venue].exchange.account("main").fills:
            if fill.symbol == symbol:
                yield key, fill


def _signed(fill: FillFrame) -> Decimal:
    return fill.side * fill.quantity


def exposed_ms(world: World) -> float:
    """Return the longest time for which any pair was exposed, by the exchanges' fills, in ms."""
    spans = [
        episode.ended_ns - episode.begun_ns
        for pair in world.pairs
        for episode in episodes(world, pair)
    ]
    return max(spans, default=0) / MS_NS


def _exposure(world: World, limit_ms: float) -> list[str]:
    """P2: no episode was longer than the drill states."""
    measured = exposed_ms(world)
    return [f"exposed for {measured} ms, at most {limit_ms}"] if measured > limit_ms else []
