"""From an experiment to a compiled program to a stored record."""
