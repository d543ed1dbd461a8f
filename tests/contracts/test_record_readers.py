"""The reader of PostgreSQL keeps the contract."""

from __future__ import annotations

import csv
import io
import json

import psycopg
import pytest
from attrs import evolve
from psycopg.conninfo import make_conninfo

from execbridge.adapters.postgres.journal import BacktestJournal
from execbridge.adapters.postgres.reader import PostgresRecordReader
from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.domain.positions import Positions
from execbridge.ports.errors import StoreUnavailable
from execbridge.ports.repository import Listed, RecordReader, Selection

from .execution_repository_contract import ON
from .record_reader_contract import RUN, RecordReaderContract, carry_out, written
from .stores import InPostgres


@pytest.mark.integration
class TestPostgresRecordReader(InPostgres, RecordReaderContract):
    @pytest.fixture
    def reader(self, dsn: str) -> RecordReader:
        return PostgresRecordReader(dsn)


def test_a_database_that_is_not_there_or_behind_is_unavailable(empty_dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match="execbridge db migrate"):
        PostgresRecordReader(empty_dsn).rows("orders", Selection())
    with pytest.raises(StoreUnavailable, match="nowhere"):
        PostgresRecordReader(make_conninfo(empty_dsn, dbname="nowhere")).rows("orders", Selection())


def record_many(dsn: str, days: int) -> None:
    """Record as many orders on paper, a day each, and a fill of each."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO orders (timestamp, order_id, decision_id, lots, lot_size, filled_lots, mode, portfolio_id,"
            " instrument_id) SELECT '2000-01-01 21:00+00'::timestamptz + day * interval '1 day', gen_random_uuid(),"
            " gen_random_uuid(), day, 1, day, 'PAPER', 'growth', 'AAPL' FROM generate_series(1, %s) day",
            [days],
        )
        connection.execute(
            "INSERT INTO fills (timestamp, fill_id, order_id, seq, lots, lot_size, price, commission, mode,"
            " portfolio_id, instrument_id) SELECT timestamp, gen_random_uuid(), order_id, lots, lots, lot_size, 1,"
            " CASE lots WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' ELSE 1e-7 END::float8,"
            " mode, portfolio_id, instrument_id FROM orders"
        )


def test_numbers_that_are_none_are_null(dsn: str) -> None:
    record_many(dsn, 4)
    blocks: list[str] = []
    PostgresRecordReader(dsn).write("fills", Selection(), "json", blocks.append)
    assert [fill["commission"] for fill in json.loads("".join(blocks))] == [1e-7, None, None, None]
    blocks.clear()
    PostgresRecordReader(dsn).write("fills", Selection(), "csv", blocks.append)
    assert [fill["commission"] for fill in csv.DictReader(io.StringIO("".join(blocks)))] == ["1e-07", "", "", ""]


@pytest.mark.parametrize("setting", ["timezone=Asia/Tokyo", "datestyle=German", "extra_float_digits=-10"])
def test_text_is_the_same_whatever_the_server_is_set_to(dsn: str, setting: str) -> None:
    record_many(dsn, 4)
    texts: list[str] = []
    PostgresRecordReader(dsn).write("orders", Selection(), "json", texts.append)
    before = "".join(texts)
    texts.clear()
    PostgresRecordReader(make_conninfo(dsn, options=f"-c {setting}")).write("orders", Selection(), "json", texts.append)
    assert "".join(texts) == before


def test_a_server_that_is_lost_on_the_way_leaves_an_array_without_an_end(dsn: str) -> None:
    record_many(dsn, 30_000)
    blocks: list[str] = []

    def lose(block: str) -> None:
        blocks.append(block)
        if len(blocks) == 1:
            with psycopg.connect(dsn) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    with pytest.raises(StoreUnavailable):
        PostgresRecordReader(dsn).write("orders", Selection(limit=None), "json", lose)
    assert "".join(blocks).startswith("[\n{")
    assert not "".join(blocks).endswith("]\n")


def test_of_many_runs_only_the_tables_of_the_one_asked_for_are_touched(dsn: str) -> None:
    """Reading a run back takes no longer where there are many, and does not wait for what happens to others."""
    runs = PostgresRunRepository(dsn)
    for name in ("one", "two", "three"):
        run = evolve(RUN, name=name, portfolio=evolve(RUN.portfolio, run=name))
        with runs.start(run), BacktestJournal(dsn, run) as journal:
            carry_out(journal, run.portfolio, 1, 5, -3, 0, held=Positions.flat(ON))
    reader = PostgresRecordReader(make_conninfo(dsn, options="-c lock_timeout=1s"))
    listed: tuple[Listed, ...] = ("orders", "fills", "positions")
    with psycopg.connect(dsn) as connection:
        for number in (1, 3):
            tables = f"orders_run_{number}, fills_run_{number}, positions_snapshots_run_{number}"
            connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE".encode())
        assert [len(reader.rows(what, Selection(run="two")).rows) for what in listed] == [2, 2, 2]
        for what in listed:
            assert len(json.loads(written(reader, what, Selection(run="two", limit=None), "json"))) == 2
        with pytest.raises(StoreUnavailable, match="lock"):
            reader.rows("orders", Selection(run="one"))
