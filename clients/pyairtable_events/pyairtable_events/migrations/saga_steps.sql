-- What became of the steps this service was asked for: a step acts once and is undone once, however often it is asked.
CREATE TABLE IF NOT EXISTS saga_steps (
    saga_id uuid NOT NULL,
    step text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('action', 'compensation')),
    attempt integer NOT NULL,
    succeeded boolean NOT NULL,
    -- The answer, to be given again when the question comes again.
    output jsonb NOT NULL DEFAULT '{}',
    error jsonb,
    decided_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (saga_id, step, direction)
);

CREATE INDEX IF NOT EXISTS saga_steps_by_age ON saga_steps (decided_at);
