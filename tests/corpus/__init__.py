"""Schemas and their successors, to be judged offline and by a real registry."""
