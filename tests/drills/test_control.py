"""Drills: halt, flatten, journal pressure, and stopping, at the wrong moment."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.messages.flatten import FlattenRequested, FlattenState, FlattenStatus
from actors.messages.journal import StoreRecord
from actors.messages.orders import OrderRefused, SubmitOrder
from actors.messages.pairs import PairPhase
from actors.messages.risk import HaltRequested, JournalPressure, ReduceRequested, ResumeRequested
from actors.settings import FlattenSettings, JournalSettings
from domain.authority import Approval, TradingState
from simulations.wire import AccountFrame, SubmitFrame
from tests.drills.cast import Buy, PullThePlug
from tests.drills.oracles import records, verdict
from tests.drills.world import ALPHA, BETA, MS_NS, SECOND_NS, World, leg, pair_settings

BOUND_MS = 2_000


def flatten(world: World, scope: str, key: str = "") -> None:
    """Ask the root for a flatten, as an operator does."""
    world.tell("/", FlattenRequested(scope=scope, key=key, who="operator", reason="drill"))


def fill_journal(world: World, count: int) -> None:
    """Let so many records come within one instant."""
    refused = OrderRefused(client_id="", instrument=leg(ALPHA), reason="drill", detail="")
    for _ in range(count):
        world.kernel.tell("/portfolio", refused)
    world.runtime.settle()


# -- halt -------------------------------------------------------------------------------------


def test_a_halt_during_entry_closes_the_half_open_pair_by_permit() -> None:
    """HALTED lets nothing but permits through: the main leg is closed within the bound."""
    world = World(latency_ns=50 * MS_NS)
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1)
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    world.run(3)
    assert world.phase() is PairPhase.FLAT
    verdict(world, exposed_ms_max=BOUND_MS)


def test_a_halt_voids_the_approval_that_is_on_its_way() -> None:
    """The epoch is raised ahead of the order: what was approved before is refused at the venue."""
    world = World()
    trader = world.actor("/trader")
    world.kernel.tell("/trader", Buy(instrument=leg(ALPHA, "ETH"), quantity=Decimal(1), price=None))
    world.kernel.tell("/trader", PullThePlug(hops=1))
    world.run(1)
    approved = [row for row in records(world) if type(row[5]) is SubmitOrder]
    assert len(approved) == 1
    assert world.flat()
    assert not world.witness.submissions
    assert [item.reason for item in trader.refused] == ["stale_epoch"]
    verdict(world, exposed_ms_max=0)


def test_a_halt_cancels_what_rests_unless_it_only_reduces() -> None:
    """Resting orders that would add risk are cancelled; nothing new gets an approval."""
    world = World()
    eth = leg(ALPHA, "ETH")
    world.tell("/trader", Buy(instrument=eth, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(0.1)
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.run(0.5)
    assert not world.venues[ALPHA].exchange.account("main").orders
    world.tell("/trader", Buy(instrument=eth, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(0.1)
    assert world.actor("/trader").refused[-1].reason == "halted"
    verdict(world, exposed_ms_max=0)


def test_a_hedged_pair_stays_as_it_is_through_a_halt_and_trades_after_resume() -> None:
    """A halt by itself closes nothing; an operator's resume clears every trip."""
    world = World()
    world.open_pair()
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.run(2)
    assert world.phase() is PairPhase.HEDGED
    world.tell("/risk", ResumeRequested(who="operator"))
    world.run(0.1)
    assert world.trading().state is TradingState.ACTIVE
    world.signal(0)
    world.run(1)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_an_exit_while_halted_is_done_by_permit() -> None:
    """A pair that must close while halted asks for a flatten, since approvals are not given."""
    world = World()
    world.open_pair()
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.run(0.1)
    world.signal(0)
    world.until(world.confirmed_flat, 15)
    assert world.flat()
    assert all(
        type(item.authority) is not Approval or item.authority.epoch <= 1_000_001
        for item in world.witness.submissions
    )
    verdict(world, exposed_ms_max=1_000)


def test_reducing_lets_a_pair_close_and_not_open() -> None:
    """REDUCING: what lowers a position passes, what opens one is refused."""
    world = World()
    world.open_pair()
    world.tell("/risk", ReduceRequested(who="operator", reason="drill"))
    world.run(0.1)
    world.signal(-1)
    world.run(2)
    assert world.flat()
    assert world.phase() is PairPhase.FLAT
    verdict(world, exposed_ms_max=0)


# -- flatten ----------------------------------------------------------------------------------


def test_a_flatten_of_an_unknown_scope_is_refused_and_changes_nothing() -> None:
    """The answer is FAILED with the reason; no lease is taken, nothing is cancelled."""
    world = World()
    world.open_pair()
    asked = FlattenRequested(scope="pair", key="doge", who="operator", reason="drill")
    answer = world.runtime.ask("/", asked)
    assert isinstance(answer, FlattenStatus)
    assert answer.state is FlattenState.FAILED
    assert "doge" in answer.reason
    world.run(2)
    assert world.phase() is PairPhase.HEDGED
    verdict(world, exposed_ms_max=0)


def test_a_pair_is_flattened_in_one_order_per_leg_and_given_back() -> None:
    """Two permits, each for the venue's own figure, then the owner recovers and trades again."""
    world = World()
    world.open_pair()
    flatten(world, "pair", "btc")
    world.until(world.confirmed_flat, 10)
    permits = world.witness.permits()
    assert sorted((p.order.instrument, p.order.quantity) for p in permits) == [
        (leg(ALPHA), Decimal("0.333")),
        (leg(BETA), Decimal("0.166")),
    ]
    assert all(p.order.reduce_only and p.order.time_in_force == "ioc" for p in permits)
    world.until(lambda: world.phase() is PairPhase.FLAT, 5)
    assert world.trading().state is TradingState.ACTIVE
    world.open_pair(-1)
    verdict(world, exposed_ms_max=0)


@pytest.mark.parametrize("pause_s", [0.0, 0.9, 1.1, 1.3])
@pytest.mark.parametrize("scope", [("pair", "btc"), ("all", ""), ("venue", "alpha")])
def test_a_flatten_asked_for_while_another_runs_sends_no_second_order(
    scope: tuple[str, str], pause_s: float
) -> None:
    """The same, a wider or another scope: never two closing orders out for one instrument."""
    world = World(latency_ns=100 * MS_NS, pairs=[pair_settings(), pair_settings("ETH")])
    world.open_pair()
    world.open_pair(-1, "eth")
    flatten(world, "pair", "btc")
    world.run(pause_s)
    flatten(world, *scope)
    world.until(world.confirmed_flat, 20)
    world.run(5)
    assert world.flat("BTC")
    sent = [p.order.instrument for p in world.witness.permits()]
    assert sent.count(leg(ALPHA)) == 1
    assert sent.count(leg(BETA)) == 1
    verdict(world, exposed_ms_max=400)


def test_a_flatten_meets_rejects_with_fresh_measures_and_fresh_permits() -> None:
    """A reject is never retried unchanged: each attempt has its own id, measure and wider price."""
    world = World()
    world.open_pair()
    world.venues[ALPHA].reject_next(3, "not now")
    flatten(world, "pair", "btc")
    world.until(world.confirmed_flat, 30)
    assert world.flat()
    orders = [p.order for p in world.witness.permits() if p.order.instrument == leg(ALPHA)]
    assert len(orders) == 4
    assert len({order.client_id for order in orders}) == 4
    prices = [order.price for order in orders if order.price is not None]
    assert prices == sorted(prices, reverse=True)
    assert len(set(prices)) == 4
    verdict(world, exposed_ms_max=7_100)


def test_a_flatten_into_a_thin_book_closes_in_parts_shrunk_to_the_venue_s_figure() -> None:
    """Each order is no larger than what the venue showed after the one before."""
    world = World()
    world.open_pair()
    world.venues[ALPHA].partial_fill_next(Decimal("0.5"))
    flatten(world, "instrument", leg(ALPHA))
    world.until(world.confirmed_flat, 30)
    assert world.flat()
    sizes = [p.order.quantity for p in world.witness.permits() if p.order.instrument == leg(ALPHA)]
    assert sizes == [Decimal("0.333"), Decimal("0.167"), Decimal("0.167")]
    verdict(world, exposed_ms_max=1_100)


def test_a_flatten_cancels_resting_orders_first_and_leaves_none() -> None:
    """FLAT_CONFIRMED needs no live order: a resting one is cancelled before measuring."""
    world = World()
    eth = leg(ALPHA, "ETH")
    world.tell("/trader", Buy(instrument=eth, quantity=Decimal("0.5"), price=Decimal(1_980)))
    world.run(0.1)
    flatten(world, "instrument", eth)
    world.until(world.confirmed_flat, 10)
    assert not world.venues[ALPHA].exchange.account("main").orders
    verdict(world, exposed_ms_max=0)


def test_an_order_that_was_under_way_when_the_flatten_began_is_closed_before_it_confirms() -> None:
    """An order may still arrive for 3,000 ms: zero before that is no confirmation."""
    world = World()
    eth = leg(ALPHA, "ETH")
    line = world.lines[ALPHA, "main"]
    line.outbound = lambda frame: 2 * SECOND_NS if isinstance(frame, SubmitFrame) else 0
    world.tell("/trader", Buy(instrument=eth, quantity=Decimal("0.5"), price=None))
    flatten(world, "instrument", eth)
    world.until(world.confirmed_flat, 20)
    assert world.flat()
    assert len(world.witness.permits()) == 1
    verdict(world, exposed_ms_max=0)


def test_flat_is_confirmed_by_two_zero_snapshots_after_the_last_fill() -> None:
    """One zero may be a moment between two fills; however late, there is always a second look."""
    world = World()
    world.open_pair()
    seen: list[AccountFrame] = []
    world.lines[ALPHA, "flatten"].inbound = lambda frame: keep(seen, frame)
    world.venues[ALPHA].reject_next(2, "not now")
    flatten(world, "instrument", leg(ALPHA))
    world.until(world.confirmed_flat, 30)
    last_fill = world.venues[ALPHA].exchange.account("main").fills[-1]
    zeros = [shot for shot in seen if not any(line.quantity for line in shot.positions)]
    assert len(zeros) == 2
    assert all(shot.time_ns >= last_fill.time_ns for shot in zeros)
    verdict(world, exposed_ms_max=4_000)


def keep(seen: list[AccountFrame], frame: object) -> int:
    """Keep what the venue said of the account."""
    if isinstance(frame, AccountFrame):
        seen.append(frame)
    return 0


def test_resume_is_refused_while_a_flatten_runs() -> None:
    """During a flatten a halt is accepted and a resume is not."""
    world = World()
    world.open_pair()
    flatten(world, "all")
    world.tell("/risk", HaltRequested(who="operator", reason="drill"))
    world.tell("/risk", ResumeRequested(who="operator"))
    assert world.trading().state is TradingState.HALTED
    world.until(world.confirmed_flat, 10)
    world.tell("/risk", ResumeRequested(who="operator"))
    world.run(0.1)
    assert world.trading().state is TradingState.ACTIVE
    verdict(world, exposed_ms_max=0)


@pytest.mark.parametrize("address", ["/risk", "/hedges/btc"])
def test_a_part_that_restarts_during_a_flatten_still_respects_the_lease(address: str) -> None:
    """Risk approves nothing in the scope and the pair sends nothing, although both forgot it."""
    world = World()
    world.open_pair()
    world.venues[ALPHA].go_dark(world.runtime.now_ns + 12 * SECOND_NS)
    flatten(world, "pair", "btc")
    world.run(2)
    world.poison(address)
    world.run(2)
    assert world.phase() is PairPhase.LEASED
    sent = len([s for s in world.witness.submissions if type(s.authority) is Approval])
    buy = Buy(instrument=leg(BETA), quantity=Decimal("0.1"), price=None)
    world.tell("/trader", buy)
    world.run(1)
    assert [item.reason for item in world.actor("/trader").refused] == ["closing"]
    world.until(world.confirmed_flat, 60)
    assert world.flat()
    assert sent == len([s for s in world.witness.submissions if type(s.authority) is Approval])
    world.until(lambda: world.phase() is PairPhase.FLAT, 40)
    verdict(world, exposed_ms_max=30_000, dead=[address])


# -- journal ----------------------------------------------------------------------------------


def test_p8_a_journal_half_full_reduces_and_one_at_ninety_percent_halts_and_flattens() -> None:
    """P8: trading stops before records do, at 50 % and at 90 % of the queue."""
    world = World()
    world.open_pair()
    world.tell("/risk", JournalPressure(fraction=0.49, failed=False, reason="busy"))
    assert world.trading().state is TradingState.ACTIVE
    world.tell("/risk", JournalPressure(fraction=0.5, failed=False, reason="busy"))
    assert world.trading().state is TradingState.REDUCING
    world.run(2)
    assert world.phase() is PairPhase.HEDGED
    world.tell("/risk", JournalPressure(fraction=0.9, failed=False, reason="full"))
    assert world.trading().state is TradingState.HALTED
    world.until(world.confirmed_flat, 10)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_p8_a_write_error_halts_and_flattens_and_every_record_is_written_afterwards() -> None:
    """P8: the store fails with a pair open: HALTED, flat, and no row is missing afterwards."""
    world = World()
    world.open_pair()
    world.store.failing = True
    fill_journal(world, 1)
    world.run(1)
    assert world.trading().state is TradingState.HALTED
    assert "no space left" in world.trading().reason
    world.until(world.confirmed_flat, 15)
    assert world.flat()
    world.store.failing = False
    world.run(5)
    assert world.audit.lost == 0
    verdict(world, exposed_ms_max=0)


@pytest.mark.parametrize(
    ("burst", "state"), [(150, TradingState.ACTIVE), (230, TradingState.REDUCING)]
)
def test_p8_a_burst_of_records_reduces_from_half_of_the_queue_on(
    burst: int, state: TradingState
) -> None:
    """P8: the journal's own queue of 400 records, not a message about it, reduces trading."""
    world = World(journal=JournalSettings(queue_max=400))
    world.open_pair()
    world.run(1)
    fill_journal(world, burst)
    world.run(0.2)
    assert world.trading().state is state
    assert world.audit.lost == 0
    verdict(world, exposed_ms_max=0)


def test_p8_a_burst_beyond_ninety_percent_of_the_queue_halts_and_flattens() -> None:
    """P8: at 370 of 400 records trading halts and the book is closed, with no record lost."""
    world = World(journal=JournalSettings(queue_max=400))
    world.open_pair()
    world.run(1)
    fill_journal(world, 370)
    world.run(0.2)
    assert world.trading().state is TradingState.HALTED
    world.until(world.confirmed_flat, 15)
    assert world.flat()
    assert world.audit.lost == 0
    verdict(world, exposed_ms_max=0)


def test_an_intent_that_cannot_be_made_durable_opens_nothing() -> None:
    """Without a durable record there is no first leg."""
    world = World()
    world.store.failing = True
    world.signal(1)
    world.run(5)
    assert not world.witness.submissions
    assert world.phase() is not PairPhase.ENTERING
    verdict(world, exposed_ms_max=0)


def test_a_pair_s_first_leg_leaves_after_its_intent_is_written() -> None:
    """The StoreRecord of the entry is in the store before the first order is handed over."""
    world = World()
    world.open_pair()
    rows = [row[2] for row in world.store.inner.rows]
    stored = [r[0] for r in rows if type(r[5]) is StoreRecord and r[5].record.phase == "entering"]
    submitted = [r[0] for r in rows if type(r[5]).__name__ == "SubmitOrder"]
    world.run(1)
    later = [
        row[2][0] for row in world.store.inner.rows if type(row[2][5]).__name__ == "SubmitOrder"
    ]
    assert len(stored) == 1
    assert all(number > stored[0] for number in [*submitted, *later])
    verdict(world, exposed_ms_max=0)


# -- stopping ---------------------------------------------------------------------------------


def test_a_stop_leaves_the_book_flat_and_says_so() -> None:
    """Pairs close by themselves, the flattener confirms, then the tree ends: in under 5 s."""
    world = World(pairs=[pair_settings(), pair_settings("ETH")])
    world.open_pair()
    world.open_pair(-1, "eth")
    world.stop()
    world.until(lambda: not world.alive("/"), 5)
    assert world.flat()
    assert world.confirmed_flat()
    assert not world.witness.permits()
    assert not world.kernel.lifecycle.failures
    verdict(world, exposed_ms_max=0)


def test_a_stop_during_entry_leaves_the_book_flat() -> None:
    """A pair on its way in turns round."""
    world = World(latency_ns=50 * MS_NS)
    world.signal(1)
    world.until(lambda: world.held(leg(ALPHA)) != 0, 1)
    world.stop()
    world.until(lambda: not world.alive("/"), 30)
    assert world.flat()
    assert world.confirmed_flat()
    verdict(world, exposed_ms_max=BOUND_MS)


def test_a_stop_with_one_venue_dark_ends_within_its_limits_and_says_unconfirmed() -> None:
    """Phase limits of 3 s and 12 s: it ends after 15 s, and says FLAT_UNCONFIRMED."""
    settings = FlattenSettings(exit_ms_max=3_000, stop_ms_max=12_000)
    world = World(flatten=settings)
    world.open_pair()
    world.venues[ALPHA].go_dark()
    world.run(0.1)
    world.stop()
    begun_ns = world.runtime.now_ns
    world.until(lambda: not world.alive("/"), 25)
    assert world.runtime.now_ns - begun_ns < 21 * SECOND_NS
    assert world.flattens()[-1] is FlattenState.FLAT_UNCONFIRMED
    assert world.held(leg(ALPHA)) != 0
    assert world.held(leg(BETA)) == Decimal("-0.166"), "closing it would leave alpha more naked"
    verdict(world, exposed_ms_max=0, fates_open=True, books=False)


def test_a_second_stop_changes_nothing() -> None:
    """The first one goes on."""
    world = World()
    world.open_pair()
    world.stop()
    world.stop()
    world.until(lambda: not world.alive("/"), 5)
    assert world.flat()
    verdict(world, exposed_ms_max=0)


def test_a_flattener_that_crashes_during_a_stop_still_leaves_the_book_flat() -> None:
    """The mandate outlives the instance in every phase."""
    world = World()
    world.open_pair()
    world.quoting[ALPHA] = world.quoting[BETA] = False
    world.run(6)
    world.stop()
    world.run(11)
    world.poison("/flatten")
    world.until(lambda: not world.alive("/"), 30)
    assert world.flat()
    assert world.confirmed_flat()
    verdict(world, exposed_ms_max=1_000, dead=["/flatten"])


def test_risk_that_dies_during_a_stop_does_not_keep_the_book_from_being_closed() -> None:
    """Permits need no risk supervisor."""
    world = World()
    world.open_pair()
    world.quoting[ALPHA] = world.quoting[BETA] = False
    world.run(6)
    world.stop()
    for _ in range(5):
        world.until(lambda: world.alive("/risk") or not world.alive("/"), 10)
        world.poison("/risk")
    world.until(lambda: not world.alive("/"), 40)
    assert world.flat()
    assert world.confirmed_flat()
    verdict(world, exposed_ms_max=1_000, dead=["/risk"])


def test_a_journal_beyond_the_root_s_budget_flattens_all_first() -> None:
    """A child without a scope of its own takes the tree down, and the book is closed before."""
    world = World()
    world.open_pair()
    world.stopping = True
    for _ in range(11):
        world.until(lambda: world.alive("/journal") or not world.alive("/"), 10)
        world.poison("/journal")
    world.until(lambda: not world.alive("/"), 60)
    assert world.flat()
    assert world.confirmed_flat()
    verdict(world, exposed_ms_max=1_000, dead=["/journal"])
