"""
Columns of ours as columns of Arrow, which COPY takes.

They are laid over the very memory, where they can be. Arrow's own way from numpy and from lists would load pandas
first, where that is installed, which takes longer than a small backtest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import IntEnum

    from numpy.typing import NDArray

    from ...domain.table import Bool, Column, Float64, Ids

    Columns = Mapping[str, pa.Array]

KINDS = {
    "<i2": pa.int16(),
    "<i4": pa.int32(),
    "<i8": pa.int64(),
    "<f8": pa.float64(),
    "<M8[us]": pa.timestamp("us"),
    "|V16": pa.binary(16),
}


def number_column(values: Column) -> pa.Array:
    """Return *values*, numbers, instants or ids, as a column without NULL."""
    return _column(KINDS[values.dtype.str], values)


def known_column(values: Float64) -> pa.Array:
    """Return *values* as a column that has NULL for NaN."""
    unknown = np.isnan(values)
    return _column(pa.float64(), values, ~unknown if unknown.any() else None)


def day_column(days: NDArray[np.datetime64]) -> pa.Array:
    """Return *days*, datetime64[D], as a column of dates."""
    return _column(pa.date32(), days.astype(np.int64).astype(np.int32))


def flag_column(flags: Bool) -> pa.Array:
    """Return *flags* as a column without NULL."""
    return pa.Array.from_buffers(pa.bool_(), len(flags), [None, _bits(flags)])


def text_column(values: Sequence[str | None]) -> pa.Array:
    """Return *values* as a column that has NULL for None."""
    texts = ["" if value is None else value for value in values]
    ends = np.cumsum([0, *(len(text.encode()) for text in texts)]).astype(np.int32)
    known = _bits(np.array([value is not None for value in values], np.bool_))
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer("".join(texts).encode()), known)


def words(kind: type[IntEnum], codes: NDArray[np.integer]) -> pa.Array:
    """Return the names that *kind* has for each of *codes*."""
    names: list[str | None] = [None] * (max(kind) + 1)
    for member in kind:
        names[member] = member.name
    return text_column(names).take(number_column(codes.astype(np.int64)))


def _column(kind: pa.DataType, values: Column | Ids, known: Bool | None = None) -> pa.Array:
    valid = None if known is None else _bits(known)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def _bits(flags: Bool) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))
