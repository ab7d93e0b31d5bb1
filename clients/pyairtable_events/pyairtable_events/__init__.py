"""Event bus, outbox, idempotent consumers and sagas for PyAirtable's Python services."""
