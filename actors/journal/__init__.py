"""The journal: what was decided, in order, with its cause, and durable."""
