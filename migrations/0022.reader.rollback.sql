-- The role itself stays where other databases of the server, or accounts, still depend on it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'execbridge_reader') THEN
        RETURN;
    END IF;
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM execbridge_reader', current_schema());
    REVOKE SELECT ON instruments, prices_daily, backtest_runs, decisions, execution_plans, orders, fills, positions_snapshots
        FROM execbridge_reader;
    BEGIN
        DROP ROLE execbridge_reader;
    EXCEPTION
        WHEN dependent_objects_still_exist OR insufficient_privilege THEN
            RAISE NOTICE 'role execbridge_reader stays: it is used elsewhere, or % may not drop it', current_user;
    END;
END $$;
