"""Watching: told once when the instance behind an address ends."""

from typing import Any

import pytest

from tests.runtime.harness import Harness
from tests.runtime.probe import Do, Probe, fail


def watch(actor: Probe) -> None:
    """Watch /a."""
    actor.context.watch("/a")


ENDINGS: dict[str, Any] = {
    "normal": lambda actor: actor.context.exit(),
    "failure": fail,
}


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_watcher_is_told_the_end_and_its_kind(harness: Harness, kind: str) -> None:
    """Every watcher gets one Terminated that says how the instance ended."""
    harness.spawn("a", {"end": ENDINGS[kind]})
    for name in "vw":
        harness.spawn(name, {"start": watch})
    harness.take()
    harness.tell("/a", Do(what="end"))
    told = sorted(row for row in harness.take() if "terminated" in row)
    assert told == [f"v:terminated /a {kind}", f"w:terminated /a {kind}"]


def test_a_killed_actor_is_told_as_killed(harness: Harness) -> None:
    """A kill runs no hooks, and watchers hear of it."""
    harness.spawn("a")
    harness.spawn("w", {"start": watch})
    harness.take()
    harness.run(lambda: harness.kernel.lifecycle.kill("/a"))
    harness.settle()
    assert harness.take() == ["w:terminated /a killed"]


def test_watching_nobody_is_answered_at_once(harness: Harness) -> None:
    """A watch on an address without an actor is not silent for ever."""
    harness.spawn("w", {"start": watch})
    assert harness.take() == ["w:start", "w:terminated /a normal"]


def test_a_watch_covers_one_instance(harness: Harness) -> None:
    """The end of the next instance is told only to those who watched it too."""
    harness.spawn("a", {"fail": fail})
    harness.spawn("w", {"start": watch})
    harness.tell("/a", Do(what="fail"))
    harness.spawn("a", {"fail": fail})
    harness.take()
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == ["a:failure ValueError"]


def test_unwatch_ends_the_watch(harness: Harness) -> None:
    """Who no longer watches is not told."""
    harness.spawn("a", {"fail": fail})
    harness.spawn("w", {"start": watch, "off": lambda actor: actor.context.unwatch("/a")})
    harness.tell("/w", Do(what="off"))
    harness.take()
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == ["a:failure ValueError"]


def test_a_watch_ends_with_the_watcher(harness: Harness) -> None:
    """The next instance of a watcher is not told what only its predecessor asked for."""
    harness.spawn("a", {"fail": fail})
    harness.spawn("w", {"once": watch, "fail": fail})
    harness.tell("/w", Do(what="once"), Do(what="fail"))
    harness.spawn("w")
    harness.take()
    harness.tell("/a", Do(what="fail"))
    assert harness.take() == ["a:failure ValueError"]
