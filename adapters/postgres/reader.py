"""What is recorded, listed for people and programs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from attrs import define, field
from psycopg import sql

from ...ports.repository import Listing, RecordReader
from .connection import connect, translated
from .runs import STATUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...ports.repository import Listed, Selection

ORDERS = sql.SQL("""
    SELECT o.timestamp, o.portfolio_id, o.instrument_id, o.side, o.order_type, o.quantity, o.status, o.mode,
        abs(o.filled_lots) * o.lot_size AS filled_quantity, o.limit_price, o.stop_price, o.time_in_force, o.reason,
        r.name AS run, d.name AS decision, d.as_of_date, o.lots, o.filled_lots, o.lot_size, o.leg, o.attempt,
        o.triggered, o.order_id::text, o.decision_id::text
    FROM (
        SELECT * FROM orders t WHERE {} ORDER BY timestamp DESC, instrument_id, leg, order_id LIMIT %(limit)s::bigint
    ) o
    LEFT JOIN decisions d USING (decision_id)
    LEFT JOIN backtest_runs r ON r.run_id = o.run_id
    ORDER BY o.timestamp DESC, o.instrument_id, o.leg, o.order_id
""")
FILLS = sql.SQL("""
    SELECT f.timestamp, f.instrument_id, f.side, f.quantity, f.price, f.mode,
        f.portfolio_id, f.commission, r.name AS run, d.name AS decision, d.as_of_date, f.lots, f.lot_size,
        f.fill_id::text, f.order_id::text, f.broker_execution_id, f.seq
    FROM (
        SELECT * FROM fills t WHERE {} ORDER BY timestamp DESC, instrument_id, seq DESC, fill_id
        LIMIT %(limit)s::bigint
    ) f
    LEFT JOIN orders o USING (order_id)
    LEFT JOIN decisions d USING (decision_id)
    LEFT JOIN backtest_runs r ON r.run_id = f.run_id
    ORDER BY f.timestamp DESC, f.instrument_id, f.seq DESC, f.fill_id
""")
POSITIONS = sql.SQL("""
    WITH newest AS (
        SELECT DISTINCT ON (t.portfolio_id, t.mode, t.broker, t.account, t.run_id) t.decision_id, t.name
        FROM decisions t JOIN execution_plans p USING (decision_id)
        WHERE p.state = 'APPLIED' AND {}
        ORDER BY t.portfolio_id, t.mode, t.broker, t.account, t.run_id, t.timestamp DESC, t.decision_id DESC
    )
    SELECT s.portfolio_id, s.as_of_date, s.instrument_id, s.quantity, s.avg_cost, s.market_value, s.unrealized_pnl,
        s.mode, s.timestamp, s.price, s.realized_pnl, s.cost, r.name AS run, d.name AS decision, s.lots, s.lot_size,
        s.multiplier, s.decision_id::text
    FROM newest d
    JOIN positions_snapshots s USING (decision_id)
    LEFT JOIN backtest_runs r ON r.run_id = s.run_id
    WHERE %(instrument)s::text IS NULL OR s.instrument_id = %(instrument)s
    ORDER BY s.timestamp DESC, s.instrument_id, s.portfolio_id, s.decision_id
    LIMIT %(limit)s::bigint
""")
RUNS = sql.SQL("""
    SELECT r.name, r.portfolio_id, {status} AS status, r.start_date, r.end_date, r.initial_cash, r.started_at,
        r.finished_at, r.run_id, r.result, r.config
    FROM backtest_runs r WHERE {wanted}
    ORDER BY r.started_at DESC, r.run_id DESC LIMIT %(limit)s::bigint
""")
WANTED: Mapping[str, sql.SQL] = {
    "portfolio": sql.SQL("t.portfolio_id = %(portfolio)s"),
    "mode": sql.SQL("t.mode = %(mode)s::execution_mode"),
    "run": sql.SQL("t.run_id = (SELECT run_id FROM backtest_runs WHERE name = %(run)s)"),
    "since": sql.SQL("t.timestamp >= %(since)s"),
    "instrument": sql.SQL("t.instrument_id = %(instrument)s"),
}
WANTED_RUNS: Mapping[str, sql.SQL] = {
    "portfolio": sql.SQL("r.portfolio_id = %(portfolio)s"),
    "mode": sql.SQL("%(mode)s = 'BACKTEST'"),
    "run": sql.SQL("r.name = %(run)s"),
    "since": sql.SQL("r.started_at >= %(since)s"),
}


@define(eq=False)
class PostgresRecordReader(RecordReader):
    """
    Lists what the database *dsn* holds, on a connection of each call's own.

    A run that should be running and has no process is listed as INTERRUPTED. Runs are not selected by instrument.
    """

    dsn: str = field(repr=False)

    def rows(self, what: Listed, selection: Selection) -> Listing:
        parameters = {
            "portfolio": selection.portfolio,
            "instrument": selection.instrument,
            "mode": None if selection.mode is None else selection.mode.value,
            "run": selection.run,
            "since": selection.since,
        }
        given = {name for name, value in parameters.items() if value is not None}
        with closing(connect(self.dsn, bulk=True)) as connection, translated("list what is recorded"):
            cursor = connection.execute(_query(what, given), {**parameters, "limit": selection.limit})
            return Listing(tuple(column.name for column in cursor.description or ()), cursor.fetchall())


def _query(what: Listed, given: set[str]) -> sql.Composed:
    """Return the query for *what*, under the conditions that are *given*."""
    if what == "runs":
        return RUNS.format(status=STATUS, wanted=_all(WANTED_RUNS, given))
    if what == "positions":
        # The newest snapshot is the portfolio's, whichever instrument is asked for.
        return POSITIONS.format(_all(WANTED, given - {"instrument"}))
    return (ORDERS if what == "orders" else FILLS).format(_all(WANTED, given))


def _all(conditions: Mapping[str, sql.SQL], given: set[str]) -> sql.Composable:
    kept = [condition for name, condition in conditions.items() if name in given]
    return sql.SQL(" AND ").join(kept) if kept else sql.SQL("true")
