"""The live status: what it shows for figures that are known."""
