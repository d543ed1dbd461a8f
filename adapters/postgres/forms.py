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

# A value as text, NULL where nothing is known. An instant is told to the microsecond, where it has any.
TOLD: Mapping[Kind, sql.SQL] = {
    Kind.TEXT: sql.SQL("{0}"),
    Kind.WORD: sql.SQL("{0}::text"),
    Kind.DAY: sql.SQL("{0}::text"),
    Kind.INSTANT: sql.SQL(
        """replace(to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'), '.000000', '')"""
    ),
    Kind.WHOLE: sql.SQL("({0})::text"),
    Kind.NUMBER: sql.SQL("CASE WHEN abs({0}) < 'Infinity' THEN ({0})::text END"),
    Kind.DOCUMENT: sql.SQL("{0}::text"),
}


@frozen
class Cell:
    """What becomes of a value's text {0} in a row, and what stands before and after it, also where it is NULL."""

    value: sql.SQL
    before: str = ""
    after: str = ""


PLAIN = Cell(sql.SQL("{0}"))
QUOTED = Cell(sql.SQL("""'"' || {0} || '"'"""))
QUOTED_IF_NEEDED = Cell(
    sql.SQL("""CASE WHEN {0} ~ '[",\\r\\n]' THEN '"' || replace({0}, '"', '""') || '"' ELSE {0} END""")
)


@frozen
class Written:
    """
    How rows are written in one form.

    *cells* say how what stands in a row; where that is NULL, *nothing* does. *first* stands before the first value of a
    row, *later* before each other, *end* after the last. The whole begins with *opening*, has *between* its rows, and
    ends with *closing*; without rows it is *empty*.
    """

    cells: Mapping[Kind, Cell]
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
        Return what the text of a row t is, and the pieces of it that are told once for many rows, as columns of s.

        What stands between two values is told together with one that is shared, if there is.
        """
        told: list[tuple[sql.Composable, bool]] = []
        after, was_shared = "", False
        for column in columns:
            cell = self.cells.get(column.kind, PLAIN)
            lead = (self.later if told else self.first).replace(NAME, column.name)
            text = sql.Literal(after + lead + cell.before)
            value = cell.value.format(TOLD[column.kind].format(column.value))
            known = sql.SQL("coalesce({}, {})").format(value, self.nothing)
            told += [(text, was_shared or column.is_shared), (known, column.is_shared)]
            after, was_shared = cell.after, column.is_shared
        told.append((sql.Literal(after + self.end), was_shared))
        return _joined(told)

    def whole(self, text: str, columns: Sequence[Column]) -> str:
        """Return *text*, an opening or what is empty, with the names of *columns* where it has them."""
        return text.replace(NAMES, ",".join(column.name for column in columns))


def _joined(told: Sequence[tuple[sql.Composable, bool]]) -> tuple[sql.Composed, list[sql.Composed]]:
    """Return what is *told* as one text, and the pieces of it that are shared."""
    parts: list[sql.Composable] = []
    pieces: list[sql.Composed] = []
    for is_shared, some in groupby(told, lambda part: part[1]):
        part = sql.SQL(" || ").join(text for text, _ in some)
        if is_shared:
            name = f"piece_{len(pieces)}"
            pieces.append(sql.SQL("{} AS {}").format(part, sql.Identifier(name)))
            parts.append(sql.Identifier("s", name))
        else:
            parts.append(part)
    return sql.SQL(" || ").join(parts), pieces


FORMS: Mapping[Form, Written] = {
    "json": Written(
        cells={
            Kind.TEXT: Cell(sql.SQL("to_json({0})::text")),
            Kind.WORD: Cell(sql.SQL("{0}"), before='"', after='"'),
            Kind.DAY: QUOTED,
            Kind.INSTANT: QUOTED,
        },
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
