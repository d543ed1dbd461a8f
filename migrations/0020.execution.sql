-- depends: 0018.decisions

CREATE TYPE order_type AS ENUM ('MARKET', 'LIMIT', 'STOP', 'STOP_LIMIT');
CREATE TYPE time_in_force AS ENUM ('DAY', 'GTC');
CREATE TYPE order_status AS ENUM (
    'PENDING', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED', 'UNKNOWN'
);

CREATE TABLE execution_plans (
    decision_id uuid PRIMARY KEY REFERENCES decisions ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('PLANNED', 'APPLIED')),
    refusals jsonb NOT NULL DEFAULT '[]',
    cash double precision,
    equity double precision,
    buying_power double precision
);
COMMENT ON TABLE execution_plans IS 'What each decision came to. The row is also the head of its positions snapshot, so a flat book is a snapshot too.';
COMMENT ON COLUMN execution_plans.state IS 'PLANNED: its orders are recorded, the outcome is not; APPLIED: outcome and snapshot are recorded.';
COMMENT ON COLUMN execution_plans.refusals IS 'What is not traded and why: a list of {instrument, leg, lots, reason, value, limit}.';
COMMENT ON COLUMN execution_plans.equity IS 'Cash and market value once the decision was carried out; NULL where a mark was not known.';

CREATE TABLE orders (
    timestamp timestamptz NOT NULL,
    order_id uuid NOT NULL,
    decision_id uuid NOT NULL,
    run_id bigint,
    lots bigint NOT NULL CHECK (lots <> 0),
    lot_size double precision NOT NULL,
    limit_price double precision,
    stop_price double precision,
    filled_lots bigint NOT NULL,
    mode execution_mode NOT NULL,
    order_type order_type NOT NULL DEFAULT 'MARKET',
    time_in_force time_in_force NOT NULL DEFAULT 'DAY',
    status order_status NOT NULL DEFAULT 'PENDING',
    attempt integer NOT NULL DEFAULT 0,
    leg smallint NOT NULL DEFAULT 0,
    triggered boolean NOT NULL DEFAULT false,
    portfolio_id text NOT NULL,
    instrument_id text COLLATE "C" NOT NULL,
    reason text,
    CONSTRAINT filled_within_lots CHECK (filled_lots * sign(lots::double precision) >= 0 AND abs(filled_lots) <= abs(lots))
) PARTITION BY LIST (run_id);

CREATE TABLE fills (
    timestamp timestamptz NOT NULL,
    fill_id uuid NOT NULL,
    order_id uuid NOT NULL,
    run_id bigint,
    seq bigint NOT NULL,
    lots bigint NOT NULL CHECK (lots <> 0),
    lot_size double precision NOT NULL,
    price double precision NOT NULL CHECK (price > 0 AND price < 'Infinity'),
    commission double precision NOT NULL,
    mode execution_mode NOT NULL,
    portfolio_id text NOT NULL,
    instrument_id text COLLATE "C" NOT NULL,
    broker_execution_id text
) PARTITION BY LIST (run_id);

CREATE TABLE positions_snapshots (
    timestamp timestamptz NOT NULL,
    decision_id uuid NOT NULL,
    run_id bigint,
    lots bigint NOT NULL,
    lot_size double precision NOT NULL,
    multiplier double precision NOT NULL,
    cost double precision NOT NULL,
    realized_pnl double precision NOT NULL,
    price double precision,
    as_of_date date NOT NULL,
    mode execution_mode NOT NULL,
    portfolio_id text NOT NULL,
    instrument_id text COLLATE "C" NOT NULL
) PARTITION BY LIST (run_id);

-- What follows from other columns is worked out when it is read, where the server can (from 18 on); else it is stored.
DO $$
DECLARE
    kept text := CASE WHEN current_setting('server_version_num')::integer >= 180000 THEN 'VIRTUAL' ELSE 'STORED' END;
    traded text;
BEGIN
    FOREACH traded IN ARRAY ARRAY['orders', 'fills'] LOOP
        EXECUTE format('ALTER TABLE %1$I'
            ' ADD quantity double precision GENERATED ALWAYS AS (abs(lots) * lot_size) %2$s,'
            ' ADD side text GENERATED ALWAYS AS (CASE WHEN lots > 0 THEN ''BUY'' ELSE ''SELL'' END) %2$s', traded, kept);
    END LOOP;
    EXECUTE format('ALTER TABLE positions_snapshots'
        ' ADD quantity double precision GENERATED ALWAYS AS (lots * lot_size) %1$s,'
        ' ADD avg_cost double precision GENERATED ALWAYS AS'
        ' (CASE WHEN lots = 0 THEN NULL ELSE cost / (lots * lot_size * multiplier) END) %1$s,'
        ' ADD market_value double precision GENERATED ALWAYS AS'
        ' (CASE WHEN lots = 0 THEN 0 ELSE lots * lot_size * multiplier * price END) %1$s,'
        ' ADD unrealized_pnl double precision GENERATED ALWAYS AS'
        ' (CASE WHEN lots = 0 THEN 0 ELSE lots * lot_size * multiplier * price - cost END) %1$s', kept);
END $$;

-- What is outside of backtest runs is kept here, under keys from its first row on. Each run gets partitions of its own
-- when it begins to record (orders_run_1, ...), which are filled bare and get their keys once they are.
CREATE TABLE orders_outside PARTITION OF orders (PRIMARY KEY (order_id)) FOR VALUES IN (NULL);
CREATE INDEX orders_outside_portfolio ON orders_outside (portfolio_id, timestamp);
CREATE INDEX orders_outside_open ON orders_outside (portfolio_id)
    WHERE status IN ('PENDING', 'SUBMITTED', 'ACCEPTED', 'PARTIALLY_FILLED', 'UNKNOWN');
CREATE TABLE fills_outside PARTITION OF fills (PRIMARY KEY (fill_id)) FOR VALUES IN (NULL);
CREATE INDEX fills_outside_portfolio ON fills_outside (portfolio_id, timestamp);
CREATE INDEX fills_outside_order ON fills_outside (order_id);
CREATE TABLE positions_snapshots_outside PARTITION OF positions_snapshots (PRIMARY KEY (decision_id, instrument_id))
    FOR VALUES IN (NULL);
CREATE INDEX positions_snapshots_outside_portfolio ON positions_snapshots_outside (portfolio_id, timestamp);
COMMENT ON TABLE orders_outside IS 'The orders that belong to no backtest run.';
COMMENT ON TABLE fills_outside IS 'The fills that belong to no backtest run.';
COMMENT ON TABLE positions_snapshots_outside IS 'The snapshots that belong to no backtest run.';

COMMENT ON TABLE orders IS 'What was asked for, one row an order.';
COMMENT ON COLUMN orders.order_id IS 'UUID version 8, a pure function of decision, instrument, leg and attempt; its text form is the broker''s client order id.';
COMMENT ON COLUMN orders.lots IS 'Whole lots, signed: + buys, - sells.';
COMMENT ON COLUMN orders.lot_size IS 'Units of quantity in a lot, as in force when the order was made.';
COMMENT ON COLUMN orders.quantity IS 'Units of quantity, unsigned: abs(lots) x lot_size; the side says which way.';
COMMENT ON COLUMN orders.filled_lots IS 'The sum of the lots of its fills, signed like lots.';
COMMENT ON COLUMN orders.run_id IS 'The backtest run it belongs to; NULL outside of runs. So in fills and positions_snapshots; each run is a partition of its own.';
COMMENT ON COLUMN orders.leg IS '1 for the part of a flip that opens, else 0.';
COMMENT ON COLUMN orders.triggered IS 'Whether the stop has been touched.';
COMMENT ON COLUMN orders.reason IS 'Why the broker refused it, in the broker''s words.';
COMMENT ON TABLE fills IS 'What happened, one row an execution.';
COMMENT ON COLUMN fills.seq IS 'The order in which the fills of a portfolio (of a run, in a backtest) were recorded.';
COMMENT ON COLUMN fills.lots IS 'Whole lots, signed: + bought, - sold.';
COMMENT ON COLUMN fills.quantity IS 'Units of quantity, unsigned: abs(lots) x lot_size; the side says which way.';
COMMENT ON COLUMN fills.price IS 'Per unit of quantity, in the instrument''s currency, slippage included.';
COMMENT ON COLUMN fills.commission IS 'In the instrument''s currency; negative is a rebate.';
COMMENT ON COLUMN fills.broker_execution_id IS 'The broker''s own id of the execution; NULL where a simulation made it.';
COMMENT ON TABLE positions_snapshots IS 'What was held once a decision was carried out: one row an instrument that is held, or that this decision closed.';
COMMENT ON COLUMN positions_snapshots.lots IS 'Whole lots, signed: - is short; 0 where the position was just closed.';
COMMENT ON COLUMN positions_snapshots.quantity IS 'Units of quantity, signed: lots x lot_size.';
COMMENT ON COLUMN positions_snapshots.cost IS 'What the open lots cost, signed like lots; avg_cost is derived from it.';
COMMENT ON COLUMN positions_snapshots.avg_cost IS 'Per unit of quantity; NULL where flat.';
COMMENT ON COLUMN positions_snapshots.realized_pnl IS 'Profit taken so far, before commissions.';
COMMENT ON COLUMN positions_snapshots.price IS 'The mark: the last price known at the timestamp; NULL where none was.';
COMMENT ON COLUMN positions_snapshots.market_value IS 'Signed; NULL where the mark is not known.';
