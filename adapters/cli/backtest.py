"""The command that runs a backtest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ...application.container import open_bridge
from ...application.settings import load_settings
from . import report
from .choices import FILE, FOLDER, config_option, example, format_option
from .exits import EXITS_EXPLAINED
from .output import console, show
from .overrides import overridden, setting_options
from .progress import shown
from .summary import not_traded, row, summary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...application.backtest import RunResult


@click.command(
    epilog=example(
        "execbridge backtest examples/backtest.toml",
        "execbridge backtest examples/backtest.toml --start 2010-01-01 --slippage-bps 10 --report out",
        "execbridge backtest --prices bars.csv --targets targets.csv --start 2012-01-03 --end 2012-12-31",
    )
    + EXITS_EXPLAINED
)
@click.argument("file", type=FILE, required=False, metavar="[CONFIG.toml]")
@setting_options
@click.option("--report", "folder", type=FOLDER, help="Write a picture and an HTML page of the run to this folder.")
@format_option
@config_option
@click.pass_obj
def backtest(
    config: Path | None,
    /,
    *,
    file: Path | None,
    others: Mapping[str, object],
    folder: Path | None,
    form: str,
    **asked: Any,  # noqa: ANN401 - the settings, as click passes them.
) -> None:
    """
    Run a backtest as CONFIG.toml says, and record every order, fill and position of it.

    Options win over the file. Targets come from a CSV or Parquet file (date, instrument_id, target), or from a function
    of your own, as module:function; modules beside CONFIG.toml and in the working folder are found.
    """
    if folder is not None:
        report.require_libraries()
    result = run(file or config, overridden(others, asked))
    if form == "table":
        people = console()
        people.print(summary(result))
        if result.not_traded:
            click.echo()
            show(not_traded(result), form, title="not traded")
    else:
        show(row(result), form, title="run")
    if folder is not None:
        for path in report.write(result, folder):
            click.echo(f"wrote {path}", err=True)


def run(config: Path | None, overrides: Mapping[str, object]) -> RunResult:
    """Run the backtest of *config* and *overrides*, with a bar that shows how far it is."""
    if config is not None:
        # A target function is kept beside the settings that name it.
        sys.path.insert(0, str(config.resolve().parent))
    with open_bridge(load_settings(config, overrides=overrides)) as bridge, shown("backtest") as progress:
        return bridge.run_sleeve(progress=progress)
