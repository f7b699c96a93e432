"""The fixture that runs a conformance case on each of the three runtimes."""

from collections.abc import Iterator

import pytest

from tests.runtime.harness import HARNESSES, Harness, SimulatedHarness, ThreadHarness


@pytest.fixture(params=HARNESSES, ids=lambda kind: kind.name)
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Give a runtime with a clock set by hand; at the end its threads must be gone."""
    made: Harness = request.param()
    yield made
    made.close()


@pytest.fixture
def simulated() -> SimulatedHarness:
    """Give the simulated runtime alone."""
    return SimulatedHarness()


@pytest.fixture
def threads() -> Iterator[ThreadHarness]:
    """Give the thread runtime alone."""
    made = ThreadHarness()
    yield made
    made.close()
