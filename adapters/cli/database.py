"""The commands that look after the database."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import click

from ...application.container import open_database
from ...application.settings import load_settings
from ...ports.repository import Listing
from .choices import config_option, example, format_option
from .output import show

if TYPE_CHECKING:
    from pathlib import Path


@click.group(
    epilog=example("execbridge db migrate", "EXECBRIDGE_DSN=postgresql://me@localhost/trading execbridge db status")
)
@config_option
def db() -> None:
    """
    Bring the database up to date, or look after it.

    Which database: `database.dsn` of the settings or EXECBRIDGE_DSN; where neither is set, an embedded PostgreSQL
    that is kept in `database.data_dir` (EXECBRIDGE_DATA_DIR) and runs while it is used.
    """


@db.command(epilog=example("execbridge db migrate"))
@config_option
@click.pass_obj
def migrate(config: Path | None) -> None:
    """Bring the schema up to this version; what is there stays. Needed once, and after an upgrade."""
    with open_database(load_settings(config)) as database:
        applied = database.migrate()
        for step in applied:
            click.echo(f"applied {step}")
        click.echo(f"up to date: {database.dsn_described}", err=True)


@db.command(epilog=example("execbridge db rollback --to 0003"))
@click.option("--to", metavar="ID", help="Undo every step after this one (an id or its number, 0 for all).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@click.pass_obj
def rollback(config: Path | None, to: str | None, *, yes: bool) -> None:
    """
    Undo the newest step of the schema, or every step after --to.

    What the steps made is dropped, with all that is in it.
    """
    with open_database(load_settings(config)) as database:
        if not yes:
            undone = "the newest step" if to is None else f"every step after {to}"
            question = f"Undo {undone} of {database.dsn_described}, and drop what is in it?"
            click.confirm(question, abort=True, err=True)
        for step in database.rollback(to):
            click.echo(f"undone {step}")


@db.command(epilog=example("execbridge db status --format json"))
@format_option
@config_option
@click.pass_obj
def status(config: Path | None, form: str) -> None:
    """Show the steps of the schema, and which of them the database has."""
    with open_database(load_settings(config)) as database:
        steps = database.status()
        described = database.dsn_described
    rows: list[tuple[object, ...]] = [(step.id, step.applied_at, step.is_known) for step in steps]
    show(Listing(("id", "applied_at", "is_known"), rows), form, title=f"schema of {described}")


@db.command(
    epilog=example(
        "execbridge db psql", 'execbridge db psql -- -c "SELECT * FROM orders ORDER BY timestamp DESC LIMIT 5"'
    )
)
@click.argument("arguments", nargs=-1, metavar="[-- ARGUMENT...]")
@config_option
@click.pass_context
def psql(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Open psql on the database, the embedded one too; what follows -- goes to psql."""
    with open_database(load_settings(ctx.obj)) as database:
        # The database is kept open meanwhile: the embedded one would stop with us.
        done = subprocess.run([*database.psql(), *arguments], check=False)  # noqa: S603 - the user's own psql.
    ctx.exit(done.returncode)
