"""Orders in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from attrs import frozen
from psycopg import sql

from ...domain.orders import TRANSITIONS, Orders, OrderType, Status, TimeInForce
from ...domain.positions import rounds
from .axis import AXIS, PLACE, along, names, sizes
from .columns import flag_column, id_column, instant_column, known_column, number_column, text_column, words
from .copy import codes, copy_out
from .decisions import OWN, owner_columns, within
from .documents import clean
from .partitions import partition, usual_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.table import Bool, Column, Ids, Int8, Int64, Text
    from ...ports.broker import Receipts
    from .columns import Field, Rows
    from .decisions import Owner

FOLLOWS = [f"{before.name}>{after.name}" for before, afters in TRANSITIONS.items() for after in (before, *afters)]
STAND = sql.SQL(
    "UPDATE {} was SET status = now.status, filled_lots = now.filled_lots,"
    " triggered = was.triggered OR now.triggered, reason = coalesce(now.reason, was.reason)"
    " FROM unnest(%s::uuid[], %s::order_status[], %s::bigint[], %s::boolean[], %s::text[])"
    " AS now (order_id, status, filled_lots, triggered, reason)"
    " WHERE was.order_id = now.order_id AND abs(now.filled_lots) >= abs(was.filled_lots)"
    " AND was.status::text || '>' || now.status::text = ANY (%s)"
)
LAYOUT = {
    "instrument": "i8",
    "id": "V16",
    "decision": "V16",
    "leg": "i2",
    "attempt": "i4",
    "lots": "i8",
    "order_type": "i2",
    "time_in_force": "i2",
    "limit_price": "f8",
    "stop_price": "f8",
    "status": "i2",
    "filled_lots": "i8",
    "triggered": "?",
    "timestamp": "M8[us]",
}
NARROW = {"leg": "i1", "attempt": "i8", "order_type": "i1", "time_in_force": "i1", "status": "i1"}
SELECT = sql.SQL(
    "SELECT {place}, o.order_id, o.decision_id, o.leg, o.attempt, o.lots, {order_type}, {time_in_force},"
    " coalesce(o.limit_price, 'NaN'), coalesce(o.stop_price, 'NaN'), {status}, o.filled_lots, o.triggered, o.timestamp"
    " FROM orders o JOIN decisions d USING (decision_id) {axis}"
    " WHERE o.portfolio_id = %(portfolio)s AND {own} AND {ordered}"
)
# The instant of an order is that of its decision, and there is an index on it.
OF_DECISION = sql.SQL(" AND d.name = %(name)s AND o.timestamp = d.timestamp")


@frozen(eq=False)
class Standing:
    """
    What may change of orders once they are recorded, row by row.

    *reason* is what the broker said, empty where nothing. An id may stand more than once; the later row comes later.
    """

    id: Ids
    status: Int8
    filled_lots: Int64
    triggered: Bool
    reason: Text | None = None

    @classmethod
    def of(cls, orders: Orders, receipts: Receipts | None = None) -> Standing:
        """Return how *orders* stand, and what the broker said in *receipts*, row by row those of *orders*."""
        said = None if receipts is None else receipts.reason
        return cls(orders.id, orders.status, orders.filled_lots, orders.triggered, said)

    def __getitem__(self, rows: Int64 | Bool | slice) -> Standing:
        said = None if self.reason is None else self.reason[rows]
        return Standing(self.id[rows], self.status[rows], self.filled_lots[rows], self.triggered[rows], said)


def order_rows(orders: Orders, owner: Owner, reason: Mapping[int, str]) -> Rows:
    """
    Return *orders* as rows of *owner*'s part of the table; *reason* is what the broker said, by row.

    What is as usual in every row is left to the table.
    """
    on, at = orders.on, orders.instrument
    columns = {
        "timestamp": instant_column(orders.timestamp),
        "order_id": id_column(orders.id),
        "decision_id": id_column(orders.decision),
        "lots": number_column(orders.lots),
        **sizes("lot_size", on.lot_size, at, owner),
        "filled_lots": number_column(orders.filled_lots),
        "instrument_id": names(on, at),
        **owner_columns(owner, len(orders)),
        **_unusual(orders, usual_status(owner)),
    }
    if reason:
        said = [clean(reason[row]) if row in reason else None for row in range(len(orders))]
        columns["reason"] = text_column(said)
    return columns


def _unusual(orders: Orders, status: Status) -> Rows:
    """Return those columns of *orders* in which not every row is as the table would have it by itself."""
    columns: dict[str, Field] = {
        name: known_column(price)
        for name, price in (("limit_price", orders.limit_price), ("stop_price", orders.stop_price))
        if not np.isnan(price).all()
    }
    for name, coded, usually in (
        ("order_type", orders.order_type, OrderType.MARKET),
        ("time_in_force", orders.time_in_force, TimeInForce.DAY),
        ("status", orders.status, status),
    ):
        if (coded != usually).any():
            columns[name] = words(type(usually), coded)
    if orders.triggered.any():
        columns["triggered"] = flag_column(orders.triggered)
    for name, numbers, dtype in (("attempt", orders.attempt, np.int32), ("leg", orders.leg, np.int16)):
        if numbers.any():
            columns[name] = number_column(numbers.astype(dtype))
    return columns


def update_orders(connection: Connection[TupleRow], run_id: int | None, standing: Standing) -> None:
    """Update those orders of the run, or outside of runs, that are recorded to how they stand now; never backwards."""
    statement = STAND.format(partition("orders", run_id))
    for rows in turns(standing.id):
        now = standing[rows]
        said = [None] * len(now.id) if now.reason is None else [clean(words) or None for words in now.reason.tolist()]
        connection.execute(
            statement,
            [
                [value.hex() for value in now.id.tolist()],
                [Status(code).name for code in now.status.tolist()],
                now.filled_lots.tolist(),
                now.triggered.tolist(),
                said,
                FOLLOWS,
            ],
        )


def turns(ids: Ids) -> Iterator[Int64 | slice]:
    """Yield rows such that no id stands twice among them: first all first ones, then all second ones, and so on."""
    seen = ids.tolist()
    if len(set(seen)) == len(seen):
        if seen:
            yield slice(None)
        return
    place: dict[bytes, int] = {}
    yield from rounds(np.array([place.setdefault(name, len(place)) for name in seen]))


def read_orders(connection: Connection[TupleRow], owner: Owner, on: Instruments, decision: str | None = None) -> Orders:
    """
    Return the orders of *owner*, or of one *decision* of it: by instant, sells first, by instrument id and by leg.

    Raises:
        UnknownInstrument: an order's instrument is not on the axis.
    """
    query = SELECT.format(
        place=PLACE,
        order_type=codes("o.order_type", OrderType),
        time_in_force=codes("o.time_in_force", TimeInForce),
        status=codes("o.status", Status),
        axis=AXIS.format(sql.Identifier("o")),
        own=OWN,
        ordered=within(owner, "o"),
    )
    if decision is not None:
        query += OF_DECISION
    columns = copy_out(connection, query, {**owner.parameters, "axis": list(on.names), "name": decision}, LAYOUT)
    columns["instrument"] = along(connection, on, cast("Int64", columns["instrument"]), "orders", owner)
    columns |= {name: columns[name].astype(dtype) for name, dtype in NARROW.items()}
    halves = columns["id"].view(">u8").reshape(-1, 2)
    sells_first = columns["lots"].view(np.int64) > 0
    order = np.lexsort(
        (halves[:, 1], halves[:, 0], columns["leg"], columns["instrument"], sells_first, columns["timestamp"])
    )
    return Orders.trusted(on=on, **{name: _frozen(column[order]) for name, column in columns.items()})


def _frozen(column: Column) -> Column:
    column.setflags(write=False)
    return column
