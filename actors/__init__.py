"""Everything that decides: the engine, the ports, and the trading actors."""
