"""Venue connections: one actor per venue and account, around a sans-IO gateway."""
