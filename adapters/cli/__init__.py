"""The ``keel`` command: each subcommand's module is imported when it is called, not before.

Exit codes: 0 done; 1 refused (config, data) or failed; 2 the command line is wrong; 3 ended without
a confirmed flat book; 130 interrupted before it could end.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from cyclopts import App, CycloptsError

from adapters.cli.codes import ExitCode

__all__ = ["PACKAGES", "ExitCode", "application", "foreign_packages", "main"]

PACKAGES = ("domain", "actors", "config", "adapters", "simulations")


def application() -> App:
    """Return the command line with every subcommand by name."""
    app = App(
        name="keel",
        help="Trade hedged perpetual futures; every decider is an actor.",
        help_epilogue=(
            "Exit codes: 0 done; 1 refused or failed; 2 wrong command line; "
            "3 not confirmed flat; 130 interrupted."
        ),
        version=_version,
    )
    app.command("adapters.cli.run:run", name="run")
    app.command("adapters.cli.check:check", name="check")
    app.command("adapters.cli.backtest:backtest", name="backtest")
    app.command("adapters.cli.tree:tree", name="tree")
    return app


def foreign_packages(folders: dict[str, Path | None]) -> list[str]:
    """Return what is wrong with where the packages lie; all must share one parent folder.

    Names like ``domain`` are common: a package of that name from elsewhere would be taken for ours.
    """
    home = folders["adapters"]
    found = []
    for name, folder in folders.items():
        if folder is None:
            found.append(f"{name}: not found beside {home}")
        elif folder != home:
            found.append(f"{name}: found in {folder}, but adapters in {home}")
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    foreign = foreign_packages({name: _parent(name) for name in PACKAGES})
    if foreign:
        lines = "\n  ".join(foreign)
        sys.stderr.write(
            f"Keel's packages are mixed with others:\n  {lines}\nInstall Keel in an environment of "
            "its own (make install), and run it without PYTHONPATH.\n"
        )
        sys.exit(ExitCode.REFUSED)
    try:
        code = application()(arguments, exit_on_error=False, result_action="return_value")
    except CycloptsError:
        sys.exit(ExitCode.USAGE)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(code or ExitCode.DONE)


def _parent(name: str) -> Path | None:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent.parent


def _version() -> str:
    from importlib.metadata import version

    return version("keel")
