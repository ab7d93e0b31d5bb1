"""Event contracts: the Avro schemas of the topics, and what a registry will say about a change to one, without a registry."""
