"""The catalogue of messages, grouped by topic: market, orders, pairs, risk, flatten, venue, journal."""
