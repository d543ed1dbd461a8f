"""Every repository of runs keeps the contract; a process that is killed is asked of PostgreSQL alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import cast

import numpy as np
import pytest
from psycopg import sql

from execbridge.adapters.memory.repository import MemoryRunRepository, MemoryStore
from execbridge.adapters.postgres.connection import connect
from execbridge.adapters.postgres.reader import PostgresRecordReader
from execbridge.adapters.postgres.repository import PostgresExecutionRepository
from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.domain.orders import Status
from execbridge.domain.positions import Positions
from execbridge.ports.errors import StoreConflict, StoreUnavailable
from execbridge.ports.repository import RunRepository, Selection

from .execution_repository_contract import ON
from .record_reader_contract import carry_out
from .run_repository_contract import RUN, RunRepositoryContract, recorded
from .stores import InMemory, InPostgres


class TestMemoryRunRepository(InMemory, RunRepositoryContract):
    @pytest.fixture
    def opened(self, store: MemoryStore) -> Callable[[], RunRepository]:
        return lambda: MemoryRunRepository(store)

    @pytest.fixture
    def told(self, store: MemoryStore) -> Callable[[str], tuple[str, object]]:
        return lambda name: (store.status(name), store.runs[name].result)


def listed(dsn: str, name: str) -> tuple[str, object]:
    """Return the status and the result of the run *name*, as it is listed."""
    listing = PostgresRecordReader(dsn).rows("runs", Selection(run=name))
    (row,) = (dict(zip(listing.columns, values, strict=True)) for values in listing.rows)
    return cast("str", row["status"]), row["result"]


@pytest.mark.integration
class TestPostgresRunRepository(InPostgres, RunRepositoryContract):
    @pytest.fixture
    def opened(self, dsn: str) -> Callable[[], RunRepository]:
        return lambda: PostgresRunRepository(dsn)

    @pytest.fixture
    def told(self, dsn: str) -> Callable[[str], tuple[str, object]]:
        return lambda name: listed(dsn, name)


KILLED = """
import sys
from execbridge.adapters.postgres.repository import PostgresExecutionRepository
from execbridge.adapters.postgres.runs import PostgresRunRepository
from tests.contracts.run_repository_contract import RUN
with PostgresRunRepository(sys.argv[1]).start(RUN):
    print("started", flush=True)
    sys.stdin.read()
"""


def test_a_run_whose_process_is_killed_is_told_as_interrupted_and_never_as_complete(dsn: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        assert listed(dsn, "spring") == ("RUNNING", {})
        with pytest.raises(StoreConflict, match="in another process"), PostgresRunRepository(dsn).start(RUN):
            pass
        process.kill()
    with closing(connect(dsn)) as connection:
        # The server notices by itself; asking for the lock waits until it has.
        connection.execute("SELECT pg_advisory_lock(20003, run_id::integer) FROM backtest_runs")
    assert listed(dsn, "spring") == ("INTERRUPTED", {})
    with closing(connect(dsn)) as connection:
        assert connection.execute("SELECT status FROM backtest_runs").fetchall() == [("RUNNING",)]


def test_a_failed_run_tells_whoever_wants_its_name_when_and_why(dsn: str) -> None:
    runs = PostgresRunRepository(dsn)
    with runs.start(RUN):
        runs.finish(RUN, "FAILED", {"date": "2024-03-04", "cause": "no target for AAPL"})
    with pytest.raises(StoreConflict, match="FAILED on 2024-03-04: no target for AAPL"), runs.start(RUN):
        pass


def test_settings_and_figures_are_kept_as_plain_json(dsn: str) -> None:
    runs = PostgresRunRepository(dsn)
    with runs.start(RUN):
        figures = {"days": np.int64(3), "best": np.float64(0.25), "worst": float("nan"), "status": Status.FILLED}
        runs.finish(RUN, "COMPLETE", {**figures, "curve": np.array([1.5, 2.0]), "ratio": float("inf")})
    with closing(connect(dsn)) as connection:
        (kept,) = connection.execute("SELECT config, result, initial_cash FROM backtest_runs").fetchall()
    assert kept == (
        {"targets": {"unit": "weight", "of": ["AAPL", "東京"]}, "slippage_bps": 5.0, "until": "2024-03-31"},
        {"days": 3, "best": 0.25, "worst": None, "status": "FILLED", "curve": [1.5, 2.0], "ratio": "inf"},
        1_000_000.1,
    )


def test_a_database_that_is_behind_says_what_to_run(empty_dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match="execbridge db migrate"), PostgresRunRepository(empty_dsn).start(RUN):
        pass


TABLES = "SELECT relname FROM pg_class WHERE relname LIKE '%\\_run\\_%' AND relkind = 'r' ORDER BY 1"


def test_a_run_that_is_deleted_leaves_neither_rows_nor_tables(dsn: str) -> None:
    runs = PostgresRunRepository(dsn)
    with runs.start(RUN), PostgresExecutionRepository(dsn) as repository:
        carry_out(repository, RUN.portfolio, 1, 5, -3, 0, held=Positions.flat(ON))
        runs.finish(RUN, "COMPLETE", {})
    with closing(connect(dsn)) as connection:
        assert len(connection.execute(TABLES).fetchall()) == 3
        runs.delete("spring")
        assert connection.execute(TABLES).fetchall() == []
        for table in ("backtest_runs", "decisions", "execution_plans", "orders", "fills", "positions_snapshots"):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            assert connection.execute(query).fetchone() == (0,)


def test_a_run_is_deleted_all_or_nothing(dsn: str) -> None:
    runs = PostgresRunRepository(dsn)
    with runs.start(RUN), PostgresExecutionRepository(dsn) as repository:
        carry_out(repository, RUN.portfolio, 1, 5, -3, 0, held=Positions.flat(ON))
        runs.finish(RUN, "COMPLETE", {})
        with closing(connect(dsn)) as connection:
            connection.execute("CREATE TABLE notes (run_id bigint REFERENCES backtest_runs)")
            connection.execute("INSERT INTO notes SELECT run_id FROM backtest_runs")
    with pytest.raises(StoreConflict, match="notes"):
        runs.delete("spring")
    with PostgresExecutionRepository(dsn) as repository:
        assert recorded(repository, RUN.portfolio) == (2, 2, True)
