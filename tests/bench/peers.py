"""NautilusTrader in a process and environment of its own, asked one run at a time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench.measure import Scale

__all__ = ["NAUTILUS", "peer_sample"]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
NAUTILUS = "nautilus_trader 2.0.0rc6"


class Peer:
    """A process that stays warm between runs."""

    def __init__(self) -> None:
        """Start it in the environment that ``make bench-peers`` makes."""
        self._process = subprocess.Popen(
            [str(PYTHON), "-m", "tests.bench.nautilus"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, task: str, **options: int) -> dict[str, Any]:
        """Run a task and return what it measured.

        Raises: RuntimeError when the process has ended.
        """
        assert self._process.stdin is not None, "it was opened with pipes"
        assert self._process.stdout is not None, "as above"
        self._process.stdin.write(json.dumps({"task": task, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended in {task}; its error is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@cache
def _peer() -> Peer | None:
    return Peer() if (PYTHON.parent.parent / ".installed").exists() else None


def peer_sample(scale: Scale, task: str, figure: str, **options: int) -> Callable[[], float] | None:
    """Return what runs a task once and returns one of its figures, None without the peer."""
    peer = _peer() if scale.peers else None
    if peer is None:
        return None
    return lambda: float(peer.ask(task, **options)[figure])
