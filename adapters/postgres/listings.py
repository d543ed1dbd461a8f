"""What each listing has: its columns, where its rows are, and their order."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, LiteralString

from attrs import frozen
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...ports.repository import Listed


UP, DOWN = sql.SQL("ASC"), sql.SQL("DESC")


class Kind(Enum):
    """What a column holds, which says how it is told as text."""

    TEXT = auto()  # Anyone's words: anything may stand in them.
    WORD = auto()  # Our own words and ids, which every row has: nothing in them needs care.
    DAY = auto()
    INSTANT = auto()
    WHOLE = auto()  # Whole numbers and claims.
    NUMBER = auto()  # Numbers that may be NaN or infinite.
    DOCUMENT = auto()


@frozen
class Column:
    """
    A column by *name*, the *kind* of what it holds, and its *value* over a row t.

    What *is_shared* is the same in many rows, as in those of one decision: it is told once for all of them, may look at
    the decision d and the run r, and is made of columns alone, as PostgreSQL remembers it by their values.
    """

    name: str
    kind: Kind
    value: sql.Composable
    is_shared: bool


@frozen
class Source:
    """
    One listing: its *columns*, where its *rows* t are, and their *order*, the moment first.

    *rows* has the columns of the order first, where sorting finds them fastest. In it {wanted} stands for the
    conditions, {newest} for order and limit where there is a limit, {of_run} for what is known of the run of a row o,
    and {standing} for the status of a run r.
    """

    columns: tuple[Column, ...]
    rows: sql.SQL
    order: tuple[tuple[str, sql.SQL], ...]


def own(name: str, kind: Kind, value: LiteralString | None = None) -> Column:
    """Return a column that differs from row to row."""
    return Column(name, kind, sql.Identifier("t", name) if value is None else sql.SQL(value), is_shared=False)


def shared(name: str, kind: Kind, value: LiteralString | None = None) -> Column:
    """Return a column that many rows have in common."""
    return Column(name, kind, sql.Identifier("t", name) if value is None else sql.SQL(value), is_shared=True)


ORDERS = Source(
    columns=(
        shared("timestamp", Kind.INSTANT),
        shared("portfolio_id", Kind.TEXT),
        own("instrument_id", Kind.TEXT),
        own("side", Kind.WORD),
        shared("order_type", Kind.WORD),
        own("quantity", Kind.NUMBER),
        shared("status", Kind.WORD),
        shared("mode", Kind.WORD),
        own("filled_quantity", Kind.NUMBER, "abs(t.filled_lots) * t.lot_size"),
        own("limit_price", Kind.NUMBER),
        own("stop_price", Kind.NUMBER),
        shared("time_in_force", Kind.WORD),
        own("reason", Kind.TEXT),
        shared("run", Kind.TEXT, "r.name"),
        shared("decision", Kind.TEXT, "d.name"),
        shared("as_of_date", Kind.DAY, "d.as_of_date"),
        own("lots", Kind.WHOLE),
        own("filled_lots", Kind.WHOLE),
        shared("lot_size", Kind.NUMBER),
        shared("leg", Kind.WHOLE),
        shared("attempt", Kind.WHOLE),
        shared("triggered", Kind.WHOLE),
        own("order_id", Kind.WORD, "t.order_id::text"),
        shared("decision_id", Kind.WORD, "t.decision_id::text"),
    ),
    rows=sql.SQL("""
        SELECT t.timestamp, t.instrument_id, t.leg, t.order_id, t.decision_id, t.run_id, t.lots, t.filled_lots,
            t.lot_size, t.attempt, t.order_type, t.time_in_force, t.status, t.mode, t.triggered, t.limit_price,
            t.stop_price, t.portfolio_id, t.reason, t.quantity, t.side
        FROM orders t WHERE {wanted} {newest}
    """),
    order=(
        ("timestamp", DOWN),
        ("instrument_id", UP),
        ("leg", UP),
        ("order_id", UP),
    ),
)
FILLS = Source(
    columns=(
        shared("timestamp", Kind.INSTANT),
        own("instrument_id", Kind.TEXT),
        own("side", Kind.WORD),
        own("quantity", Kind.NUMBER),
        own("price", Kind.NUMBER),
        shared("mode", Kind.WORD),
        shared("portfolio_id", Kind.TEXT),
        own("commission", Kind.NUMBER),
        shared("run", Kind.TEXT, "r.name"),
        shared("decision", Kind.TEXT, "d.name"),
        shared("as_of_date", Kind.DAY, "d.as_of_date"),
        own("lots", Kind.WHOLE),
        shared("lot_size", Kind.NUMBER),
        own("fill_id", Kind.WORD, "t.fill_id::text"),
        own("order_id", Kind.WORD, "t.order_id::text"),
        own("broker_execution_id", Kind.TEXT),
        own("seq", Kind.WHOLE),
    ),
    rows=sql.SQL("""
        SELECT t.timestamp, t.instrument_id, t.seq, t.fill_id, o.decision_id, t.run_id, t.lots, t.lot_size, t.price,
            t.commission, t.order_id, t.mode, t.portfolio_id, t.broker_execution_id, t.quantity, t.side
        FROM (SELECT * FROM fills t WHERE {wanted} {newest}) t
        LEFT JOIN orders o ON o.order_id = t.order_id AND {of_run}
    """),
    order=(
        ("timestamp", DOWN),
        ("instrument_id", UP),
        ("seq", DOWN),
        ("fill_id", UP),
    ),
)
# The newest snapshot is the portfolio's, whichever instrument is asked for. Each is looked up in its run's own table.
POSITIONS = Source(
    columns=(
        shared("portfolio_id", Kind.TEXT),
        shared("as_of_date", Kind.DAY),
        own("instrument_id", Kind.TEXT),
        own("quantity", Kind.NUMBER),
        own("avg_cost", Kind.NUMBER),
        own("market_value", Kind.NUMBER),
        own("unrealized_pnl", Kind.NUMBER),
        shared("mode", Kind.WORD),
        shared("timestamp", Kind.INSTANT),
        own("price", Kind.NUMBER),
        own("realized_pnl", Kind.NUMBER),
        own("cost", Kind.NUMBER),
        shared("run", Kind.TEXT, "r.name"),
        shared("decision", Kind.TEXT, "d.name"),
        own("lots", Kind.WHOLE),
        shared("lot_size", Kind.NUMBER),
        shared("multiplier", Kind.NUMBER),
        shared("decision_id", Kind.WORD, "t.decision_id::text"),
    ),
    rows=sql.SQL("""
        SELECT t.* FROM (
            SELECT DISTINCT ON (t.portfolio_id, t.mode, t.broker, t.account, t.run_id)
                t.decision_id, t.timestamp, t.run_id
            FROM decisions t JOIN execution_plans p USING (decision_id)
            WHERE p.state = 'APPLIED' AND {wanted}
            ORDER BY t.portfolio_id, t.mode, t.broker, t.account, t.run_id, t.timestamp DESC, t.decision_id DESC
        ) n CROSS JOIN LATERAL (
            SELECT * FROM positions_snapshots o
            WHERE o.run_id = n.run_id AND o.timestamp = n.timestamp AND o.decision_id = n.decision_id AND {of_run}
            UNION ALL
            SELECT * FROM positions_snapshots o
            WHERE o.run_id IS NULL AND n.run_id IS NULL AND o.decision_id = n.decision_id AND {of_run}
        ) t
        WHERE %(instrument)s::text IS NULL OR t.instrument_id = %(instrument)s {newest}
    """),
    order=(
        ("timestamp", DOWN),
        ("instrument_id", UP),
        ("portfolio_id", UP),
        ("decision_id", UP),
    ),
)
RUNS = Source(
    columns=(
        own("name", Kind.TEXT),
        own("portfolio_id", Kind.TEXT),
        own("status", Kind.WORD, "t.standing"),
        own("start_date", Kind.DAY),
        own("end_date", Kind.DAY),
        own("initial_cash", Kind.NUMBER),
        own("started_at", Kind.INSTANT),
        own("finished_at", Kind.INSTANT),
        own("run_id", Kind.WHOLE),
        own("result", Kind.DOCUMENT),
        own("config", Kind.DOCUMENT),
    ),
    rows=sql.SQL("SELECT * FROM (SELECT r.*, {standing} AS standing FROM backtest_runs r) t WHERE {wanted} {newest}"),
    order=(("started_at", DOWN), ("run_id", DOWN)),
)
SOURCES: Mapping[Listed, Source] = {"orders": ORDERS, "fills": FILLS, "positions": POSITIONS, "runs": RUNS}
