"""Judges whether a stack of the last release can take the present program without losing anything."""
