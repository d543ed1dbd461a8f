"""Which backtests were run, and how they ended."""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext, suppress
from difflib import get_close_matches
from shlex import quote
from typing import TYPE_CHECKING

from attrs import define, field
from psycopg import Error, sql

from ...ports.errors import RunHeld, StoreConflict, UnknownRun
from ...ports.repository import RunRepository
from .connection import connect, transaction, translated
from .documents import document
from .partitions import drop_partitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

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
FREE = "SELECT run_id, pg_try_advisory_xact_lock(%s, run_id::integer) FROM backtest_runs WHERE name = %s"
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
    _holding: dict[str, Connection[TupleRow]] = field(factory=dict, init=False, repr=False)

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
            self._holding[run.name] = connection
            try:
                yield
            finally:
                del self._holding[run.name]

    def finish(self, run: Run, status: RunStatus, result: Mapping[str, object]) -> None:
        with self._reached(run) as connection, translated("record the end of a run"):
            done = connection.execute(FINISH, [status, document(result), run.name])
            if done.rowcount != 1:
                rule = f"run {run.name!r} is not running, so it cannot end as {status}"
                raise StoreConflict(rule)

    def _reached(self, run: Run) -> AbstractContextManager[Connection[TupleRow]]:
        """Return the connection that holds *run*, or another where it is lost: the end is recorded all the same."""
        holding = self._holding.get(run.name)
        if holding is not None:
            with suppress(Error):
                holding.execute("SELECT")
                return nullcontext(holding)
        return closing(connect(self.dsn))

    def delete(self, name: str) -> None:
        with (
            closing(connect(self.dsn, bulk=True, application="execbridge delete")) as connection,
            transaction(connection, "delete a run"),
        ):
            # The lock that a run holds while it is under way; this transaction then holds it.
            found = connection.execute(FREE, [LOCKS, name]).fetchone()
            if found is None:
                raise unknown_run(connection, name)
            run_id, is_free = found
            if not is_free:
                rule = f"run {name!r} is held by another process, which still runs it; end that first"
                raise RunHeld(rule)
            drop_partitions(connection, run_id)
            # Its decisions, and what they came to, go with it.
            connection.execute("DELETE FROM backtest_runs WHERE run_id = %s", [run_id])


def unknown_run(connection: Connection[TupleRow], name: str) -> UnknownRun:
    """Return what to raise where no run *name* is recorded."""
    known = [str(row[0]) for row in connection.execute("SELECT name FROM backtest_runs ORDER BY run_id DESC")]
    near = ", ".join(map(repr, get_close_matches(name, known)))
    return UnknownRun(f"no run named {name!r} is recorded" + (f"; did you mean {near}?" if near else ""))


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
    rule = (
        f"a run named {name!r} is recorded already ({told[str(status)]}); it stays as it is: give this one another name"
    )
    return rule if status == "RUNNING" else f"{rule}, or delete that one: execbridge runs delete {quote(name)}"
