"""Whole columns into PostgreSQL and out of it, by binary COPY."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, LiteralString

import numpy as np
from attrs import frozen
from psycopg import sql

from .columns import EPOCH, NULL, count, taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from enum import IntEnum

    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from .columns import Rows

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
PIECE_ROWS = 8_192
"""So many rows are laid out at once: few enough for the processor's cache."""


@frozen
class Packed:
    """Rows as COPY takes them: the *names* of their columns, and their *content*."""

    names: tuple[str, ...]
    content: bytearray


def packed(batches: Iterable[Rows]) -> list[Packed]:
    """
    Return *batches* one after the other, those in a row that have the same columns together.

    Rows that are near one another change places where their values are not of one width.
    """
    found = []
    for names, some in groupby((rows for rows in batches if count(rows)), key=tuple):
        content = bytearray(HEADER)
        for rows in some:
            for first in range(0, count(rows), PIECE_ROWS):
                for even in evened(taken(rows, slice(first, first + PIECE_ROWS))):
                    content += laid_out(even).data
        content += TRAILER
        found.append(Packed(names, content))
    return found


def evened(rows: Rows) -> Iterator[Rows]:
    """Yield *rows* in parts, in each of which the values of a column are all of one width."""
    kind = np.zeros(count(rows), np.int64)
    for field in rows.values():
        if field.width is not None:
            kind = kind * (int(field.width.max()) + 2) + (field.width - NULL)
    if (kind == kind[0]).all():
        yield rows
        return
    order = np.argsort(kind, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
        yield taken(rows, part)


def laid_out(rows: Rows) -> NDArray[np.uint8]:
    """Return the bytes of *rows*, in which the values of a column are all of one width."""
    layout = [("fields", ">i2")]
    widths = {name: field.itemsize if field.width is None else int(field.width[0]) for name, field in rows.items()}
    for name, field in rows.items():
        layout.append((f"{name} width", ">i4"))
        if widths[name] > 0:
            layout.append((name, field.dtype if widths[name] == field.itemsize else f"S{widths[name]}"))
    laid = np.empty(count(rows), layout)
    laid["fields"] = len(rows)
    for name, width in widths.items():
        laid[f"{name} width"] = width
        if width > 0:
            laid[name] = rows[name].values
    return laid.view(np.uint8)


def send(connection: Connection[TupleRow], table: sql.Identifier, parts: Iterable[Packed]) -> None:
    """Append *parts* to *table*; a column that a part does not have becomes what is usual in that table."""
    for part in parts:
        columns = sql.SQL(", ").join(map(sql.Identifier, part.names))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(memoryview(part.content))


def copy_in(connection: Connection[TupleRow], table: sql.Identifier, rows: Rows) -> None:
    """Append *rows* to *table*."""
    send(connection, table, packed([rows]))


def copy_out(
    connection: Connection[TupleRow], query: sql.Composable, parameters: Mapping[str, object], layout: Mapping[str, str]
) -> dict[str, NDArray[np.generic]]:
    """
    Return the rows of *query* as columns, named and typed by *layout*, in the order of the query.

    A type is one of numpy's; M8[us] reads a timestamptz, V16 a uuid. Every column has a fixed width, and no NULL.
    """
    fields = [("fields", ">i2")]
    for name, dtype in layout.items():
        fields += [
            (f"{name} width", ">i4"),
            (name, ">i8" if dtype == "M8[us]" else np.dtype(dtype).newbyteorder(">").str),
        ]
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        content = b"".join(copy)
    row = np.dtype(fields)
    count, rest = divmod(len(content) - len(HEADER) - len(TRAILER), row.itemsize)
    assert rest == 0, "Invariant: the query's columns are those of the layout, and never NULL."
    rows = np.frombuffer(content, row, count, len(HEADER))
    return {name: _native(rows[name], dtype) for name, dtype in layout.items()}


def _native(column: NDArray[np.generic], dtype: str) -> NDArray[np.generic]:
    if dtype == "M8[us]":
        return column.astype("m8[us]") + EPOCH
    return np.ascontiguousarray(column).astype(dtype)


def codes(column: LiteralString, kind: type[IntEnum]) -> sql.Composable:
    """Return the SQL of the number that *kind* gives to the word in *column*."""
    cases = [sql.SQL("WHEN {} THEN {}").format(sql.Literal(member.name), sql.Literal(member.value)) for member in kind]
    return sql.SQL("(CASE {} {} END)::smallint").format(sql.SQL(column), sql.SQL(" ").join(cases))
