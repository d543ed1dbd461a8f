"""The time machine shows what was known, and nothing of what came after."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from attrs import Factory, frozen

from execbridge.adapters.files.prices import FilePriceFeed
from execbridge.adapters.memory.prices import MemoryPriceFeed
from execbridge.adapters.prices.time_machine import Read, TimeMachine
from execbridge.domain.bars import Panel
from execbridge.domain.instruments import Instruments
from execbridge.domain.simulator import Session
from execbridge.domain.table import Float64
from execbridge.ports.errors import FeedUnavailable, LookAhead

from ..contracts.price_feed_contract import CLOSE, DAYS, FIRST, LAST, history, same
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


def test_what_is_read_of_a_day_on_that_day_is_listed_once(machine: TimeMachine) -> None:
    machine.travel(at(THIRD))
    for _ in range(3):
        machine.bars(machine.on, THIRD)
        machine.last(machine.on, THIRD)
    assert machine.reads == [Read(THIRD, "bars", THIRD, THIRD), Read(THIRD, "last", THIRD, THIRD)]


def test_what_is_shown_cannot_be_changed(machine: TimeMachine) -> None:
    machine.travel(at(LAST))
    for shown in (machine.last(machine.on, LAST), machine.bars(machine.on, LAST).close):
        with pytest.raises(ValueError, match="read-only"):
            shown[0] = 1.0


def test_the_instruments_are_those_of_the_feed(machine: TimeMachine) -> None:
    assert machine.instruments() == history().on


LONG = np.arange("2023-12-01", "2024-03-01", dtype="M8[D]")
RUN = (date(2024, 1, 1), date(2024, 2, 20))


@frozen(eq=False)
class Feed(MemoryPriceFeed):
    """Notes which panels and last closes it is asked for, and has days that are out of reach."""

    asked: list[tuple[date, date]] = Factory(list)
    lasts: list[date] = Factory(list)
    out_of_reach: set[date] = Factory(set)

    def last(self, on: Instruments, day: date) -> Float64:
        self.lasts.append(day)
        return super().last(on, day)

    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        if start in self.out_of_reach:
            raise FeedUnavailable("prices are not reached")
        self.asked.append((start, end))
        return super().panel(on, start, end)


@pytest.fixture
def long() -> Feed:
    """Bring three months of two instruments, where a third of the bars and all of some days are missing."""
    rng = np.random.default_rng(7)
    close = rng.uniform(50, 100, (len(LONG), 2))
    close[rng.random(close.shape) < 1 / 3] = NAN
    traded = ~np.isnan(close).all(axis=1)
    assert not traded.all()
    fields = dict.fromkeys(("open", "high", "low", "close", "volume"), close[traded])
    return Feed(Panel(Instruments.of(["A", "B"]), LONG[traded], **fields))


def days_of(start: date, end: date) -> list[date]:
    return [start + timedelta(number) for number in range((end - start).days + 1)]


@pytest.mark.parametrize("ahead", [1, 6, 20, 1000])
@pytest.mark.parametrize("back", [0, 2, 9, 40])
def test_read_in_windows_prices_are_those_of_the_feed(long: Feed, ahead: int, back: int) -> None:
    machine = TimeMachine(long, long.held.on, *RUN, ahead=ahead)
    feed, on = MemoryPriceFeed(long.held), long.held.on
    for day in days_of(*RUN):
        machine.travel(at(day))
        same(machine.panel(on, day - timedelta(back), day), feed.panel(on, day - timedelta(back), day))
        for known in (day, day - timedelta(1), day, day - timedelta(back)):
            np.testing.assert_array_equal(machine.bars(on, known).close, feed.bars(on, known).close)
            np.testing.assert_array_equal(machine.last(on, known), feed.last(on, known))


@pytest.mark.parametrize("back", [0, 9])
def test_no_day_is_read_twice(long: Feed, back: int) -> None:
    """What is looked back at stays, and the feed is asked for so many days at once as there may be."""
    machine = TimeMachine(long, long.held.on, *RUN, ahead=20)
    for day in days_of(*RUN):
        machine.travel(at(day))
        machine.panel(machine.on, day - timedelta(back), day)
        machine.bars(machine.on, day)
    read = [day for start, end in long.asked for day in days_of(start, end)]
    assert sorted(read) == days_of(RUN[0] - timedelta(back), RUN[1])
    assert all(end - start < timedelta(10) for start, end in long.asked)
    assert long.lasts == [RUN[0] - timedelta(1)]


def test_who_has_looked_at_the_end_reads_on_from_the_beginning(long: Feed) -> None:
    machine = TimeMachine(long, long.held.on, *RUN, ahead=20)
    machine.travel(at(RUN[1]))
    machine.panel(machine.on, *RUN)
    long.lasts.clear()
    for day in days_of(*RUN):
        machine.travel(at(day))
        machine.bars(machine.on, day)
        machine.last(machine.on, day)
    assert long.lasts == [RUN[0] - timedelta(1)]


def test_a_window_that_has_passed_is_let_go(long: Feed) -> None:
    machine = TimeMachine(long, long.held.on, *RUN, ahead=20)
    machine.travel(at(RUN[0]))
    first = weakref.ref(machine.last(machine.on, RUN[0]).base)
    for day in (date(2024, 1, 10), date(2024, 1, 11)):
        assert first() is not None
        machine.travel(at(day))
        machine.last(machine.on, day)
    gc.collect()
    assert first() is None


def test_bars_that_are_kept_stay_as_they_were(long: Feed) -> None:
    machine = TimeMachine(long, long.held.on, *RUN, ahead=6)
    kept = []
    for day in days_of(*RUN):
        machine.travel(at(day))
        kept.append((machine.bars(machine.on, day), machine.last(machine.on, day)))
    for day, (bars, last) in zip(days_of(*RUN), kept, strict=True):
        np.testing.assert_array_equal(bars.close, long.bars(machine.on, day).close)
        np.testing.assert_array_equal(last, long.last(machine.on, day))


def test_asked_again_on_its_day_the_same_bars_are_shown(machine: TimeMachine) -> None:
    machine.travel(at(THIRD))
    assert machine.bars(machine.on, THIRD) is machine.bars(machine.on, THIRD)
    assert machine.last(machine.on, THIRD) is machine.last(machine.on, THIRD)


def test_a_jump_leaves_out_what_lies_in_between(long: Feed) -> None:
    machine = TimeMachine(long, long.held.on, *RUN, ahead=6)
    feed = MemoryPriceFeed(long.held)
    for day in (date(2024, 2, 10), date(2024, 1, 20), date(2024, 1, 1), RUN[1], date(2024, 2, 28)):
        machine.travel(at(day))
        np.testing.assert_array_equal(machine.last(machine.on, day), feed.last(machine.on, day))
        np.testing.assert_array_equal(machine.bars(machine.on, day).close, feed.bars(machine.on, day).close)
    assert sum(len(days_of(*asked)) for asked in long.asked) < 20


def test_a_feed_that_is_back_is_read_on(long: Feed) -> None:
    machine, day = TimeMachine(long, long.held.on, *RUN, ahead=6), date(2024, 1, 4)
    machine.travel(at(day))
    long.out_of_reach.add(day)
    with pytest.raises(FeedUnavailable):
        machine.bars(machine.on, day)
    long.out_of_reach.clear()
    np.testing.assert_array_equal(machine.bars(machine.on, day).close, long.bars(machine.on, day).close)
    np.testing.assert_array_equal(machine.last(machine.on, day), long.last(machine.on, day))
