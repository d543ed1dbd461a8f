"""What every price feed promises."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from execbridge.domain.bars import FIELDS, Panel
from execbridge.domain.instruments import Instruments
from execbridge.ports.prices import PriceFeed

NAN = np.nan
DAYS = np.array(["2024-01-02", "2024-01-03", "2024-01-05", "2024-01-08"], "M8[D]")
FIRST, LAST = date(2024, 1, 2), date(2024, 1, 8)
ON = Instruments.of(["A", "B", "C"])
CLOSE = np.array([[10.0, NAN, 5.0], [11.0, NAN, NAN], [12.0, 100.0, NAN], [13.0, 101.0, 7.0]])


def history() -> Panel:
    """Return bars of which B is listed late, C is not traded for two days, and A's volume is not known on the first."""
    volume = np.where(np.isnan(CLOSE), NAN, 1000.0)
    volume[0, 0] = NAN
    return Panel(ON, DAYS, open=CLOSE - 0.5, high=CLOSE + 1, low=CLOSE - 1, close=CLOSE.copy(), volume=volume)


class PriceFeedContract:
    """A feed of `history`, all of which is known."""

    @pytest.fixture
    def feed(self) -> PriceFeed:
        raise NotImplementedError

    def test_every_instrument_with_prices_is_known(self, feed: PriceFeed) -> None:
        assert feed.instruments().names == ("A", "B", "C")

    def test_an_instrument_that_nobody_described_has_lots_of_one(self, feed: PriceFeed) -> None:
        assert feed.instruments() == ON

    def test_the_days_on_which_any_instrument_has_a_bar_rise_from_end_to_end(self, feed: PriceFeed) -> None:
        np.testing.assert_array_equal(feed.days(FIRST, LAST), DAYS)
        np.testing.assert_array_equal(feed.days(date(2024, 1, 3), date(2024, 1, 5)), DAYS[1:3])

    @pytest.mark.parametrize(("start", "end"), [("2024-01-06", "2024-01-07"), ("2024-01-08", "2024-01-02")])
    def test_a_window_without_bars_has_no_day(self, feed: PriceFeed, start: str, end: str) -> None:
        days = feed.days(date.fromisoformat(start), date.fromisoformat(end))
        assert (days.dtype, len(days)) == (np.dtype("M8[D]"), 0)

    def test_a_panel_has_all_bars(self, feed: PriceFeed) -> None:
        same(feed.panel(feed.instruments(), FIRST, LAST), history())

    def test_a_panel_has_the_days_at_both_ends_of_its_window(self, feed: PriceFeed) -> None:
        panel = feed.panel(feed.instruments(), date(2024, 1, 3), date(2024, 1, 5))
        np.testing.assert_array_equal(panel.day, DAYS[1:3])
        np.testing.assert_array_equal(panel.close, CLOSE[1:3])

    def test_a_panel_leaves_out_days_on_which_none_of_its_instruments_has_a_bar(self, feed: PriceFeed) -> None:
        panel = feed.panel(Instruments.of(["C"]), FIRST, LAST)
        np.testing.assert_array_equal(panel.day, DAYS[[0, 3]])
        np.testing.assert_array_equal(panel.close, [[5.0], [7.0]])

    def test_a_panel_lies_along_the_axis_that_is_asked_for(self, feed: PriceFeed) -> None:
        on = Instruments.of(["B", "Z"])
        panel = feed.panel(on, FIRST, LAST)
        assert panel.on is on
        np.testing.assert_array_equal(panel.close, [[100.0, NAN], [101.0, NAN]])

    @pytest.mark.parametrize(("start", "end"), [("2023-01-01", "2023-12-31"), ("2024-01-06", "2024-01-07")])
    def test_a_window_without_bars_has_no_days(self, feed: PriceFeed, start: str, end: str) -> None:
        panel = feed.panel(feed.instruments(), date.fromisoformat(start), date.fromisoformat(end))
        assert len(panel) == 0
        assert panel.close.shape == (0, 3)

    def test_a_window_that_ends_before_it_starts_has_no_days(self, feed: PriceFeed) -> None:
        assert len(feed.panel(feed.instruments(), LAST, FIRST)) == 0

    def test_an_axis_of_nothing_has_no_days(self, feed: PriceFeed) -> None:
        assert len(feed.panel(Instruments.of([]), FIRST, LAST)) == 0

    def test_the_bars_of_a_day_are_its_row_of_the_panel(self, feed: PriceFeed) -> None:
        on = feed.instruments()
        for row, day in enumerate(DAYS):
            bars = feed.bars(on, day.item())
            assert bars.on is on
            for name in FIELDS:
                np.testing.assert_array_equal(getattr(bars, name), getattr(history(), name)[row])

    def test_a_day_without_bars_is_not_a_number(self, feed: PriceFeed) -> None:
        bars = feed.bars(feed.instruments(), date(2024, 1, 4))
        assert all(np.isnan(getattr(bars, name)).all() for name in FIELDS)
        assert len(bars) == 3

    def test_the_bars_of_an_instrument_without_any_are_not_a_number(self, feed: PriceFeed) -> None:
        bars = feed.bars(Instruments.of(["A", "Z"]), LAST)
        np.testing.assert_array_equal(bars.close, [13.0, NAN])

    @pytest.mark.parametrize(
        ("day", "closes"),
        [
            ("2024-01-01", [NAN, NAN, NAN]),
            ("2024-01-02", [10.0, NAN, 5.0]),
            ("2024-01-03", [11.0, NAN, 5.0]),
            ("2024-01-04", [11.0, NAN, 5.0]),
            ("2024-01-05", [12.0, 100.0, 5.0]),
            ("2024-01-08", [13.0, 101.0, 7.0]),
        ],
    )
    def test_the_last_close_is_that_on_or_before_the_day(self, feed: PriceFeed, day: str, closes: list[float]) -> None:
        np.testing.assert_array_equal(feed.last(feed.instruments(), date.fromisoformat(day)), closes)

    def test_last_closes_are_the_same_in_whatever_order_days_are_asked_for(self, feed: PriceFeed) -> None:
        on = feed.instruments()
        days = [LAST, FIRST, date(2024, 1, 5), FIRST, LAST]
        first = {day: feed.last(on, day).tolist() for day in sorted(set(days))}
        np.testing.assert_array_equal([feed.last(on, day) for day in days], [first[day] for day in days])

    def test_the_last_close_lies_along_the_axis_that_is_asked_for(self, feed: PriceFeed) -> None:
        np.testing.assert_array_equal(feed.last(Instruments.of(["B", "Z"]), LAST), [101.0, NAN])
        assert feed.last(Instruments.of([]), LAST).tolist() == []


def same(panel: Panel, other: Panel) -> None:
    np.testing.assert_array_equal(panel.day, other.day)
    assert panel.on == other.on
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(panel, name), getattr(other, name))
