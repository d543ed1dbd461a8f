"""The time machine: prices as they were known at an instant of the past."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, cast

import numpy as np
from attrs import define, field, frozen

from ...domain.bars import Bars
from ...ports.clock import Clock
from ...ports.errors import LookAhead
from ...ports.prices import PriceFeed
from ...ports.replay import Replay
from .window import DAY, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...domain.bars import Panel
    from ...domain.instruments import Instruments
    from ...domain.simulator import Session
    from ...domain.table import Float64

# So many numbers of each field are read ahead: two years of 1,000 instruments, and fewer days of more of them.
AHEAD = 1 << 19


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
    _close: np.datetime64 = field(init=False)

    def travel(self, session: Session) -> None:
        """Go to the close of *session*."""
        self.as_of_date = cast("date", session.day.item())
        self._close = session.close

    def now(self) -> datetime:
        return cast("datetime", self._close.item()).replace(tzinfo=UTC)

    def today(self) -> date:
        return self.as_of_date


@define(eq=False)
class TimeMachine(ReplayClock, Replay, PriceFeed):
    """
    Brings the prices of *feed* that were known at the close of the session travelled to, and tells that as the time.

    Those of *on* from *start* to *end* are read *ahead*, so many numbers of each field at once; of what came before so
    much stays as panels looked back at. Anything else is asked of *feed*. Before the first travel it is the day before
    *start*. Whoever asks for a later day than `as_of_date` gets LookAhead or, where the machine is not *strict*, what
    was known. *reads* lists what was asked for; bars and last closes of the day itself stand there once a day.
    """

    _feed: PriceFeed
    on: Instruments
    start: date
    end: date
    strict: bool = True
    ahead: int = AHEAD
    _reads: list[tuple[date, str, date, date]] = field(factory=list, init=False)
    _window: Window = field(init=False)
    _looked_back: timedelta = field(default=timedelta(0), init=False)
    _bars: Bars | None = field(default=None, init=False)
    _last: Float64 | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.as_of_date = self.start - DAY
        self._close = np.datetime64(self.start, "us") - np.timedelta64(1, "us")
        self._window = self._read_ahead(self.start, self._feed.last(self.on, self.as_of_date))

    @property
    def reads(self) -> list[Read]:
        """What was asked for, in the order of asking."""
        return [Read(*read) for read in self._reads]

    def travel(self, session: Session) -> None:
        super().travel(session)
        self._bars = self._last = None

    def instruments(self) -> Instruments:
        return self._feed.instruments()

    def days(self, start: date, end: date) -> NDArray[np.datetime64]:
        return self._feed.days(start, self._known("days", start, end))

    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        known = self._known("panel", start, end)
        if on is not self.on or start > known or not self._holds(known):
            return self._feed.panel(on, start, known)
        self._looked_back = max(self._looked_back, self.as_of_date - start)
        if start < self._window.start:
            self._window = self._window.reaching_back(start, self._feed.panel(on, start, self._window.start - DAY))
        return self._window.between(start, known)

    def bars(self, on: Instruments, day: date) -> Bars:
        is_shown = on is self.on and day == self.as_of_date
        if is_shown and self._bars is not None:
            return self._bars
        if self._known("bars", day, day) < day:
            return Bars.unknown(on)
        if on is not self.on or not self._holds(day):
            return self._feed.bars(on, day)
        bars = self._window.bars(day)
        if is_shown:
            self._bars = bars
        return bars

    def last(self, on: Instruments, day: date) -> Float64:
        is_shown = on is self.on and day == self.as_of_date
        if is_shown and self._last is not None:
            return self._last
        known = self._known("last", day, day)
        if on is not self.on or not self._holds(known) or known < self._window.since:
            return self._feed.last(on, known)
        last = self._window.last_on(known)
        if is_shown:
            self._last = last
        return last

    def _known(self, what: str, start: date, end: date) -> date:
        """Note what is asked for, and return the last day of it that is known."""
        self._reads.append((self.as_of_date, what, start, end))
        if end > self.as_of_date and self.strict:
            asked = f"{end}" if start == end else f"{start} to {end}"
            raise LookAhead(f"on {self.as_of_date} the {what} of {asked} were not known yet")
        return min(end, self.as_of_date)

    def _holds(self, day: date) -> bool:
        """Return whether *day* lies in the window, which goes along with today."""
        window, today = self._window, self.as_of_date
        if day == today and self.start <= today <= self.end and not window.since <= today <= window.end:
            if window.end < today <= window.end + self._span:
                following = self._read_ahead(window.end + DAY, window.last_on(window.end))
                window = following.after(window, today - self._looked_back)
            else:
                window = self._read_ahead(today, self._feed.last(self.on, today - DAY))
            self._window, self._looked_back = window, timedelta(0)
        return window.start <= day <= window.end

    @property
    def _span(self) -> timedelta:
        return timedelta(days=max(1, self.ahead // max(1, len(self.on))))

    def _read_ahead(self, start: date, before: Float64) -> Window:
        """Return the window that begins with *start*; *before* are the last closes before it."""
        end = min(self.end - start, self._span - DAY) + start
        return Window.of(start, end, self._feed.panel(self.on, start, end), before)
