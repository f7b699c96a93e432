"""The catalogue of messages, one module per topic."""
