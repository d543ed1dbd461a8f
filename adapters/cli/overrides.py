"""Options that take the place of settings."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import click

from ...domain.simulator import FillAt
from ...domain.targets import Unit
from .choices import DAY, options

if TYPE_CHECKING:
    from collections.abc import Mapping


def _set(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Mapping[str, object]:
    """Return the settings that --set names; a value is read as TOML, and as a text where it is none."""
    chosen: dict[str, object] = {}
    for said in values:
        key, equals, value = said.partition("=")
        if not equals or not all(part.isidentifier() for part in key.strip().split(".")):
            rule = f"a setting is given as section.key=value, was {said!r}"
            raise click.BadParameter(rule, ctx, param)
        try:
            chosen[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            chosen[key.strip()] = value.strip()
    return chosen


def _listed(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


set_option = click.option(
    "--set",
    "others",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    callback=_set,
    help="Any other setting, such as limits.gross_leverage_max=1.5; may be repeated.",
)

# Each is named after the key that it sets, with __ for the dot.
setting_options = options(
    click.option("--targets", "backtest__targets", metavar="FILE|MODULE:FUNCTION", help="Where targets come from."),
    click.option("--start", "backtest__start", type=DAY, help="The first day, such as 2000-03-01."),
    click.option("--end", "backtest__end", type=DAY, help="The last day."),
    click.option("--cash", "backtest__initial_cash", type=float, help="The cash to begin with."),
    click.option("--portfolio", "portfolio", metavar="ID", help="The portfolio's name."),
    click.option("--run", "backtest__run", metavar="NAME", help="The run's name, a new one; by default the time's."),
    click.option(
        "--instruments", "backtest__instruments", metavar="ID,ID,...", callback=_listed, help="Only these instruments."
    ),
    click.option(
        "--unit",
        "backtest__unit",
        type=click.Choice([unit.value for unit in Unit]),
        help="What targets count: units (shares), or fractions of equity.",
    ),
    click.option(
        "--complete/--partial",
        "backtest__complete",
        default=None,
        help="Whether what is held and not targeted is closed, or left alone.",
    ),
    click.option(
        "--fill-at",
        "market__fill_at",
        type=click.Choice([fill_at.value for fill_at in FillAt]),
        help="At which price market orders fill.",
    ),
    click.option("--participation", "market__participation", type=float, help="The largest share of a day's volume."),
    click.option("--slippage-bps", "slippage__bps", type=float, help="Basis points by which fills are worse."),
    click.option("--commission-bps", "commission__bps", type=float, help="Commission in basis points of the notional."),
    click.option("--calendar", "calendar__name", metavar="CODE", help="An exchange's code (XNYS), or: prices."),
    click.option(
        "--prices", "prices__files", metavar="FILE,FILE,...", callback=_listed, help="Files instead of prices_daily."
    ),
    click.option("--adjusted/--raw", "prices__adjusted", default=None, help="Scale the prices of files by adj_close."),
    set_option,
)


def overridden(others: Mapping[str, object], asked: Mapping[str, Any]) -> dict[str, object]:
    """Return, by dotted key, what the options ask for; what --set says comes first, and a proper option wins."""
    return {**others, **{name.replace("__", "."): value for name, value in asked.items() if value is not None}}
