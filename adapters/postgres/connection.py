"""Connections to PostgreSQL, and the one place where its errors become ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from ...domain.errors import BadTable
from ...ports.errors import StoreConflict, StoreUnavailable, StoreUnknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

CONNECT_TIMEOUT_S = 5
LOST_TIMEOUT_S = 10
UNREADABLE = (
    "the DSN of the database cannot be read: it is postgresql://user:password@host:port/database or host=… dbname=…;"
    " in the first form write special characters as %XX (it is not shown here, as it may hold a password)"
)
BEHIND = "the database is not at the schema of this version; run: execbridge db migrate"

# A backend that hangs must not hang the bridge; a transaction that is forgotten must not block the others.
LIMITS = {"statement_timeout": "5s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "10s"}
BULK_LIMITS = {"lock_timeout": "30s"}


def connect(dsn: str, *, bulk: bool = False, application: str = "execbridge") -> Connection[TupleRow]:
    """
    Return a connection in autocommit, in UTC; transactions are said.

    A statement has 5 s, a lock 2 s, an idle transaction 10 s; *bulk* work has as long as it takes, but 30 s for a lock.
    What the DSN itself says goes before all of these.

    Raises:
        StoreUnavailable: the DSN cannot be read or the server is not reached; no password is shown.
    """
    asked = _parsed(dsn)
    limits = {"timezone": "UTC", **(BULK_LIMITS if bulk else LIMITS)}
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    settings = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        "tcp_user_timeout": str(LOST_TIMEOUT_S * 1000),
        "application_name": application,
        **asked,
        "options": f"{options} {asked.get('options', '')}".strip(),
    }
    try:
        return psycopg.connect(make_conninfo("", **settings), autocommit=True)
    except psycopg.Error as error:
        rule = f"the database is not reached ({described(dsn)}): {_first_line(error)}"
        raise StoreUnavailable(rule) from error


def described(dsn: str) -> str:
    """
    Return which database *dsn* names, for people to read: host, port, name and user, and no more.

    Raises:
        StoreUnavailable: the DSN cannot be read.
    """
    asked = _parsed(dsn)
    return (
        " ".join(f"{name}={asked[name]}" for name in ("host", "port", "dbname", "user") if name in asked) or "defaults"
    )


def environment(dsn: str) -> dict[str, str]:
    """
    Return *dsn* as the environment variables that PostgreSQL's own programs read; a password in it stays out of sight.

    Raises:
        StoreUnavailable: the DSN cannot be read.
    """
    asked = _parsed(dsn)
    return {
        option.envvar.decode(): asked[option.keyword.decode()]
        for option in Conninfo.get_defaults()
        if option.envvar is not None and option.keyword.decode() in asked
    }


@contextmanager
def translated(doing: LiteralString) -> Iterator[None]:
    """
    Turn the errors of PostgreSQL within the context into ours; *doing* says what was tried ("record fills").

    Raises:
        StoreConflict: a record of that key is there already, or what it belongs to is gone.
        BadTable: the database refuses a value.
        StoreUnavailable: any other reason; nothing of the statement has happened.
    """
    try:
        yield
    except (errors.UniqueViolation, errors.ExclusionViolation, errors.ForeignKeyViolation) as error:
        raise StoreConflict(_said(doing, error)) from error
    except (errors.IntegrityError, errors.DataError) as error:
        raise BadTable(_said(doing, error)) from error
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedObject, errors.UndefinedFunction) as error:
        rule = f"{_said(doing, error)}; {BEHIND}"
        raise StoreUnavailable(rule) from error
    except psycopg.Error as error:
        raise StoreUnavailable(_said(doing, error)) from error


@contextmanager
def transaction(connection: Connection[TupleRow], doing: LiteralString) -> Iterator[None]:
    """
    Do all within the context or nothing; it is committed when the context ends.

    Raises:
        StoreUnknown: the connection was lost while committing; all of it may have happened.
        StoreConflict, BadTable, StoreUnavailable: as `translated`; nothing has happened.
    """
    is_committing = False
    with translated(doing):
        try:
            with connection.transaction():
                yield
                is_committing = True
        except psycopg.OperationalError as error:
            if is_committing and connection.closed:
                rule = f"cannot tell whether this happened, the connection was lost at its commit: {doing}"
                raise StoreUnknown(rule) from error
            raise


def _parsed(dsn: str) -> dict[str, str]:
    """Return what *dsn* says, and nothing of it in an error: where it is malformed, any part may be the password."""
    try:
        asked = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.Error:
        raise StoreUnavailable(UNREADABLE) from None
    ports = asked.get("port", "").replace(",", "")
    is_plain = not any("@" in asked.get(name, "") for name in ("host", "dbname"))
    if not is_plain or (ports and not ports.isdecimal()):
        raise StoreUnavailable(UNREADABLE)
    return asked


def _said(doing: str, error: psycopg.Error) -> str:
    detail = error.diag.message_detail
    return f"cannot {doing}: {error.diag.message_primary or _first_line(error)}" + (f" ({detail})" if detail else "")


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
