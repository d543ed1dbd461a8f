"""Loading bars: all or none, and again as often as one likes."""

from __future__ import annotations

from datetime import date

import numpy as np
import psycopg
import pytest

from execbridge.adapters.postgres.prices import PostgresPriceFeed, PostgresPriceStore
from execbridge.domain.bars import FIELDS, Panel
from execbridge.domain.errors import BadTable
from execbridge.domain.instruments import Instruments
from execbridge.ports.errors import StoreUnavailable
from execbridge.ports.prices import Loaded

from ..contracts.price_feed_contract import DAYS, FIRST, LAST, ON, history, same


def changed(**fields: np.ndarray) -> Panel:
    """Return `history` with other *fields*."""
    panel = history()
    return Panel(ON, panel.day, **({name: getattr(panel, name) for name in FIELDS} | fields))


def sources(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT source, count(*) FROM prices_daily GROUP BY source ORDER BY source"
        ).fetchall()


def test_loading_again_changes_nothing(dsn: str) -> None:
    store = PostgresPriceStore(dsn)
    assert store.load(history(), "first") == Loaded(inserted=8, changed=0, unchanged=0)
    assert store.load(history(), "second") == Loaded(inserted=0, changed=0, unchanged=8)
    assert sources(dsn) == [("first", 8)]
    same(PostgresPriceFeed(dsn).panel(ON, FIRST, LAST), history())


def test_a_bar_that_differs_is_replaced_and_says_where_it_comes_from(dsn: str) -> None:
    store = PostgresPriceStore(dsn)
    store.load(history(), "first")
    volume = history().volume.copy()
    volume[0, 0], volume[3, 1] = 5.0, np.nan
    assert store.load(changed(volume=volume), "second") == Loaded(inserted=0, changed=2, unchanged=6)
    assert sources(dsn) == [("first", 6), ("second", 2)]
    same(PostgresPriceFeed(dsn).panel(ON, FIRST, LAST), changed(volume=volume))


def test_bars_of_other_days_stay(dsn: str) -> None:
    store = PostgresPriceStore(dsn)
    panel = history()
    for rows in (slice(0, 2), slice(2, 4), slice(1, 3)):
        store.load(Panel(ON, DAYS[rows], **{name: getattr(panel, name)[rows].copy() for name in FIELDS}), "part")
    same(PostgresPriceFeed(dsn).panel(ON, FIRST, LAST), history())


def test_a_bar_that_breaks_a_rule_leaves_nothing_loaded(dsn: str) -> None:
    high = history().high.copy()
    high[2, 1] = 1.0
    with pytest.raises(BadTable, match=r"cannot load prices: .*high_is_highest"):
        PostgresPriceStore(dsn).load(changed(high=high), "bad")
    assert sources(dsn) == []


def test_nothing_is_loaded_of_a_panel_without_bars(dsn: str) -> None:
    nothing = Panel(Instruments.of([]), np.empty(0, "M8[D]"), *(np.empty((0, 0)) for _ in FIELDS))
    assert PostgresPriceStore(dsn).load(nothing, "none") == Loaded(0, 0, 0)


def test_a_database_that_is_behind_is_named_with_the_command_that_mends_it(empty_dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match="run: execbridge db migrate"):
        PostgresPriceStore(empty_dsn).load(history(), "x")


def test_old_days_and_strange_names_go_through(dsn: str) -> None:
    on = Instruments.of(["BRK.B", "Ünï, \"quoted\" 'x' \\N", "株"])
    values = np.array([[1.0, 2.0, 3.0], [4.0, np.nan, 1e-9]])
    panel = Panel(on, np.array(["1890-02-28", "2099-12-31"], "M8[D]"), values, values, values, values, values)
    assert PostgresPriceStore(dsn).load(panel, "all's well") == Loaded(5, 0, 0)
    feed = PostgresPriceFeed(dsn)
    assert feed.instruments().names == on.names
    same(feed.panel(feed.instruments(), date(1800, 1, 1), date(2200, 1, 1)), panel)
