"""Instruments between their names in the database and their places on an axis."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from .columns import number_column, text_column
from .decisions import within
from .partitions import USUAL_SIZE

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.table import Float64, Int64
    from .columns import Field, Rows
    from .decisions import Owner

AXIS = sql.SQL(
    "LEFT JOIN unnest(%(axis)s::text[]) WITH ORDINALITY AS axis (name, place)"
    ' ON axis.name COLLATE "C" = {}.instrument_id'
)
"""Joins the axis that the parameter *axis* names to a table, whose name is to be put in."""

PLACE = sql.SQL("coalesce(axis.place, 0) - 1")
"""The place on the axis, counted from 0; -1 where a row's instrument is not on it."""


def names(on: Instruments, instrument: Int64) -> Field:
    """Return the id of each *instrument*."""
    return _named(on.names).take(instrument)


def sizes(name: str, by_axis: Float64, instrument: Int64, owner: Owner) -> Rows:
    """Return the column *name*, a size of each *instrument*, unless it is as usual in *owner*'s run for all."""
    if owner.run_id is not None and (by_axis == USUAL_SIZE).all():
        return {}
    return {name: number_column(by_axis[instrument])}


@lru_cache(maxsize=8)
def _named(ids: tuple[str, ...]) -> Field:
    return text_column(ids)


def along(connection: Connection[TupleRow], on: Instruments, place: Int64, table: LiteralString, owner: Owner) -> Int64:
    """
    Return *place*, read by PLACE from the rows of *owner* in *table*.

    Raises:
        UnknownInstrument: some rows are of instruments that are not on the axis *on*; the message names them.
    """
    if len(place) and place.min() < 0:
        query = sql.SQL(
            "SELECT DISTINCT instrument_id FROM {} t WHERE portfolio_id = %(portfolio)s AND mode = %(mode)s AND {}"
            " ORDER BY instrument_id"
        ).format(sql.Identifier(table), within(owner, "t"))
        on.locate(str(row[0]) for row in connection.execute(query, owner.parameters))
    return place
