"""Recordings that are written once, and a config that trades on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import shipped
from tests.backtest.recordings import hour_folder, minute_folder, quick_config


@pytest.fixture(scope="session")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten hours of one-minute candles."""
    return minute_folder(tmp_path_factory.mktemp("minutes"))


@pytest.fixture(scope="session")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of one-hour candles."""
    return hour_folder(tmp_path_factory.mktemp("hours"))


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped config for backtests with quicker signals."""
    return quick_config(shipped("hedged.toml"), tmp_path_factory.mktemp("config") / "quick.toml")
