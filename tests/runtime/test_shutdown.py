"""Shutdown: right to left, each within its limit, nobody a hostage of one that is stuck."""

import threading
import time
from typing import Any

import pytest

from actors.runtime import (
    ActorSpec,
    Backoff,
    FlattenScope,
    InvariantError,
    Strategy,
    SupervisorSpec,
)
from tests.runtime.harness import WAIT_S, Harness, ThreadHarness
from tests.runtime.probe import Do, Probe, fail
from tests.runtime.trees import SECOND_NS, Once, Root, branch, plant

LINGER: dict[str, Any] = {
    "stop_requested": lambda _: False,
    "done": lambda actor: actor.context.exit(),
}


def stop(harness: Harness, address: str = "/") -> None:
    """Ask an actor to stop, from outside."""
    harness.run(lambda: harness.kernel.lifecycle.request_stop(address))
    harness.settle()


def test_children_stop_right_to_left(harness: Harness) -> None:
    """The last started child stops first; the supervisor ends after all of them."""
    plant(harness, *(harness.child(name) for name in "abc"))
    harness.take()
    stop(harness)
    assert harness.take() == ["c:stop", "b:stop", "a:stop", "/ stop"]
    assert not harness.kernel.is_alive("/")
    assert harness.failures == []


def test_branches_stop_inside_out(harness: Harness) -> None:
    """A branch stops its own children before the next sibling of the branch is asked."""
    plant(
        harness,
        harness.child("a"),
        branch(harness, "s", harness.child("x"), harness.child("y")),
        harness.child("c"),
    )
    harness.take()
    stop(harness)
    assert harness.take() == ["c:stop", "s/y:stop", "s/x:stop", "/s stop", "a:stop", "/ stop"]


def test_a_child_that_lingers_has_until_its_limit(harness: Harness) -> None:
    """The next child is asked only when the one before has gone, or had its time."""
    plant(harness, harness.child("a"), harness.child("b", LINGER, shutdown_ns=2 * SECOND_NS))
    harness.take()
    stop(harness)
    harness.advance(SECOND_NS)
    assert harness.take() == []
    harness.tell("/b", Do(what="done"))
    assert harness.take() == ["b:stop", "a:stop", "/ stop"]
    assert harness.failures == []


def test_a_child_past_its_limit_is_removed(harness: Harness) -> None:
    """A child that never exits is killed at its limit, without its hooks, and the rest goes on."""
    plant(harness, harness.child("a"), harness.child("b", LINGER, shutdown_ns=2 * SECOND_NS))
    harness.take()
    stop(harness)
    harness.advance(2 * SECOND_NS - 1)
    assert harness.take() == []
    harness.advance(1)
    assert harness.take() == ["a:stop", "/ stop"]
    assert not harness.kernel.is_alive("/b")


def test_a_shutdown_takes_no_longer_than_the_sum_of_its_limits(harness: Harness) -> None:
    """With every child stuck the tree is gone at the sum of the limits, and not before."""
    limits = (SECOND_NS, 2 * SECOND_NS, 3 * SECOND_NS)
    children = [
        harness.child(f"c{number}", LINGER, shutdown_ns=limit)
        for number, limit in enumerate(limits)
    ]
    plant(harness, branch(harness, "s", *children), harness.child("z", LINGER, shutdown_ns=0))
    stop(harness)
    harness.advance(sum(limits) - 1)
    assert harness.kernel.is_alive("/")
    harness.advance(1)
    assert not harness.kernel.is_alive("/")
    assert harness.inspect("/").timers == ()


def test_a_child_without_a_limit_is_waited_for(harness: Harness) -> None:
    """shutdown_ns None waits for ever, as a supervisor needs."""
    plant(harness, harness.child("a", LINGER, shutdown_ns=None))
    stop(harness)
    harness.advance(10**15)
    assert harness.kernel.is_alive("/")
    harness.tell("/a", Do(what="done"))
    assert not harness.kernel.is_alive("/")


def test_a_limit_of_nothing_kills_at_once(harness: Harness) -> None:
    """shutdown_ns 0 ends a child without its stop hook."""
    plant(harness, harness.child("a", shutdown_ns=0))
    harness.take()
    stop(harness)
    assert harness.take() == ["/ stop"]


def test_a_limit_of_one_stop_is_not_that_of_the_next(harness: Harness) -> None:
    """A restart that stopped a child in time leaves no limit behind that could kill it later."""
    plant(
        harness,
        harness.child("a", {"fail": fail}),
        harness.child("b", shutdown_ns=SECOND_NS),
        strategy=Strategy.ONE_FOR_ALL,
    )
    harness.tell("/a", Do(what="fail"))
    harness.advance(100 * SECOND_NS)
    assert harness.kernel.is_alive("/b")
    assert harness.inspect("/b").incarnation == 2


@pytest.mark.parametrize("error", [ValueError, InvariantError])
def test_a_child_that_fails_in_the_shutdown_has_lost_its_scope(
    harness: Harness, error: type[Exception]
) -> None:
    """Who does not stop in order may have left something open: the root hears of its scope."""
    b = harness.child("b", {"stop": Once(error=error)}, scope=FlattenScope.PAIR, scope_key="x")
    plant(harness, branch(harness, "s", harness.child("a"), b))
    harness.take()
    stop(harness, "/s")
    taken = harness.take()
    assert taken[:2] == ["s/b:stop", f"s/b:failure {error.__name__}"]
    assert "lost /s/b pair x" in taken
    assert "s/a:stop" in taken


def test_a_child_that_fails_before_its_turn_has_lost_its_scope(harness: Harness) -> None:
    """A child that fails while its siblings stop is not restarted, and its scope is lost."""
    a = harness.child("a", {"fail": fail}, scope=FlattenScope.PAIR, scope_key="x")
    plant(harness, a, harness.child("b", LINGER))
    harness.take()
    stop(harness)
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == ["a:failure ValueError", "lost /a pair x"]
    harness.tell("/b", Do(what="done"))
    assert harness.take() == ["b:stop", "/ stop"]


def test_a_killed_child_has_lost_its_scope(harness: Harness) -> None:
    """Exposure of a child that did not stop within its limit is reported too."""
    b = harness.child("b", LINGER, scope=FlattenScope.VENUE, scope_key="x", shutdown_ns=SECOND_NS)
    plant(harness, b)
    harness.take()
    stop(harness)
    harness.advance(SECOND_NS)
    assert harness.take() == ["lost /b venue x", "/ stop"]


def test_a_second_stop_changes_nothing(harness: Harness) -> None:
    """A supervisor that is stopping already goes on with it, and asks nobody twice."""
    plant(harness, harness.child("a"), harness.child("b", LINGER))
    harness.take()
    stop(harness)
    stop(harness)
    harness.tell("/b", Do(what="done"))
    assert harness.take() == ["b:stop", "a:stop", "/ stop"]


def test_a_stop_during_the_start_stops_what_has_started(harness: Harness) -> None:
    """A tree that is stopped on its way up starts nobody else."""

    def stop_tree(actor: Probe) -> None:
        actor.context.stop("/")

    plant(harness, harness.child("a"), harness.child("b", {"start": stop_tree}), harness.child("c"))
    harness.settle()
    assert harness.take() == ["a:start", "b:start", "b:stop", "a:stop", "/ stop"]


def test_a_stop_during_a_backoff_does_not_wait_for_it(harness: Harness) -> None:
    """A supervisor that waits before a restart stops without restarting first."""
    plant(
        harness,
        harness.child("a"),
        harness.child("b", {"fail": fail}),
        backoff=Backoff(first_ns=10 * SECOND_NS),
    )
    harness.tell("/b", Do(what="fail"))
    harness.take()
    stop(harness)
    assert harness.take() == ["a:stop", "/ stop"]
    harness.advance(100 * SECOND_NS)
    assert harness.take() == []


def test_a_stuck_thread_does_not_hold_a_shutdown(threads: ThreadHarness) -> None:
    """A child whose thread blocks for ever is given up at its limit; its siblings stop in order."""
    inside, leave = threading.Event(), threading.Event()

    def block(_: Probe) -> None:
        inside.set()
        assert leave.wait(WAIT_S)

    plant(
        threads,
        threads.child("a"),
        threads.child("b", {"block": block}, shutdown_ns=2 * SECOND_NS),
        threads.child("c"),
    )
    threads.take()
    kernel = threads.kernel
    threads.run(lambda: kernel.tell("/b", Do(what="block")))
    assert inside.wait(WAIT_S)
    gone = threading.Event()
    threads.run(lambda: kernel.lifecycle.stop_from_outside("/", _Flag(gone)))
    wait_for_limit(threads, 2 * SECOND_NS)
    assert not gone.is_set()
    threads.clock.monotonic += 2 * SECOND_NS
    threads.runtime.kick()
    assert gone.wait(WAIT_S)
    assert threads.take() == ["c:stop", "a:stop", "/ stop"]
    leave.set()


def test_a_child_stuck_in_its_start_does_not_hold_a_shutdown(threads: ThreadHarness) -> None:
    """A child that never finishes its start is given up at its limit like any other."""
    inside, leave = threading.Event(), threading.Event()

    def block(_: Probe) -> None:
        inside.set()
        assert leave.wait(WAIT_S)

    def act() -> None:
        children = (
            threads.child("a"),
            threads.child("b", {"start": block}, shutdown_ns=SECOND_NS),
            threads.child("c"),
        )
        spec = ActorSpec("root", lambda: Root(threads.log, SupervisorSpec(children)))
        threads.kernel.lifecycle.spawn(None, spec)

    threads.run(act)
    assert inside.wait(WAIT_S)
    gone = threading.Event()
    threads.run(lambda: threads.kernel.lifecycle.stop_from_outside("/", _Flag(gone)))
    wait_for_limit(threads, SECOND_NS)
    threads.clock.monotonic += SECOND_NS
    threads.runtime.kick()
    assert gone.wait(WAIT_S)
    assert threads.take() == ["a:start", "b:start", "a:stop", "/ stop"]
    leave.set()


def wait_for_limit(threads: ThreadHarness, due_ns: int) -> None:
    """Return once the root has a shutdown limit that is due at a time."""

    def running() -> bool:
        return any(timer.due_ns == due_ns for timer in threads.kernel.boxes["/"].timers.values())

    end = time.monotonic() + WAIT_S
    while not threads.run(running):
        assert time.monotonic() < end


class _Flag:
    """A future that sets an event."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def set(self, _: bool) -> None:
        """Note that the actor is gone."""
        self._event.set()
