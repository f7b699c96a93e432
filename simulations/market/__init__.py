"""Where simulated markets come from: recorded candles and feeds, or a seeded generator."""
