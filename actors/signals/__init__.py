"""Indicators: TA-Lib's functions, one bar at a time."""
