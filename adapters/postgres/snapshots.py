"""Positions snapshots in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from psycopg import sql

from ...domain.positions import Positions
from .axis import AXIS, PLACE, along, names, sizes
from .columns import day_column, id_column, instant_column, known_column, number_column
from .copy import copy_out
from .decisions import OWN, owner_columns, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.plan_key import PlanKey
    from ...domain.table import Bool, Int64
    from .columns import Rows
    from .decisions import Owner

LAYOUT = {"instrument": "i8", "lots": "i8", "cost": "f8", "realized_pnl": "f8", "price": "f8"}
OF_DECISION = sql.SQL(
    "SELECT {place}, s.lots, s.cost, s.realized_pnl, coalesce(s.price, 'NaN')"
    " FROM positions_snapshots s JOIN decisions d USING (decision_id, timestamp) {axis}"
    " WHERE d.name = %(name)s AND {own} AND {told}"
)
HELD = sql.SQL(
    "SELECT s.instrument_id FROM positions_snapshots s WHERE s.lots <> 0 AND {told}"
    " AND (s.timestamp, s.decision_id) = (SELECT d.timestamp, d.decision_id"
    " FROM decisions d JOIN execution_plans p USING (decision_id) WHERE p.state = 'APPLIED' AND {own}"
    " ORDER BY d.timestamp DESC, d.decision_id DESC LIMIT 1)"
)


def told(positions: Positions, closed: Bool) -> Positions:
    """Return the rows of *positions* that a snapshot has: what is held, and what is *closed* (along the axis)."""
    kept = (positions.lots != 0) | closed[positions.instrument]
    if kept.all() and positions.instrument is positions.on.code:
        return positions
    rows = np.flatnonzero(kept)
    return positions[rows[np.argsort(positions.instrument[rows], kind="stable")]]


def held_before(connection: Connection[TupleRow], owner: Owner) -> set[str]:
    """Return the ids of what the newest snapshot of *owner* holds."""
    return {str(row[0]) for row in connection.execute(HELD.format(own=OWN, told=within(owner, "s")), owner.parameters)}


def snapshot_rows(keys: Sequence[PlanKey], counts: Sequence[int], positions: Positions, owner: Owner) -> Rows:
    """Return *positions* as rows of *owner*'s part of the table, *counts* rows of each decision of *keys*."""
    on, at = positions.on, positions.instrument
    rows = np.repeat(np.arange(len(keys)), counts)
    decisions = np.array([key.id.bytes for key in keys], "V16")[rows]
    return {
        "timestamp": instant_column(np.array([key.instant for key in keys], "M8[us]")[rows]),
        "decision_id": id_column(decisions),
        "lots": number_column(positions.lots),
        **sizes("lot_size", on.lot_size, at, owner),
        **sizes("multiplier", on.multiplier, at, owner),
        "cost": number_column(positions.cost),
        "realized_pnl": number_column(positions.realized_pnl),
        "price": known_column(positions.price),
        "as_of_date": day_column(np.array([key.as_of_date for key in keys], "M8[D]")[rows]),
        "instrument_id": names(on, at),
        **owner_columns(owner, len(positions)),
    }


def read_positions(connection: Connection[TupleRow], owner: Owner, on: Instruments, decision: str) -> Positions:
    """
    Return the positions in the snapshot of *decision*, by instrument id.

    Raises:
        UnknownInstrument: a position's instrument is not on the axis.
    """
    parameters = {**owner.parameters, "axis": list(on.names), "name": decision}
    axis = AXIS.format(sql.Identifier("s"))
    query = OF_DECISION.format(place=PLACE, axis=axis, own=OWN, told=within(owner, "s"))
    columns = copy_out(connection, query, parameters, LAYOUT)
    columns["instrument"] = along(connection, on, cast("Int64", columns["instrument"]), "positions_snapshots", owner)
    order = np.argsort(columns["instrument"], kind="stable")
    for name, column in columns.items():
        columns[name] = column[order]
        columns[name].setflags(write=False)
    return Positions.trusted(on=on, **columns)
