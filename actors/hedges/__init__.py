"""Hedge pairs: both legs or none."""
