"""A handler that blocks until the test lets it go on."""

import threading

from tests.runtime.harness import WAIT_S, Harness
from tests.runtime.probe import Do, Probe


class Gate:
    """Blocks a handler until the test lets it go on."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.open = threading.Event()

    def __call__(self, _: Probe) -> None:
        self.inside.set()
        assert self.open.wait(WAIT_S)

    def enter(self, harness: Harness, address: str) -> None:
        """Send the actor in and return once its thread is inside."""
        harness.run(lambda: harness.kernel.tell(address, Do(what="block")))
        assert self.inside.wait(WAIT_S)
