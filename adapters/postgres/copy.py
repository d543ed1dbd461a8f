"""Whole columns into PostgreSQL and out of it, by binary COPY."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, LiteralString

import numpy as np
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from enum import IntEnum

    import pyarrow as pa
    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

HEADER_BYTES, TRAILER_BYTES = 19, 2
EPOCH = np.datetime64("2000-01-01T00:00:00", "us").astype(np.int64)
"""What PostgreSQL counts microseconds from."""


def copy_in(connection: Connection[TupleRow], table: sql.Identifier, batches: Iterable[pa.RecordBatch]) -> None:
    """Append *batches* to *table*; a column that a batch does not have becomes what is usual in that table."""
    for names, some in groupby((batch for batch in batches if batch.num_rows), key=lambda batch: batch.schema.names):
        with connection.cursor() as cursor, cursor.copy(copy_statement(table, names)) as copy:
            for buffer in encoded(some):
                copy.write(buffer)


def copy_statement(table: sql.Identifier, names: Sequence[str]) -> sql.Composed:
    """Return the statement that takes rows with the columns *names* into *table*."""
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns)


def encoded(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Yield, piece by piece, what COPY takes for *batches*, which have the same columns and are at least one."""
    encoder = None
    for batch in batches:
        if encoder is None:
            encoder = ArrowToPostgresBinaryEncoder(batch.schema)
            yield encoder.write_header()
        yield encoder.write_batch(batch)
    assert encoder is not None, "Invariant: nothing is encoded only where there is something."
    yield encoder.finish()


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
    count, rest = divmod(len(content) - HEADER_BYTES - TRAILER_BYTES, row.itemsize)
    assert rest == 0, "Invariant: the query's columns are those of the layout, and never NULL."
    rows = np.frombuffer(content, row, count, HEADER_BYTES)
    return {name: _native(rows[name], dtype) for name, dtype in layout.items()}


def _native(column: NDArray[np.generic], dtype: str) -> NDArray[np.generic]:
    if dtype == "M8[us]":
        return (column.astype(np.int64) + EPOCH).view("M8[us]")
    return np.ascontiguousarray(column).astype(dtype)


def codes(column: LiteralString, kind: type[IntEnum]) -> sql.Composable:
    """Return the SQL of the number that *kind* gives to the word in *column*."""
    cases = [sql.SQL("WHEN {} THEN {}").format(sql.Literal(member.name), sql.Literal(member.value)) for member in kind]
    return sql.SQL("(CASE {} {} END)::smallint").format(sql.SQL(column), sql.SQL(" ").join(cases))
