"""Where contracts that need something recorded have it recorded; stands before the contract among a class's bases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from execbridge.adapters.memory.repository import MemoryExecutionRepository, MemoryRunRepository, MemoryStore
from execbridge.adapters.postgres.repository import PostgresExecutionRepository
from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.ports.repository import ExecutionRepository, RunRepository


class InMemory:
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def repository(self, store: MemoryStore) -> Iterator[ExecutionRepository]:
        with nullcontext(MemoryExecutionRepository(store)) as repository:
            yield repository

    @pytest.fixture
    def runs(self, store: MemoryStore) -> RunRepository:
        return MemoryRunRepository(store)


class InPostgres:
    @pytest.fixture
    def repository(self, dsn: str) -> Iterator[ExecutionRepository]:
        with PostgresExecutionRepository(dsn) as repository:
            yield repository

    @pytest.fixture
    def runs(self, dsn: str) -> RunRepository:
        return PostgresRunRepository(dsn)
