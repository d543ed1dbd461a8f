"""The commands about backtests that were run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...application.container import open_bridge
from ...application.settings import load_settings
from . import lists
from .choices import config_option, example
from .exits import EXITS_EXPLAINED

if TYPE_CHECKING:
    from pathlib import Path


@click.group(
    invoke_without_command=True,
    params=list(lists.runs.params),
    epilog=example("execbridge runs --portfolio main --format json", "execbridge runs delete demo-1"),
)
@click.pass_context
def runs(ctx: click.Context, /, **asked: Any) -> None:  # noqa: ANN401 - the options, as click passes them.
    """
    List backtests, newest first: what was asked, how it ended, and its figures.

    RUNNING is under way in another process; INTERRUPTED should be, and its process is gone.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(lists.runs, **asked)


runs.add_command(lists.runs, "list")


@runs.command(epilog=example("execbridge runs delete demo-1", "execbridge runs delete demo-1 --yes") + EXITS_EXPLAINED)
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@click.pass_obj
def delete(config: Path | None, run: str, *, yes: bool) -> None:
    """
    Delete the backtest RUN and everything that it recorded; its name may be used again.

    A run whose process died (INTERRUPTED) is deleted like any other, one that is still running is not.
    """
    with open_bridge(load_settings(config)) as bridge:
        if not yes:
            question = f"Delete the run {run!r}, its orders, fills, positions and figures?"
            click.confirm(question, abort=True, err=True)
        bridge.delete_run(run)
    click.echo(f"deleted {run}")
