"""Targets of one decision, from a file or from the command line."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from ...domain.errors import BadTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

COLUMNS = ("instrument_id", "target")


def parse_target(said: str) -> tuple[str, float]:
    """
    Return instrument and amount of a target said as AAPL=120; an empty amount is unknown.

    Raises:
        BadTable: it is said otherwise.
    """
    name, equals, amount = said.partition("=")
    if not equals:
        rule = f"a target is said as INSTRUMENT=AMOUNT, was {said!r}"
        raise BadTable(rule)
    return name.strip(), _number(amount, f"the target {said!r}")


def read_targets(path: Path, day: date | None) -> dict[str, float]:
    """
    Return the targets in a CSV, Parquet or JSON file, by instrument; where it has a column date, those of *day*.

    Raises:
        BadTable: the file cannot be read, or breaks a rule; the message names file, line and column.
    """
    if path.suffix == ".json":
        return _read_json(path)
    return _by_instrument(path, _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path), day)


def _read_csv(path: Path) -> Iterable[tuple[str, Mapping[str, object]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            _require(path, reader.fieldnames or ())
            return [(f"{path}:{reader.line_num}", row) for row in reader]
    except UnicodeDecodeError as error:
        rule = f"{path}: a CSV file is text in UTF-8: {error}"
        raise BadTable(rule) from error


def _read_parquet(path: Path) -> Iterable[tuple[str, Mapping[str, object]]]:
    try:
        table = parquet.read_table(path)
    except pa.ArrowException as error:
        rule = f"{path}: is not Parquet: {error}"
        raise BadTable(rule) from error
    _require(path, table.column_names)
    return [(f"{path}, row {number}", row) for number, row in enumerate(table.to_pylist(), 1)]


def _read_json(path: Path) -> dict[str, float]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        rule = f"{path}: is not JSON: {error}"
        raise BadTable(rule) from error
    if not isinstance(content, dict):
        rule = f'{path}: targets are one object like {{"AAPL": 120}}, was {type(content).__name__}'
        raise BadTable(rule)
    return {name: _number(amount, f"{path}: the target of {name}") for name, amount in content.items()}


def _require(path: Path, columns: Iterable[str]) -> None:
    found = list(columns)
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        rule = f"{path}:1: needs a column {' and '.join(missing)}, has {', '.join(found) or 'none'}"
        raise BadTable(rule)


def _by_instrument(path: Path, rows: Iterable[tuple[str, Mapping[str, object]]], day: date | None) -> dict[str, float]:
    amounts: dict[str, float] = {}
    is_dated = False
    for place, row in rows:
        is_dated = is_dated or "date" in row
        if "date" in row and f"{row['date']}"[:10] != f"{day}":
            continue
        name = str(row["instrument_id"] or "").strip()
        if name in amounts:
            rule = f"{place}: one target an instrument; {name!r} is given twice"
            raise BadTable(rule)
        amounts[name] = _number(row["target"], f"{place}: column target")
    if is_dated and not amounts:
        rule = f"{path}: has no target on {day}"
        raise BadTable(rule)
    return amounts


def _number(value: object, place: str) -> float:
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    rule = f"{place}: a target is a number, or empty where it is unknown; was {value!r}"
    raise BadTable(rule)
