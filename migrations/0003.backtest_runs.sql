-- depends: 0002.prices

CREATE TABLE backtest_runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    portfolio_id text NOT NULL,
    start_date date NOT NULL,
    end_date date NOT NULL,
    initial_cash double precision NOT NULL,
    status text NOT NULL DEFAULT 'RUNNING' CHECK (status IN ('RUNNING', 'COMPLETE', 'FAILED')),
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    config jsonb NOT NULL,
    result jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT finished_when_not_running CHECK ((finished_at IS NULL) = (status = 'RUNNING'))
);
COMMENT ON TABLE backtest_runs IS 'One row a backtest. A run is whole only when it is COMPLETE; RUNNING without a process that holds its lock has died.';
COMMENT ON COLUMN backtest_runs.config IS 'The settings that the run was asked with, secrets apart.';
COMMENT ON COLUMN backtest_runs.result IS 'The figures of a COMPLETE run; the date and cause of a FAILED one.';
