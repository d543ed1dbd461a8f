"""Connections: bounded in time, in UTC, translated into our errors, and silent about passwords."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from execbridge.adapters.postgres.connection import connect, described, transaction, translated
from execbridge.domain.errors import BadTable
from execbridge.ports.errors import StoreConflict, StoreUnavailable, StoreUnknown


def shown(connection: psycopg.Connection, setting: str) -> str:
    row = connection.execute(f"SHOW {setting}".encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_a_statement_a_lock_and_an_idle_transaction_have_their_time(dsn: str) -> None:
    with connect(dsn) as connection:
        assert shown(connection, "statement_timeout") == "5s"
        assert shown(connection, "lock_timeout") == "2s"
        assert shown(connection, "idle_in_transaction_session_timeout") == "10s"
        assert shown(connection, "timezone") == "UTC"
        assert shown(connection, "application_name") == "execbridge"


def test_bulk_work_has_as_long_as_it_takes(dsn: str) -> None:
    with connect(dsn, bulk=True) as connection:
        assert shown(connection, "statement_timeout") == "0"
        assert shown(connection, "idle_in_transaction_session_timeout") == "0"


def test_what_the_dsn_says_goes_first(dsn: str) -> None:
    asked = make_conninfo(dsn, options="-c statement_timeout=7s -c search_path=mine", application_name="theirs")
    with connect(asked) as connection:
        assert shown(connection, "statement_timeout") == "7s"
        assert shown(connection, "lock_timeout") == "2s"
        assert shown(connection, "search_path") == "mine"
        assert shown(connection, "application_name") == "theirs"


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://user:hunter2%zz@localhost/db",
        "postgresql://user:hunt@er2@localhost/db",
        "postgresql://user:hunter2/x@localhost/db",
        "postgresql://user:hunter2@localhost:hunter2/db",
        "host=localhost password=hunter2 'hunter2",
        "host=localhost hunter2",
        "hunter2",
    ],
)
def test_a_dsn_that_cannot_be_read_is_not_shown(dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match="the DSN of the database cannot be read") as raised:
        connect(dsn)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    assert "hunt" not in str(raised.value)
    assert "er2" not in str(raised.value)


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"host=127\.0\.0\.1 port=1 dbname=db user=me") as raised:
        connect("postgresql://me:hunter2@127.0.0.1:1/db")
    assert "hunter2" not in f"{raised.value} {raised.value.__cause__}"
    assert "hunter2" not in described("postgresql://me:hunter2@127.0.0.1:1/db")


@pytest.mark.parametrize(
    ("statement", "error", "said"),
    [
        (
            "INSERT INTO instruments VALUES ('A'), ('A')",
            StoreConflict,
            "cannot try this: duplicate key .* exists",
        ),
        ("INSERT INTO execution_plans VALUES (gen_random_uuid(), 'PLANNED')", StoreConflict, "violates foreign key"),
        ("INSERT INTO instruments VALUES ('A', -1)", BadTable, "violates check constraint"),
        ("SELECT 1 / 0", BadTable, "division by zero"),
        ("SELECT * FROM nowhere", StoreUnavailable, 'relation "nowhere" does not exist; .*run: execbridge db migrate'),
        ("SET statement_timeout = '10ms'; SELECT pg_sleep(1)", StoreUnavailable, "statement timeout"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", StoreUnavailable, "terminating connection"),
        ("SET ROLE execbridge_reader; DELETE FROM orders", StoreUnavailable, "permission denied"),
    ],
)
def test_the_errors_of_postgresql_become_ours(dsn: str, statement: str, error: type[Exception], said: str) -> None:
    with connect(dsn) as connection, pytest.raises(error, match=said), translated("try this"):
        connection.execute(statement.encode())


def test_what_is_done_in_a_transaction_is_done_as_a_whole(dsn: str) -> None:
    with connect(dsn) as connection:
        with transaction(connection, "record one"):
            connection.execute("INSERT INTO instruments VALUES ('A')")
        with pytest.raises(StoreConflict), transaction(connection, "record two"):
            connection.execute("INSERT INTO instruments VALUES ('B'); INSERT INTO instruments VALUES ('A')")
        assert connection.execute("SELECT instrument_id FROM instruments").fetchall() == [("A",)]


def test_what_others_raise_in_a_transaction_goes_through_and_undoes_it(dsn: str) -> None:
    def fail() -> None:
        connection.execute("INSERT INTO instruments VALUES ('A')")
        raise KeyError

    with connect(dsn) as connection:
        with pytest.raises(KeyError), transaction(connection, "record one"):
            fail()
        assert connection.execute("SELECT * FROM instruments").fetchall() == []


def kill(server: str, connection: psycopg.Connection) -> None:
    with psycopg.connect(server, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))


def test_a_connection_that_is_lost_before_the_commit_has_recorded_nothing(dsn: str, server: str) -> None:
    connection = connect(dsn)
    kill(server, connection)
    with pytest.raises(StoreUnavailable), transaction(connection, "record one"):
        connection.execute("INSERT INTO instruments VALUES ('A')")
    connection.close()


def test_a_connection_that_is_lost_at_the_commit_may_have_recorded_it(dsn: str, server: str) -> None:
    connection = connect(dsn)
    with pytest.raises(StoreUnknown, match="lost at its commit: record one"), transaction(connection, "record one"):
        kill(server, connection)
    connection.close()
