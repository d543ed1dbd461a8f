"""Tables: aligned, read-only numpy columns. Plural is a table, singular a row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar, cast, overload
from uuid import UUID

import attrs
import numpy as np
from numpy.typing import NDArray

from .errors import BadTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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


def _column(values: ArrayLike, dtype: str) -> Column:
    array = np.asarray(values)
    if array.ndim != 1:
        rule = f"a column has one dimension, was {array.ndim}"
        raise BadTable(rule)
    if array.size == 0:
        column = np.empty(0, dtype)
    else:
        try:
            column = array.astype(dtype, casting="same_kind", copy=True)
        except TypeError as error:
            rule = f"a column of {dtype} takes no {array.dtype} ({array[:3].tolist()} …)"
            raise BadTable(rule) from error
    column.setflags(write=False)
    return cast("Column", column)


def boolean(values: ArrayLike) -> Bool:
    """Return *values* as a read-only column of booleans of its own."""
    return cast("Bool", _column(values, "?"))


def int8(values: ArrayLike) -> Int8:
    """Return *values* as a read-only column of small integers (codes) of its own."""
    return cast("Int8", _column(values, "i1"))


def int64(values: ArrayLike) -> Int64:
    """Return *values* as a read-only column of integers of its own; floats are refused."""
    return cast("Int64", _column(values, "i8"))


def float64(values: ArrayLike) -> Float64:
    """Return *values* as a read-only column of floats of its own."""
    return cast("Float64", _column(values, "f8"))


def instants(values: ArrayLike) -> Instants:
    """Return *values* as a read-only column of UTC instants (microseconds) of its own."""
    return cast("Instants", _column(values, "M8[us]"))


def ids(values: ArrayLike) -> Ids:
    """Return *values*, the 16 bytes of UUIDs, as a read-only column of its own."""
    return cast("Ids", _column(values, "V16"))


def text(values: ArrayLike) -> Text:
    """Return *values* as a read-only column of text, as wide as its widest."""
    column = np.array(values, dtype=np.str_, ndmin=1)
    column.setflags(write=False)
    return column


def uuid(value: np.void | bytes) -> UUID:
    """Return the UUID whose 16 bytes are *value*."""
    return UUID(bytes=bytes(value))


def same(left: object, right: object) -> bool:
    """Tell whether two fields of a table have the same content; NaN is the same as NaN."""
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left is right:
            return True
        if left.dtype.kind == right.dtype.kind == "U":
            return bool(np.array_equal(left, right))
        return bool(left.dtype == right.dtype and left.tobytes() == right.tobytes())
    return bool(left == right)


def rebuild(table: type[Table[Row]], fields: Mapping[str, object]) -> Table[Row]:
    """Return a *table* of *fields*, as unpickling needs it."""
    return table(**fields)


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
            rule = f"the columns of {type(self).__name__} must have one length, were {lengths}"
            raise BadTable(rule)
        self._check()

    def _check(self) -> None:
        """Refuse rows that this kind of table does not allow."""

    def _refuse(self, allowed: Bool, rule: str, column: str) -> None:
        """Raise BadTable unless all rows are *allowed*; name the first that are not."""
        if allowed.all():
            return
        rows = np.flatnonzero(~allowed)[:5].tolist()
        values = ", ".join(f"{self._name(row)}: {getattr(self, column)[row]}" for row in rows)
        message = f"{rule}; {column} was {values} ({(~allowed).sum()} of {len(self)} rows)"
        raise BadTable(message)

    def _name(self, row: int) -> str:
        return f"row {row}"

    @classmethod
    def trusted(cls, **fields: object) -> Self:
        """Return a table of *fields* that our own code has just made: all of them, right in type, neither copied nor checked."""
        table = object.__new__(cls)
        table.__dict__.update(fields)
        return table

    def columns(self) -> dict[str, Column]:
        """Return the columns by name, in order."""
        return {name: value for name, value in self.__dict__.items() if isinstance(value, np.ndarray)}

    def _fields(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}

    def __len__(self) -> int:
        return len(next(iter(self.columns().values())))

    @overload
    def __getitem__(self, rows: int) -> Row: ...
    @overload
    def __getitem__(self, rows: slice | Bool | Int64 | list[int]) -> Self: ...
    def __getitem__(self, rows: int | slice | Bool | Int64 | list[int]) -> Row | Self:
        if isinstance(rows, int):
            plain = self._plain
            return cast(
                "Row",
                self._row(
                    **{
                        name: plain[name](column[rows]) if name in plain else self._item(name, column[rows])
                        for name, column in self.columns().items()
                    }
                ),
            )
        fields = self._fields()
        for name, column in fields.items():
            if isinstance(column, np.ndarray):
                part = column[rows]
                part.setflags(write=False)
                fields[name] = part
        return self.trusted(**fields)

    def _item(self, name: str, value: np.generic) -> object:  # noqa: ARG002 - tables with an axis need the name.
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
        return rebuild, (type(self), self._fields())

    @classmethod
    def concat(cls, tables: list[Self]) -> Self:
        """Return the rows of *tables*, of which there is at least one, one after the other."""
        if len(tables) == 1:
            return tables[0]
        fields = tables[0]._fields()
        for name, column in fields.items():
            if isinstance(column, np.ndarray):
                whole = np.concatenate([getattr(table, name) for table in tables])
                whole.setflags(write=False)
                fields[name] = whole
        return cls.trusted(**fields)
