"""Lines: an entry is found where a reader sees it, however the value is written."""

from __future__ import annotations

import pytest
import tomli

from config.lines import KeyPath, dotted, locate

TEXT = '''# a comment with [brackets] and key = 1
top = 1

[one]
a = "text # no comment"   # a comment
b = [
  1,  # one ]
  2,
]
c = """
[not.a.table]
d = 2
"""
e = {x = 1, y = "}"}
"quoted.key" = 3
f.g = 4

[[list]]
name = "first"
[list.sub]
x = 1
[[list]]
name = "second"
[list.sub]
x = 2
[[list.inner]]
y = 1
[[list.inner]]
y = 2
'''


@pytest.mark.parametrize(
    ("path", "start"),
    [
        (("top",), "top"),
        (("one",), "[one]"),
        (("one", "a"), "a ="),
        (("one", "b"), "b ="),
        (("one", "c"), "c ="),
        (("one", "e"), "e ="),
        (("one", "e", "x"), "e ="),
        (("one", "quoted.key"), '"quoted'),
        (("one", "f", "g"), "f.g"),
        (("list", 0, "name"), 'name = "first"'),
        (("list", 1, "name"), 'name = "second"'),
        (("list", 1, "sub", "x"), "x = 2"),
        (("list", 1, "inner", 1, "y"), "y = 2"),
        (("list", 1, "missing"), "[[list]]"),
    ],
)
def test_an_entry_is_found_on_its_line(path: KeyPath, start: str) -> None:
    """The line of an entry starts with what the file has there."""
    tomli.loads(TEXT)
    line = locate(TEXT).at(path)
    assert TEXT.splitlines()[line - 1].startswith(start)


def test_what_stands_in_a_text_is_no_entry() -> None:
    """A table header within a multi-line text is not taken for one."""
    lines = locate(TEXT)
    assert lines.at(("not",)) == 0
    assert lines.at(("one", "d")) == lines.at(("one",))


def test_a_path_reads_as_it_is_written() -> None:
    """A path with indexes is shown in the way TOML readers know."""
    assert dotted(("pairs", 0, "ratio")) == "pairs[0].ratio"
    assert dotted(()) == ""
