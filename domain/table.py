"""Tables: aligned, read-only numpy columns. Plural is a table, singular a row."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast, overload
from uuid import UUID

import attrs
import numpy as np
from numpy.typing import NDArray

from . import frames
from .columns import ID, INSTANT
from .errors import BadTable

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from numpy.typing import ArrayLike

Bool = NDArray[np.bool_]
Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]
UInt64 = NDArray[np.uint64]
Float64 = NDArray[np.float64]
Text = NDArray[np.str_]
Instants = NDArray[np.datetime64]
Ids = NDArray[np.void]
Column = NDArray[np.generic]

Row = TypeVar("Row")

LOTS_MAX = 2**53
"""The largest number of lots, so that every count is exact as a float too."""

ID_BYTES = 16

_BOOL, _INT8, _INT64, _FLOAT64 = (np.dtype(kind) for kind in "?bqd")


def _column(values: ArrayLike, dtype: np.dtype[Any]) -> Column:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise BadTable(f"a column has one dimension, was ragged: {error}") from error
    if array.ndim != 1:
        raise BadTable(f"a column has one dimension, was {array.ndim}")
    if array.base is None and not array.flags.writeable and array.dtype == dtype:
        return array  # A column already, which nobody writes to.
    if array.size == 0:
        column = np.empty(0, dtype)
    else:
        try:
            column = array.astype(dtype, casting="same_kind", copy=True)
        except TypeError as error:
            raise BadTable(f"a column of {dtype} takes no {array.dtype} ({array[:3].tolist()} …)") from error
    column.setflags(write=False)
    return cast("Column", column)


def _integers(values: ArrayLike, dtype: np.dtype[Any]) -> Column:
    """Return a column of integers; what is too large for *dtype* is refused, where numpy would wrap it."""
    array = np.asarray(values)
    column = _column(array, dtype)
    if array.dtype != column.dtype and not np.array_equal(column, array):
        large = array[column != array][:3].tolist()
        raise BadTable(f"a column of {dtype} takes integers that fit, was {large}")
    return column


def boolean(values: ArrayLike) -> Bool:
    """Return *values* as a read-only column of booleans of its own."""
    return cast("Bool", _column(values, _BOOL))


def int8(values: ArrayLike) -> Int8:
    """Return *values* as a read-only column of small integers (codes) of its own."""
    return cast("Int8", _integers(values, _INT8))


def int64(values: ArrayLike) -> Int64:
    """Return *values* as a read-only column of integers of its own; floats are refused."""
    return cast("Int64", _integers(values, _INT64))


def float64(values: ArrayLike) -> Float64:
    """Return *values* as a read-only column of floats of its own."""
    return cast("Float64", _column(values, _FLOAT64))


def instants(values: ArrayLike) -> Instants:
    """Return *values* as a read-only column of UTC instants (microseconds) of its own."""
    return cast("Instants", _column(values, INSTANT))


def ids(values: ArrayLike) -> Ids:
    """Return *values*, the 16 bytes of UUIDs, as a read-only column of its own."""
    array = np.asarray(values)
    # Bytes may be shorter: numpy takes trailing zeros off them, and they come back here.
    if array.size and not (array.dtype == "V16" or (array.dtype.kind == "S" and array.dtype.itemsize <= ID_BYTES)):
        raise BadTable(f"an id is the {ID_BYTES} bytes of a UUID, was {array.dtype}")
    return cast("Ids", _column(array, ID))


def text(values: ArrayLike) -> Text:
    """Return *values* as a read-only column of text, as wide as its widest; what is no text is refused."""
    column = np.array(values)
    if column.ndim != 1 or (column.size and column.dtype.kind != "U"):
        raise BadTable(f"a column of text takes text in one dimension, was {column.dtype} in {column.ndim}")
    column = column.astype(np.str_, copy=False)
    column.setflags(write=False)
    return column


def uuid(value: np.void | bytes) -> UUID:
    """Return the UUID whose 16 bytes are *value*."""
    return UUID(bytes=value.tobytes() if isinstance(value, np.void) else value)


def same(left: object, right: object) -> bool:
    """Tell whether two fields of a table have the same content; NaN is the same as NaN."""
    if left is right:
        return True
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left.dtype.kind == right.dtype.kind == "U":
            return bool(np.array_equal(left, right))
        return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())
    return bool(left == right)


@cache
def _names(table: Hashable) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cast("type[Table[object]]", table)))


@attrs.frozen(eq=False, slots=False)
class Table(Generic[Row]):
    """
    Hold aligned, read-only columns of one length.

    Making a table copies, checks and freezes its columns; `trusted` skips all three. A number gives a row of plain
    Python values, a mask, slice or list of numbers gives a table again. Tables are the same when their content is.
    """

    _row: ClassVar[type]
    _plain: ClassVar[Mapping[str, Callable[..., object]]] = {}

    def __attrs_post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns().items()}
        if len(set(lengths.values())) > 1:
            raise BadTable(f"the columns of {type(self).__name__} must have one length, were {lengths}")
        self._check()

    def _check(self) -> None:
        """Refuse rows that this kind of table does not allow."""

    def _refuse(self, allowed: Bool, rule: str, column: str) -> None:
        """Raise BadTable unless all rows are *allowed*; name the first that are not."""
        if allowed.all():
            return
        rows = np.flatnonzero(~allowed)[:5].tolist()
        values = ", ".join(f"{self._name(row)}: {getattr(self, column)[row]}" for row in rows)
        raise BadTable(f"{rule}; {column} was {values} ({(~allowed).sum()} of {len(self)} rows)")

    def _name(self, row: int) -> str:
        return f"row {row}"

    @classmethod
    def trusted(cls, **fields: object) -> Self:
        """Return a table of *fields* that our own code has just made and that are right: neither copied nor checked."""
        table = object.__new__(cls)
        table.__dict__.update(fields)
        return table

    def replaced(self, **fields: object) -> Self:
        """Return the same table with other *fields*, that our own code has just made and that are right."""
        table = object.__new__(type(self))
        object.__setattr__(table, "__dict__", self.__dict__ | fields)
        return table

    def columns(self) -> dict[str, Column]:
        """Return the columns by name, in order."""
        return {name: value for name, value in self._fields().items() if isinstance(value, np.ndarray)}

    def _fields(self) -> dict[str, Any]:
        values = self.__dict__
        return {name: values[name] for name in _names(cast("Hashable", type(self)))}

    def __len__(self) -> int:
        return len(next(iter(self.columns().values())))

    @overload
    def __getitem__(self, rows: int | np.integer[Any]) -> Row: ...
    @overload
    def __getitem__(self, rows: slice | Bool | Int64 | list[int]) -> Self: ...
    def __getitem__(self, rows: int | np.integer[Any] | slice | Bool | Int64 | list[int]) -> Row | Self:
        if isinstance(rows, int | np.integer):
            return cast(
                "Row", self._row(**{name: self._item(name, column[rows]) for name, column in self.columns().items()})
            )
        fields = self._fields()
        for name, column in fields.items():
            if isinstance(column, np.ndarray):
                part = column[rows]
                part.setflags(write=False)
                fields[name] = part
        return self._of(fields)

    @classmethod
    def _of(cls, fields: Mapping[str, Any]) -> Self:
        """Return a table of *fields* that were taken from tables of this kind."""
        return cls.trusted(**fields)

    def _item(self, name: str, value: np.generic) -> object:
        """Return *value* of the column *name* as plain Python has it."""
        if name in self._plain:
            return self._plain[name](value)
        return value.astype(datetime).replace(tzinfo=UTC) if value.dtype.kind == "M" else value.item()

    def __iter__(self) -> Iterator[Row]:
        return (self[row] for row in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        theirs = cast("Self", other)._fields()
        return all(same(value, theirs[name]) for name, value in self._fields().items())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), **self._fields()), ()

    @classmethod
    def concat(cls, tables: list[Self]) -> Self:
        """
        Return the rows of *tables*, of which there is at least one, one after the other.

        Raises:
            BadTable: they differ in what is no column, such as their axis.
        """
        if len(tables) == 1:
            return tables[0]
        fields = tables[0]._fields()
        for name, column in fields.items():
            parts = [getattr(table, name) for table in tables]
            if isinstance(column, np.ndarray):
                whole = np.concatenate(parts)
                whole.setflags(write=False)
                fields[name] = whole
            elif not all(same(column, part) for part in parts):
                raise BadTable(f"tables of {cls.__name__} that are joined must agree on {name!r}")
        return cls._of(fields)

    def _words(self, name: str) -> Sequence[str] | None:
        """Return what the codes in the column *name* stand for, by code; None where they stand for themselves."""
        plain = self._plain.get(name)
        if not (isinstance(plain, type) and issubclass(plain, IntEnum)):
            return None
        named = {member.value: member.name for member in plain}
        return [named.get(code, "") for code in range(max(named) + 1)]

    def to_arrow(self) -> pa.Table:
        """
        Return a pyarrow table of the columns: ids and instruments as text, enums by name, instants in UTC.

        Raises:
            DomainError: pyarrow is not installed.
        """
        return frames.arrow({name: (column, self._words(name)) for name, column in self.columns().items()})

    def to_pandas(self) -> pd.DataFrame:
        """
        Return a pandas frame of the columns, as `to_arrow` gives them.

        Raises:
            DomainError: pandas or pyarrow is not installed.
        """
        return frames.pandas(self.to_arrow())

    def to_polars(self) -> pl.DataFrame:
        """
        Return a polars frame of the columns, as `to_arrow` gives them.

        Raises:
            DomainError: polars or pyarrow is not installed.
        """
        return frames.polars(self.to_arrow())
