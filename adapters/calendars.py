"""Calendars: those of exchanges, and the days that have prices."""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field

from ..domain.errors import SettingsError
from ..domain.simulator import Session
from ..ports.calendar import TradingCalendar

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MISSING = "calendars of exchanges are not installed: pip install 'execbridge[calendars]'"
# What is asked for day by day is worked out for a while at once.
AHEAD = timedelta(days=400)
NEARBY = timedelta(days=30)
DAY_LONG = np.timedelta64(24 * 60 * 60 * 1_000_000 - 1, "us")


@define
class _Memory:
    """The sessions from *start* to *end*, by day."""

    start: date = date.max
    end: date = date.min
    day: NDArray[np.datetime64] = field(factory=lambda: np.empty(0, "M8[D]"))
    sessions: list[Session] = field(factory=list)
    _on: dict[date, Session] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._on = dict(zip(self.day.tolist(), self.sessions, strict=True))

    def covers(self, start: date, end: date) -> bool:
        return self.start <= start and end <= self.end

    def between(self, start: date, end: date) -> list[Session]:
        if start == end:
            return [self._on[start]] if start in self._on else []
        first = int(np.searchsorted(self.day, np.datetime64(start, "D")))
        last = int(np.searchsorted(self.day, np.datetime64(end, "D"), side="right"))
        return self.sessions[first:last]


@define
class ExchangeCalendar(TradingCalendar):
    """
    The calendar of an exchange, by its code (ISO 10383, such as XNYS for New York), with its holidays and early closes.

    Raises:
        SettingsError: no such exchange is known, or its days are not known so far back or ahead.
    """

    code: str
    _memory: _Memory = field(factory=_Memory, init=False)

    def __attrs_post_init__(self) -> None:
        known = _vendor().get_calendar_names(include_aliases=True)
        if self.code not in known:
            near = get_close_matches(self.code.upper(), known, n=3) or sorted(known)[:3]
            raise SettingsError(f"no exchange calendar {self.code!r} is known; is one of {', '.join(near)} meant?")

    def sessions(self, start: date, end: date) -> list[Session]:
        if start > end:
            return []
        if not self._memory.covers(start, end):
            self._memory = self._worked_out(min(start, self._memory.start), max(end, self._memory.end))
        return self._memory.between(start, end)

    def _worked_out(self, start: date, end: date) -> _Memory:
        """Return the sessions from *start* to *end* and, where the calendar goes on, some that follow."""
        try:
            return self._scheduled(start - NEARBY, end + AHEAD)
        except ValueError:
            pass
        try:
            return self._scheduled(start, end + NEARBY if start == end else end)
        except ValueError as error:
            raise SettingsError(f"the sessions of {self.code} are not known: {error}") from error

    def _scheduled(self, first: date, last: date) -> _Memory:
        vendor = _vendor()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It uses what its own libraries are about to drop.
            try:
                schedule = vendor.get_calendar(self.code, start=first, end=last).schedule
            except vendor.errors.NoSessionsError:
                return _Memory(first, last)
        day = schedule.index.to_numpy().astype("M8[D]")
        opens = schedule["open"].dt.tz_convert(None).to_numpy().astype("M8[us]")
        closes = schedule["close"].dt.tz_convert(None).to_numpy().astype("M8[us]")
        return _Memory(first, last, day, list(map(Session, day, opens, closes)))


@define
class PriceDaysCalendar(TradingCalendar):
    """
    Every day that has prices is a session, from its first to its last microsecond in UTC.

    *days* returns the days with prices from one day to another, rising: such as a feed's own method of that name.
    """

    days: Callable[[date, date], NDArray[np.datetime64]]
    _memory: _Memory = field(factory=_Memory, init=False)

    def sessions(self, start: date, end: date) -> list[Session]:
        if start > end:
            return []
        if not self._memory.covers(start, end):
            first = min(start, self._memory.start)
            day = self.days(first, max(end, self._memory.end)).astype("M8[D]")
            # Days after the last one with prices may still get some.
            last = day[-1].item() if len(day) else date.min
            opens = day.astype("M8[us]")
            self._memory = _Memory(first, last, day, list(map(Session, day, opens, opens + DAY_LONG)))
        return self._memory.between(start, end)


def _vendor() -> Any:  # noqa: ANN401 - the vendor's module has no types.
    try:
        import exchange_calendars  # noqa: PLC0415 - the vendor's, optional and slow to load.
    except ImportError as error:
        raise SettingsError(MISSING) from error
    return exchange_calendars
