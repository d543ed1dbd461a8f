"""Rows on their way out: tables for people, CSV and JSON for programs."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...ports.repository import Listing

FRACTIONS = frozenset({"total_return", "annual_return", "volatility", "max_drawdown"})
WIDTH_UNREAD = 250
"""The width of a table that no terminal limits."""


def console(*, err: bool = False) -> Console:
    """Return the way to people: standard output or, for what is no result, standard error."""
    stream = sys.stderr if err else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDTH_UNREAD, highlight=False, soft_wrap=False)


def show(listing: Listing, form: str, *, title: str, people: Sequence[str] | None = None) -> None:
    """
    Write *listing* to standard output in the *form* that was asked for.

    A table has the columns that *people* names and something stands in, all where it names none; the other forms have
    all of them always.
    """
    if form == "json":
        _write_json(listing)
    elif form == "csv":
        _write_csv(listing)
    else:
        show_table(console(), listing, title=title, people=people)


def show_table(to: Console, listing: Listing, *, title: str, people: Sequence[str] | None = None) -> None:
    """Write *listing* as a table for people."""
    names = [name for name in (people or listing.columns) if name in listing.columns]
    places = {name: listing.columns.index(name) for name in names}
    if people is not None and listing.rows:
        names = [name for name in names if any(not _is_nothing(row[places[name]]) for row in listing.rows)]
    made = Table(header_style="bold", border_style="dim", box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in names:
        is_number = any(_is_number(row[places[name]]) for row in listing.rows)
        heading = name.removesuffix("_id").replace("_", " ")
        made.add_column(heading, justify="right" if is_number else "left", no_wrap=name != "reason")
    for row in listing.rows:
        made.add_row(*(_cell(name, row[places[name]]) for name in names))
    to.print(Text(title, style="bold"))
    to.print(made if listing.rows else Text("no rows", style="dim"))


def plain(value: object) -> object:
    """Return *value* as JSON has it: numbers as numbers, instants in ISO 8601, what is not known as null."""
    told: object = value if value is None or isinstance(value, bool | int | str) else str(value)
    if isinstance(value, float):
        told = value if math.isfinite(value) else None
    elif isinstance(value, Enum):
        told = plain(value.value)
    elif isinstance(value, datetime):
        told = value.astimezone(UTC).isoformat()
    elif isinstance(value, date):
        told = value.isoformat()
    elif isinstance(value, Mapping):
        told = {str(key): plain(part) for key, part in value.items()}
    elif isinstance(value, list | tuple):
        told = [plain(part) for part in value]
    return told


def objects(listing: Listing) -> list[Mapping[str, object]]:
    """Return the rows of *listing* as mappings of plain values."""
    return [dict(zip(listing.columns, map(plain, row), strict=True)) for row in listing.rows]


def _write_json(listing: Listing) -> None:
    before = "["
    for row in objects(listing):
        sys.stdout.write(f"{before}\n{json.dumps(row, ensure_ascii=False)}")
        before = ","
    sys.stdout.write("[]\n" if not listing.rows else "\n]\n")


def _write_csv(listing: Listing) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(listing.columns)
    for row in listing.rows:
        values = map(plain, row)
        writer.writerow([json.dumps(value) if isinstance(value, dict | list | bool) else value for value in values])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_nothing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _cell(name: str, value: object) -> Text:
    if _is_nothing(value):
        return Text("-", style="dim")
    if isinstance(value, datetime):
        return Text(f"{value.astimezone(UTC):%Y-%m-%d %H:%M}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name in FRACTIONS:
            return Text(f"{value:.2%}")
        return Text(f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}")
    told = str(plain(value))
    return Text(told, style=_STYLES.get(told, ""))


_STYLES: Mapping[str, str] = {
    "BUY": "green",
    "SELL": "red",
    "FILLED": "green",
    "COMPLETE": "green",
    "REJECTED": "red",
    "FAILED": "bold red",
    "UNKNOWN": "bold yellow",
    "RUNNING": "yellow",
    "INTERRUPTED": "bold red",
    "NOT TRADED": "yellow",
    "KEEP": "dim",
}
