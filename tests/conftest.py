"""What every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from execbridge.adapters.postgres.embedded import embedded
from execbridge.adapters.postgres.schema import migrate

# The same examples on every run and machine, so that a failure is a change's and not the day's.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# New examples each time and many of them: pytest --hypothesis-profile=search
settings.register_profile("search", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci")

TEMPLATE = "migrated"
_databases = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as integration whatever asks for a database."""
    for item in items:
        if {"server", "empty_dsn", "dsn"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("integration")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The DSN of a real PostgreSQL server that lives as long as the tests."""
    with TemporaryDirectory(prefix="execbridge-") as folder, embedded(Path(folder)) as dsn:
        yield dsn


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the account of an embedded server can reach; pytest's own is closed to others at any time."""
    with TemporaryDirectory(prefix="execbridge-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """The name of a migrated database that others are copied from."""
    _run(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrate(make_conninfo(server, dbname=TEMPLATE))
    return TEMPLATE


@pytest.fixture
def empty_dsn(server: str) -> Iterator[str]:
    """The DSN of a database of the test's own with nothing in it."""
    yield from _database(server, "template0")


@pytest.fixture
def dsn(server: str, template: str) -> Iterator[str]:
    """The DSN of a migrated database of the test's own."""
    yield from _database(server, template)


def _database(server: str, template: str) -> Iterator[str]:
    name = f"test_{next(_databases)}"
    _run(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
    yield make_conninfo(server, dbname=name)
    _run(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _run(server: str, statement: sql.Composed) -> None:
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(statement)
