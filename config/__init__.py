"""Typed platform configuration and the catalogue."""
