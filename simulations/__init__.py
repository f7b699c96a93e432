"""Simulated venues, in-memory transports, faults, oracles, scenarios and backtests."""
