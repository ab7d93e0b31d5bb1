-- Events whose effect has been committed, by the consumer group that did it: the row and the effect are one transaction.
CREATE TABLE IF NOT EXISTS processed_events (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);

CREATE INDEX IF NOT EXISTS processed_events_by_age ON processed_events (processed_at);
