"""Component tests against a recording monitor."""
