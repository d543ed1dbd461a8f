"""The commands that look after the database."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import click

from ...application.container import open_databases
from ...application.settings import load_settings
from ...ports.repository import Listing
from .choices import config_option, example, format_option
from .output import show

if TYPE_CHECKING:
    from pathlib import Path

    from ...application.settings import Settings


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
    settings = load_settings(config)
    with open_databases(settings) as databases:
        for step in databases.migrate():
            click.echo(f"applied {step}")
    click.echo(f"up to date: {_described(settings)}", err=True)


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
    settings = load_settings(config)
    with open_databases(settings) as databases:
        if not yes:
            undone = "the newest step" if to is None else f"every step after {to}"
            question = f"Undo {undone} of {_described(settings)}, and drop what is in it?"
            click.confirm(question, abort=True, err=True)
        for step in databases.rollback(to):
            click.echo(f"undone {step}")


@db.command(epilog=example("execbridge db status --format json"))
@format_option
@config_option
@click.pass_obj
def status(config: Path | None, form: str) -> None:
    """Show the steps of the schema, and which of them the database has."""
    settings = load_settings(config)
    with open_databases(settings) as databases:
        steps = databases.status()
    rows: list[tuple[object, ...]] = [(step.id, step.applied_at, step.is_known) for step in steps]
    show(Listing(("id", "applied_at", "is_known"), rows), form, title=f"schema of {_described(settings)}")


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
    with open_databases(load_settings(ctx.obj)) as databases:
        program, environment = databases.psql()
        # The database is kept open meanwhile: the embedded one would stop with us.
        done = subprocess.run(  # noqa: S603 - the user's own psql.
            [program, *arguments], check=False, env={**os.environ, **environment}
        )
    ctx.exit(done.returncode)


def _described(settings: Settings) -> str:
    """Return which database *settings* name, without what might be secret."""
    chosen = settings.database
    return f"the embedded database in {chosen.data_dir}" if chosen.dsn is None else "the database of database.dsn"
