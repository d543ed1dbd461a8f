"""What is recorded of a run, looked at in its tables: rows against rows by queries, and the days one by one."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from attrs import define, field, frozen
from psycopg import IsolationLevel, sql

from ...domain.instruments import Instrument, Instruments
from ...domain.plan_key import Portfolio
from ...ports.audit import OFFENDERS_MAX, Check, Claim, Evidence, RunAudit
from ...ports.repository import Run
from .connection import connect, translated
from .days import STRETCH_ROWS, read_days
from .partitions import KEYS, has_partitions, missing_keys
from .runs import STATUS, unknown_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

# Rows of a run that died have no statistics: by a guess, each would be joined row by row.
SETTINGS = "SET LOCAL work_mem = '64MB'; SET LOCAL enable_nestloop = off"

RUN = sql.SQL(
    "SELECT r.run_id, r.portfolio_id, r.start_date, r.end_date, r.initial_cash, r.config, {}, r.result"
    " FROM backtest_runs r WHERE r.name = %s"
).format(STATUS)
LAST = sql.SQL(
    "SELECT coalesce(max(d.timestamp)::text, '-infinity') FROM decisions d JOIN execution_plans p USING (decision_id)"
    " WHERE d.run_id = {run} AND p.state = 'APPLIED'"
)
COUNTS: Mapping[str, sql.SQL] = {
    "orders": sql.SQL("SELECT count(*) FROM orders t WHERE t.run_id = {run} AND t.timestamp <= {until}"),
    "fills": sql.SQL("SELECT count(*) FROM fills t WHERE t.run_id = {run}"),
    "decisions": sql.SQL("SELECT count(*) FROM decisions t WHERE t.run_id = {run} AND t.timestamp <= {until}"),
    "snapshots": sql.SQL("SELECT count(*) FROM positions_snapshots t WHERE t.run_id = {run}"),
}
# What breaks each claim: of which rows, and how each of those is named.
BROKEN: Mapping[Claim, tuple[str, sql.SQL]] = {
    Claim.FILL_HAS_ORDER: (
        "fills",
        sql.SQL(
            "SELECT format('%s %s fill %s: no order %s', {day}, t.instrument_id, t.fill_id, t.order_id) AS offender"
            " FROM fills t WHERE t.run_id = {run} AND NOT EXISTS (SELECT FROM orders o WHERE o.run_id = {run}"
            " AND o.order_id = t.order_id AND o.instrument_id = t.instrument_id)"
        ),
    ),
    Claim.ORDER_HAS_DECISION: (
        "orders",
        sql.SQL(
            "SELECT format('%s %s order %s', {day}, t.instrument_id, t.order_id) AS offender"
            " FROM orders t WHERE t.run_id = {run} AND t.timestamp <= {until} AND NOT EXISTS ("
            "SELECT FROM decisions d WHERE d.run_id = {run} AND d.decision_id = t.decision_id)"
        ),
    ),
    Claim.ORDER_IS_FILLED: (
        "orders",
        sql.SQL(
            "SELECT format('%s %s order %s: %s lots, its fills are %s',"
            " {day}, t.instrument_id, t.order_id, t.filled_lots, coalesce(f.lots, 0)) AS offender"
            " FROM orders t LEFT JOIN (SELECT order_id, sum(lots) AS lots FROM fills WHERE run_id = {run}"
            " GROUP BY order_id) f USING (order_id)"
            " WHERE t.run_id = {run} AND t.timestamp <= {until} AND t.filled_lots <> coalesce(f.lots, 0)"
        ),
    ),
    Claim.DECISION_HAS_OUTCOME: (
        "decisions",
        sql.SQL(
            "SELECT format('%s decision %s', t.as_of_date, t.name) AS offender"
            " FROM decisions t LEFT JOIN execution_plans p USING (decision_id)"
            " WHERE t.run_id = {run} AND t.timestamp <= {until} AND p.state IS DISTINCT FROM 'APPLIED'"
        ),
    ),
    Claim.SNAPSHOT_HAS_DECISION: (
        "snapshots",
        sql.SQL(
            "SELECT format('%s %s decision %s', t.as_of_date, t.instrument_id, t.decision_id) AS offender"
            " FROM positions_snapshots t WHERE t.run_id = {run} AND NOT EXISTS (SELECT FROM decisions d"
            " WHERE d.run_id = {run} AND d.decision_id = t.decision_id AND d.timestamp = t.timestamp"
            " AND d.as_of_date = t.as_of_date)"
        ),
    ),
}
FIRST = sql.SQL('SELECT count(*) OVER (), offender FROM ({}) broken ORDER BY offender COLLATE "C" LIMIT {}')
DAY = sql.SQL("to_char(t.timestamp, 'YYYY-MM-DD')")

SIZES = sql.SQL(
    "SELECT instrument_id, min(lot_size), max(lot_size), coalesce(min(multiplier), 1), coalesce(max(multiplier), 1)"
    " FROM (SELECT instrument_id, lot_size, NULL::float8 AS multiplier FROM orders WHERE run_id = {run} GROUP BY 1, 2"
    " UNION ALL SELECT instrument_id, lot_size, NULL FROM fills WHERE run_id = {run} GROUP BY 1, 2"
    " UNION ALL SELECT instrument_id, lot_size, multiplier FROM positions_snapshots WHERE run_id = {run}"
    " GROUP BY 1, 2, 3) said GROUP BY 1 ORDER BY 1"
)


@define(eq=False)
class PostgresRunAudit(RunAudit):
    """
    Looks at runs in the database *dsn*, on a connection of each call's own, in one transaction that only reads.

    Days are read in stretches of about *stretch_rows* rows, so that memory does not grow with the run.
    """

    dsn: str = field(repr=False)
    stretch_rows: int = STRETCH_ROWS

    @contextmanager
    def examine(self, name: str) -> Iterator[Evidence]:
        with closing(connect(self.dsn, bulk=True, application="execbridge verify")) as connection:
            connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
            with translated("verify a run"), connection.transaction():
                connection.execute(SETTINGS)
                yield self._evidence(connection, name)

    def _evidence(self, connection: Connection[TupleRow], name: str) -> Evidence:
        found = connection.execute(RUN, [name]).fetchone()
        if found is None:
            raise unknown_run(connection, name)
        run_id, portfolio, start, end, initial_cash, config, status, result = found
        is_complete = status == "COMPLETE"
        record = _Record(connection, run_id, "infinity" if is_complete else _last(connection, run_id))
        run = Run(name, Portfolio(portfolio, run=name), start, end, initial_cash, config)
        counts = {table: record.number(query) for table, query in COUNTS.items()}
        share = self.stretch_rows / max(1, counts["fills"] + counts["snapshots"])
        on, sized = record.sizes()
        checks = [*record.checks(counts), sized]
        if is_complete and has_partitions(connection, run_id):
            checks.append(record.keyed())
        return Evidence(
            run=run,
            status=status,
            result=result,
            counts={"orders": counts["orders"], "fills": counts["fills"]},
            checks=checks,
            days=read_days(connection, run_id, name, on, share),
        )


@frozen(eq=False)
class _Record:
    """The rows of the run *run_id*; orders and decisions are those *until* an instant."""

    connection: Connection[TupleRow]
    run_id: int
    until: str

    def number(self, query: sql.SQL) -> int:
        """Return the one number that *query* tells."""
        found = self.connection.execute(self._asked(query)).fetchone()
        assert found is not None, "Invariant: an aggregate has a row."
        return int(found[0])

    def checks(self, counts: Mapping[str, int]) -> Iterator[Check]:
        """Yield what comes of holding rows against rows, of which there are *counts*."""
        for claim, (table, query) in BROKEN.items():
            first = FIRST.format(self._asked(query), sql.Literal(OFFENDERS_MAX))
            found = self.connection.execute(first).fetchall()
            yield Check(claim, counts[table], found[0][0] if found else 0, tuple(str(row[1]) for row in found))

    def sizes(self) -> tuple[Instruments, Check]:
        """Return the instruments of the run, and whether all its rows agree on their sizes."""
        rows = self.connection.execute(self._asked(SIZES)).fetchall()
        wrong = [
            f"{name}: lot sizes {lot_size:g} to {lot_size_max:g}, multipliers {multiplier:g} to {multiplier_max:g}"
            for name, lot_size, lot_size_max, multiplier, multiplier_max in rows
            if (lot_size, multiplier) != (lot_size_max, multiplier_max)
        ]
        on = Instruments.of(
            Instrument(name, lot_size, multiplier=multiplier) for name, lot_size, _, multiplier, _ in rows
        )
        return on, Check(Claim.INSTRUMENT_HAS_SIZE, len(rows), len(wrong), tuple(wrong[:OFFENDERS_MAX]))

    def keyed(self) -> Check:
        """Return whether the tables of the run, which is complete, have their keys."""
        lacking = missing_keys(self.connection, self.run_id)
        count = sum(map(len, KEYS.values()))
        return Check(Claim.KEYS_ARE_THERE, count, len(lacking), tuple(lacking[:OFFENDERS_MAX]))

    def _asked(self, query: sql.SQL) -> sql.Composed:
        return query.format(run=sql.Literal(self.run_id), until=sql.Literal(self.until), day=DAY)


def _last(connection: Connection[TupleRow], run_id: int) -> str:
    """Return the instant of the last decision of the run that was carried out, as PostgreSQL writes it."""
    last = connection.execute(LAST.format(run=sql.Literal(run_id))).fetchone()
    assert last is not None, "Invariant: an aggregate has a row."
    return str(last[0])
