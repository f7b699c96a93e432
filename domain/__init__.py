"""Values and rules of trading: pure, without clock, randomness, input or output."""
