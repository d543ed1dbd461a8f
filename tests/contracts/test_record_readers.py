"""The reader of PostgreSQL keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg.conninfo import make_conninfo

from execbridge.adapters.postgres.reader import PostgresRecordReader
from execbridge.adapters.postgres.repository import PostgresExecutionRepository
from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.ports.errors import StoreUnavailable
from execbridge.ports.repository import ExecutionRepository, RecordReader, RunRepository, Selection

from .record_reader_contract import RecordReaderContract


@pytest.mark.integration
class TestPostgresRecordReader(RecordReaderContract):
    @pytest.fixture
    def reader(self, dsn: str) -> RecordReader:
        return PostgresRecordReader(dsn)

    @pytest.fixture
    def repository(self, dsn: str) -> Iterator[ExecutionRepository]:
        with PostgresExecutionRepository(dsn) as repository:
            yield repository

    @pytest.fixture
    def runs(self, dsn: str) -> RunRepository:
        return PostgresRunRepository(dsn)


def test_a_database_that_is_not_there_or_behind_is_unavailable(empty_dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match="execbridge db migrate"):
        PostgresRecordReader(empty_dsn).rows("orders", Selection())
    with pytest.raises(StoreUnavailable, match="nowhere"):
        PostgresRecordReader(make_conninfo(empty_dsn, dbname="nowhere")).rows("orders", Selection())
