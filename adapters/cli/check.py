"""``keel check``: say everything that is wrong with a config, without starting anything."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.cli.codes import ExitCode
from adapters.cli.files import find, problems_as_json, problems_as_text
from config.load import ConfigError, load
from config.schema import Config

__all__ = ["check"]


def check(file: Path, *, json: bool = False) -> ExitCode:
    """Check a config and report every problem at once, with file, line and key.

    Exit code 0: it can run. 1: it has problems. 2: the command line is wrong.

    Example: keel check config/paper.toml

    Parameters
    ----------
    file
        The TOML file of a deployment.
    json
        Print one JSON object on standard output.
    """
    path = find(file)
    try:
        config = load(path)
    except ConfigError as error:
        if json:
            print(problems_as_json(str(path), error.problems))
        else:
            sys.stderr.write(problems_as_text(error.problems))
        return ExitCode.REFUSED
    print(problems_as_json(str(path), ()) if json else _summary(path, config))
    return ExitCode.DONE


def _summary(path: Path, config: Config) -> str:
    venues = ", ".join(f"{venue.name} ({venue.kind})" for venue in config.venues)
    pairs = ", ".join(
        f"{pair.name} ({pair.main} hedged {pair.ratio} on {pair.hedge})" for pair in config.pairs
    )
    return f"{path}: fine\n  venues: {venues}\n  pairs: {pairs}"
