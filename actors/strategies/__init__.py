"""Strategies: what turns market data into signals for pairs."""
