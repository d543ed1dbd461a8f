"""Fills in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from psycopg import errors, sql

from ...domain.fills import Fills
from .axis import AXIS, PLACE, along, names, sizes
from .columns import id_column, instant_column, number_column
from .copy import copy_in, copy_out
from .decisions import OWN, owner_columns, within
from .partitions import partition

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.table import Bool, Int64
    from .columns import Rows
    from .decisions import Owner

LAYOUT = {
    "instrument": "i8",
    "id": "V16",
    "order": "V16",
    "lots": "i8",
    "price": "f8",
    "commission": "f8",
    "timestamp": "M8[us]",
    "seq": "i8",
}
SELECT = sql.SQL(
    "SELECT {place}, f.fill_id, f.order_id, f.lots, f.price, f.commission, f.timestamp, f.seq"
    " FROM fills f JOIN orders o USING (order_id) JOIN decisions d USING (decision_id) {axis}"
    " WHERE f.portfolio_id = %(portfolio)s AND {own} AND {filled} AND {ordered}"
)
OF_DECISION = sql.SQL(" AND d.name = %(name)s AND o.portfolio_id = d.portfolio_id AND o.timestamp = d.timestamp")
KNOWN = sql.SQL("SELECT fill_id FROM {} WHERE fill_id = ANY (%s::uuid[])")
LAST = sql.SQL("SELECT coalesce(max(seq), 0) FROM fills WHERE portfolio_id = %(portfolio)s AND mode = %(mode)s AND {}")


def fill_rows(fills: Fills, owner: Owner, seq: Int64) -> Rows:
    """Return *fills* as rows of *owner*'s part of the table; *seq* numbers them as they are recorded."""
    on, at = fills.on, fills.instrument
    return {
        "timestamp": instant_column(fills.timestamp),
        "fill_id": id_column(fills.id),
        "order_id": id_column(fills.order),
        "seq": number_column(seq),
        "lots": number_column(fills.lots),
        **sizes("lot_size", on.lot_size, at, owner),
        "price": number_column(fills.price),
        "commission": number_column(fills.commission),
        "instrument_id": names(on, at),
        **owner_columns(owner, len(fills)),
    }


def record_fills(connection: Connection[TupleRow], owner: Owner, fills: Fills) -> None:
    """Append *fills*, under the keys that *owner*'s part of the table has; those recorded already are left out."""
    seq = np.arange(1, len(fills) + 1) + _last_seq(connection, owner)
    mine = partition("fills", owner.run_id)
    try:
        with connection.transaction():
            copy_in(connection, mine, fill_rows(fills, owner, seq))
    except errors.UniqueViolation:
        found = connection.execute(KNOWN.format(mine), [[value.hex() for value in fills.id.tolist()]])
        fresh = _unknown(fills, {row[0].bytes for row in found})
        copy_in(connection, mine, fill_rows(fills[fresh], owner, seq[fresh]))


def _unknown(fills: Fills, known: set[bytes]) -> Bool:
    """Return which of *fills* are not *known* before, and make them so."""
    fresh = []
    for fill in fills.id.tolist():
        fresh.append(fill not in known)
        known.add(fill)
    return np.array(fresh, np.bool_)


def _last_seq(connection: Connection[TupleRow], owner: Owner) -> int:
    """Return the number of the fill of *owner* that was recorded last; 0 where there is none."""
    row = connection.execute(LAST.format(within(owner, "fills")), owner.parameters).fetchone()
    assert row is not None, "Invariant: an aggregate has a row."
    return int(row[0])


def read_fills(connection: Connection[TupleRow], owner: Owner, on: Instruments, decision: str | None = None) -> Fills:
    """
    Return the fills of *owner*, or of the orders of one *decision* of it, as they were recorded.

    Raises:
        UnknownInstrument: a fill's instrument is not on the axis.
    """
    axis = AXIS.format(sql.Identifier("f"))
    query = SELECT.format(place=PLACE, axis=axis, own=OWN, filled=within(owner, "f"), ordered=within(owner, "o"))
    if decision is not None:
        query += OF_DECISION
    columns = copy_out(connection, query, {**owner.parameters, "axis": list(on.names), "name": decision}, LAYOUT)
    columns["instrument"] = along(connection, on, cast("Int64", columns["instrument"]), "fills", owner)
    order = np.argsort(columns.pop("seq"), kind="stable")
    for name, column in columns.items():
        columns[name] = column[order]
        columns[name].setflags(write=False)
    return Fills.trusted(on=on, **columns)
