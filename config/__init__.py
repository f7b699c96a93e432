"""Configuration: schema, loading, and the wiring from TOML to a running system."""
