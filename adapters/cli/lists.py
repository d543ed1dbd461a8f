"""The commands that list what is recorded."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import click

from ...application.container import open_bridge
from ...application.settings import load_settings
from ...domain.plan_key import Mode
from ...ports.repository import Listing, Selection
from .choices import INSTANT, config_option, example, format_option, options
from .output import console, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from ...ports.repository import Form, Listed

# What a table shows; the other forms have every column.
PEOPLE: Mapping[Listed, Sequence[str]] = {
    "runs": (
        "name", "portfolio_id", "status", "start_date", "end_date", "started_at", "orders", "fills",
        "final_equity", "total_return", "sharpe", "max_drawdown", "cause",
    ),
    "orders": (
        "timestamp", "portfolio_id", "run", "instrument_id", "side", "quantity", "order_type", "limit_price",
        "stop_price", "status", "filled_quantity", "mode", "reason",
    ),
    "fills": ("timestamp", "portfolio_id", "run", "instrument_id", "side", "quantity", "price", "commission", "mode"),
    "positions": (
        "as_of_date", "portfolio_id", "run", "instrument_id", "quantity", "avg_cost", "price", "market_value",
        "unrealized_pnl", "realized_pnl", "mode",
    ),
}  # fmt: skip

LIMIT = 50

_filters = options(
    click.option("--portfolio", metavar="ID", help="Only those of this portfolio."),
    click.option("--instrument", metavar="ID", help="Only those of this instrument."),
    click.option(
        "--mode",
        type=click.Choice([mode.value for mode in Mode], case_sensitive=False),
        help="Only those of this mode.",
    ),
    click.option("--run", metavar="NAME", help="Only those of this backtest."),
    click.option("--since", type=INSTANT, help="Only those from this day or instant (UTC) on."),
    click.option(
        "--limit", type=click.IntRange(min=0), default=LIMIT, show_default=True, help="At most so many; 0 for all."
    ),
    format_option,
    config_option,
    click.pass_obj,
)


@click.command(epilog=example("execbridge runs --portfolio main --format json"))
@_filters
def runs(config: Path | None, form: Form, **asked: Any) -> None:  # noqa: ANN401 - the options, as click passes them.
    """List backtests, newest first: what was asked, how it ended, and its figures."""
    _list("runs", config, form, **asked)


@click.command(
    epilog=example(
        "execbridge orders --run demo-1 --instrument AAPL --limit 10",
        "execbridge orders --since 2012-01-01 --limit 0 --format csv > orders.csv",
    )
)
@_filters
def orders(config: Path | None, form: Form, **asked: Any) -> None:  # noqa: ANN401 - the options, as click passes them.
    """List what was asked for, newest first."""
    _list("orders", config, form, **asked)


@click.command(epilog=example("execbridge fills --run demo-1 --limit 10"))
@_filters
def fills(config: Path | None, form: Form, **asked: Any) -> None:  # noqa: ANN401 - the options, as click passes them.
    """List what was executed, newest first, at which price and commission."""
    _list("fills", config, form, **asked)


@click.command(
    epilog=example("execbridge positions --portfolio main", "execbridge positions --run demo-1 --format json")
)
@_filters
def positions(config: Path | None, form: Form, **asked: Any) -> None:  # noqa: ANN401 - the options, as click passes them.
    """List what is held, marked, by the newest snapshot of each portfolio."""
    _list("positions", config, form, **asked)


def _list(
    what: Listed,
    config: Path | None,
    form: Form | Literal["table"],
    *,
    portfolio: str | None,
    instrument: str | None,
    mode: str | None,
    run: str | None,
    since: datetime | None,
    limit: int,
) -> None:
    selection = Selection(
        portfolio, instrument, None if mode is None else Mode(mode.upper()), run, since, limit or None
    )
    with open_bridge(load_settings(config)) as bridge:
        if form != "table":
            bridge.write(what, selection, form, sys.stdout.write)
            return
        listing = bridge.rows(what, selection)
    show_table(console(), unfolded(listing, "result"), title=what, people=PEOPLE[what])
    if limit and len(listing.rows) == limit:
        click.echo(f"The newest {limit}; --limit 0 lists all.", err=True)


def unfolded(listing: Listing, column: str) -> Listing:
    """Return *listing* with the fields of the mappings in *column*, where it has one, as columns of their own."""
    if column not in listing.columns:
        return listing
    place = listing.columns.index(column)
    folded = [value if isinstance(value := row[place], Mapping) else {} for row in listing.rows]
    names = list(dict.fromkeys(str(name) for fields in folded for name in fields))
    rows = [(*row, *(fields.get(name) for name in names)) for row, fields in zip(listing.rows, folded, strict=True)]
    return Listing((*listing.columns, *names), rows)
