"""Benchmarks: how fast each path is beside what a user would pick instead, measured in one run."""
