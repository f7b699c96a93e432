"""The portfolio: what everything is worth, what it earned, and what happened on the way."""
