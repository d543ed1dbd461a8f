"""Every price feed keeps the contract."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as papq
import pytest

from execbridge.adapters.files.prices import FilePriceFeed
from execbridge.adapters.memory.prices import MemoryPriceFeed
from execbridge.adapters.postgres.prices import PostgresPriceFeed, PostgresPriceStore
from execbridge.adapters.prices.time_machine import TimeMachine
from execbridge.domain.bars import FIELDS
from execbridge.domain.errors import BadTable
from execbridge.domain.simulator import Session
from execbridge.ports.errors import FeedUnavailable
from execbridge.ports.prices import PriceFeed

from .price_feed_contract import FIRST, LAST, ON, PriceFeedContract, history


def rows() -> dict[str, list[object]]:
    """Return the bars of `history` as columns of plain values, unsorted on purpose."""
    panel = history()
    day, instrument = (place[::-1] for place in np.nonzero(~np.isnan(panel.close)))
    columns: dict[str, list[object]] = {
        "date": panel.day[day].tolist(),
        "instrument_id": [ON.names[code] for code in instrument],
    }
    for name in FIELDS:
        values = getattr(panel, name)[day, instrument].tolist()
        columns[name] = [None if np.isnan(value) else value for value in values]
    return columns


def write_csv(file: Path) -> Path:
    columns = rows()
    lines = [",".join(columns)]
    lines += [
        ",".join("" if value is None else str(value) for value in row) for row in zip(*columns.values(), strict=True)
    ]
    text = "\n".join(lines) + "\n"
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


class TestCsvPriceFeed(PriceFeedContract):
    @pytest.fixture(params=["prices.csv", "prices.csv.gz"])
    def feed(self, tmp_path: Path, request: pytest.FixtureRequest) -> PriceFeed:
        return FilePriceFeed((write_csv(tmp_path / request.param),))


class TestParquetPriceFeed(PriceFeedContract):
    @pytest.fixture(params=["plain", "dictionary", "timestamp"])
    def feed(self, tmp_path: Path, request: pytest.FixtureRequest) -> PriceFeed:
        table = pa.table(rows())
        if request.param == "dictionary":
            table = table.set_column(1, "instrument_id", table["instrument_id"].dictionary_encode())
        if request.param == "timestamp":
            table = table.set_column(0, "date", table["date"].cast(pa.timestamp("ns")))
        papq.write_table(table, tmp_path / "prices.parquet")
        return FilePriceFeed((tmp_path / "prices.parquet",))


class TestMemoryPriceFeed(PriceFeedContract):
    @pytest.fixture
    def feed(self) -> PriceFeed:
        return MemoryPriceFeed(history())


class TestPostgresPriceFeed(PriceFeedContract):
    @pytest.fixture
    def feed(self, dsn: str) -> PriceFeed:
        PostgresPriceStore(dsn).load(history(), "history")
        return PostgresPriceFeed(dsn)

    def test_what_an_instrument_is_comes_from_its_row(self, feed: PriceFeed, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("INSERT INTO instruments VALUES ('B', 10, 0.05, 2, 'EUR')")
            connection.execute("INSERT INTO instruments VALUES ('Z')")
        known = feed.instruments()
        assert known.names == ("A", "B", "C", "Z")
        assert (known[1].lot_size, known[1].tick_size, known[1].multiplier, known[1].currency) == (10, 0.05, 2, "EUR")

    def test_a_bar_that_breaks_a_rule_is_named(self, feed: PriceFeed, dsn: str) -> None:
        """A table that another program made may lack our constraints."""
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "ALTER TABLE prices_daily DROP CONSTRAINT high_is_highest, DROP CONSTRAINT low_is_lowest"
            )
            connection.execute("UPDATE prices_daily SET high = 1 WHERE instrument_id = 'B' AND date = '2024-01-05'")
        with pytest.raises(BadTable, match=r"B on 2024-01-05 was open 99\.5, high 1\.0"):
            feed.panel(ON, FIRST, LAST)

    def test_two_bars_for_a_day_are_named(self, feed: PriceFeed, dsn: str) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute("ALTER TABLE prices_daily DROP CONSTRAINT prices_daily_pkey")
            connection.execute("INSERT INTO prices_daily SELECT * FROM prices_daily WHERE date = '2024-01-05'")
        with pytest.raises(BadTable, match="prices_daily has two on 2024-01-05"):
            feed.panel(ON, FIRST, LAST)

    def test_a_database_that_is_behind_brings_no_prices(self, empty_dsn: str) -> None:
        with pytest.raises(FeedUnavailable, match="run: execbridge db migrate"):
            PostgresPriceFeed(empty_dsn).instruments()

    def test_a_server_that_is_not_there_brings_no_prices(self, tmp_path: Path) -> None:
        with pytest.raises(FeedUnavailable, match="the database is not reached"):
            PostgresPriceFeed(f"host={tmp_path} dbname=x").panel(ON, FIRST, LAST)


class TestTimeMachine(PriceFeedContract):
    """From the window's end a machine sees what its feed has; from a part of it, the same."""

    @pytest.fixture(params=[(FIRST, LAST), (date(2024, 1, 5), LAST), (date(2020, 1, 1), date(2030, 1, 1))])
    def feed(self, tmp_path: Path, request: pytest.FixtureRequest) -> PriceFeed:
        files = FilePriceFeed((write_csv(tmp_path / "prices.csv"),))
        machine = TimeMachine(files, files.instruments(), *request.param)
        close = np.datetime64(LAST + timedelta(days=1), "us")
        machine.travel(Session(np.datetime64(LAST, "D"), close, close))
        return machine
