"""Prices from CSV and Parquet files."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from ...domain.bars import FIELDS, Bars, Panel
from ...domain.errors import BadTable
from ...domain.instruments import Instrument, Instruments
from ...ports.prices import PriceFeed
from .tables import PriceTable, read
from .windows import last_closes, narrowed, on_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from ...domain.table import Float64, Int64


@define(slots=False)
class FilePriceFeed(PriceFeed):
    """
    Brings the bars of *files* (.csv, .csv.gz, .parquet), which are read once, when first asked for.

    Columns: date (YYYY-MM-DD), instrument_id, open, high, low, close, volume (empty: not known) and, where *adjusted*
    is asked for, adj_close: prices are scaled by adj_close / close and volumes by its inverse, so that splits and
    dividends leave no jump. Rows may come in any order. Instruments have lots of 1 in USD unless *known* says other.

    Raises, in every method, FeedUnavailable where a file cannot be read or lacks a column, and BadTable where a value
    breaks a rule; the message names the file, the line (the row, in Parquet), the column, the value and the rule.
    """

    files: tuple[Path, ...] = field(converter=tuple)
    adjusted: bool = False
    known: Iterable[Instrument] = ()

    def instruments(self) -> Instruments:
        return self.whole.on

    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        return narrowed(self.whole, on, start, end)

    def bars(self, on: Instruments, day: date) -> Bars:
        return on_day(self.whole, on, day)

    def last(self, on: Instruments, day: date) -> Float64:
        return last_closes(self.whole, on, day)

    def days(self, start: date, end: date) -> NDArray[np.datetime64]:
        return narrowed(self.whole, self.whole.on, start, end).day

    @cached_property
    def whole(self) -> Panel:
        """All bars of all files."""
        tables = [read(file, adjusted=self.adjusted) for file in self.files]
        known = {instrument.id: instrument for instrument in self.known}
        names = sorted({name for table in tables for name in table.names})
        on = Instruments.of(known.get(name, name) for name in names)
        day = np.unique(np.concatenate([np.empty(0, "M8[D]"), *(table.day for table in tables)]))
        places = [_places(table, on, day) for table in tables]
        _refuse_twice(tables, on, day, places)
        laid = {name: np.full(len(day) * len(on), np.nan) for name in FIELDS}
        for table, place in zip(tables, places, strict=True):
            for name in FIELDS:
                laid[name][place] = table.bars.pop(name)
        return Panel(on, day, **{name: flat.reshape(len(day), len(on)) for name, flat in laid.items()})


def _places(table: PriceTable, on: Instruments, day: NDArray[np.datetime64]) -> Int64:
    """Return where each row of *table* belongs, counted through all days and, within a day, all instruments."""
    codes = on.locate(table.names)
    return np.searchsorted(day, table.day) * len(on) + codes[table.instrument]


def _refuse_twice(tables: list[PriceTable], on: Instruments, day: NDArray[np.datetime64], places: list[Int64]) -> None:
    """Refuse a second bar for an instrument and day; say where both stand."""
    bars = sum((np.bincount(place, minlength=len(day) * len(on)) for place in places), np.zeros(1, np.int64))
    twice = np.flatnonzero(bars > 1)
    if len(twice):
        row, code = divmod(int(twice[0]), len(on))
        first, second = np.flatnonzero(np.concatenate(places) == twice[0])[:2].tolist()
        both = f"{_place(tables, first)} and {_place(tables, second)}"
        raise BadTable(f"one bar a day and instrument; {on.names[code]} has two on {day[row]}: {both}")


def _place(tables: list[PriceTable], row: int) -> str:
    for table in tables:
        if row < len(table.day):
            return table.at(row)
        row -= len(table.day)
    raise AssertionError("Invariant: every row comes from a file.")
