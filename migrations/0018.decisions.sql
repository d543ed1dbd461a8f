-- depends: 0003.backtest_runs

CREATE TYPE execution_mode AS ENUM ('BACKTEST', 'PAPER', 'LIVE');

CREATE TABLE decisions (
    decision_id uuid PRIMARY KEY,
    run_id bigint REFERENCES backtest_runs ON DELETE CASCADE,
    portfolio_id text NOT NULL,
    mode execution_mode NOT NULL,
    broker text NOT NULL,
    account text NOT NULL,
    name text NOT NULL,
    as_of_date date NOT NULL,
    timestamp timestamptz NOT NULL,
    targets jsonb,
    UNIQUE NULLS NOT DISTINCT (run_id, portfolio_id, mode, broker, account, name)
);
COMMENT ON TABLE decisions IS 'What was decided: one row each time that targets were handed over to be carried out.';
COMMENT ON COLUMN decisions.decision_id IS 'UUID version 8: the decision''s millisecond and a hash of all that names it.';
COMMENT ON COLUMN decisions.run_id IS 'The backtest it belongs to; NULL outside of backtest runs.';
COMMENT ON COLUMN decisions.name IS 'The decision''s own name within its portfolio or run.';
COMMENT ON COLUMN decisions.timestamp IS 'The instant of the decision: what was known then is what it knew.';
COMMENT ON COLUMN decisions.targets IS 'What was wanted: {"unit", "complete", "amounts": {instrument: amount, null where unknown}}; NULL in backtest runs, whose config names the source.';
