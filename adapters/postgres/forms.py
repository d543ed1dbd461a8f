"""Rows as JSON and CSV: what the text of a row is, as an expression that the server works out."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from attrs import frozen
from psycopg import sql

from .listings import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ...ports.repository import Form
    from .listings import Column

NAME, NAMES = "{name}", "{names}"
PLAIN = sql.SQL("{0}")

# A value as text, NULL where nothing is known. An instant is told to the microsecond, where it has any.
TOLD: Mapping[Kind, sql.SQL] = {
    Kind.TEXT: PLAIN,
    Kind.WORD: sql.SQL("{0}::text"),
    Kind.INSTANT: sql.SQL(
        """replace(to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), '.000000', '')"""
    ),
    Kind.WHOLE: sql.SQL("({0})::text"),
    Kind.NUMBER: sql.SQL("CASE WHEN abs({0}) < 'Infinity' THEN ({0})::text END"),
    Kind.DOCUMENT: sql.SQL("{0}::text"),
}
QUOTED = sql.SQL("""'"' || {0} || '"'""")
QUOTED_IF_NEEDED = sql.SQL("""CASE WHEN {0} ~ '[",\\r\\n]' THEN '"' || replace({0}, '"', '""') || '"' ELSE {0} END""")


@frozen
class Written:
    """
    How rows are written in one form.

    Of a value's text *cells* make what stands in a row, *nothing* where there is none. *first* stands before the first
    value of a row, *later* before each other, *end* after the last. The whole begins with *opening*, has *between* its
    rows, and ends with *closing*; without rows it is *empty*.
    """

    cells: Mapping[Kind, sql.SQL]
    nothing: str
    first: str
    later: str
    end: str
    opening: str
    between: str
    closing: str
    empty: str

    def line(self, columns: Sequence[Column]) -> tuple[sql.Composed, list[sql.Composed]]:
        """
        Return what the text of a row t is, and the pieces of it that are told once for many rows.

        The first speaks of the n-th of those as column n of s.
        """
        parts: list[sql.Composed] = []
        pieces: list[sql.Composed] = []
        for is_shared, some in groupby(enumerate(columns), lambda part: part[1].is_shared):
            told = sql.SQL(" || ").join(self._cell(column, is_first=not place) for place, column in some)
            if is_shared:
                name = sql.Identifier(f"piece_{len(pieces)}")
                pieces.append(sql.SQL("{} AS {}").format(told, name))
                told = sql.Composed([sql.SQL("s."), name])
            parts.append(told)
        return sql.SQL(" || ").join([*parts, sql.Literal(self.end)]), pieces

    def whole(self, text: str, columns: Sequence[Column]) -> str:
        """Return *text*, an opening or what is empty, with the names of *columns* where it has them."""
        return text.replace(NAMES, ",".join(column.name for column in columns))

    def _cell(self, column: Column, *, is_first: bool) -> sql.Composed:
        lead = (self.first if is_first else self.later).replace(NAME, column.name)
        told = self.cells.get(column.kind, PLAIN).format(TOLD[column.kind].format(column.value))
        return sql.SQL("{} || coalesce({}, {})").format(lead, told, self.nothing)


FORMS: Mapping[Form, Written] = {
    "json": Written(
        cells={Kind.TEXT: sql.SQL("to_json({0})::text"), Kind.WORD: QUOTED, Kind.INSTANT: QUOTED},
        nothing="null",
        first='{"{name}":',
        later=',"{name}":',
        end="}",
        opening="[\n",
        between=",\n",
        closing="\n]\n",
        empty="[]\n",
    ),
    "csv": Written(
        cells={Kind.TEXT: QUOTED_IF_NEEDED, Kind.DOCUMENT: QUOTED_IF_NEEDED},
        nothing="",
        first="",
        later=",",
        end="",
        opening="{names}\n",
        between="\n",
        closing="\n",
        empty="{names}\n",
    ),
}
