"""``keel tree``: the supervision tree that a config would start."""

from __future__ import annotations

from pathlib import Path

from adapters.cli.codes import ExitCode
from adapters.cli.files import config_at
from config.tree import table

__all__ = ["tree"]


def tree(file: Path) -> ExitCode:
    """Print who supervises whom, how often it restarts, and what is flattened when one is lost.

    Exit code 0: printed. 1: the config has problems.

    Example: keel tree config/paper.toml

    Parameters
    ----------
    file
        The TOML file of a deployment.
    """
    config = config_at(file)
    if config is None:
        return ExitCode.REFUSED
    print(table(config), end="")
    return ExitCode.DONE
