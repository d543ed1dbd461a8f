"""The schema goes forward and back, whole, whoever interrupts."""

from pathlib import Path
from threading import Thread

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from execbridge import migrations
from execbridge.adapters.postgres.embedded import embedded
from execbridge.adapters.postgres.schema import SchemaStep, migrate, require_current, rollback, status
from execbridge.ports.errors import StoreUnavailable

FOLDER = Path(migrations.__file__).parent
STEPS = sorted(file.name.removesuffix(".sql") for file in FOLDER.glob("*.sql") if ".rollback" not in file.name)
OBJECTS = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'
    UNION SELECT t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'public'
"""


def rows(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def objects(dsn: str) -> set[str]:
    return {str(name) for (name,) in rows(dsn, OBJECTS) if "yoyo" not in str(name)}


def test_every_step_has_its_way_back() -> None:
    assert [step for step in STEPS if not (FOLDER / f"{step}.rollback.sql").exists()] == []


def test_every_step_runs_forward_and_back_and_leaves_nothing(empty_dsn: str) -> None:
    assert migrate(empty_dsn) == STEPS
    seen = [objects(empty_dsn)]
    for step in reversed(STEPS):
        assert rollback(empty_dsn) == [step]
        seen.append(objects(empty_dsn))
    assert seen[-1] == set()
    assert rollback(empty_dsn) == []
    assert migrate(empty_dsn) == STEPS
    assert objects(empty_dsn) == seen[0]


def test_migrating_again_does_nothing(dsn: str) -> None:
    assert migrate(dsn) == []
    require_current(dsn)


@pytest.mark.parametrize("to", ["0018", "18", "0018.decisions"])
def test_a_step_is_gone_back_to_by_its_id_or_its_number(dsn: str, to: str) -> None:
    assert rollback(dsn, to=to) == [step for step in reversed(STEPS) if step > "0018.decisions"]


def test_0_is_before_every_step(dsn: str) -> None:
    assert rollback(dsn, to="0") == STEPS[::-1]


def test_going_back_to_what_is_no_step_does_nothing(dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"no step '77'; known are 0002\.prices"):
        rollback(dsn, to="77")
    require_current(dsn)


def test_the_state_of_a_database_is_read_without_writing(empty_dsn: str) -> None:
    assert status(empty_dsn) == [SchemaStep(step, None) for step in STEPS]
    assert rows(empty_dsn, OBJECTS) == []


def test_an_empty_database_is_named_with_the_command_that_mends_it(empty_dsn: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"dbname=test_\d+ .*is empty; run: execbridge db migrate"):
        require_current(empty_dsn)


def test_a_database_that_is_behind_is_named_with_the_command_that_mends_it(dsn: str) -> None:
    rollback(dsn)
    with pytest.raises(StoreUnavailable, match=rf"is behind: it lacks {STEPS[-1]}; run: execbridge db migrate"):
        require_current(dsn)


def test_a_database_that_is_ahead_is_left_alone(dsn: str) -> None:
    rows(
        dsn,
        "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) VALUES ('x', '9999.later', now())",
    )
    with pytest.raises(StoreUnavailable, match=r"is ahead: it has 9999\.later"):
        require_current(dsn)
    with pytest.raises(StoreUnavailable, match=r"execbridge that applied 9999\.later can undo it"):
        rollback(dsn)


def test_a_step_and_its_note_are_one_transaction(empty_dsn: str) -> None:
    """The third step meets a table of its name: it leaves nothing, the steps before it stay, and so does no lock."""
    rows(empty_dsn, "CREATE TABLE decisions ()")
    with pytest.raises(StoreUnavailable, match='relation "decisions" already exists'):
        migrate(empty_dsn)
    assert [step.id for step in status(empty_dsn) if step.applied_at] == STEPS[:2]
    assert "execution_mode" not in objects(empty_dsn)
    rows(empty_dsn, "DROP TABLE decisions")
    assert migrate(empty_dsn) == STEPS[2:]


def test_the_lock_of_a_migration_that_was_killed_does_not_stay(dsn: str) -> None:
    rollback(dsn)
    rows(dsn, "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4194304)")
    assert migrate(dsn) == [STEPS[-1]]


def test_of_several_that_migrate_at_once_one_does(empty_dsn: str) -> None:
    done: list[list[str]] = []
    threads = [Thread(target=lambda: done.append(migrate(empty_dsn))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], [], [], STEPS]


def test_a_reader_reads_and_writes_nothing(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET ROLE execbridge_reader")
        tables = ("instruments", "prices_daily", "backtest_runs", "decisions", "execution_plans", "orders", "fills")
        for table in (*tables, "positions_snapshots"):
            assert connection.execute(f"SELECT * FROM {table}".encode()).fetchall() == []
        for statement in ("DELETE FROM orders", "INSERT INTO instruments VALUES ('A')", "CREATE TABLE mine ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_every_table_of_ours_is_open_to_a_reader(dsn: str) -> None:
    closed = """
        SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
        AND c.relname !~ 'yoyo' AND NOT c.relispartition
        AND NOT has_table_privilege('execbridge_reader', c.oid, 'SELECT')
    """
    assert rows(dsn, closed) == []


@pytest.mark.integration
def test_a_server_where_no_role_may_be_made_is_migrated_all_the_same(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with embedded(home) as server:
        rows(server, "CREATE ROLE humble LOGIN")
        rows(server, "CREATE DATABASE theirs OWNER humble")
        humble = make_conninfo(server, dbname="theirs", user="humble")
        assert migrate(humble) == STEPS
        require_current(humble)
        assert rollback(humble, to="0") == STEPS[::-1]
    assert "role execbridge_reader is not made, as humble may not make roles" in caplog.text
