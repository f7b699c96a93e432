"""The journal: nothing lost silently (P8), nothing unbounded (P7)."""
