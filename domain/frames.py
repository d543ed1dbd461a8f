# ruff: noqa: PLC0415 - frame libraries are optional and slow to import: none is before one is asked for.
"""Frames: the columns of a table, as the libraries of others have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

    Spelled = tuple[NDArray[np.generic], Sequence[str] | None]

UUID_LENGTH = 36
_DASHES = (8, 13, 18, 23)


def arrow(columns: Mapping[str, Spelled]) -> pa.Table:
    """Return a pyarrow table of *columns*, each with the words that its codes stand for, or None."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise _missing("pyarrow") from error

    def array(column: NDArray[np.generic], words: Sequence[str] | None) -> pa.Array:
        if words is not None:
            return pa.array(words, pa.string()).take(pa.array(column)).dictionary_encode()
        if column.dtype.kind == "V":
            ends = np.arange(len(column) + 1, dtype=np.int32) * UUID_LENGTH
            return pa.StringArray.from_buffers(len(column), pa.py_buffer(ends), pa.py_buffer(uuid_text(column)))
        if column.dtype.kind == "M":
            return pa.array(column).cast(pa.timestamp("us", tz="UTC"))
        return pa.array(column)

    return pa.table({name: array(column, words) for name, (column, words) in columns.items()})


def pandas(table: pa.Table) -> pd.DataFrame:
    """Return the pyarrow *table* as a pandas frame."""
    try:
        import pandas as pd  # noqa: F401 - pyarrow imports it too, and says less where it is missing.
    except ImportError as error:
        raise _missing("pandas") from error
    return table.to_pandas()


def polars(table: pa.Table) -> pl.DataFrame:
    """Return the pyarrow *table* as a polars frame."""
    try:
        import polars as pl
    except ImportError as error:
        raise _missing("polars") from error
    return pl.DataFrame(table)


def uuid_text(ids: NDArray[np.generic]) -> bytes:
    """Return the text forms of *ids*, the 16 bytes of UUIDs, one after the other, 36 characters each."""
    digits = np.frombuffer(ids.tobytes().hex().encode(), np.uint8).reshape(len(ids), 32)
    text = np.full((len(ids), UUID_LENGTH), ord("-"), np.uint8)
    text[:, [place for place in range(UUID_LENGTH) if place not in _DASHES]] = digits
    return text.tobytes()


def _missing(library: str) -> DomainError:
    return DomainError(f"{library} is not installed; it comes with: pip install 'execbridge[frames]'")
