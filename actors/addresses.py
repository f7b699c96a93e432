"""The addresses of the trading actors: stable paths, the same in every run."""

from __future__ import annotations

__all__ = [
    "FLATTEN",
    "JOURNAL",
    "PORTFOLIO",
    "RISK",
    "ROOT",
    "pair_address",
    "position_address",
    "venue_address",
]

ROOT = "/"
JOURNAL = "/journal"
FLATTEN = "/flatten"
RISK = "/risk"
PORTFOLIO = "/portfolio"


def venue_address(venue: str) -> str:
    """Return the address of a venue's connection."""
    return f"/venues/{venue}"


def pair_address(pair: str) -> str:
    """Return the address of a pair."""
    return f"/hedges/{pair}"


def position_address(instrument: str) -> str:
    """Return the address of the one owner of an instrument's position."""
    venue, _, symbol = instrument.partition(":")
    return f"/positions/{venue}/main/{symbol}"
