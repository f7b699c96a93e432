"""VenueConnection on a transport that gives no answer."""

from __future__ import annotations

import random

from actors.ports import Frame, TransportSink
from actors.runtime import ActorSpec, SimulatedRuntime
from actors.settings import VenueSettings
from actors.venues.connection import VenueConnection
from simulations.gateway import SimulatedGateway
from tests.simulations.stage import make_instrument

KEY = b"k" * 16
MS_NS = 1_000_000


class MuteTransport:
    """Says neither yes nor no when it is opened."""

    def __init__(self) -> None:
        """Start without attempts."""
        self.opened = 0
        self.closed = 0

    def open(self, sink: TransportSink) -> None:  # noqa: ARG002 - it is never called
        """Count an attempt."""
        self.opened += 1

    def send(self, frame: Frame) -> None:
        """Lose a frame."""

    def close(self) -> None:
        """Count an end."""
        self.closed += 1


def substream(name: str) -> random.Random:
    """Return the random stream of a name."""
    return random.Random(name)


def test_a_session_that_never_opens_is_given_up_and_tried_again_with_backoff() -> None:
    """Each attempt costs one timeout, then a wait that doubles."""
    transport = MuteTransport()
    settings = VenueSettings(sync_timeout_ms=1_000, reconnect_first_ms=500)
    runtime = SimulatedRuntime(substream)
    runtime.spawn(
        ActorSpec(
            "venue",
            lambda: VenueConnection(
                venue="alpha",
                settings=settings,
                gateway=lambda sink: SimulatedGateway((make_instrument(),), sink=sink),
                transport=transport,
                approval_key=KEY,
                permit_key=KEY,
                deployment=1,
                listeners=(),
                account_listeners=(),
            ),
        )
    )
    runtime.settle()
    found = []
    for wait_ms in (999, 1, 499, 1, 1_000, 999, 1):
        runtime.advance(wait_ms * MS_NS)
        found.append((transport.opened, transport.closed))
    assert found == [(1, 0), (1, 1), (1, 1), (2, 1), (2, 2), (2, 2), (3, 2)]
