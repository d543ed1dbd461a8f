"""Targets from a table that says them all beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from ...domain.errors import BadTable
from ...domain.instruments import one_axis
from ...domain.targets import Targets, Unit
from ...ports.targets import TargetSource

if TYPE_CHECKING:
    from datetime import date

    from ...domain.instruments import Instruments
    from ...domain.table import Float64, Int64
    from ...ports.targets import View


@define(eq=False)
class TargetTable(TargetSource):
    """
    Says, on each day that it lists, the targets of that day; on other days nothing is decided.

    *day* (datetime64[D]), *instrument* (codes along *on*) and *amount* (NaN: unknown) say one target a row, in any
    order; *unit* and *complete* are as in Targets.
    """

    on: Instruments
    day: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    instrument: Int64
    amount: Float64
    unit: Unit = Unit.QUANTITY
    complete: bool = True
    _rows: dict[date, slice] = field(init=False)

    def __attrs_post_init__(self) -> None:
        order = np.lexsort((self.instrument, self.day))
        self.day, self.instrument, self.amount = self.day[order], self.instrument[order], self.amount[order]
        self._check()
        same = (self.day[1:] == self.day[:-1]) & (self.instrument[1:] == self.instrument[:-1])
        if same.any():
            row = int(np.flatnonzero(same)[0])
            name = self.on.names[self.instrument[row]]
            rule = f"one target a day and instrument; {name} has two on {self.day[row]}"
            raise BadTable(rule)
        days, first = np.unique(self.day, return_index=True)
        last = np.append(first, len(self.day))[1:].tolist()
        self._rows = {
            day: slice(start, end) for day, start, end in zip(days.tolist(), first.tolist(), last, strict=True)
        }

    def days(self, start: date, end: date) -> list[date]:
        """Return the days that are listed."""
        return [day for day in self._rows if start <= day <= end]

    def targets(self, view: View) -> Targets | None:
        """Return the targets listed for the day of *view*; None where it is not listed."""
        # From now on the very axis of the view, so that nobody has to compare the two again.
        self.on = one_axis(view.on, self.on)
        part = self._rows.get(view.day)
        return None if part is None else self._of(part)

    def _of(self, part: slice) -> Targets:
        on, instrument = self.on, self.instrument[part]
        return Targets.trusted(
            on=on,
            instrument=on.code if len(instrument) == len(on) else instrument,
            amount=self.amount[part],
            unit=self.unit,
            complete=self.complete,
        )

    def _check(self) -> None:
        """Refuse a day that is none and codes beyond the axis; refuse the largest amount if it is not allowed."""
        if np.isnat(self.day).any():
            rule = "every target has a day"
            raise BadTable(rule)
        if not len(self.day):
            return
        sizes = np.abs(np.nan_to_num(self.amount, posinf=np.inf, neginf=np.inf))
        for row in {int(sizes.argmax()), int(self.instrument.argmin()), int(self.instrument.argmax())}:
            try:
                Targets(self.on, self.instrument[row : row + 1], self.amount[row : row + 1], self.unit)
            except BadTable as error:
                rule = f"{error}, on {self.day[row]}"
                raise BadTable(rule) from error
