"""Where rows are kept: those of a backtest run in tables of its own, all others under keys from the first row on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from psycopg import sql

from ...domain.orders import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from .decisions import Owner

Kept = Literal["orders", "fills", "positions_snapshots"]
KEPT: tuple[Kept, ...] = get_args(Kept)

# Autovacuum would come by while a table is filled, read all of it, and make the keys wait a second.
MAKE = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) WITH (autovacuum_enabled = false)")
DONE = sql.SQL("ALTER TABLE {} RESET (autovacuum_enabled)")
ATTACH = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})")
USUAL = sql.SQL("ALTER TABLE {} ALTER {} SET DEFAULT {}")
UNTWIN = sql.SQL("DELETE FROM {0} later USING {0} fill WHERE later.fill_id = fill.fill_id AND later.seq > fill.seq")
LACKING = (
    "SELECT name FROM unnest(%s::text[]) name WHERE NOT EXISTS ("
    "SELECT FROM pg_index i WHERE i.indexrelid = to_regclass(quote_ident(name)) AND i.indisvalid)"
)

USUAL_SIZE = 1.0
"""The lot size and the multiplier that rows of a run have where they do not say."""

# Snapshots of a decision bear its instant, so that this key is no weaker than one of decision and instrument alone.
KEYS: Mapping[Kept, Mapping[str, sql.SQL]] = {
    "orders": {
        "key": sql.SQL("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (order_id)"),
        "timestamp": sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (timestamp)"),
    },
    "fills": {
        "key": sql.SQL("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (order_id, fill_id)"),
        "timestamp": sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (timestamp)"),
    },
    "positions_snapshots": {
        "key": sql.SQL("CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (timestamp, instrument_id, decision_id)"),
    },
}


def partition(table: Kept, run_id: int | None) -> sql.Identifier:
    """Return the part of *table* that has the rows of the run *run_id*, or of what is outside of runs."""
    return sql.Identifier(_name(table, run_id))


def usual_status(owner: Owner) -> Status:
    """Return the status that an order of *owner* has where its row does not say: PENDING, but FILLED in a run."""
    return Status.PENDING if owner.run_id is None else Status.FILLED


def make_partitions(connection: Connection[TupleRow], owner: Owner) -> bool:
    """
    Make the bare tables of *owner*'s run, and return whether there were none; outside of runs there is nothing to make.

    Whoever reads meanwhile is not kept waiting. Call it within a transaction.
    """
    run_id = owner.run_id
    if run_id is None or has_partitions(connection, run_id):
        return False
    for table in KEPT:
        mine = partition(table, run_id)
        usual: dict[str, object] = {
            "run_id": run_id,
            "mode": owner.portfolio.mode.value,
            "portfolio_id": owner.portfolio.id,
            "lot_size": USUAL_SIZE,
        }
        if table == "orders":
            usual["status"] = usual_status(owner).name
        if table == "positions_snapshots":
            usual["multiplier"] = USUAL_SIZE
        connection.execute(MAKE.format(mine, sql.Identifier(table)))
        for column, value in usual.items():
            connection.execute(USUAL.format(mine, sql.Identifier(column), sql.Literal(value)))
        connection.execute(ATTACH.format(sql.Identifier(table), mine, sql.Literal(run_id)))
    return True


def has_partitions(connection: Connection[TupleRow], run_id: int) -> bool:
    """Tell whether the run *run_id* has tables of its own."""
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [_name("orders", run_id)]).fetchone()
    return found is not None and bool(found[0])


def add_key(connection: Connection[TupleRow], table: Kept, run_id: int) -> None:
    """Build the unique key of the run's part of *table*, unless it is there; rows that break it are refused."""
    _build(connection, table, run_id, "key")


def settle(connection: Connection[TupleRow], table: Kept, run_id: int) -> None:
    """
    Build what the run's part of *table*, whole now, still lacks of its keys and indexes, and note what is in it.

    Whoever reads meanwhile is not kept waiting.
    """
    for index in KEYS[table]:
        _build(connection, table, run_id, index)
    connection.execute(DONE.format(partition(table, run_id)))
    # Without it PostgreSQL would guess, and join row by row, until autovacuum comes round. A small sample will do.
    connection.execute("SET LOCAL default_statistics_target = 20")
    connection.execute(sql.SQL("ANALYZE {}").format(partition(table, run_id)))


def missing_keys(connection: Connection[TupleRow], run_id: int) -> list[str]:
    """Return the names of the keys and indexes that the run's tables lack."""
    names = [_index(table, run_id, index) for table in KEPT for index in KEYS[table]]
    return [str(row[0]) for row in connection.execute(LACKING, [names])]


def drop_partitions(connection: Connection[TupleRow], run_id: int) -> None:
    """Drop the tables of the run *run_id*, where it has some, with all that is in them."""
    # In the order in which they are made: who makes some at the same time waits, and is not waited for.
    for table in KEPT:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(partition(table, run_id)))


def remove_twins(connection: Connection[TupleRow], run_id: int) -> None:
    """Delete the fills of a run without keys that were told again; the first of each stays."""
    connection.execute(UNTWIN.format(partition("fills", run_id)))


def _build(connection: Connection[TupleRow], table: Kept, run_id: int, index: str) -> None:
    name = sql.Identifier(_index(table, run_id, index))
    connection.execute(KEYS[table][index].format(name, partition(table, run_id)))


def _index(table: Kept, run_id: int, index: str) -> str:
    return f"{_name(table, run_id)}_{index}"


def _name(table: Kept, run_id: int | None) -> str:
    return f"{table}_outside" if run_id is None else f"{table}_run_{run_id}"
