"""What a strategy plugin exports under the entry point ``keel.strategies``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from actors.runtime.actor import Actor
from actors.settings import PairSettings, StrategySettings

__all__ = ["Parameters", "StrategyPlugin"]

Parameters = Mapping[str, str | int | float | bool]


class StrategyPlugin(Protocol):
    """One kind of strategy: how its parameters are checked and how its actor is built."""

    kind: str

    def check(self, parameters: Parameters) -> list[str]:
        """Return what is wrong with the parameters, each as a sentence; empty when they will do."""

    def build(self, settings: StrategySettings, pair: PairSettings) -> Actor:
        """Return a new actor; called inside a spawn, once per start.

        Raises: DomainError for parameters that check() would refuse.
        """
