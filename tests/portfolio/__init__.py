"""The portfolio: exact figures of what a run earned, bounded whatever its length."""
