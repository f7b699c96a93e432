"""Positions: one owner per venue, account and instrument."""
