"""Columns of one value: however many rows they have, they are made and looked at in no time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)

ID, INSTANT = np.dtype("V16"), np.dtype("M8[us]")
"""What columns of ids and of instants are made of."""


def repeated(value: float | str, count: int, kind: type[Kind]) -> NDArray[Kind]:
    """Return a read-only column of *count* times the same *value*, made once: many days in a row need the same ones."""
    column: NDArray[Kind] = _repeated(value, count, np.dtype(kind))
    return column


@lru_cache(maxsize=1024)
def _repeated(value: float | str, count: int, kind: np.dtype[Any]) -> Any:  # noqa: ANN401 - a cache forgets the type.
    return np.broadcast_to(np.array(value, kind), (count,))


def spread(value: bytes, count: int, kind: np.dtype[Kind]) -> NDArray[Kind]:
    """Return a read-only column of *count* times the same *value*, which is given as the bytes that *kind* has."""
    return np.ndarray((count,), kind, value, 0, (0,))


@overload
def only(column: NDArray[np.bool_]) -> bool | None: ...
@overload
def only(column: NDArray[np.integer]) -> int | None: ...
@overload
def only(column: NDArray[np.void]) -> bytes | None: ...
@overload
def only(column: NDArray[np.generic]) -> object: ...
def only(column: NDArray[np.generic]) -> object:
    """Return the value that all rows of *column* have, where it was made of one; else, or without rows, None."""
    return column.item(0) if column.strides == (0,) and len(column) else None


def looked_up(table: NDArray[Kind], column: NDArray[np.integer]) -> NDArray[Kind]:
    """Return what *table* has at each place that *column* says."""
    place = only(column)
    found: NDArray[Kind] = (
        table[column] if place is None else repeated(table.item(place), len(column), table.dtype.type)
    )
    return found
