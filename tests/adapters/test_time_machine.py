"""The time machine shows what was known, and nothing of what came after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from execbridge.adapters.files.prices import FilePriceFeed
from execbridge.adapters.prices.time_machine import Read, TimeMachine
from execbridge.domain.instruments import Instruments
from execbridge.domain.simulator import Session
from execbridge.ports.errors import LookAhead

from ..contracts.price_feed_contract import CLOSE, DAYS, FIRST, LAST, history
from ..contracts.test_price_feeds import write_csv

THIRD = date(2024, 1, 3)
NAN = np.nan


@pytest.fixture
def feed(tmp_path: Path) -> FilePriceFeed:
    return FilePriceFeed((write_csv(tmp_path / "prices.csv"),))


@pytest.fixture
def machine(feed: FilePriceFeed) -> TimeMachine:
    return TimeMachine(feed, feed.instruments(), FIRST, LAST)


def at(day: date) -> Session:
    opens = np.datetime64(day, "us") + np.timedelta64(14, "h")
    return Session(np.datetime64(day, "D"), opens, opens + np.timedelta64(7, "h"))


def test_it_is_the_close_of_the_session_travelled_to(machine: TimeMachine) -> None:
    machine.travel(at(THIRD))
    assert machine.now() == datetime(2024, 1, 3, 21, tzinfo=UTC)
    assert machine.today() == machine.as_of_date == THIRD


def test_before_the_first_travel_it_is_the_day_before(machine: TimeMachine) -> None:
    assert machine.today() == date(2024, 1, 1)
    assert machine.now().date() == date(2024, 1, 1)
    with pytest.raises(LookAhead):
        machine.bars(machine.on, FIRST)


LOOKS: list[Callable[[TimeMachine], object]] = [
    lambda machine: machine.days(FIRST, LAST),
    lambda machine: machine.panel(machine.on, FIRST, date(2024, 1, 5)),
    lambda machine: machine.bars(machine.on, date(2024, 1, 5)),
    lambda machine: machine.last(machine.on, date(2024, 1, 4)),
    lambda machine: machine.panel(Instruments.of(["A"]), FIRST, LAST),
    lambda machine: machine.bars(Instruments.of(["A"]), LAST),
    lambda machine: machine.last(Instruments.of(["A"]), date(2030, 1, 1)),
]


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_ahead_is_refused(machine: TimeMachine, look: Callable[[TimeMachine], object]) -> None:
    machine.travel(at(THIRD))
    with pytest.raises(LookAhead, match=r"on 2024-01-03 the (days|panel|bars|last) of .* were not known yet"):
        look(machine)


@pytest.mark.parametrize("ids", [["A", "B", "C"], ["A"]])
def test_where_it_is_not_strict_a_look_ahead_sees_what_was_known(feed: FilePriceFeed, ids: list[str]) -> None:
    on = feed.instruments() if len(ids) > 1 else Instruments.of(ids)
    machine = TimeMachine(feed, feed.instruments(), FIRST, LAST, strict=False)
    machine.travel(at(THIRD))
    np.testing.assert_array_equal(machine.panel(on, FIRST, LAST).day, DAYS[:2])
    np.testing.assert_array_equal(machine.last(on, LAST), feed.last(on, THIRD))
    assert np.isnan(machine.bars(on, LAST).close).all()


def test_stepping_day_by_day_sees_each_day(machine: TimeMachine) -> None:
    lasts = [[10.0, NAN, 5.0], [11.0, NAN, 5.0], [12.0, 100.0, 5.0], [13.0, 101.0, 7.0]]
    for row, day in enumerate(DAYS.tolist()):
        machine.travel(at(day))
        np.testing.assert_array_equal(machine.bars(machine.on, day).close, CLOSE[row])
        np.testing.assert_array_equal(machine.last(machine.on, day), lasts[row])
        np.testing.assert_array_equal(machine.last(machine.on, day), lasts[row])
        np.testing.assert_array_equal(machine.panel(machine.on, FIRST, day).close, CLOSE[: row + 1])


def test_travelling_back_forgets_what_came_after(machine: TimeMachine) -> None:
    machine.travel(at(LAST))
    assert machine.last(machine.on, LAST).tolist() == [13.0, 101.0, 7.0]
    machine.travel(at(FIRST))
    np.testing.assert_array_equal(machine.last(machine.on, FIRST), [10.0, NAN, 5.0])
    with pytest.raises(LookAhead):
        machine.last(machine.on, LAST)


def test_history_before_the_window_is_known(feed: FilePriceFeed) -> None:
    machine = TimeMachine(feed, feed.instruments(), date(2024, 1, 5), LAST)
    machine.travel(at(date(2024, 1, 5)))
    np.testing.assert_array_equal(machine.panel(machine.on, FIRST, date(2024, 1, 5)).close, CLOSE[:3])
    np.testing.assert_array_equal(machine.bars(machine.on, THIRD).close, CLOSE[1])
    np.testing.assert_array_equal(machine.last(machine.on, date(2024, 1, 5)), [12.0, 100.0, 5.0])


def test_what_was_read_is_listed(machine: TimeMachine) -> None:
    machine.travel(at(THIRD))
    machine.bars(machine.on, THIRD)
    machine.panel(machine.on, FIRST, THIRD)
    machine.last(machine.on, THIRD)
    with pytest.raises(LookAhead):
        machine.bars(machine.on, LAST)
    assert machine.reads == [
        Read(THIRD, "bars", THIRD, THIRD),
        Read(THIRD, "panel", FIRST, THIRD),
        Read(THIRD, "last", THIRD, THIRD),
        Read(THIRD, "bars", LAST, LAST),
    ]


def test_what_is_shown_cannot_be_changed(machine: TimeMachine) -> None:
    machine.travel(at(LAST))
    for shown in (machine.last(machine.on, LAST), machine.bars(machine.on, LAST).close):
        with pytest.raises(ValueError, match="read-only"):
            shown[0] = 1.0


def test_the_instruments_are_those_of_the_feed(machine: TimeMachine) -> None:
    assert machine.instruments() == history().on
