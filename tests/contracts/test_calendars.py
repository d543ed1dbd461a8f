"""Every trading calendar keeps the contract."""

from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from execbridge.adapters.calendars import ExchangeCalendar, PriceDaysCalendar
from execbridge.domain.errors import SettingsError
from execbridge.ports.calendar import TradingCalendar

from .calendar_contract import END, START, CalendarContract


class TestExchangeCalendar(CalendarContract):
    @pytest.fixture
    def calendar(self) -> TradingCalendar:
        return ExchangeCalendar("XNYS")

    def test_holidays_are_left_out_and_early_closes_are_kept(self, calendar: TradingCalendar) -> None:
        sessions = {f"{session.day}": session for session in calendar.sessions(date(2024, 7, 2), date(2024, 7, 5))}
        assert list(sessions) == ["2024-07-02", "2024-07-03", "2024-07-05"]
        assert sessions["2024-07-02"].open == np.datetime64("2024-07-02T13:30")
        assert sessions["2024-07-02"].close == np.datetime64("2024-07-02T20:00")
        assert sessions["2024-07-03"].close == np.datetime64("2024-07-03T17:00")

    def test_history_of_decades_is_known(self, calendar: TradingCalendar) -> None:
        assert len(calendar.sessions(date(1990, 1, 1), date(1990, 12, 31))) == 253

    def test_an_exchange_that_is_not_known_is_named_with_those_that_may_be_meant(self) -> None:
        with pytest.raises(SettingsError, match=r"no exchange calendar 'XNYX' is known; is one of .*XNYS.* meant\?"):
            ExchangeCalendar("XNYX")

    def test_a_calendar_ends_where_its_holidays_are_not_known_yet(self) -> None:
        hong_kong = ExchangeCalendar("XHKG")
        assert hong_kong.sessions(date(2049, 12, 30), date(2049, 12, 31))
        with pytest.raises(SettingsError, match=r"sessions of XHKG are not known: .* only recorded to"):
            hong_kong.sessions(date(2060, 1, 1), date(2060, 1, 2))


def days(start: date, end: date) -> NDArray[np.datetime64]:
    """Return the weekdays of two weeks, those from *start* to *end*."""
    all_days = np.arange(np.datetime64(START, "D"), np.datetime64(END, "D") + 1)
    traded = all_days[np.is_busday(all_days)]
    return traded[(traded >= np.datetime64(start)) & (traded <= np.datetime64(end))]


class TestPriceDaysCalendar(CalendarContract):
    @pytest.fixture
    def calendar(self) -> TradingCalendar:
        return PriceDaysCalendar(days)

    def test_a_session_is_the_whole_day(self, calendar: TradingCalendar) -> None:
        (session,) = calendar.sessions(START, START)
        assert session.open == np.datetime64("2024-06-28T00:00:00")
        assert session.close == np.datetime64("2024-06-28T23:59:59.999999")

    def test_what_has_been_worked_out_is_not_asked_for_again(self) -> None:
        asked = []

        def noted(start: date, end: date) -> NDArray[np.datetime64]:
            asked.append((start, end))
            return days(start, end)

        calendar = PriceDaysCalendar(noted)
        calendar.sessions(START, END)
        for day in days(START, END).tolist():
            assert len(calendar.sessions(day, day)) == 1
        assert asked == [(START, END)]

    def test_a_day_that_gets_its_prices_later_becomes_a_session(self) -> None:
        until = [date(2024, 7, 1)]
        calendar = PriceDaysCalendar(lambda start, end: days(start, min(end, until[0])))
        assert len(calendar.sessions(START, END)) == 2
        until[0] = date(2024, 7, 2)
        assert len(calendar.sessions(START, END)) == 3
