"""Fills in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
from psycopg import errors, sql

from ...domain.fills import Fills
from .axis import AXIS, PLACE, along, names
from .copy import copy_in, copy_out, id_column, number_column
from .decisions import OWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.table import Int64
    from .copy import Columns
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
    " WHERE f.portfolio_id = %(portfolio)s AND {own}"
).format(place=PLACE, axis=AXIS.format(sql.Identifier("f")), own=OWN)
OF_DECISION = SELECT + sql.SQL(
    " AND d.name = %(name)s AND o.portfolio_id = d.portfolio_id AND o.timestamp = d.timestamp"
)
LAST = sql.SQL(
    "SELECT coalesce(max(seq), 0) FROM fills WHERE portfolio_id = %(portfolio)s AND mode = %(mode)s"
    " AND run_id IS NOT DISTINCT FROM %(run_id)s"
)


def fill_rows(fills: Fills, owned: Columns, seq: Int64) -> pa.RecordBatch:
    """Return *fills* as rows of the table; *owned* says whose they are, *seq* numbers them as they are recorded."""
    on, at = fills.on, fills.instrument
    columns = {
        "timestamp": number_column(fills.timestamp),
        "fill_id": id_column(fills.id),
        "order_id": id_column(fills.order),
        "seq": number_column(seq),
        "lots": number_column(fills.lots),
        "lot_size": number_column(on.lot_size[at]),
        "price": number_column(fills.price),
        "commission": number_column(fills.commission),
        "instrument_id": names(on, at),
        **owned,
    }
    return pa.record_batch(list(columns.values()), names=list(columns))


def record_fills(connection: Connection[TupleRow], batches: Sequence[pa.RecordBatch]) -> None:
    """Append *batches* of fills; those that are recorded already, or stand twice, are left out."""
    try:
        with connection.transaction():
            copy_in(connection, "fills", batches)
    except errors.UniqueViolation:
        told = [value.hex() for batch in batches for value in batch.column("fill_id").to_pylist()]
        found = connection.execute("SELECT fill_id FROM fills WHERE fill_id = ANY (%s::uuid[])", [told])
        known = {row[0].bytes for row in found}
        copy_in(connection, "fills", [_without(batch, known) for batch in batches])


def _without(batch: pa.RecordBatch, known: set[bytes]) -> pa.RecordBatch:
    """Return the rows of *batch* that are not *known*, and make them so."""
    fresh = []
    for fill in batch.column("fill_id").to_pylist():
        fresh.append(fill not in known)
        known.add(fill)
    return batch.filter(pa.array(fresh, pa.bool_()))


def last_seq(connection: Connection[TupleRow], owner: Owner) -> int:
    """Return the number of the fill of *owner* that was recorded last; 0 where there is none."""
    row = connection.execute(LAST, owner.parameters).fetchone()
    assert row is not None, "Invariant: an aggregate has a row."
    return int(row[0])


def read_fills(connection: Connection[TupleRow], owner: Owner, on: Instruments, decision: str | None = None) -> Fills:
    """
    Return the fills of *owner*, or of the orders of one *decision* of it, as they were recorded.

    Raises:
        UnknownInstrument: a fill's instrument is not on the axis.
    """
    query = SELECT if decision is None else OF_DECISION
    columns = copy_out(connection, query, {**owner.parameters, "axis": list(on.names), "name": decision}, LAYOUT)
    columns["instrument"] = along(connection, on, cast("Int64", columns["instrument"]), "fills", owner)
    order = np.argsort(columns.pop("seq"), kind="stable")
    for name, column in columns.items():
        columns[name] = column[order]
        columns[name].setflags(write=False)
    return Fills.trusted(on=on, **columns)
