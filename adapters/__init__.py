"""The outside world: venues, transports, storage, console, dashboard, alerts, command line."""
