"""The schema: where a database stands, and the steps forward and back."""

from __future__ import annotations

import glob
import logging
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, cast

from attrs import frozen
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import default_migration_table

from ... import migrations
from ...ports.errors import StoreUnavailable
from .connection import connect, described, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.errors import Diagnostic
    from psycopg.rows import TupleRow
    from yoyo.migrations import Migration, MigrationList

logger = logging.getLogger(__name__)

MIGRATE = "execbridge db migrate"
LOCK = 0x65786563_62726467  # "execbrdg": who holds this advisory lock migrates.


@frozen
class SchemaStep:
    """
    One step of the schema.

    *applied_at* is None where the database does not have it, *is_known* False where this version does not.
    """

    id: str
    applied_at: datetime | None
    is_known: bool = True


def status(dsn: str) -> list[SchemaStep]:
    """
    Return the steps in order, ours and those that only the database has; nothing is written.

    Raises:
        StoreUnavailable: the database is not reached.
    """
    with connect(dsn) as connection, translated("read the state of the schema"):
        applied = _applied(connection)
    known = _known()
    return [SchemaStep(id_, applied.get(id_), is_known=id_ in known) for id_ in sorted(known | set(applied))]


def require_current(dsn: str) -> None:
    """
    Do nothing where the database is at the schema of this version.

    Raises:
        StoreUnavailable: it is not reached, behind or ahead; the message says how it stands and what mends it.
    """
    steps = status(dsn)
    missing = [step.id for step in steps if step.applied_at is None]
    unknown = [step.id for step in steps if not step.is_known]
    if unknown:
        rule = (
            f"the database ({described(dsn)}) is ahead: it has {', '.join(unknown)};"
            " use the version of execbridge that brought it there"
        )
        raise StoreUnavailable(rule)
    if missing:
        state = "is empty" if len(missing) == len(steps) else f"is behind: it lacks {', '.join(missing)}"
        rule = f"the database ({described(dsn)}) {state}; run: {MIGRATE}"
        raise StoreUnavailable(rule)


def migrate(dsn: str) -> list[str]:
    """
    Apply the steps that the database lacks, each whole or not at all, and return their ids.

    Several processes may ask at once: one works, the others wait and find nothing left to do.

    Raises:
        StoreUnavailable: the database is not reached, in use, or refuses a step; the steps before it stay applied.
    """
    with _backend(dsn) as backend:
        wanted = backend.to_apply(_steps())
        for step in wanted:
            backend.do(step, "apply")
        return [step.id for step in wanted]


def rollback(dsn: str, *, to: str | None = None) -> list[str]:
    """
    Undo the newest step, or every step after *to* (an id, its number, or 0 for all), and return their ids.

    What the steps made is dropped with all that is in it.

    Raises:
        StoreUnavailable: the database is not reached, in use, refuses or is ahead, or *to* is no step.
    """
    ahead = [step.id for step in status(dsn) if not step.is_known]
    if ahead:
        rule = f"only the version of execbridge that applied {', '.join(ahead)} can undo it"
        raise StoreUnavailable(rule)
    with _backend(dsn) as backend:
        applied = list(backend.to_rollback(_steps()))
        unwanted = applied[:1] if to is None else [step for step in applied if step.id > _named(to)]
        for step in unwanted:
            backend.do(step, "rollback")
        return [step.id for step in unwanted]


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """
    yoyo's way into PostgreSQL, over one connection of ours.

    yoyo itself applies a step, and in another transaction notes that it did; a process killed in between leaves a
    database that can go neither forward nor back. Here both are one transaction.
    """

    def __init__(self, connection: Connection[TupleRow]) -> None:
        self._ours = connection
        # The name says nothing: it reaches messages and logs, and the DSN may hold a password.
        super().__init__(DatabaseURI("postgresql+psycopg", None, None, None, None, "", {}), default_migration_table)
        self.create_lock_table()
        # yoyo's own lock outlives a process that was killed. Ours does not, and we hold it, so nobody holds that one.
        self.break_lock()
        self.ensure_internal_schema_updated()
        self._internal_schema_updated = True

    def connect(self, dburi: DatabaseURI) -> Connection[TupleRow]:
        return self._ours

    def do(self, step: Migration, direction: str) -> None:
        """Apply or roll back *step* and note it, in one transaction."""
        with self.transaction():
            step.process_steps(self, direction)
            self.log_migration(step, direction)
            (self.mark_one if direction == "apply" else self.unmark_one)(step, log=False)


@contextmanager
def _backend(dsn: str) -> Iterator[_Backend]:
    with connect(dsn, bulk=True, application="execbridge migrate") as connection, translated("migrate the database"):
        connection.add_notice_handler(_pass_on)
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        yield _Backend(connection)


def _pass_on(notice: Diagnostic) -> None:
    # PostgreSQL also tells what it skips, such as a table that exists; only what our own steps raise is for people.
    if notice.context is not None and "PL/pgSQL" in notice.context:
        logger.warning("%s", notice.message_primary)


def _applied(connection: Connection[TupleRow]) -> dict[str, datetime]:
    found = connection.execute("SELECT to_regclass('_yoyo_migration') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return {}
    rows = connection.execute("SELECT migration_id, applied_at_utc FROM _yoyo_migration").fetchall()
    return {cast("str", row[0]): cast("datetime", row[1]).replace(tzinfo=UTC) for row in rows}


def _known() -> set[str]:
    files = {file.name for file in resources.files(migrations).iterdir() if file.name.endswith(".sql")}
    return {name.removesuffix(".sql") for name in files if not name.endswith(".rollback.sql")}


def _steps() -> MigrationList:
    with resources.as_file(resources.files(migrations)) as folder:
        # yoyo takes every Python file for a step too, and the folder is a package.
        steps = read_migrations(glob.escape(str(folder))).filter(lambda step: step.path.endswith(".sql"))
        for step in steps:
            step.load()
    return steps


def _named(to: str) -> str:
    """Return the id of the step *to*, or what comes before all of them."""
    known = sorted(_known())
    named = [id_ for id_ in known if to == id_ or to.zfill(4) == id_.partition(".")[0]]
    if named:
        return named[0]
    if to.strip("0") == "":
        return ""
    rule = f"there is no step {to!r}; known are {', '.join(known)}"
    raise StoreUnavailable(rule)
