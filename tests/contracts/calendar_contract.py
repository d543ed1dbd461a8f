"""What every trading calendar promises."""

from datetime import date

import numpy as np
import pytest

from execbridge.ports.calendar import TradingCalendar

START, END = date(2024, 6, 28), date(2024, 7, 12)


class CalendarContract:
    """A calendar of summer 2024: START, END and 3 July are traded, 6 and 7 July are not."""

    @pytest.fixture
    def calendar(self) -> TradingCalendar:
        raise NotImplementedError

    def test_both_ends_are_included(self, calendar: TradingCalendar) -> None:
        days = [session.day.item() for session in calendar.sessions(START, END)]
        assert (days[0], days[-1]) == (START, END)

    def test_a_day_is_its_own_window(self, calendar: TradingCalendar) -> None:
        assert [session.day.item() for session in calendar.sessions(START, START)] == [START]

    def test_days_rise_strictly(self, calendar: TradingCalendar) -> None:
        days = [session.day for session in calendar.sessions(START, END)]
        assert days == sorted(set(days))

    def test_every_session_opens_before_it_closes_and_before_the_next(self, calendar: TradingCalendar) -> None:
        sessions = calendar.sessions(START, END)
        instants = [instant for session in sessions for instant in (session.open, session.close)]
        assert instants == sorted(instants)

    def test_days_are_days_and_instants_are_in_microseconds(self, calendar: TradingCalendar) -> None:
        for session in calendar.sessions(START, END):
            assert session.day.dtype == np.dtype("M8[D]")
            assert session.open.dtype == session.close.dtype == np.dtype("M8[us]")

    def test_the_same_days_give_the_same_sessions(self, calendar: TradingCalendar) -> None:
        sessions = calendar.sessions(START, END)
        calendar.sessions(date(2023, 1, 1), date(2023, 1, 31))
        calendar.sessions(date(2025, 1, 1), date(2025, 1, 31))
        assert calendar.sessions(START, END) == sessions

    def test_a_part_of_a_window_has_a_part_of_its_sessions(self, calendar: TradingCalendar) -> None:
        sessions = calendar.sessions(START, END)
        assert calendar.sessions(date(2024, 7, 3), END) == [s for s in sessions if s.day >= np.datetime64("2024-07-03")]

    def test_a_weekend_has_no_session(self, calendar: TradingCalendar) -> None:
        assert calendar.sessions(date(2024, 7, 6), date(2024, 7, 7)) == []
        assert calendar.sessions(date(2024, 7, 6), date(2024, 7, 6)) == []

    def test_a_day_asked_for_alone_has_the_session_of_its_window(self, calendar: TradingCalendar) -> None:
        days = np.array([session.day for session in calendar.sessions(START, END)]).tolist()
        assert [calendar.sessions(day, day) for day in days] == [[session] for session in calendar.sessions(START, END)]

    def test_what_ends_before_it_starts_has_no_session(self, calendar: TradingCalendar) -> None:
        assert calendar.sessions(END, START) == []
