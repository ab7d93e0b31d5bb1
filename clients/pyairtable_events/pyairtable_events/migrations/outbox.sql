-- Events that a transaction wants published. The columns are those of Debezium's outbox event router, whose defaults
-- they keep; position and shard are for the polling publisher, who deletes what it has published.
CREATE SEQUENCE IF NOT EXISTS outbox_position;

CREATE TABLE IF NOT EXISTS outbox (
    id uuid PRIMARY KEY,
    -- The topic is pyairtable.<aggregatetype>.events.
    aggregatetype text NOT NULL CHECK (aggregatetype ~ '^[a-z][a-z0-9-]*$'),
    -- Key of the record: events of one aggregate are published in the order of their transactions.
    aggregateid text NOT NULL,
    type text NOT NULL,
    -- Avro in the schema registry's wire format.
    payload bytea NOT NULL,
    -- What of the envelope goes into the record's headers, too.
    source text NOT NULL,
    tenant text,
    correlation_id uuid NOT NULL,
    causation_id uuid,
    occurred_at timestamptz NOT NULL,
    -- Java properties with a W3C traceparent, as Debezium's tracing reads them.
    tracingspancontext text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    position bigint NOT NULL,
    shard smallint NOT NULL GENERATED ALWAYS AS
        ((hashtextextended(aggregatetype || '/' || aggregateid, 0) & 63)::smallint) STORED
);

CREATE INDEX IF NOT EXISTS outbox_by_shard ON outbox (shard, position);

-- A position is drawn under a lock on the aggregate that lasts until the transaction ends. Whoever writes the next event
-- of that aggregate waits for it, whatever language it is written in: order of positions is order of commits.
CREATE OR REPLACE FUNCTION outbox_take_position() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('outbox/' || NEW.aggregatetype || '/' || NEW.aggregateid, 0));
    NEW.position := nextval('outbox_position');
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER outbox_take_position BEFORE INSERT ON outbox
    FOR EACH ROW EXECUTE FUNCTION outbox_take_position();
