from datetime import date
from typing import Any

import numpy as np
import pytest

from execbridge.domain.bars import FIELDS, Bars, Panel
from execbridge.domain.errors import BadTable
from execbridge.domain.instruments import Instruments

NAN = np.nan
ON = Instruments.of(["AAPL", "MSFT"])


def days(*names: str) -> Any:
    return np.array(names, "M8[D]")


def columns(*rows: tuple[float, float, float, float, float]) -> dict[str, Any]:
    return dict(zip(FIELDS, (np.array(column) for column in zip(*rows, strict=True)), strict=True))


@pytest.mark.parametrize(
    ("bar", "rule"),
    [
        ((0.0, 2.0, 0.0, 1.0, 5.0), "a bar has four prices above zero; MSFT was open 0.0, high 2.0, low 0.0"),
        ((-1.0, 2.0, -1.0, 1.0, 5.0), "a bar has four prices above zero"),
        ((1.0, np.inf, 1.0, 1.0, 5.0), "a bar has four prices above zero"),
        ((1.0, NAN, 1.0, 1.0, 5.0), "a bar has four prices above zero"),
        ((NAN, NAN, NAN, 1.0, 5.0), "a bar has four prices above zero"),
        ((1.0, 2.0, 0.5, 3.0, 5.0), "high is not below open, low or close; MSFT was .* high 2.0, low 0.5, close 3.0"),
        ((1.0, 2.0, 1.5, 1.5, 5.0), "low is not above open or close"),
        ((1.0, 2.0, 0.5, 1.5, -1.0), r"volume is not below zero; MSFT was .* volume -1.0 \(1 of 2 bars\)"),
        ((1.0, 2.0, 0.5, 1.5, np.inf), "volume is not below zero"),
        ((NAN, NAN, NAN, NAN, -1.0), "volume is not below zero"),
    ],
)
def test_what_no_session_can_be_is_refused(bar: tuple[float, float, float, float, float], rule: str) -> None:
    with pytest.raises(BadTable, match=rule):
        Bars(ON, ON.code, **columns((1.0, 1.0, 1.0, 1.0, NAN), bar))


def test_an_instrument_may_have_no_bar_or_no_volume() -> None:
    bars = Bars(ON, [0, 1], **columns((1.0, 2.0, 0.5, 1.5, NAN), (NAN, NAN, NAN, NAN, NAN)))
    assert bars[0].close == 1.5
    assert np.isnan(bars[1].close)


def test_the_closing_auction_is_the_close_with_the_sessions_volume() -> None:
    auction = Bars(ON[:1], [0], **columns((1.0, 2.0, 0.5, 1.5, 7.0))).at_close[0]
    # Exact: copied.
    assert (auction.open, auction.high, auction.low, auction.close, auction.volume) == (1.5, 1.5, 1.5, 1.5, 7.0)


def test_a_panel_lays_bars_by_day_and_instrument() -> None:
    bars = columns((3.0, 3.0, 3.0, 3.0, 30.0), (1.0, 1.0, 1.0, 1.0, 10.0), (2.0, 2.0, 2.0, 2.0, 20.0))
    panel = Panel.of(ON, days("2024-03-04", "2024-03-01", "2024-03-01"), np.array([0, 0, 1]), bars)
    assert len(panel) == 2
    assert panel.day.tolist() == days("2024-03-01", "2024-03-04").tolist()
    assert np.array_equal(panel.close, [[1.0, 2.0], [3.0, NAN]], equal_nan=True)
    assert panel[0] == Bars(ON, ON.code, **columns((1.0, 1.0, 1.0, 1.0, 10.0), (2.0, 2.0, 2.0, 2.0, 20.0)))


def test_a_panel_is_read_only_and_its_sessions_are_views() -> None:
    panel = Panel.of(ON, days("2024-03-01"), np.array([0]), columns((1.0, 1.0, 1.0, 1.0, 10.0)))
    assert np.shares_memory(panel[0].close, panel.close)
    with pytest.raises(ValueError, match="read-only"):
        panel.close[0, 0] = 2.0


def test_a_panel_of_nothing_has_no_days() -> None:
    nothing = {name: np.array([]) for name in FIELDS}
    assert len(Panel.of(ON, days(), np.array([], np.int64), nothing)) == 0
    assert len(Panel.of(Instruments.of([]), days(), np.array([], np.int64), nothing)) == 0


def test_one_bar_a_day_and_instrument() -> None:
    bars = columns((1.0, 1.0, 1.0, 1.0, 10.0), (2.0, 2.0, 2.0, 2.0, 20.0))
    with pytest.raises(BadTable, match="one bar a day and instrument, has two: MSFT on 2024-03-01"):
        Panel.of(ON, days("2024-03-01", "2024-03-01"), np.array([1, 1]), bars)


def test_a_bad_bar_is_named_by_instrument_and_day() -> None:
    bars = columns((1.0, 1.0, 1.0, 1.0, 10.0), (2.0, 2.0, 2.0, -2.0, 20.0))
    with pytest.raises(BadTable, match=r"four prices above zero; AAPL on 2024-03-04 was open 2.0, .* close -2.0"):
        Panel.of(ON, days("2024-03-01", "2024-03-04"), np.array([0, 0]), bars)


@pytest.mark.parametrize("code", [-1, 2])
def test_a_bar_is_of_an_instrument_of_the_axis(code: int) -> None:
    with pytest.raises(BadTable, match=rf"instrument codes must lie on the axis of 2, was \[{code}\]"):
        Panel.of(ON, days("2024-03-01"), np.array([code]), columns((1.0, 1.0, 1.0, 1.0, 10.0)))


def test_every_field_of_a_panel_has_its_shape() -> None:
    fields = {name: np.ones((1, 2)) for name in FIELDS}
    with pytest.raises(BadTable, match=r"volume of a panel has the shape .* = \(1, 2\), was \(2, 1\)"):
        Panel(on=ON, day=days("2024-03-01"), **{**fields, "volume": np.ones((2, 1))})


@pytest.mark.parametrize("names", [("2024-03-01", "2024-03-01"), ("2024-03-04", "2024-03-01"), ("NaT", "2024-03-01")])
def test_the_days_of_a_panel_rise(names: tuple[str, str]) -> None:
    fields = {name: np.ones((2, 2)) for name in FIELDS}
    with pytest.raises(BadTable, match="the days of a panel are known and rise strictly"):
        Panel(on=ON, day=days(*names), **fields)


def month(on: Instruments = ON) -> Panel:
    """Return AAPL on the 1st, 4th and 6th and MSFT on the 4th and 5th, closing at their day of the month."""
    rows = [("AAPL", 1), ("AAPL", 4), ("AAPL", 6), ("MSFT", 4), ("MSFT", 5)]
    bars = {name: np.array([day for _, day in rows], float) for name in FIELDS}
    return Panel.of(on, days(*[f"2024-03-0{day}" for _, day in rows]), on.locate(name for name, _ in rows), bars)


MARCH = [date(2024, 3, day) for day in range(1, 8)]
OTHERS = Instruments.of(["AAPL", "IBM"])


def test_sessions_are_counted_until_a_day() -> None:
    assert [month().rows_until(day) for day in MARCH] == [1, 1, 1, 2, 3, 4, 4]


def test_a_part_of_a_panel_has_the_days_on_which_its_instruments_had_a_bar() -> None:
    whole = month().between(ON, MARCH[1], MARCH[5])
    assert whole.day.tolist() == [MARCH[3], MARCH[4], MARCH[5]]
    part = month().between(OTHERS, MARCH[0], MARCH[4])
    assert part.day.tolist() == [MARCH[0], MARCH[3]]
    assert np.array_equal(part.close, [[1.0, NAN], [4.0, NAN]], equal_nan=True)
    assert len(month().between(ON, MARCH[1], MARCH[2])) == 0


@pytest.mark.parametrize(
    ("on", "day", "close"),
    [
        (ON, MARCH[3], [4.0, 4.0]),
        (ON, MARCH[4], [NAN, 5.0]),
        (ON, MARCH[1], [NAN, NAN]),
        (ON, date(1999, 1, 1), [NAN, NAN]),
        (OTHERS, MARCH[3], [4.0, NAN]),
        (OTHERS, MARCH[6], [NAN, NAN]),
    ],
)
def test_a_day_of_a_panel_is_a_session_along_any_axis(on: Instruments, day: date, close: list[float]) -> None:
    bars = month().on_day(on, day)
    assert (bars.on, bars.instrument.tolist()) == (on, [0, 1])
    assert np.array_equal(bars.close, close, equal_nan=True)


def test_a_day_along_the_panels_own_axis_is_a_view() -> None:
    panel = month()
    assert np.shares_memory(panel.on_day(panel.on, MARCH[3]).close, panel.close)


@pytest.mark.parametrize(
    ("on", "day", "close"),
    [
        (ON, MARCH[0], [1.0, NAN]),
        (ON, MARCH[4], [4.0, 5.0]),
        (ON, MARCH[6], [6.0, 5.0]),
        (ON, date(1999, 1, 1), [NAN, NAN]),
        (OTHERS, MARCH[6], [6.0, NAN]),
    ],
)
def test_the_last_close_is_the_newest_known_on_a_day(on: Instruments, day: date, close: list[float]) -> None:
    assert np.array_equal(month().last_close(on, day), close, equal_nan=True)


def test_a_session_without_bars_is_unknown_everywhere() -> None:
    assert np.isnan(Bars.unknown(ON).close).all()
    assert not Bars.unknown(ON).close.flags.writeable
