"""The pure core of the simulated exchange: every call takes the time, nothing calls back."""
