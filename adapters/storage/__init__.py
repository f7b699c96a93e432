"""Durable storage: the journal in a SQLite file, and where its records go while it fails."""
