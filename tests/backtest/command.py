"""Runs keel backtest in a process of its own: python -m tests.backtest.command CONFIG FOLDER."""

from __future__ import annotations

import sys

from adapters.cli import main

if __name__ == "__main__":
    main(["backtest", sys.argv[1], "--data", sys.argv[2], "--json"])
