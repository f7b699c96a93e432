"""Supervision when things happen at once: failures during restarts, stops and backoffs."""

from typing import Any

from actors.runtime import Backoff, FlattenScope, InvariantError, Strategy
from tests.runtime.harness import Harness
from tests.runtime.probe import Do, fail
from tests.runtime.trees import SECOND_NS, Once, plant, root

FAIL: dict[str, Any] = {"fail": fail}


def test_two_failures_at_once_are_one_restart_each(harness: Harness) -> None:
    """When two children fail in one breath both come back, in the order of the spec."""
    plant(harness, *(harness.child(name, FAIL) for name in "abc"), intensity=5)
    harness.take()

    def act() -> None:
        for name in "ca":
            harness.kernel.tell(f"/{name}", Do(what="fail"))

    harness.run(act)
    harness.settle()
    taken = sorted(harness.take())
    assert taken == ["a:failure ValueError", "a:start", "c:failure ValueError", "c:start"]
    assert [harness.kernel.is_alive(f"/{name}") for name in "abc"] == [True] * 3
    assert [len(times) for times in root(harness).restarts.values()] == [2]


def test_a_failure_during_a_restart_joins_it(harness: Harness) -> None:
    """A sibling that fails on the way up again is restarted within the same order of steps."""
    once = Once()
    later: dict[str, Any] = {
        "start": lambda actor: once(actor) if actor.context.incarnation == 2 else None
    }
    plant(
        harness,
        harness.child("a", FAIL),
        harness.child("b", later),
        harness.child("c"),
        strategy=Strategy.REST_FOR_ONE,
        intensity=5,
    )
    harness.take()
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == [
        "a:failure ValueError",
        "c:stop",
        "b:stop",
        "a:start",
        "b:start",
        "b:failure ValueError",
        "b:start",
        "c:start",
    ]


def test_a_failure_while_being_stopped_does_not_disturb_the_restart(harness: Harness) -> None:
    """A sibling that fails in its stop comes back with the others, and costs no extra restart."""
    plant(
        harness,
        harness.child("a", FAIL),
        harness.child("b", {"stop": Once()}),
        strategy=Strategy.ONE_FOR_ALL,
        intensity=1,
    )
    harness.take()
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == [
        "a:failure ValueError",
        "b:stop",
        "b:failure ValueError",
        "a:start",
        "b:start",
    ]


def test_a_violation_while_being_stopped_is_not_restarted(harness: Harness) -> None:
    """A sibling that breaks an invariant in its stop stays down, and its scope is lost."""
    b = harness.child(
        "b", {"stop": Once(error=InvariantError)}, scope=FlattenScope.PAIR, scope_key="x"
    )
    plant(harness, harness.child("a", FAIL), b, strategy=Strategy.ONE_FOR_ALL)
    harness.take()
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == [
        "a:failure ValueError",
        "b:stop",
        "b:failure InvariantError",
        "lost /b pair x",
        "a:start",
    ]


def test_a_stop_goes_ahead_of_a_backoff(harness: Harness) -> None:
    """While one child waits out its backoff, siblings that must go down do not wait with it."""
    plant(
        harness,
        harness.child("a", FAIL),
        harness.child("b"),
        harness.child("c", FAIL),
        strategy=Strategy.REST_FOR_ONE,
        intensity=5,
        backoff=Backoff(first_ns=SECOND_NS, jitter=0.0),
    )
    harness.take()
    harness.tell("/c", Do(what="fail"))
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == ["c:failure ValueError", "a:failure ValueError", "b:stop"]
    harness.advance(10 * SECOND_NS)
    assert harness.take() == ["a:start", "b:start", "c:start"]
