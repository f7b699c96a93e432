"""Budgets, backoff, escalation, violations, and failures while a restart is under way."""

from typing import Any

import pytest

from actors.runtime import (
    ActorSpec,
    Backoff,
    ChildSpec,
    FlattenScope,
    InvariantError,
    Restart,
    Strategy,
    SupervisorSpec,
)
from tests.runtime.harness import Harness, substream
from tests.runtime.probe import Do, Probe, fail, watch_all
from tests.runtime.trees import SECOND_NS, Branch, branch, plant, root

FAIL: dict[str, Any] = {"fail": fail}


def violate(_: Probe) -> None:
    """Break an invariant."""
    raise InvariantError("never")


@pytest.mark.parametrize("intensity", [0, 1, 3])
def test_the_restart_after_the_budget_escalates(harness: Harness, intensity: int) -> None:
    """I restarts happen; the failure after them ends the supervisor, siblings in order first."""
    children = (harness.child("a"), harness.child("b", FAIL))
    plant(harness, branch(harness, "s", *children, intensity=intensity), intensity=0)
    for _ in range(intensity):
        harness.tell("/s/b", Do(what="fail"))
        assert harness.kernel.is_alive("/s/b")
    harness.take()
    harness.tell("/s/b", Do(what="fail"))
    assert harness.take() == ["s/b:failure ValueError", "s/a:stop"]
    assert not harness.kernel.is_alive("/s")
    assert not harness.kernel.is_alive("/")
    reasons = [exit_.reason for address, exit_ in harness.failures if address in ("/s", "/")]
    assert all(reason.startswith("RestartBudgetError") for reason in reasons)
    assert len(reasons) == 2


@pytest.mark.parametrize("wait_ns", [0, 59 * SECOND_NS, 60 * SECOND_NS])
def test_restarts_within_the_period_add_up(harness: Harness, wait_ns: int) -> None:
    """A restart at exactly one period ago still counts."""
    plant(harness, harness.child("b", FAIL), intensity=1)
    harness.tell("/b", Do(what="fail"))
    harness.advance(wait_ns)
    harness.tell("/b", Do(what="fail"))
    assert not harness.kernel.is_alive("/")


def test_the_budget_recovers_after_the_period(harness: Harness) -> None:
    """One nanosecond past the period the restart is forgotten."""
    plant(harness, harness.child("b", FAIL), intensity=1)
    for _ in range(5):
        harness.tell("/b", Do(what="fail"))
        harness.advance(60 * SECOND_NS + 1)
    assert harness.kernel.is_alive("/b")


def test_the_parent_restarts_an_escalated_supervisor(harness: Harness) -> None:
    """An escalation is the child's failure to the parent, which starts the whole branch again."""
    plant(
        harness,
        branch(harness, "s", harness.child("a"), harness.child("b", FAIL), intensity=0),
    )
    harness.take()
    harness.tell("/s/b", Do(what="fail"))
    assert harness.take() == [
        "s/b:failure ValueError",
        "s/a:stop",
        "s/a:start",
        "s/b:start",
        "/s ready",
    ]
    assert harness.inspect("/s").incarnation == 2


@pytest.mark.parametrize("restart", Restart)
def test_a_violation_is_never_restarted(harness: Harness, restart: Restart) -> None:
    """An actor that broke an invariant stays down, its siblings up; the root hears of its scope."""
    b = harness.child(
        "b", {"break": violate}, restart=restart, scope=FlattenScope.VENUE, scope_key="x"
    )
    plant(harness, branch(harness, "s", harness.child("a"), b, strategy=Strategy.ONE_FOR_ALL))
    harness.take()
    harness.tell("/s/b", Do(what="break"))
    assert harness.take() == ["s/b:failure InvariantError", "lost /s/b venue x"]
    assert harness.kernel.is_alive("/s/a")
    assert not harness.kernel.is_alive("/s/b")


def test_the_scope_of_an_escalating_child_is_lost(harness: Harness) -> None:
    """A child that failed beyond its budget has lost its scope, whatever the parent does next."""
    b = harness.child("b", FAIL, scope=FlattenScope.INSTRUMENT, scope_key="BTC")
    plant(harness, branch(harness, "s", b, intensity=0))
    harness.take()
    harness.tell("/s/b", Do(what="fail"))
    assert harness.take()[:2] == ["s/b:failure ValueError", "lost /s/b instrument BTC"]


def test_a_restarted_child_has_not_lost_its_scope(harness: Harness) -> None:
    """Within the budget nothing is flattened: the next instance recovers."""
    plant(harness, harness.child("b", FAIL, scope=FlattenScope.PAIR, scope_key="btc"))
    harness.take()
    harness.tell("/b", Do(what="fail"))
    assert harness.take() == ["b:failure ValueError", "b:start"]


def test_backoff_waits_with_jitter_from_the_supervisors_stream(harness: Harness) -> None:
    """The n-th restart in a row waits longer; the jitter is drawn from the supervisor's own rng."""
    plant(
        harness,
        harness.child("b", FAIL),
        intensity=10,
        backoff=Backoff(first_ns=SECOND_NS, jitter=0.5),
    )
    stream = substream("/")
    for attempt in (1, 2, 3):
        harness.tell("/b", Do(what="fail"))
        delay = int(SECOND_NS * 2.0 ** (attempt - 1) * (1 + 0.5 * stream.random()))
        harness.advance(delay - 1)
        assert not harness.kernel.is_alive("/b")
        harness.advance(1)
        assert harness.kernel.is_alive("/b")


def test_backoff_begins_again_after_a_quiet_period(harness: Harness) -> None:
    """After a period without a failure the first delay applies again."""
    plant(
        harness,
        harness.child("b", FAIL),
        intensity=10,
        backoff=Backoff(first_ns=SECOND_NS, jitter=0.0),
    )
    for pause in (0, 0, 60 * SECOND_NS):
        harness.advance(pause)
        harness.tell("/b", Do(what="fail"))
        harness.advance(SECOND_NS)
        if pause:
            assert harness.kernel.is_alive("/b")
        harness.advance(10 * SECOND_NS)
    assert root(harness).attempt == 1


def test_temporary_siblings_are_stopped_and_stay_down(harness: Harness) -> None:
    """Under one_for_all a temporary sibling goes down with the failed one and is not started."""
    plant(
        harness,
        harness.child("a", restart=Restart.TEMPORARY),
        harness.child("b", FAIL),
        harness.child("c"),
        strategy=Strategy.ONE_FOR_ALL,
    )
    harness.take()
    harness.tell("/b", Do(what="fail"))
    assert harness.take() == ["b:failure ValueError", "c:stop", "a:stop", "b:start", "c:start"]


def test_a_crashed_supervisor_ends_its_children_first(harness: Harness) -> None:
    """When a supervisor itself fails its children are gone before its parent hears of it."""

    class Fragile(Branch):
        def on_scope_lost(self, _: object) -> None:
            raise ValueError("supervisor down")

    lost = harness.child(
        "b", FAIL, restart=Restart.TEMPORARY, scope=FlattenScope.PAIR, scope_key="x"
    )
    spec = SupervisorSpec((harness.child("a"), lost, harness.child("c")))
    fragile = ChildSpec("s", lambda: Fragile(harness.log, spec), supervisor=True, shutdown_ns=None)
    plant(harness, fragile)
    paths = ("/s", "/s/a", "/s/c")
    harness.spawn("w", {"start": watch_all(*paths)})
    harness.take()
    harness.tell("/s/b", Do(what="fail"))
    taken = harness.take()
    assert [row for row in taken if row.startswith("w:")] == [
        "w:terminated /s/c killed",
        "w:terminated /s/a killed",
        "w:terminated /s failure",
    ]
    assert [row for row in taken if row.endswith("start")] == [
        "s/a:start",
        "s/b:start",
        "s/c:start",
    ]
    assert harness.kernel.is_alive("/s/c")


def test_a_supervisor_needs_a_spec_that_says_so(harness: Harness) -> None:
    """A supervisor under a plain child spec, whose limit would cut it short, fails in init."""
    inner = SupervisorSpec((harness.child("a"),))
    plant(harness, ChildSpec("s", lambda: Branch(harness.log, inner)), intensity=0)
    ((address, exit_), _) = harness.failures
    assert (address, exit_.place) == ("/s", "init")
    assert "s.supervisor: True" in exit_.reason


def test_a_tree_without_children_is_ready(harness: Harness) -> None:
    """A supervisor with nobody to start is ready at once and stops in order."""
    plant(harness)
    harness.run(lambda: harness.kernel.lifecycle.request_stop("/"))
    harness.settle()
    assert harness.take() == ["/ ready", "/ stop"]
    assert harness.failures == []


def test_a_lost_scope_without_a_root_is_a_dead_letter(harness: Harness) -> None:
    """Where nobody is at the root the loss is at least kept."""
    lost = harness.child("b", FAIL, restart=Restart.TEMPORARY, scope=FlattenScope.ALL)
    spec = SupervisorSpec((lost,))
    harness.start(ActorSpec("s", lambda: Branch(harness.log, spec)))
    harness.tell("/s/b", Do(what="fail"))
    assert [type(row[3]).__name__ for row in harness.dead] == ["ScopeLost"]


def test_a_child_beyond_a_budget_of_its_own_is_given_up_alone(harness: Harness) -> None:
    """Its scope is lost; siblings keep their own budgets, and the supervisor lives on."""
    a = harness.child("a", FAIL, scope=FlattenScope.PAIR, scope_key="a")
    b = harness.child("b", FAIL, scope=FlattenScope.PAIR, scope_key="b")
    plant(harness, branch(harness, "s", a, b, intensity=1, abandon=True))
    harness.take()
    harness.tell("/s/b", Do(what="fail"))
    assert harness.take() == ["s/b:failure ValueError", "s/b:start"]
    harness.tell("/s/b", Do(what="fail"))
    assert harness.take() == ["s/b:failure ValueError", "lost /s/b pair b"]
    harness.tell("/s/a", Do(what="fail"))
    assert harness.take() == ["s/a:failure ValueError", "s/a:start"]
    alive = [harness.kernel.is_alive(path) for path in ("/s", "/s/a", "/s/b")]
    assert alive == [True, True, False]
