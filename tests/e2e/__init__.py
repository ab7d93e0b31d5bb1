"""Tests against the lab."""
