"""HedgePair: every transition of its diagram is reached, and none that is not in it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import pytest

from actors.messages.flatten import FlattenRequested
from actors.messages.journal import StoreRecord
from actors.messages.orders import OrderRefused
from actors.messages.pairs import PairPhase, PairSignal, PairStateChanged, ReducePair
from tests.drills.cast import PullThePlug, Sell
from tests.drills.faults import Crash
from tests.drills.oracles import verdict
from tests.drills.world import ALPHA, BETA, MS_NS, World, leg, pair_settings

P = PairPhase
Script = Callable[[World], None]


def reverse(world: World) -> None:
    """Go from long to short by one signal."""
    world.open_pair(1)
    world.signal(-1)
    world.until(lambda: world.phase() is P.HEDGED, 3)


def open_and_close(world: World) -> None:
    """Open and close."""
    world.open_pair()
    world.signal(0)
    world.run(1)


def hedge_refused(world: World) -> None:
    """Enter with a hedge that never comes."""
    world.venues[BETA].reject_next(1_000, "no")
    world.signal(1)
    world.run(3)


def exit_refused(world: World) -> None:
    """Leave with a hedge leg that cannot be closed in time."""
    world.open_pair()
    world.venues[BETA].reject_next(10, "no")
    world.signal(0)
    world.run(5)


def legs_apart(world: World) -> None:
    """Let the hedge leg drift out of its band."""
    world.open_pair()
    world.tell("/trader", Sell(instrument=leg(BETA), quantity=Decimal("0.02"), price=None))
    world.run(1)


def lease(world: World) -> None:
    """Be flattened by an operator and get the pair back."""
    world.open_pair()
    world.tell("/", FlattenRequested(scope="pair", key="btc", who="operator", reason="drill"))
    world.until(world.confirmed_flat, 10)
    world.run(1)


def stale_record(world: World) -> None:
    """Refuse the entry although the intent was written: trading changed meanwhile."""
    world.kernel.tell("/hedges/btc", _signal(world))
    world.kernel.tell("/trader", PullThePlug())
    world.run(1)


def _signal(world: World) -> PairSignal:
    expires_ns = world.runtime.now_ns + 10**9
    return PairSignal(
        pair="btc", direction=1, confidence=1.0, source="drill", expires_ns=expires_ns
    )


def no_journal(world: World) -> None:
    """Give the entry up to the flattener because the intent cannot be written."""
    world.store.failing = True
    world.signal(1)
    world.run(2.1)


def reduced(world: World) -> None:
    """Keep half of the pair because risk says so."""
    world.open_pair()
    world.tell("/hedges/btc", ReducePair(pair="btc", keep=Decimal("0.5"), reason="margin"))
    world.run(1)


@pytest.mark.parametrize(
    ("script", "path"),
    [
        (open_and_close, [P.RECORDING, P.ENTERING, P.HEDGED, P.EXITING, P.FLAT]),
        (
            reverse,
            [
                P.RECORDING,
                P.ENTERING,
                P.HEDGED,
                P.EXITING,
                P.FLAT,
                P.RECORDING,
                P.ENTERING,
                P.HEDGED,
            ],
        ),
        (hedge_refused, [P.RECORDING, P.ENTERING, P.UNWINDING, P.FLAT]),
        (
            exit_refused,
            [P.RECORDING, P.ENTERING, P.HEDGED, P.EXITING, P.UNWINDING, P.FLAT],
        ),
        (legs_apart, [P.RECORDING, P.ENTERING, P.HEDGED, P.ENTERING, P.HEDGED]),
        (lease, [P.RECORDING, P.ENTERING, P.HEDGED, P.LEASED, P.RECOVERING, P.FLAT]),
        (stale_record, [P.RECORDING, P.FLAT]),
        (no_journal, [P.RECORDING, P.LEASED]),
        (reduced, [P.RECORDING, P.ENTERING, P.HEDGED, P.EXITING, P.HEDGED]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_pair_goes_this_way(script: Script, path: list[PairPhase]) -> None:
    """Each script reaches exactly these phases, from FLAT on."""
    world = World()
    assert world.phases() == [P.RECOVERING, P.FLAT]
    script(world)
    seen = world.phases()[2:]
    steps = [phase for i, phase in enumerate(seen) if i == 0 or seen[i - 1] is not phase]
    assert [phase for phase in steps if phase in path] == path
    assert not [phase for phase in steps if phase not in path]


ALLOWED = {
    (P.RECOVERING, P.FLAT),
    (P.RECOVERING, P.ENTERING),
    (P.RECOVERING, P.UNWINDING),
    (P.FLAT, P.RECORDING),
    (P.FLAT, P.UNWINDING),
    (P.RECORDING, P.FLAT),
    (P.RECORDING, P.ENTERING),
    (P.RECORDING, P.UNWINDING),
    (P.ENTERING, P.HEDGED),
    (P.ENTERING, P.EXITING),
    (P.ENTERING, P.UNWINDING),
    (P.HEDGED, P.EXITING),
    (P.HEDGED, P.ENTERING),
    (P.EXITING, P.FLAT),
    (P.EXITING, P.HEDGED),
    (P.EXITING, P.UNWINDING),
    (P.UNWINDING, P.FLAT),
    (P.LEASED, P.RECOVERING),
}


@pytest.mark.parametrize(
    "script", [open_and_close, reverse, hedge_refused, exit_refused, legs_apart, lease, reduced]
)
def test_no_transition_is_taken_that_the_diagram_does_not_show(script: Script) -> None:
    """Whatever happens the pair moves along its diagram; a lease or restart may come anywhere."""
    world = World()
    script(world)
    told = [item.phase for item in world.said(PairStateChanged)]
    for before, after in pairwise(told):
        anywhere = after in (P.LEASED, P.RECOVERING) or before is after
        assert anywhere or (before, after) in ALLOWED, (before, after)


def test_a_journal_that_does_not_answer_in_time_gives_the_entry_up() -> None:
    """After 2,000 ms without the durable record the pair is FLAT and nothing was sent."""
    world = World(crashes={"/journal": Crash(StoreRecord, times=9, mute=True)})
    world.signal(1)
    world.run(1.9)
    assert world.phase() is P.RECORDING
    world.run(0.2)
    assert world.phase() is P.FLAT
    assert refused(world) == ["journal"]
    assert not world.witness.submissions


# -- entering ---------------------------------------------------------------------------------


def refused(world: World) -> list[str]:
    """Return the reasons for which the pair itself refused to open."""
    return [str(item.reason) for item in world.said(OrderRefused) if not item.client_id]


def test_an_expired_signal_opens_nothing() -> None:
    """A signal is void after expires_ns."""
    world = World()
    world.tell(
        "/hedges/btc",
        PairSignal(
            pair="btc",
            direction=1,
            confidence=1.0,
            source="drill",
            expires_ns=world.runtime.now_ns - 1,
        ),
    )
    assert refused(world) == ["expired_signal"]
    assert world.phase() is P.FLAT


def test_a_pair_without_margin_on_either_venue_is_not_begun() -> None:
    """Both legs' margin is checked before the first leg."""
    world = World()
    world.actor("/hedges/btc").hedge.available = Decimal(1)
    world.signal(1)
    assert refused(world) == ["margin"]
    assert not world.witness.submissions


def test_a_pair_is_not_begun_while_a_venue_is_not_live() -> None:
    """Both venues must be LIVE."""
    world = World()
    world.venues[BETA].go_dark()
    world.run(0.1)
    world.signal(1)
    assert refused(world) == ["not_live"]


@pytest.mark.parametrize(("confidence", "main"), [(1.0, "0.333"), (0.5, "0.249"), (0.01, "0.168")])
def test_confidence_sets_the_size_between_the_two_leverages(confidence: float, main: str) -> None:
    """At 30,000.1 a capital of 5,000 with leverage 1 to 2, rounded down to whole lots."""
    world = World()
    world.signal(1, confidence=confidence)
    world.until(lambda: world.phase() is P.HEDGED, 3)
    assert world.held(leg(ALPHA)) == Decimal(main)
    verdict(world, exposed_ms_max=0)


def test_the_hedge_follows_what_the_main_leg_got_in_each_part() -> None:
    """A main leg that fills in parts is hedged part by part: error within tolerance each time."""
    world = World(latency_ns=5 * MS_NS)
    world.venues[ALPHA].partial_fill_next(Decimal("0.3"))
    world.open_pair()
    assert world.held(leg(ALPHA)) == Decimal("0.333")
    assert world.held(leg(BETA)) == Decimal("-0.166")
    hedges = [item for item in world.witness.submissions if item.venue == BETA]
    assert len(hedges) == 2
    verdict(world, exposed_ms_max=30)


def test_a_pair_keeps_its_tolerance_and_band_while_reduced_step_by_step() -> None:
    """Halving three times leaves a pair that is hedged each time."""
    world = World(pairs=[pair_settings(capital_usd=Decimal(20_000))])
    world.open_pair()
    for _ in range(3):
        world.tell("/hedges/btc", ReducePair(pair="btc", keep=Decimal("0.5"), reason="margin"))
        world.until(lambda: world.phase() is P.HEDGED, 3)
    assert world.held(leg(ALPHA)) == Decimal("0.166")
    assert world.held(leg(BETA)) == Decimal("-0.083")
    verdict(world, exposed_ms_max=0)
