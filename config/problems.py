"""What is wrong with a config: collected, never raised one by one, so that all of it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from config.lines import KeyPath, Lines, dotted

__all__ = ["Problem", "Problems", "nearest"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to correct: where (line 0 if unknown), what is wrong, and what was likely meant.

    key is the path of the entry as TOML readers write it: ``pairs[0].ratio``.
    """

    file: str
    line: int
    key: str
    problem: str
    nearest: str = ""

    def __str__(self) -> str:
        """Return ``file:line: key: problem``, with the nearest valid name where there is one."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        hint = f'; did you mean "{self.nearest}"?' if self.nearest else ""
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {key}{self.problem}{hint}"


class Problems:
    """Collects the problems of one file, in the order of its lines."""

    def __init__(self, file: str, lines: Lines) -> None:
        """Name the file and know its lines."""
        self.file = file
        self._lines = lines
        self._found: list[Problem] = []

    def add(self, path: KeyPath, problem: str, nearest: str = "") -> None:
        """Note that the entry at a path is wrong."""
        self._found.append(
            Problem(
                file=self.file,
                line=self._lines.at(path),
                key=dotted(path),
                problem=problem,
                nearest=nearest,
            )
        )

    def has(self, path: KeyPath) -> bool:
        """Tell whether the entry at a path is known to be wrong."""
        return any(found.key == dotted(path) for found in self._found)

    def under(self, path: KeyPath) -> bool:
        """Tell whether something at or below a path is known to be wrong."""
        key = dotted(path)
        return any(
            not key or found.key == key or found.key.startswith((f"{key}.", f"{key}["))
            for found in self._found
        )

    def all(self) -> tuple[Problem, ...]:
        """Return what was found, by line."""
        return tuple(sorted(self._found, key=lambda found: found.line))


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the valid name that looks most like a wrong one, or "" if none does."""
    matches = get_close_matches(name, sorted(valid), n=1, cutoff=0.6)
    return matches[0] if matches else ""
