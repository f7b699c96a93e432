"""From a path on the command line to a checked config, or to its problems on standard error."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from config.load import ConfigError, load, shipped
from config.problems import Problem
from config.schema import Config

__all__ = ["config_at", "find", "problems_as_json", "problems_as_text"]


def find(path: Path) -> Path:
    """Return the file itself, or the one that Keel ships when it is meant by ``config/NAME``."""
    if not path.exists() and path.parent in (Path(), Path("config")):
        candidate = shipped(path.name)
        if candidate.is_file():
            return candidate
    return path


def config_at(path: Path) -> Config | None:
    """Return the config of a file; its problems go to standard error and give None."""
    try:
        return load(find(path))
    except ConfigError as error:
        sys.stderr.write(problems_as_text(error.problems))
        return None


def problems_as_text(problems: tuple[Problem, ...]) -> str:
    """Return one line per problem and their number."""
    lines = "".join(f"{problem}\n" for problem in problems)
    return f"{lines}{len(problems)} problem{'s' if len(problems) != 1 else ''}\n"


def problems_as_json(file: str, problems: tuple[Problem, ...]) -> str:
    """Return one JSON object: the file, whether it is valid, and its problems."""
    listed = [msgspec.to_builtins(problem) for problem in problems]
    return json.dumps({"file": file, "valid": not problems, "problems": listed})
