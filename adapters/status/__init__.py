"""The live status of a run, drawn from what actors report, never from the actors themselves."""
