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
from .columns import as_days, as_instruments, as_numbers, at, read, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from ...domain.table import Bool, Float64, Int64

PRICES = ("open", "high", "low", "close")
PRICE_RULE = "a price is a number above zero"


@frozen(eq=False)
class PriceTable:
    """The bars of *file*, row by row as they stand there; *instrument* are places in *names*."""

    file: Path
    names: tuple[str, ...]
    day: NDArray[np.datetime64]
    instrument: Int64
    bars: dict[str, Float64]

    def at(self, row: int) -> str:
        """Return where *row* stands, for people: the line of a CSV file, the row of a Parquet file (from 1)."""
        return at(self.file, row)


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


def read_prices(file: Path, *, adjusted: bool = False) -> PriceTable:
    """
    Return the bars of *file*.

    Raises:
        FeedUnavailable, BadTable: as `read`; BadTable also where a value breaks a rule.
    """
    wanted = ("date", "instrument_id", *FIELDS, *(("adj_close",) if adjusted else ()))
    columns = read(file, wanted)
    names, instrument = as_instruments(file, columns.pop("instrument_id"))
    day = as_days(file, columns.pop("date"))
    numbers = {name: as_numbers(file, name, columns.pop(name)) for name in wanted[2:]}
    _check(file, numbers)
    bars = {name: numbers[name] for name in FIELDS}
    if adjusted:
        factor = numbers["adj_close"] / numbers["close"]
        bars = {name: bars[name] * factor for name in PRICES} | {"volume": bars["volume"] / factor}
    return PriceTable(file, names, day, instrument, bars)


def _check(file: Path, numbers: dict[str, Float64]) -> None:
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
            refuse(file, row, name, f"{numbers[name][row]:g}", rule)
