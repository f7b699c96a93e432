"""P5: a run is a function of its seed, in any process, whoever looks on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.workload import STEPS, digest, trace

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (1, 2, 3)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_p5_one_seed_gives_one_trace(seed: int, *, shuffled: bool) -> None:
    """Two runs of a random workload agree in sequence, time, address, message and cause."""
    first, second = trace(seed, shuffled=shuffled), trace(seed, shuffled=shuffled)
    assert len(first) >= STEPS
    assert first == second


@pytest.mark.parametrize("seed", SEEDS)
def test_p5_looking_on_does_not_show_in_the_trace(seed: int) -> None:
    """Inspecting every actor at every step leaves the run as it is."""
    assert trace(seed, watched=True) == trace(seed)


def test_the_workload_does_what_it_is_for() -> None:
    """The traces cover restarts, requests, timers and causes, and differ from seed to seed."""
    rows = trace(1)
    kinds = {kind for _, _, _, kind, _ in rows}
    assert {"Hop", "Shout", "Question", "Reply", "RequestTimedOut", "Price", "_Begin"} <= kinds
    assert {"ChildEnded", "ChildStarted", "StopRequested", "_BackoffOver"} <= kinds
    assert sum(kind == "_Begin" for _, _, _, kind, _ in rows) > 2 * 8
    assert trace(2) != rows
    assert trace(1, shuffled=True) != rows


def test_p5_causes_come_before_effects() -> None:
    """In every trace a message's cause has a lower sequence, and time never runs backwards."""
    rows = trace(1)
    assert all(cause < sequence for sequence, _, _, _, cause in rows)
    times = [now for _, now, _, _, _ in rows]
    assert times == sorted(times)


def test_p5_processes_with_different_hash_seeds_agree() -> None:
    """The trace is the same in processes whose PYTHONHASHSEED differs."""
    digests = [digest(1)]
    for hash_seed in ("0", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-m", "tests.runtime.workload", "1"]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        digests.append(done.stdout.strip())
    assert len(set(digests)) == 1
