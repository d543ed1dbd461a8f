"""Bars: what a market did in one session, and panels of many sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from attrs import field, frozen

from .errors import BadTable
from .instruments import Instruments, OnAxis
from .table import Float64, Int64, float64, int64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from numpy.typing import NDArray

    from .table import Bool

FIELDS = ("open", "high", "low", "close", "volume")


@frozen
class Bar:
    """One session of one instrument; NaN where there was none."""

    instrument: str
    open: float
    high: float
    low: float
    close: float
    volume: float


@frozen(eq=False, slots=False)
class Bars(OnAxis[Bar]):
    """
    One session, along the whole axis where orders meet it; NaN where an instrument had none.

    Units: prices in the instrument's currency, volume in units of quantity (NaN: not known).
    """

    _row: ClassVar[type] = Bar

    instrument: Int64 = field(converter=int64)
    open: Float64 = field(converter=float64)
    high: Float64 = field(converter=float64)
    low: Float64 = field(converter=float64)
    close: Float64 = field(converter=float64)
    volume: Float64 = field(converter=float64)

    def _check(self) -> None:
        super()._check()
        bars = {name: getattr(self, name) for name in FIELDS}
        _keep_rules(bars, self._name)

    @classmethod
    def unknown(cls, on: Instruments) -> Bars:
        """Return a session in which no instrument of *on* had a bar."""
        return cls.trusted(on=on, instrument=on.code, **dict.fromkeys(FIELDS, float64(np.full(len(on), np.nan))))

    @property
    def at_close(self) -> Bars:
        """The closing auction of the session: all that an order sees that came in at the close."""
        close = self.close
        return self.replaced(open=close, high=close, low=close)


def bar_rules(open_: Float64, high: Float64, low: Float64, close: Float64, volume: Float64) -> list[tuple[str, Bool]]:
    """Return the rules of a bar, each with the rows that keep it; without any price a row is no bar and keeps them."""
    prices = np.stack([open_, high, low, close])
    absent: Bool = np.logical_and.reduce(np.isnan(prices))
    whole: Bool = np.logical_and.reduce((prices > 0) & (prices < np.inf))
    return [
        ("a bar has four prices above zero", absent | whole),
        ("high is not below open, low or close", absent | (high >= np.maximum(np.maximum(open_, low), close))),
        ("low is not above open or close", absent | (low <= np.minimum(open_, close))),
        ("volume is not below zero", np.isnan(volume) | ((volume >= 0) & np.isfinite(volume))),
    ]


def _keep_rules(bars: Mapping[str, Float64], named: Callable[[int], str]) -> None:
    for rule, allowed in bar_rules(*(bars[name] for name in FIELDS)):
        if not allowed.all():
            row = int(np.flatnonzero(~allowed)[0])
            values = ", ".join(f"{name} {bars[name][row]}" for name in FIELDS)
            raise BadTable(f"{rule}; {named(row)} was {values} ({(~allowed).sum()} of {len(allowed)} bars)")


@frozen(eq=False, slots=False)
class Panel:
    """
    Bars of many sessions along one axis: each field has the shape (days, instruments), NaN where there was no bar.

    *day* rises strictly (datetime64[D]).
    """

    on: Instruments
    day: NDArray[np.datetime64]
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64

    def __attrs_post_init__(self) -> None:
        shape = (len(self.day), len(self.on))
        for name in FIELDS:
            matrix = getattr(self, name)
            if matrix.shape != shape:
                raise BadTable(f"{name} of a panel has the shape (days, instruments) = {shape}, was {matrix.shape}")
            matrix.setflags(write=False)
        if np.isnat(self.day).any() or not (self.day[1:] > self.day[:-1]).all():
            raise BadTable("the days of a panel are known and rise strictly")

    @classmethod
    def of(cls, on: Instruments, day: NDArray[np.datetime64], instrument: Int64, bars: dict[str, Float64]) -> Panel:
        """
        Return the panel of bars given row by row: *day* and *instrument* (codes) say where each belongs.

        Raises:
            BadTable: a bar breaks a rule of bars, is of no instrument of the axis, or shares day and instrument with
                another.
        """
        outside = (instrument < 0) | (instrument >= len(on))
        if outside.any():
            raise BadTable(
                f"instrument codes must lie on the axis of {len(on)}, was {instrument[outside][:5].tolist()}"
            )

        def named(row: int) -> str:
            return f"{on.names[int(instrument[row])]} on {day[row].astype('M8[D]')}"

        days, row = np.unique(day.astype("M8[D]"), return_inverse=True)
        place = row * max(len(on), 1) + instrument
        if len(np.unique(place)) < len(place):
            counts = np.bincount(place)
            twice = int(np.flatnonzero(counts[place] > 1)[0])
            raise BadTable(f"one bar a day and instrument, has two: {named(twice)}")
        _keep_rules(bars, named)
        laid = {}
        for name in FIELDS:
            matrix = np.full((len(days), len(on)), np.nan)
            matrix[row, instrument] = bars[name]
            laid[name] = matrix
        return cls(on=on, day=days, **laid)

    def __len__(self) -> int:
        return len(self.day)

    def __getitem__(self, row: int) -> Bars:
        """Return the bars of the session in *row*; no copy is made."""
        return Bars.trusted(
            on=self.on,
            instrument=self.on.code,
            open=self.open[row],
            high=self.high[row],
            low=self.low[row],
            close=self.close[row],
            volume=self.volume[row],
        )

    def rows_until(self, day: date) -> int:
        """Return the number of sessions on or before *day*."""
        return int(np.searchsorted(self.day, np.datetime64(day, "D"), side="right"))

    def between(self, on: Instruments, start: date, end: date) -> Panel:
        """Return the bars of *on* from *start* to *end*, both included; days on which none has a bar are left out."""
        rows = slice(int(np.searchsorted(self.day, np.datetime64(start, "D"))), self.rows_until(end))
        laid = {name: self._along(on, getattr(self, name)[rows]) for name in FIELDS}
        traded = ~np.isnan(laid["close"]).all(axis=1)
        if not traded.all():
            laid = {name: matrix[traded] for name, matrix in laid.items()}
        return Panel(on, self.day[rows][traded], **laid)

    def on_day(self, on: Instruments, day: date) -> Bars:
        """Return the bars of *on* on *day*; NaN where there are none."""
        row = self.rows_until(day) - 1
        if row < 0 or self.day[row] != np.datetime64(day, "D"):
            return Bars.unknown(on)
        if on is self.on:
            return self[row]
        laid = {name: self._along(on, getattr(self, name)[row : row + 1])[0] for name in FIELDS}
        return Bars.trusted(on=on, instrument=on.code, **laid)

    def last_close(self, on: Instruments, day: date) -> Float64:
        """Return the last close of each of *on* on or before *day*; NaN where there is none."""
        close = self.close[: self.rows_until(day)]
        row = np.where(np.isnan(close), -1, np.arange(len(close))[:, np.newaxis]).max(axis=0, initial=-1)
        known = np.flatnonzero(row >= 0)
        last = np.full(len(self.on), np.nan)
        last[known] = close[row[known], known]
        return cast("Float64", self._along(on, last[np.newaxis])[0])

    def _along(self, on: Instruments, matrix: Float64) -> Float64:
        """Lay the columns of *matrix*, which are those of this axis, along *on*."""
        if on is self.on:
            return matrix
        place = {name: code for code, name in enumerate(self.on.names)}
        found = [(code, place[name]) for code, name in enumerate(on.names) if name in place]
        laid = np.full((len(matrix), len(on)), np.nan)
        laid[:, [code for code, _ in found]] = matrix[:, [code for _, code in found]]
        return laid
