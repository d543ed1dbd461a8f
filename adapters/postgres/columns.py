"""Columns of ours as COPY takes them: of a fixed width each, in the byte order of the net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import IntEnum

    from numpy.typing import NDArray

    from ...domain.table import Bool, Column, Float64, Ids, Instants

    Int32 = NDArray[np.int32]

NULL = -1
EPOCH = np.datetime64("2000-01-01T00:00:00", "us")
"""What PostgreSQL counts days and microseconds from."""


@frozen(eq=False)
class Field:
    """
    One column of rows that are to be written: *values*, and what *dtype* they have in the database.

    Where *width* is given, a value is not as wide as its dtype, but so many bytes, or NULL.
    """

    values: NDArray[np.generic]
    dtype: str
    width: Int32 | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def itemsize(self) -> int:
        """The bytes of a value as it is kept, at the most."""
        return np.dtype(self.dtype).itemsize

    def take(self, rows: NDArray[np.integer] | slice) -> Field:
        """Return the values at *rows*."""
        return Field(self.values[rows], self.dtype, None if self.width is None else self.width[rows])


Rows = Mapping[str, Field]
"""Rows that are to be written: columns of one length, by name."""


def count(rows: Rows) -> int:
    """Return how many *rows* there are."""
    return len(next(iter(rows.values())))


def taken(rows: Rows, places: NDArray[np.integer] | slice) -> Rows:
    """Return those of *rows* that are at *places*."""
    return {name: field.take(places) for name, field in rows.items()}


def number_column(values: Column) -> Field:
    """Return *values*, numbers, as a column without NULL."""
    return Field(values, values.dtype.newbyteorder(">").str)


def known_column(values: Float64) -> Field:
    """Return *values* as a column that has NULL for NaN."""
    unknown = np.isnan(values)
    return Field(values, ">f8", np.where(unknown, NULL, 8).astype(np.int32) if unknown.any() else None)


def id_column(ids: Ids) -> Field:
    """Return *ids* as a column of uuids."""
    return Field(ids, "V16")


def instant_column(instants: Instants) -> Field:
    """Return *instants* as a column of timestamps."""
    return Field((instants - EPOCH).view(np.int64), ">i8")


def day_column(days: NDArray[np.datetime64]) -> Field:
    """Return *days*, datetime64[D], as a column of dates."""
    return Field((days - EPOCH.astype("M8[D]")).view(np.int64), ">i4")


def flag_column(flags: Bool) -> Field:
    """Return *flags* as a column without NULL."""
    return Field(flags, "?")


def text_column(texts: Sequence[str | None]) -> Field:
    """Return *texts* as a column that has NULL for None."""
    values = np.array([(text or "").encode() for text in texts], np.bytes_)
    width = np.array([NULL if text is None else len(text.encode()) for text in texts], np.int32)
    return Field(values, values.dtype.str, width)


def words(kind: type[IntEnum], codes: NDArray[np.integer]) -> Field:
    """Return the names that *kind* has for each of *codes*."""
    names: list[str | None] = [None] * (max(kind) + 1)
    for member in kind:
        names[member] = member.name
    return text_column(names).take(codes)
