"""Backtests: the production actors over recorded markets, in virtual time."""
