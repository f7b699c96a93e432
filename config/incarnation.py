"""The number of a start: new each time, and on the disk before the first order can carry it."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["IncarnationError", "next_incarnation"]

INCARNATION_MAX = 2**24 - 1


class IncarnationError(Exception):
    """The last incarnation cannot be read or the next one not be kept; nothing may be sent."""


def next_incarnation(folder: Path, deployment: int) -> int:
    """Return the next incarnation of a deployment; it is durable when this returns.

    A file that cannot be read is an error: to begin at 1 again could repeat client ids.
    Raises: IncarnationError.
    """
    path = folder / f"deployment-{deployment}.incarnation"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="ascii") if path.exists() else "0"
        number = int(text) + 1
        if not 1 <= number <= INCARNATION_MAX:
            raise IncarnationError(f"{path}: {number} is no incarnation; the highest is 2^24 - 1")
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="ascii") as stream:
            stream.write(f"{number}\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise IncarnationError(f"{path}: {error}") from None
    return number
