"""Right-sizing: pure functions from a stack's configuration, and what was seen of it while it ran, to advice."""
