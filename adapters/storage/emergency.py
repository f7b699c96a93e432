"""Where journal records go while the store fails: lines on standard error, never waited for."""

from __future__ import annotations

import os
import select

__all__ = ["StandardErrorLines"]

STANDARD_ERROR = 2
LINE_BYTES_MAX = 4_000


class StandardErrorLines:
    """Writes lines to a file descriptor that has room; counts those it had to drop.

    A terminal that is stopped or a pipe that nobody reads must not stop the actors. A line longer
    than 4,000 bytes is cut, so that one write of it never waits.
    """

    def __init__(self, descriptor: int = STANDARD_ERROR) -> None:
        """Write to standard error unless told otherwise."""
        self.descriptor = descriptor
        self.dropped = 0

    def __call__(self, line: str) -> None:
        """Write a line if there is room for it."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        text = line.encode(errors="backslashreplace")[:LINE_BYTES_MAX] + b"\n"
        try:
            ready = poll.poll(0)
            if not ready or not ready[0][1] & select.POLLOUT:
                self.dropped += 1
                return
            os.write(self.descriptor, text)
        except OSError:
            self.dropped += 1
