"""The command that loads prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...application.container import open_databases
from ...application.settings import load_settings
from ...ports.repository import Listing
from .choices import FILE, config_option, example, format_option
from .output import show

if TYPE_CHECKING:
    from pathlib import Path


@click.group(epilog=example("execbridge prices load --adjusted examples/prices.csv.gz"))
@config_option
def prices() -> None:
    """Load daily prices into the database."""


@prices.command(epilog=example("execbridge prices load --adjusted examples/prices.csv.gz"))
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option("--adjusted", is_flag=True, help="Scale prices by adj_close / close, for splits and dividends.")
@format_option
@config_option
@click.pass_obj
def load(config: Path | None, files: tuple[Path, ...], form: str, *, adjusted: bool) -> None:
    """
    Load daily bars from CSV (also .gz) or Parquet files into prices_daily.

    All of a file is loaded or, where a bar breaks a rule, none of it.
    Columns: date, instrument_id, open, high, low, close, volume and, for --adjusted, adj_close. Loading again is
    safe: what is there and equal stays, what differs is replaced, and both are counted.
    """
    rows: list[tuple[object, ...]] = []
    with open_databases(load_settings(config)) as databases:
        for file in files:
            loaded = databases.load_prices(file, adjusted=adjusted)
            rows.append((str(file), loaded.inserted, loaded.changed, loaded.unchanged))
    show(Listing(("file", "inserted", "changed", "unchanged"), rows), form, title="bars loaded")
