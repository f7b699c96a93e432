"""On which line of a TOML file an entry stands; the parser itself does not say.

It reads a file that parses already, so it only follows headers, keys, and values that span lines.
A wrong line would mislead, so an entry that is not found has the line of what it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["KeyPath", "Lines", "dotted", "locate"]

KeyPath = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEYS = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEYS})\s*\]\]?\s*(?:#.*)?$")
_ENTRY = re.compile(rf"\s*({_KEYS})\s*=")
_PART = re.compile(_KEY)
_TOKEN = re.compile(
    r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|[\[\]{}]|#.*',
)


class Lines:
    """The lines of the entries of one file, counted from 1."""

    def __init__(self, found: Mapping[KeyPath, int]) -> None:
        """Take what ``locate`` found."""
        self._found = found

    def at(self, path: KeyPath) -> int:
        """Return the line of an entry, of what it stands in, or 0."""
        for length in range(len(path), 0, -1):
            line = self._found.get(path[:length])
            if line is not None:
                return line
        return 0


def dotted(path: KeyPath) -> str:
    """Return a path as a reader writes it: ``pairs[0].ratio``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def locate(text: str) -> Lines:
    """Return where the entries of a TOML text stand."""
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    open_quote = ""
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if open_quote or depth:
            open_quote, depth = _follow(line, open_quote, depth)
            continue
        header = _HEADER.match(line)
        if header is not None:
            table = _header_path(_parts(header[2]), header[1] == "[[", counts)
            found.setdefault(table, number)
            continue
        entry = _ENTRY.match(line)
        if entry is not None:
            found.setdefault(table + _parts(entry[1]), number)
            open_quote, depth = _follow(line[entry.end() :], "", 0)
    return Lines(found)


def _parts(keys: str) -> KeyPath:
    return tuple(part[0].strip("\"'") for part in _PART.finditer(keys))


def _header_path(keys: KeyPath, is_array: bool, counts: dict[KeyPath, int]) -> KeyPath:  # noqa: FBT001
    """Return the full path of a header, with the index of every array of tables in it."""
    path: KeyPath = ()
    for index, key in enumerate(keys):
        path = (*path, key)
        if is_array and index == len(keys) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _follow(text: str, open_quote: str, depth: int) -> tuple[str, int]:
    """Return which multi-line string and how many brackets are open after a piece of a value."""
    position = 0
    while position < len(text):
        if open_quote:
            end = text.find(open_quote, position)
            if end < 0:
                return open_quote, depth
            position = end + 3
            open_quote = ""
            continue
        token = _TOKEN.search(text, position)
        if token is None or token[0].startswith("#"):
            return "", depth
        position = token.end()
        if token[0] in ('"""', "'''"):
            open_quote = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
    return open_quote, depth
