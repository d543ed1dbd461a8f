"""The time machine: prices as they were known at an instant of the past."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

from ...domain.bars import Bars
from ...ports.clock import Clock
from ...ports.errors import LookAhead
from ...ports.prices import PriceFeed
from ...ports.replay import Replay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...domain.bars import Panel
    from ...domain.instruments import Instruments
    from ...domain.simulator import Session
    from ...domain.table import Float64

_DAY = timedelta(days=1)


@frozen
class Read:
    """What was read on *as_of* ("days", "panel", "bars" or "last"), and from which to which day."""

    as_of: date
    what: str
    start: date
    end: date


@define(eq=False)
class ReplayClock(Clock):
    """Tells the close of the session travelled to as the time, and its day as today."""

    as_of_date: date = field(init=False)
    _now: datetime = field(init=False)

    def travel(self, session: Session) -> None:
        """Go to the close of *session*."""
        self.as_of_date = session.day.astype("M8[D]").item()
        self._now = session.close.astype("M8[us]").item().replace(tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def today(self) -> date:
        return self.as_of_date


@define(eq=False)
class TimeMachine(ReplayClock, Replay, PriceFeed):
    """
    Brings the prices of *feed* that were known at the close of the session travelled to, and tells that as the time.

    The window of *on* from *start* to *end* is read once; other axes and earlier days are asked of *feed*. Before the
    first travel it is the day before *start*. Whoever asks for a later day than `as_of_date` gets LookAhead or, where
    the machine is not *strict*, what was known. *reads* lists what was asked for.
    """

    _feed: PriceFeed
    on: Instruments
    start: date
    end: date
    strict: bool = True
    _reads: list[tuple[date, str, date, date]] = field(factory=list, init=False)
    _window: Panel = field(init=False)
    _has_gaps: NDArray[np.bool_] = field(init=False)
    _seed: Float64 = field(init=False)
    _last: Float64 = field(init=False)
    _filled: int = field(default=0, init=False)
    _filled_day: date | None = field(default=None, init=False)
    _rows: dict[date, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.as_of_date = self.start - _DAY
        self._now = datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC) - timedelta(microseconds=1)
        self._window = self._feed.panel(self.on, self.start, self.end)
        self._rows = {day: row for row, day in enumerate(self._window.day.tolist())}
        self._has_gaps = np.asarray(np.isnan(self._window.close).any(axis=1))
        self._seed = self._last = self._feed.last(self.on, self.as_of_date)

    @property
    def reads(self) -> list[Read]:
        """What was asked for, in the order of asking."""
        return [Read(*read) for read in self._reads]

    def instruments(self) -> Instruments:
        return self._feed.instruments()

    def days(self, start: date, end: date) -> NDArray[np.datetime64]:
        return self._feed.days(start, self._read("days", start, end))

    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        known = self._read("panel", start, end)
        if on is not self.on or start < self.start or known > self.end:
            return self._feed.panel(on, start, known)
        return self._window.between(on, start, known)

    def bars(self, on: Instruments, day: date) -> Bars:
        known = self._read("bars", day, day)
        if known < day:
            return Bars.unknown(on)
        if on is not self.on or not self.start <= day <= self.end:
            return self._feed.bars(on, day)
        row = self._rows.get(day)
        return Bars.unknown(on) if row is None else self._window[row]

    def last(self, on: Instruments, day: date) -> Float64:
        known = self._read("last", day, day)
        if known == self._filled_day and on is self.on:
            return self._last
        if on is not self.on or not self.start - _DAY <= known <= self.end:
            return self._feed.last(on, known)
        self._filled_day = known
        return self._filled_to(self._window.rows_until(known))

    def _filled_to(self, rows: int) -> Float64:
        """Return the last closes after so many *rows*: a step a day, which is free where no close is missing."""
        if rows < self._filled:
            self._last, self._filled = self._seed, 0
        for row in range(self._filled, rows):
            close = self._window.close[row]
            self._last = np.where(np.isnan(close), self._last, close) if self._has_gaps[row] else close
        self._last.setflags(write=False)
        self._filled = rows
        return self._last

    def _read(self, what: str, start: date, end: date) -> date:
        """Note what is asked for, and return the last day of it that is known."""
        self._reads.append((self.as_of_date, what, start, end))
        if end > self.as_of_date and self.strict:
            asked = f"{end}" if start == end else f"{start} to {end}"
            raise LookAhead(f"on {self.as_of_date} the {what} of {asked} were not known yet")
        return min(end, self.as_of_date)
