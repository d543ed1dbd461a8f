-- depends: 0020.execution

-- The role of those who only look: it cannot log in, grant it to accounts that can.
-- A server on which the owner may not make roles is migrated all the same, with a notice.
DO $$
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'execbridge_reader') THEN
            CREATE ROLE execbridge_reader NOLOGIN;
            ALTER ROLE execbridge_reader SET default_transaction_read_only = on;
            COMMENT ON ROLE execbridge_reader IS 'May read what execbridge keeps, and nothing else.';
        END IF;
    EXCEPTION
        WHEN insufficient_privilege THEN
            RAISE NOTICE 'role execbridge_reader is not made, as % may not make roles; a superuser can, and grant it SELECT', current_user;
            RETURN;
        WHEN duplicate_object OR unique_violation THEN
            NULL;  -- Another database of this server was faster.
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO execbridge_reader', current_schema());
    GRANT SELECT ON instruments, prices_daily, backtest_runs, decisions, execution_plans, orders, fills, positions_snapshots
        TO execbridge_reader;
END $$;
