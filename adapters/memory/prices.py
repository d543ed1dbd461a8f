"""Prices kept in memory: the reference of what a price feed does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ...ports.prices import PriceFeed

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    from numpy.typing import NDArray

    from ...domain.bars import Bars, Panel
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
        return self.held.between(on, start, end)

    def bars(self, on: Instruments, day: date) -> Bars:
        """Return the bars of one day."""
        return self.held.on_day(on, day)

    def last(self, on: Instruments, day: date) -> Float64:
        """Return the last closes on or before *day*."""
        return self.held.last_close(on, day)
