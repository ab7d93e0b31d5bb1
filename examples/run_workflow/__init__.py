"""A run of a workflow as a saga of three steps, with outbox, idempotent consumer and dead letters."""
