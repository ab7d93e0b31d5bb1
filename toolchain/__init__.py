"""Finds or builds the programs the platform runs on."""
