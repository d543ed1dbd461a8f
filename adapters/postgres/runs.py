"""Which backtests were run, and how they ended."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from attrs import define, field
from psycopg import sql

from ...ports.errors import StoreConflict
from ...ports.repository import RunRepository
from .connection import connect, transaction, translated
from .documents import document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...ports.repository import Run, RunStatus

LOCKS = 20_003
"""The first of the two numbers of a run's lock; the second is the run's own."""

STATUS = sql.SQL(
    "CASE WHEN r.status = 'RUNNING' AND NOT EXISTS ("
    "SELECT FROM pg_locks l JOIN pg_database b ON b.oid = l.database WHERE b.datname = current_database()"
    " AND l.locktype = 'advisory' AND l.classid = {} AND l.objid::bigint = r.run_id AND l.objsubid = 2 AND l.granted"
    ") THEN 'INTERRUPTED' ELSE r.status END"
).format(sql.Literal(LOCKS))
"""The status of a run r; INTERRUPTED where it should be running and no process holds it."""

INSERT = (
    "INSERT INTO backtest_runs (name, portfolio_id, start_date, end_date, initial_cash, config)"
    " VALUES (%s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT (name) DO NOTHING RETURNING run_id"
)
FINISH = (
    "UPDATE backtest_runs SET status = %s, result = %s::jsonb, finished_at = now()"
    " WHERE name = %s AND status = 'RUNNING'"
)
KNOWN = sql.SQL(
    "SELECT {}, to_char(coalesce(r.finished_at, r.started_at), 'YYYY-MM-DD HH24:MI UTC'), r.result->>'date',"
    " r.result->>'cause' FROM backtest_runs r WHERE r.name = %s"
).format(STATUS)


@define(eq=False)
class PostgresRunRepository(RunRepository):
    """
    Keeps runs in the database *dsn*.

    A run is held by a lock on a connection of its own, which PostgreSQL lets go when the process dies.
    """

    dsn: str = field(repr=False)

    @contextmanager
    def start(self, run: Run) -> Iterator[None]:
        with closing(connect(self.dsn, application="execbridge run")) as connection:
            with transaction(connection, "record a run"):
                asked = [run.name, run.portfolio.id, run.start, run.end, float(run.initial_cash), document(run.config)]
                begun = connection.execute(INSERT, asked).fetchone()
                if begun is None:
                    raise StoreConflict(_taken(connection, run.name))
                # Taken before the run is seen by others, and kept until the connection ends.
                connection.execute("SELECT pg_advisory_lock(%s, %s::integer)", [LOCKS, begun[0]])
            yield

    def finish(self, run: Run, status: RunStatus, result: Mapping[str, object]) -> None:
        # On a connection of its own, so that the end is recorded even where the run has lost its own.
        with closing(connect(self.dsn)) as connection, translated("record the end of a run"):
            done = connection.execute(FINISH, [status, document(result), run.name])
            if done.rowcount != 1:
                rule = f"run {run.name!r} is not running, so it cannot end as {status}"
                raise StoreConflict(rule)


def _taken(connection: Connection[TupleRow], name: str) -> str:
    """Return what to say of the run that has *name* already, and how to go on."""
    known = connection.execute(KNOWN, [name]).fetchone()
    assert known is not None, "Invariant: a name that cannot be inserted is there."
    status, since, day, cause = known
    told = {
        "COMPLETE": f"COMPLETE since {since}",
        "FAILED": f"FAILED on {day}: {cause}",
        "RUNNING": f"RUNNING since {since}, in another process",
        "INTERRUPTED": f"INTERRUPTED: begun {since}, and its process is gone",
    }
    return (
        f"a run named {name!r} is recorded already ({told[str(status)]}); it stays as it is: give this one another name"
    )
