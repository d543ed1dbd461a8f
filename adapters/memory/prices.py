"""Prices kept in memory: the reference of what a price feed does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import evolve, frozen

from ...domain.bars import FIELDS, Bars, Panel
from ...ports.prices import PriceFeed

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from ...domain.instruments import Instruments
    from ...domain.table import Float64


@frozen(eq=False)
class MemoryPriceFeed(PriceFeed):
    """Brings the bars of one panel."""

    held: Panel

    def instruments(self) -> Instruments:
        """Return the axis of the panel."""
        return self.held.on

    def days(self, start: date, end: date) -> NDArray[np.datetime64]:
        """Return the days of the panel that are asked for."""
        return self.panel(self.held.on, start, end).day

    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        """Return the part of the panel that is asked for."""
        inside = (self.held.day >= np.datetime64(start)) & (self.held.day <= np.datetime64(end))
        part = {name: self._along(on, getattr(self.held, name)[inside]) for name in FIELDS}
        traded = ~np.isnan(part["close"]).all(axis=1)
        return evolve(
            self.held,
            on=on,
            day=self.held.day[inside][traded],
            **{name: values[traded] for name, values in part.items()},
        )

    def bars(self, on: Instruments, day: date) -> Bars:
        """Return the bars of one day; NaN all along where it has none."""
        panel = self.panel(on, day, day)
        if len(panel):
            return panel[0]
        nothing = np.full(len(on), np.nan)
        return Bars(on, on.code, nothing, nothing, nothing, nothing, nothing)

    def last(self, on: Instruments, day: date) -> Float64:
        """Return the last closes on or before *day*."""
        closes = self._along(on, self.held.close[self.held.day <= np.datetime64(day)])
        found = np.full(len(on), np.nan)
        for row in closes:
            found = np.where(np.isnan(row), found, row)
        return found

    def _along(self, on: Instruments, values: Float64) -> Float64:
        """Return *values*, which lie along the panel's axis, along *on*; NaN where the panel has no such instrument."""
        names = self.held.on.names
        unknown = np.full((len(values), 1), np.nan)
        codes = [names.index(name) if name in names else len(names) for name in on.names]
        return np.hstack([values, unknown])[:, codes]
