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
        """Return the days from *start* to *end* on which any instrument has a bar, as a calendar may want them."""
        return narrowed(self.whole, self.whole.on, start, end).day

    @cached_property
    def whole(self) -> Panel:
        """All bars of all files."""
        tables = [read(file, adjusted=self.adjusted) for file in self.files]
        known = {instrument.id: instrument for instrument in self.known}
        names = sorted({name for table in tables for name in table.names})
        on = Instruments.of(known.get(name, name) for name in names)
        codes = [on.locate(table.names)[table.instrument] for table in tables]
        day = np.concatenate([np.empty(0, "M8[D]"), *(table.day for table in tables)])
        instrument = np.concatenate([np.empty(0, np.int64), *codes])
        _refuse_twice(tables, on, day, instrument)
        bars = {name: np.concatenate([np.empty(0), *(table.bars[name] for table in tables)]) for name in FIELDS}
        return Panel.of(on, day, instrument, bars)


def _refuse_twice(tables: list[PriceTable], on: Instruments, day: NDArray[np.datetime64], instrument: Int64) -> None:
    """Refuse a second bar for an instrument and day; say where both stand."""
    order = np.lexsort((instrument, day))
    same = (np.diff(day[order]).astype(np.int64) == 0) & (np.diff(instrument[order]) == 0)
    if not same.any():
        return
    place = int(np.flatnonzero(same)[0])
    first, second = (_place(tables, int(row)) for row in order[place : place + 2])
    name = on.names[instrument[order[place]]]
    raise BadTable(f"one bar a day and instrument; {name} has two on {day[order[place]]}: {first} and {second}")


def _place(tables: list[PriceTable], row: int) -> str:
    for table in tables:
        if row < len(table.day):
            return table.at(row)
        row -= len(table.day)
    raise AssertionError("Invariant: every row comes from a file.")
