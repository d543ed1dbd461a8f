"""Prices from CSV and Parquet files."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

from ...domain.bars import FIELDS, Bars, Panel
from ...domain.errors import BadTable
from ...domain.instruments import Instrument, Instruments
from ...ports.prices import PriceFeed
from .columns import as_days, as_instruments, as_numbers, at, read_apart, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from ...domain.table import Bool, Float64, Int64

PRICES = ("open", "high", "low", "close")
PRICE_RULE = "a price is a number above zero"


@frozen(eq=False)
class PriceTable:
    """
    The bars of *file*, row by row as they stand there: *instrument* are places in *names*.

    *bars* are read block by block, and once.
    """

    file: Path
    names: tuple[str, ...]
    day: NDArray[np.datetime64]
    instrument: Int64
    bars: Iterator[dict[str, Float64]]


@frozen(eq=False)
class PlacedTable:
    """The bars of *file*, read block by block, and where each row belongs among all days and instruments."""

    file: Path
    place: Int64
    bars: Iterator[dict[str, Float64]]

    def at(self, row: int) -> str:
        """Return where *row* stands, for people: the line of a CSV file, the row of a Parquet file (from 1)."""
        return at(self.file, row)

    def lay(self, fields: dict[str, Float64]) -> None:
        """Put every bar into its place in *fields*."""
        first = 0
        for block in self.bars:
            place = self.place[first : first + len(block["close"])]
            for name, numbers in block.items():
                fields[name][place] = numbers
            first += len(place)


def _all(files: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(files)


@define(slots=False)
class FilePriceFeed(PriceFeed):
    """
    Brings the bars of *files* (.csv, .csv.gz, .parquet), which are read once, when first asked for.

    Columns: date (YYYY-MM-DD), instrument_id, open, high, low, close, volume (empty: not known) and, where *adjusted*
    is asked for, adj_close: prices are scaled by adj_close / close and volumes by its inverse, so that splits and
    dividends leave no jump. Rows may come in any order. Instruments have lots of 1 in USD unless *known* says other.

    Raises, in every method, FeedUnavailable where a file is not reached, and BadTable where it is no such file, lacks a
    column or has a value that breaks a rule; the message names the file, the line (the row, in Parquet), the column,
    the value and the rule.
    """

    files: tuple[Path, ...] = field(converter=_all)
    adjusted: bool = False
    known: Iterable[Instrument] = ()

    def instruments(self) -> Instruments:
        return self.whole.on

    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        return self.whole.between(on, start, end)

    def bars(self, on: Instruments, day: date) -> Bars:
        return self.whole.on_day(on, day)

    def last(self, on: Instruments, day: date) -> Float64:
        return self.whole.last_close(on, day)

    def days(self, start: date, end: date) -> NDArray[np.datetime64]:
        return self.whole.between(self.whole.on, start, end).day

    @cached_property
    def whole(self) -> Panel:
        """All bars of all files."""
        tables = [read_prices(file, adjusted=self.adjusted) for file in self.files]
        known = {instrument.id: instrument for instrument in self.known}
        names = sorted({name for table in tables for name in table.names})
        on = Instruments.of(known.get(name, name) for name in names)
        day = np.unique(np.concatenate([np.empty(0, "M8[D]"), *(np.unique(table.day) for table in tables)]))
        placed = [_placed(table, on, day) for table in tables]
        del tables
        _refuse_twice(placed, on, day)
        fields = {name: np.full(len(day) * len(on), np.nan) for name in FIELDS}
        for table in placed:
            table.lay(fields)
        return Panel(on, day, **{name: flat.reshape(len(day), len(on)) for name, flat in fields.items()})


def _placed(table: PriceTable, on: Instruments, day: NDArray[np.datetime64]) -> PlacedTable:
    """Return *table* with its places counted through all days and, within a day, all instruments."""
    place = np.searchsorted(day, table.day) * len(on)
    place += on.locate(table.names)[table.instrument]
    return PlacedTable(table.file, place, table.bars)


def _refuse_twice(tables: list[PlacedTable], on: Instruments, day: NDArray[np.datetime64]) -> None:
    """Refuse a second bar for an instrument and day; say where both stand."""
    is_there = np.zeros(len(day) * len(on), np.bool_)
    for table in tables:
        is_there[table.place] = True
    if np.count_nonzero(is_there) < sum(len(table.place) for table in tables):
        places = np.concatenate([table.place for table in tables])
        twice = int(np.flatnonzero(np.bincount(places) > 1)[0])
        row, code = divmod(twice, len(on))
        first, second = np.flatnonzero(places == twice)[:2].tolist()
        both = f"{_place(tables, first)} and {_place(tables, second)}"
        raise BadTable(f"one bar a day and instrument; {on.names[code]} has two on {day[row]}: {both}")


def _place(tables: list[PlacedTable], row: int) -> str:
    for table in tables:
        if row < len(table.place):
            return table.at(row)
        row -= len(table.place)
    raise AssertionError("Invariant: every row comes from a file.")


def read_prices(file: Path, *, adjusted: bool = False) -> PriceTable:
    """
    Return the bars of *file*.

    Raises:
        FeedUnavailable, BadTable: as `read`; BadTable also where a value breaks a rule, of *bars* once they are read.
    """
    columns, blocks = read_apart(file, ("date", "instrument_id"), (*FIELDS, *(("adj_close",) if adjusted else ())))
    names, instrument = as_instruments(file, columns.pop("instrument_id"))
    return PriceTable(file, names, as_days(file, columns.pop("date")), instrument, _bars(file, blocks))


def _bars(file: Path, blocks: Iterator[dict[str, pa.ChunkedArray]]) -> Iterator[dict[str, Float64]]:
    first = 0
    for block in blocks:
        numbers = {name: as_numbers(file, name, column, first) for name, column in block.items()}
        _check(file, numbers, first)
        bars = {name: numbers[name] for name in FIELDS}
        if "adj_close" in numbers:
            factor = numbers["adj_close"] / numbers["close"]
            bars = {name: bars[name] * factor for name in PRICES} | {"volume": bars["volume"] / factor}
        yield bars
        first += len(numbers["close"])


def _check(file: Path, numbers: dict[str, Float64], first: int) -> None:
    """Refuse what is no bar: the first row that breaks a rule, with its place and value."""
    high, low = numbers["high"], numbers["low"]
    inner = np.stack([numbers["open"], numbers["close"]])
    volume = numbers["volume"]
    prices = [name for name in (*PRICES, "adj_close") if name in numbers]
    with np.errstate(invalid="ignore"):
        rules: list[tuple[str, Bool, str]] = [
            *((name, np.isfinite(numbers[name]) & (numbers[name] > 0), PRICE_RULE) for name in prices),
            ("high", high >= low, "high is not below low"),
            ("high", high >= inner.max(axis=0), "high is not below open or close"),
            ("low", low <= inner.min(axis=0), "low is not above open or close"),
            (
                "volume",
                np.isnan(volume) | (np.isfinite(volume) & (volume >= 0)),
                "volume is not below zero, or left empty",
            ),
        ]
    for name, allowed, rule in rules:
        if not allowed.all():
            row = int(np.flatnonzero(~allowed)[0])
            refuse(file, first + row, name, f"{numbers[name][row]:g}", rule)
