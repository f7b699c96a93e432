"""Failure drills: the production actors on two simulated venues, one thing broken per drill."""
