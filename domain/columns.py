"""Columns of one value: however many rows they have, they are made and looked at in no time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)

ID, INSTANT = np.dtype("V16"), np.dtype("M8[us]")
"""What columns of ids and of instants are made of."""


def repeated(value: float | str, count: int, kind: type[Kind]) -> NDArray[Kind]:
    """Return a read-only column of *count* times the same *value*, made once: many days in a row need the same ones."""
    return cast("NDArray[Kind]", _repeated(value, count, cast("Hashable", kind)))


@lru_cache(maxsize=1024)
def _repeated(value: float | str, count: int, kind: Hashable) -> NDArray[np.generic]:
    return np.broadcast_to(np.array(value, cast("type[np.generic]", kind)), (count,))


def spread(value: bytes, count: int, kind: np.dtype[Kind]) -> NDArray[Kind]:
    """Return a read-only column of *count* times the same *value*, which is given as the bytes that *kind* has."""
    return np.ndarray((count,), kind, value, 0, (0,))


def only(column: NDArray[np.generic]) -> object:
    """Return the value that all rows of *column* have, where it was made of one; else, or without rows, None."""
    return column.item(0) if column.strides == (0,) and len(column) else None


def looked_up(table: NDArray[Kind], column: NDArray[np.integer]) -> NDArray[Kind]:
    """Return what *table* has at each place that *column* says."""
    place = only(column)
    if place is None:
        return cast("NDArray[Kind]", table[column])
    return repeated(table.item(place), len(column), table.dtype.type)
