"""What the pages say is held by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_test_that_a_page_names_exists() -> None:
    """A page that names a test which is gone has lost its ground."""
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs" / "bad-input.md").read_text())
    assert len(named) > 10
    assert [name for name in named if name not in defined] == []
