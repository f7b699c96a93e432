"""Tests of the simulated exchange, its gateway, and its sources of market data."""
