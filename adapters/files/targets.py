"""Targets from CSV, Parquet and JSON files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from ...domain.errors import BadTable
from ...domain.table import LOTS_MAX
from ...ports.errors import FeedUnavailable
from .columns import as_days, as_instruments, as_numbers, at, read

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from ...domain.table import Float64, Int64


@frozen(eq=False)
class TargetRows:
    """
    The targets of *file*, row by row; *instrument* are places in *names*, an *amount* that is missing is NaN.

    *day* is None where the file names none: its targets are wanted on every day.
    """

    file: Path
    names: tuple[str, ...]
    day: NDArray[np.datetime64] | None
    instrument: Int64
    amount: Float64

    def among(self, instruments: Collection[str] | None) -> TargetRows:
        """Return the rows of *instruments* alone; all of them for None."""
        if instruments is None:
            return self
        rows = np.flatnonzero(np.array([name in instruments for name in self.names], np.bool_)[self.instrument])
        used, instrument = np.unique(self.instrument[rows], return_inverse=True)
        names = tuple(self.names[code] for code in used.tolist())
        return TargetRows(self.file, names, None if self.day is None else self.day[rows], instrument, self.amount[rows])

    def on(self, day: date | None) -> dict[str, float]:
        """
        Return the amounts wanted on *day*, by instrument id.

        Raises:
            BadTable: there are none; or targets differ by day, and none is said.
        """
        if self.day is not None and day is None:
            raise BadTable(f"{self.file} has targets by day, and no day is said")
        rows = np.arange(len(self.amount)) if self.day is None else np.flatnonzero(self.day == np.datetime64(day, "D"))
        if not len(rows):
            raise BadTable(f"{self.file} has no target on {day}")
        pairs = zip(self.instrument[rows].tolist(), self.amount[rows].tolist(), strict=True)
        return {self.names[code]: amount for code, amount in pairs}


def read_targets(file: Path) -> TargetRows:
    """
    Return the targets of *file*.

    CSV or Parquet has the columns instrument_id, target and, where targets differ by day, date; JSON has one object of
    amounts by instrument id, null where unknown.

    Raises:
        FeedUnavailable: the file is not reached.
        BadTable: it lacks a column, or a value breaks a rule; the message names file, line and column.
    """
    if file.suffix.lower() == ".json":
        return _read_json(file)
    columns = read(file, ("instrument_id", "target"), optional=("date",))
    names, instrument = as_instruments(file, columns["instrument_id"])
    day = as_days(file, columns["date"]) if "date" in columns else None
    _refuse_twice(file, names, day, instrument)
    return TargetRows(file, names, day, instrument, as_numbers(file, "target", columns["target"]))


def _refuse_twice(file: Path, names: tuple[str, ...], day: NDArray[np.datetime64] | None, instrument: Int64) -> None:
    """Refuse a second target for an instrument and day; say where both stand."""
    number = np.zeros(len(instrument), np.int64) if day is None else day.astype(np.int64)
    order = np.lexsort((instrument, number))
    same = np.flatnonzero((np.diff(number[order]) == 0) & (np.diff(instrument[order]) == 0))
    if len(same):
        first, second = order[same[0] : same[0] + 2].tolist()
        name = names[instrument[first]]
        raise BadTable(f"one target a day and instrument, {name!r} twice; {at(file, first)} and {at(file, second)}")


def _read_json(file: Path) -> TargetRows:
    try:
        amounts = json.loads(file.read_text("utf-8"), object_pairs_hook=lambda pairs: _once(file, pairs))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BadTable(f"{file} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise FeedUnavailable(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadTable(f"{file} is not JSON: {error}") from error
    if not isinstance(amounts, dict):
        raise BadTable(f'targets are one object like {{"AAPL": 120}}; {file} was {type(amounts).__name__}')
    for name, amount in amounts.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float | None):
            raise BadTable(f"a target is a number, or null where unknown; {file}: {name} was {amount!r}")
        if amount is not None and not abs(amount) <= LOTS_MAX:
            raise BadTable(f"a target is finite and at most 2**53 either way; {file}: {name} was {amount}")
    numbers = [np.nan if amount is None else float(amount) for amount in amounts.values()]
    return TargetRows(file, tuple(amounts), None, np.arange(len(numbers)), np.array(numbers, np.float64))


def _once(file: Path, pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    """Return the object of *pairs*, of which JSON itself would silently keep the last."""
    amounts = dict(pairs)
    if len(amounts) < len(pairs):
        twice = sorted({name for name, _ in pairs if [other for other, _ in pairs].count(name) > 1})
        raise BadTable(f"one target an instrument; {file} has two of {', '.join(twice)}")
    return amounts
