"""Tests of the trading actors: promises by number, and the parts they are made of."""
