"""Two ways to show a run: a status that is drawn anew, and lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rich.live import Live

from adapters.status.plain import event_line, status_line
from adapters.status.snapshot import Snapshot
from adapters.status.tail import EventTail
from adapters.status.view import render

__all__ = ["Display", "LinesDisplay", "LiveDisplay"]

STATUS_EVERY_S = 5.0


class Display(Protocol):
    """Shows snapshots between entering and leaving."""

    def __enter__(self) -> object:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End; what is still to be shown is shown."""

    def show(self, snapshot: Snapshot) -> None:
        """Show how things are."""

    def note(self, text: str) -> None:
        """Show a sentence that must be seen."""


class LiveDisplay:
    """Draws the status over the whole terminal, and gives the terminal back at the end."""

    def __init__(self) -> None:
        """Prepare; the terminal is taken on entering."""
        self._live = Live(screen=True, auto_refresh=False, redirect_stderr=False)
        self._note = ""

    def __enter__(self) -> None:
        """Take the terminal."""
        self._live.__enter__()

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._live.__exit__(None, None, None)

    def show(self, snapshot: Snapshot) -> None:
        """Draw."""
        self._live.update(render(snapshot, self._note), refresh=True)

    def note(self, text: str) -> None:
        """Show the sentence from the next drawing on."""
        self._note = text


class LinesDisplay:
    """Prints events as they happen, and a status line every five seconds on the wall."""

    def __init__(self, tail: EventTail, write: Callable[[str], object]) -> None:
        """Print through a function that takes one line."""
        self._tail = tail
        self._write = write
        self._seen = 0
        self._next_s = 0.0

    def __enter__(self) -> None:
        """Nothing has to be prepared."""

    def __exit__(self, *_: object) -> None:
        """Print what happened at the very end."""
        self._print_events()

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new."""
        self._print_events()
        now = time.monotonic()
        if now >= self._next_s:
            self._next_s = now + STATUS_EVERY_S
            self._write(status_line(snapshot))

    def note(self, text: str) -> None:
        """Print the sentence."""
        self._write(text)

    def _print_events(self) -> None:
        for event in self._tail.since(self._seen):
            self._write(event_line(event))
        self._seen = self._tail.total
