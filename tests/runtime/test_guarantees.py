"""The page of guarantees names only tests that exist."""

import ast
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PAGE = (FOLDER.parents[1] / "docs" / "runtime.md").read_text(encoding="utf-8")
REFERENCES = sorted({" ".join(found.split()) for found in re.findall(r"\*(\w+[:;][^*]+)\*", PAGE)})


def named(reference: str) -> list[tuple[str, str]]:
    """Return (file, test) for each test that a reference names; the test is "" for a whole file."""
    found = []
    for part in reference.split(";"):
        file, _, names = part.partition(":")
        found += [(file.strip(), name.strip()) for name in names.split(",")]
    return found


def cases_in(file: str) -> list[str]:
    """Return the names of the tests in a file, without test_."""
    tree = ast.parse((FOLDER / f"test_{file}.py").read_text(encoding="utf-8"))
    functions = (node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return [name.removeprefix("test_") for name in functions if name.startswith("test_")]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_guarantee_names_tests_that_exist(reference: str) -> None:
    """Each reference on the page leads to a test of that name in that file."""
    for file, name in named(reference):
        assert not name or name in cases_in(file), f"{file}: {name}"


def test_the_page_has_references() -> None:
    """The pattern that finds references finds them."""
    assert len(REFERENCES) > 40
