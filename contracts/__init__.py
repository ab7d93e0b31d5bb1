"""Event contracts: the topics' Avro schemas, and what a registry will say about a change to one, without a registry."""
