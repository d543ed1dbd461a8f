"""Windows: the bars of some days, held in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, evolve, field

from ...domain.bars import FIELDS, Bars, Panel

if TYPE_CHECKING:
    from datetime import date

    from ...domain.table import Float64

DAY = timedelta(days=1)


@define(eq=False)
class Window:
    """
    The bars of every day from *start* to *end* and, from *since* on, the last closes.

    *last* has a row of those before *since*, and one for each session from then on. What a window hands out are views,
    and nothing of it ever changes.
    """

    start: date
    since: date
    end: date
    panel: Panel
    last: Float64
    _row: dict[date, int] = field(init=False)
    _earlier: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._row = {day: row for row, day in enumerate(self.panel.day.tolist())}
        self._earlier = len(self.panel) + 1 - len(self.last)

    @classmethod
    def of(cls, start: date, end: date, panel: Panel, before: Float64) -> Window:
        """Return the window of *panel*; *before* are the last closes before it."""
        return cls(start, start, end, panel, carried(before, panel.close))

    def bars(self, day: date) -> Bars:
        """Return the bars of *day*."""
        row = self._row.get(day)
        return Bars.unknown(self.panel.on) if row is None else self.panel[row]

    def last_on(self, day: date) -> Float64:
        """Return the last closes on or before *day*, which is not before *since*."""
        row = self._row.get(day)
        until = self.panel.rows_until(day) if row is None else row + 1
        last: Float64 = self.last[until - self._earlier]
        return last

    def between(self, start: date, end: date) -> Panel:
        """Return the bars from *start* to *end*, both included; no copy is made."""
        panel = self.panel
        rows = slice(int(np.searchsorted(panel.day, np.datetime64(start, "D"))), panel.rows_until(end))
        return Panel(panel.on, panel.day[rows], **{name: getattr(panel, name)[rows] for name in FIELDS})

    def reaching_back(self, start: date, earlier: Panel) -> Window:
        """Return this window with the bars of *earlier* days too, from *start* on."""
        if not len(earlier):
            return evolve(self, start=start)
        both = {name: np.concatenate([getattr(earlier, name), getattr(self.panel, name)]) for name in FIELDS}
        day = np.concatenate([earlier.day, self.panel.day])
        return evolve(self, start=start, panel=Panel(self.panel.on, day, **both))

    def after(self, former: Window, start: date) -> Window:
        """Return this window with those bars of the *former* one that are not before *start*."""
        start = max(start, former.start)
        return self if start >= self.start else self.reaching_back(start, former.between(start, former.end))


def carried(before: Float64, close: Float64) -> Float64:
    """Return the last closes: those *before*, then a row for each of *close*; NaN where there was none yet."""
    last = np.concatenate([before[np.newaxis], close])
    gaps = np.isnan(last)
    for row in np.flatnonzero(gaps.any(axis=1)):
        if row:
            np.copyto(last[row], last[row - 1], where=gaps[row])
    last.setflags(write=False)
    return last
