"""Columns of CSV and Parquet files: read, converted, and every fault named by its place."""

from __future__ import annotations

import csv
import gzip
import zlib
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from ...domain.errors import BadTable
from ...domain.instruments import is_id
from ...ports.errors import FeedUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ...domain.table import Float64, Int64

ROWS_A_BLOCK = 1 << 16
# Otherwise a file is in memory as a whole while it is read.
BUFFERED = {"pre_buffer": False, "buffer_size": 1 << 20}
UNKNOWN = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]
CSV, PARQUET = (".csv", ".csv.gz"), (".parquet", ".pq")


def read(file: Path, wanted: Sequence[str], optional: Sequence[str] = ()) -> dict[str, pa.ChunkedArray]:
    """
    Return the *wanted* columns of *file*, and those *optional* ones that it has; those of a CSV file as text.

    Raises:
        FeedUnavailable: the file is not reached.
        BadTable: it is no such file, lacks a column, or has a line with more or fewer values than the header.
    """
    with _translated(file):
        return _read(file, wanted, optional)


def read_apart(
    file: Path, wanted: Sequence[str], streamed: Sequence[str]
) -> tuple[dict[str, pa.ChunkedArray], Iterator[dict[str, pa.ChunkedArray]]]:
    """
    Return the *wanted* columns of *file*, and those *streamed* block by block, rising by row.

    What is streamed from a Parquet file is never in memory at once.

    Raises:
        FeedUnavailable, BadTable: as `read`, also while blocks are read.
    """
    if _is_parquet(file):
        with _translated(file):
            _named(file, papq.read_schema(file).names, (*wanted, *streamed), ())
        return read(file, wanted), _streamed(file, streamed)
    columns = read(file, (*wanted, *streamed))
    apart = {name: columns.pop(name) for name in streamed}
    rows = range(0, len(columns[wanted[0]]), ROWS_A_BLOCK)
    return columns, ({name: column.slice(first, ROWS_A_BLOCK) for name, column in apart.items()} for first in rows)


def _streamed(file: Path, named: Sequence[str]) -> Iterator[dict[str, pa.ChunkedArray]]:
    with _translated(file), papq.ParquetFile(file, **BUFFERED) as parquet:
        for batch in parquet.iter_batches(ROWS_A_BLOCK, columns=list(named), use_threads=False):
            yield _parted(pa.Table.from_batches([batch]))
    pa.default_memory_pool().release_unused()


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BadTable(f"{file} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise FeedUnavailable(f"{file} cannot be read: {error.strerror or error}") from error
    except (EOFError, UnicodeError, csv.Error, zlib.error, pa.ArrowException) as error:
        first = str(error).partition("\n")[0]
        raise BadTable(f"{file} cannot be read: {first}") from error


def _read(file: Path, wanted: Sequence[str], optional: Sequence[str]) -> dict[str, pa.ChunkedArray]:
    if _is_parquet(file):
        named = _named(file, papq.read_schema(file).names, wanted, optional)
        with papq.ParquetFile(file, read_dictionary=["instrument_id"], **BUFFERED) as parquet:
            columns = _parted(parquet.read(columns=named))
        # What reading itself has taken lies idle from now on.
        pa.default_memory_pool().release_unused()
        return columns
    if not file.name.lower().endswith(CSV):
        raise BadTable(f"{file} is of no kind that is known: {', '.join(CSV + PARQUET)}")
    with _opened(file) as lines:
        header = next(csv.reader(lines), [])
    named = _named(file, header, wanted, optional)
    short: list[pacsv.InvalidRow] = []

    def refuse(row: pacsv.InvalidRow) -> str:
        short.append(row)
        return "error"

    try:
        table = pacsv.read_csv(
            file,
            # One thread, so that a row that does not fit has a number.
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=pacsv.ParseOptions(invalid_row_handler=refuse),
            convert_options=pacsv.ConvertOptions(
                include_columns=named,
                column_types=dict.fromkeys(named, pa.string()),
                null_values=UNKNOWN,
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        if not short:
            raise
        row = short[0]
        rule = f"a line has as many values as the header, {row.expected_columns}, was {row.actual_columns}"
        raise BadTable(f"{rule}; {file} line {row.number}: {row.text!r}") from error
    return _parted(table)


def _is_parquet(file: Path) -> bool:
    return file.name.lower().endswith(PARQUET)


def _parted(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def _named(file: Path, names: list[str], wanted: Sequence[str], optional: Sequence[str]) -> list[str]:
    """Return which columns to read; refuse a file that lacks a *wanted* one, or has one twice."""
    named = [*wanted, *(name for name in optional if name in names)]
    for name in named:
        if names.count(name) > 1:
            raise BadTable(f"{file} has the column {name!r} twice")
        if name not in names:
            lower = {other.strip().lower().replace(" ", "_"): other for other in names}
            near = get_close_matches(name, lower, n=1)
            hint = f"; is {lower[near[0]]!r} meant?" if near else ""
            raise BadTable(f"{file} line 1 has no column {name!r}, but {', '.join(map(repr, names))}{hint}")
    return named


def as_instruments(file: Path, column: pa.ChunkedArray) -> tuple[tuple[str, ...], Int64]:
    """
    Return the ids in *column*, each once, and for each row the place of its own.

    Raises:
        BadTable: one is missing, or can be no id.
    """
    coded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    encoded = coded.unify_dictionaries().combine_chunks()
    known = encoded.dictionary.to_pylist()
    indices = encoded.indices.fill_null(-1) if encoded.null_count else encoded.indices
    instrument = _plain(indices).astype(np.int64)
    bad = [-1, *(place for place, name in enumerate(known) if not is_id(name or ""))]
    wrong = np.flatnonzero(np.isin(instrument, bad))
    if len(wrong):
        rule = "an id is 1 to 64 printable characters, no blanks around it"
        _refuse(file, int(wrong[0]), "instrument_id", column, rule)
    # A dictionary may hold more than is used.
    used = np.bincount(instrument, minlength=len(known)) > 0
    names = tuple(known[place] for place in np.flatnonzero(used).tolist())
    return names, (np.cumsum(used) - 1)[instrument]


def as_days(file: Path, column: pa.ChunkedArray) -> NDArray[np.datetime64]:
    """
    Return the days in *column* (datetime64[D]).

    Raises:
        BadTable: one is missing, or is no day.
    """
    rule = "a date is written YYYY-MM-DD, without a time of day"
    kind = pa.timestamp(column.type.unit) if pa.types.is_timestamp(column.type) else pa.date32()
    instants = _plain(_converted(file, "date", column, kind, rule))
    days = instants.astype("M8[D]")
    wrong = np.flatnonzero(np.isnat(days) | (days != instants))
    if len(wrong):
        _refuse(file, int(wrong[0]), "date", column, rule)
    return cast("NDArray[np.datetime64]", days)


def as_numbers(file: Path, name: str, column: pa.ChunkedArray, first: int = 0) -> Float64:
    """
    Return the numbers in *column*, which begins with the row *first*; NaN where one is missing.

    Raises:
        BadTable: one is no number.
    """
    numbers = _converted(file, name, column, pa.float64(), "a number is expected", first=first)
    return cast("Float64", _plain(numbers))


def _plain(column: pa.Array) -> NDArray[Any]:
    """
    Return the values of *column*, NaN or NaT where one is missing.

    Where it can be avoided they are not asked of Arrow, which loads pandas for that: a quarter of a second and 40 MB.
    """
    kind = column.type
    if column.null_count or not (kind == pa.date32() or pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return cast("NDArray[Any]", column.to_numpy(zero_copy_only=False))
    if kind == pa.date32():
        return np.from_dlpack(column.view(pa.int32())).astype("M8[D]")
    return np.from_dlpack(column)


def _converted(
    file: Path, name: str, column: pa.ChunkedArray, kind: pa.DataType, rule: str, *, first: int = 0
) -> pa.Array:
    """Return *column* as *kind*; where that fails, find the first value that does not go."""
    if column.type == kind:
        return column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return column.cast(kind).combine_chunks()
    except pa.ArrowException as error:
        for row, value in enumerate(column):
            if value.is_valid and not _is_taken(value, kind):
                _refuse(file, row, name, column, rule, first=first)
        raise BadTable(f"{file}: column {name!r} cannot be read: {error}") from error


def _is_taken(value: pa.Scalar, kind: pa.DataType) -> bool:
    try:
        value.cast(kind)
    except pa.ArrowException:
        return False
    return True


def _refuse(file: Path, row: int, name: str, column: pa.ChunkedArray, rule: str, *, first: int = 0) -> NoReturn:
    value = column[row].as_py()
    shown = "missing" if value is None else repr(value) if isinstance(value, str) else str(value)
    refuse(file, first + row, name, shown, rule)


def refuse(file: Path, row: int, name: str, value: str, rule: str) -> NoReturn:
    """Refuse the *value* in the column *name* of *row*, for it breaks the *rule*."""
    shown = "missing" if value == "nan" else value
    raise BadTable(f"{rule}; {at(file, row)} column {name!r} was {shown}")


def at(file: Path, row: int) -> str:
    """Return where *row* stands, for people: the line of a CSV file, the row of a Parquet file (from 1)."""
    if _is_parquet(file):
        return f"{file} row {row + 1}"
    with _opened(file) as lines:
        return f"{file} line {_line(lines, row)}"


def _line(lines: Iterator[str], row: int) -> int:
    """Return the line of a CSV file on which *row* ends; blank lines are no rows, and the header is none."""
    reader = csv.reader(lines)
    met = -1
    for values in reader:
        met += bool(values)
        if met == row + 1:
            break
    return reader.line_num


def _opened(file: Path) -> TextIO:
    if file.name.lower().endswith(".gz"):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")
