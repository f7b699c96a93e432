"""Backtests on small recordings that the tests write themselves."""
