"""The flattener: closes a scope by a path of its own."""
