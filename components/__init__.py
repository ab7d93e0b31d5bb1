"""Pulumi components of the platform."""
