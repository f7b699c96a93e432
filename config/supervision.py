"""The page on supervision: what the tree is for, and the tree of the shipped paper config.

``python -m config.supervision > docs/supervision.md`` writes it anew; a test holds it equal.
"""

from __future__ import annotations

import sys

from config.load import load, shipped
from config.tree import table

__all__ = ["markdown"]

_INTRODUCTION = """\
# Supervision

This is the tree that `keel run config/paper.toml` starts, from top to bottom; it stops from bottom
to top. The page is generated from the code (`python -m config.supervision > docs/supervision.md`);
`keel tree FILE` prints the table of any config.

A child that fails is started again behind the same address, after a short wait that grows. More
restarts than the budget of its supervisor end the supervisor, which is then a failed child itself;
where the budget says *each*, only that child is given up and its siblings go on.
Before that, and whenever a child breaks an invariant, the **scope** of the lost child is flattened:
its orders are cancelled and its positions closed reduce-only, by `/flatten`, which uses nothing of
what failed. A child that is not back leaves its scope flat.

An orderly stop has phases: pairs close by themselves; the flattener closes what is left and has
every venue confirm it; `/report` reads the final figures; then children stop, each within its
limit.

"""


def markdown() -> str:
    """Return the page."""
    return _INTRODUCTION + table(load(shipped("paper.toml")))


if __name__ == "__main__":
    sys.stdout.write(markdown())
