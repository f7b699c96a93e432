"""Every strategy, restart kind and place of failure, with the exact order of stops and starts."""

from typing import Any

import pytest

from actors.runtime import FlattenScope, Restart, Strategy
from tests.runtime.harness import Harness
from tests.runtime.probe import Ask, Do, fail
from tests.runtime.trees import Once, plant

BEFORE_UP = ("init", "start")
WHEN_UP = ("handler", "request", "timer", "stop", "failure_hook")
PLACES = (*BEFORE_UP, *WHEN_UP, "normal end")

# What is seen of the failure of b itself.
SEEN = {
    "init": [],
    "start": ["b:start", "b:failure ValueError"],
    "handler": ["b:failure ValueError"],
    "request": ["b:asked request", "b:failure ValueError"],
    "timer": ["b:failure ValueError"],
    "stop": ["b:stop", "b:failure ValueError"],
    "failure_hook": ["b:failure ValueError"],
    "normal end": ["b:stop"],
}
# What the supervisor does then, when c has not been started yet, and when all three are up.
RESTARTED_BEFORE_UP = {
    "one_for_one": ["b:start", "c:start", "/ ready"],
    "rest_for_one": ["b:start", "c:start", "/ ready"],
    "one_for_all": ["a:stop", "a:start", "b:start", "c:start", "/ ready"],
}
RESTARTED_WHEN_UP = {
    "one_for_one": ["b:start"],
    "rest_for_one": ["c:stop", "b:start", "c:start"],
    "one_for_all": ["c:stop", "a:stop", "a:start", "b:start", "c:start"],
}
LOST = ["lost /b pair btc"]


def expected(strategy: Strategy, restart: Restart, place: str) -> list[str]:
    """Return every event from the start of the tree on."""
    up_first = place not in BEFORE_UP
    events = ["a:start", "b:start", "c:start", "/ ready"] if up_first else ["a:start"]
    events += SEEN[place]
    normal = place == "normal end"
    if restart is Restart.TEMPORARY or (restart is Restart.TRANSIENT and normal):
        events += [] if normal else LOST
        return events + ([] if up_first else ["c:start", "/ ready"])
    return events + (RESTARTED_WHEN_UP if up_first else RESTARTED_BEFORE_UP)[strategy]


def script(place: str) -> dict[str, Any]:
    """Return a script that fails once in a place."""
    steps: dict[str, Any] = {
        "arm": lambda actor: actor.context.after(10, Do(what="timer")),
        "leave": lambda actor: actor.context.stop(),
    }
    if place == "failure_hook":
        return steps | {"handler": fail, "failure": Once()}
    return steps | {place: Once()}


def reach(harness: Harness, place: str) -> None:
    """Lead b to the place where it fails."""
    if place in ("handler", "failure_hook"):
        harness.tell("/b", Do(what="handler"))
    elif place == "request":
        harness.ask("/b", Ask(what="request"))
    elif place == "timer":
        harness.tell("/b", Do(what="arm"))
        harness.advance(10)
    elif place in ("stop", "normal end"):
        harness.tell("/b", Do(what="leave"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("strategy", Strategy)
def test_the_supervision_table(
    harness: Harness, strategy: Strategy, restart: Restart, place: str
) -> None:
    """Stops go right to left, starts left to right, and only for whom the strategy names."""
    b = harness.child("b", script(place), restart=restart, scope=FlattenScope.PAIR, scope_key="btc")
    plant(harness, harness.child("a"), b, harness.child("c"), strategy=strategy)
    reach(harness, place)
    assert harness.take() == expected(strategy, restart, place)
    wanted = restart is Restart.PERMANENT
    wanted = wanted or (restart is Restart.TRANSIENT and place != "normal end")
    assert harness.kernel.is_alive("/b") is wanted
    failed = [] if place == "normal end" else [place]
    assert [exit_.place for _, exit_ in harness.failures] == failed
