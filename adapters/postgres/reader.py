"""What is recorded, listed for people and programs."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from attrs import define, field
from psycopg import sql

from ...ports.repository import Listing, RecordReader
from .connection import connect, translated
from .forms import FORMS
from .listings import SOURCES
from .runs import STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...ports.repository import Form, Listed, Selection
    from .forms import Written

# One reader at a time: its sorts may have room. The rest is what makes texts the same on every server.
SETTINGS = "SET work_mem = '64MB'; SET extra_float_digits = 1; SET datestyle = 'ISO'"
RUN_ID = "SELECT run_id FROM backtest_runs WHERE name = %s"

ROWS = sql.SQL("SELECT {values} FROM {rows} ORDER BY {order}")
# The text of many rows is made at once, for sending and fetching a row costs more than making it.
BLOCKS = sql.SQL(
    "SELECT string_agg({line}, {between} ORDER BY {order}) FROM {rows} GROUP BY {block} ORDER BY {block_order}"
)
# OFFSET 0 has rows sorted before anything is made of them, and what is shared made in one place, for PostgreSQL
# remembers what came of a lateral query, and asks it again for other values only.
LISTED = sql.SQL("(SELECT * FROM ({rows}) t ORDER BY {order} OFFSET 0) t")
SHARED = sql.SQL("""
    LEFT JOIN LATERAL (
        SELECT {shared} FROM (VALUES (t.decision_id, t.run_id)) k (decision_id, run_id)
        LEFT JOIN decisions d ON d.decision_id = k.decision_id LEFT JOIN backtest_runs r ON r.run_id = k.run_id
        OFFSET 0
    ) s ON true
""")

WANTED: Mapping[str, sql.SQL] = {
    "portfolio": sql.SQL("t.portfolio_id = %(portfolio)s"),
    "mode": sql.SQL("t.mode = %(mode)s::execution_mode"),
    "run": sql.SQL("t.run_id = %(run_id)s::bigint"),
    "since": sql.SQL("t.timestamp >= %(since)s"),
    "instrument": sql.SQL("t.instrument_id = %(instrument)s"),
}
WANTED_POSITIONS = {name: condition for name, condition in WANTED.items() if name != "instrument"}
WANTED_RUNS: Mapping[str, sql.SQL] = {
    "portfolio": sql.SQL("t.portfolio_id = %(portfolio)s"),
    "mode": sql.SQL("%(mode)s = 'BACKTEST'"),
    "run": sql.SQL("t.run_id = %(run_id)s::bigint"),
    "since": sql.SQL("t.started_at >= %(since)s"),
}


@define(eq=False)
class PostgresRecordReader(RecordReader):
    """
    Lists what the database *dsn* holds, on a connection of each call's own.

    A run that should be running and has no process is listed as INTERRUPTED. Runs are not selected by instrument.
    Text is made by the server, and passed on as it comes.
    """

    dsn: str = field(repr=False)

    def rows(self, what: Listed, selection: Selection) -> Listing:
        query = _rows_query(what, selection)
        with self._asking(selection) as (connection, parameters):
            cursor = connection.execute(query, parameters)
            return Listing(tuple(column.name for column in SOURCES[what].columns), cursor.fetchall())

    def write(self, what: Listed, selection: Selection, form: Form, to: Callable[[str], object]) -> None:
        written, columns = FORMS[form], SOURCES[what].columns
        query = _text_query(what, selection, written)
        before, after = written.opening, written.empty
        with self._asking(selection) as (connection, parameters):
            for (block,) in connection.cursor().stream(query, parameters):
                to(written.whole(before, columns) + block)
                before, after = written.between, written.closing
        to(written.whole(after, columns))

    @contextmanager
    def _asking(self, selection: Selection) -> Iterator[tuple[Connection[TupleRow], Mapping[str, object]]]:
        """
        Yield a connection to read over, and the parameters that *selection* comes to.

        The run is looked up first, so that PostgreSQL plans for its tables alone.
        """
        with closing(connect(self.dsn, bulk=True)) as connection, translated("list what is recorded"):
            connection.execute(SETTINGS)
            run = connection.execute(RUN_ID, [selection.run]).fetchone()
            yield (
                connection,
                {
                    "portfolio": selection.portfolio,
                    "instrument": selection.instrument,
                    "mode": None if selection.mode is None else selection.mode.value,
                    "run_id": None if run is None else run[0],
                    "since": selection.since,
                    "limit": selection.limit,
                },
            )


def _rows_query(what: Listed, selection: Selection) -> sql.Composed:
    """Return the query for the rows of *what* that *selection* asks for, a value a column."""
    source = SOURCES[what]
    named = sql.SQL("{} AS {}")
    values = [
        sql.Identifier("s", column.name)
        if column.is_shared
        else named.format(column.value, sql.Identifier(column.name))
        for column in source.columns
    ]
    shared = [named.format(column.value, sql.Identifier(column.name)) for column in source.columns if column.is_shared]
    return ROWS.format(
        values=sql.SQL(", ").join(values), rows=_rows(what, selection, shared), order=_order(source.order)
    )


def _text_query(what: Listed, selection: Selection, written: Written) -> sql.Composed:
    """Return the query for the same rows as blocks of text, the rows of a moment in each."""
    source = SOURCES[what]
    line, pieces = written.line(source.columns)
    # At one moment a run has as many rows as it has instruments, but all runs together may have more than a text holds.
    keys = 1 if selection.run is not None else 2
    return BLOCKS.format(
        line=line,
        between=written.between,
        rows=_rows(what, selection, pieces),
        order=_order(source.order[keys:] or source.order),
        block=sql.SQL(", ").join(sql.Identifier("t", name) for name, _ in source.order[:keys]),
        block_order=_order(source.order[:keys]),
    )


def _rows(what: Listed, selection: Selection, shared: list[sql.Composed]) -> sql.Composed:
    """Return where the rows t of *what* come from, in their order, with what is *shared* as the columns of s."""
    source = SOURCES[what]
    order = _order(source.order)
    newest = sql.SQL("ORDER BY {} LIMIT %(limit)s::bigint").format(order)
    rows = source.rows.format(
        wanted=_wanted(what, selection),
        newest=sql.SQL("") if selection.limit is None else newest,
        of_run=sql.SQL("true") if selection.run is None else sql.SQL("o.run_id = %(run_id)s::bigint"),
        standing=STATUS,
    )
    listed = LISTED.format(rows=rows, order=order)
    return listed + SHARED.format(shared=sql.SQL(", ").join(shared)) if shared else listed


def _wanted(what: Listed, selection: Selection) -> sql.Composed:
    """Return the conditions that *selection* sets to *what*."""
    conditions = {"runs": WANTED_RUNS, "positions": WANTED_POSITIONS}.get(what, WANTED)
    kept = [condition for name, condition in conditions.items() if getattr(selection, name) is not None]
    return sql.SQL(" AND ").join(kept or [sql.SQL("true")])


def _order(keys: tuple[tuple[str, sql.SQL], ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier("t", name), way) for name, way in keys)
