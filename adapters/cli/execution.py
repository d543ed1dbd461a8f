"""The commands that plan one decision, and carry it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...application.container import open_bridge, read_amounts
from ...application.settings import load_settings
from .choices import DAY, FILE, TARGET, config_option, example, format_option, options
from .decision import DONE, PLANNED, outcome, planned, verdict
from .exits import EXITS_EXPLAINED
from .output import show
from .overrides import overridden, set_option

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from ...application.settings import Settings


_asked = options(
    click.option("--targets", "file", type=FILE, help="A CSV, Parquet or JSON file of targets."),
    click.option(
        "--target",
        "targets",
        type=TARGET,
        multiple=True,
        metavar="ID=AMOUNT",
        help="One target, such as AAPL=120; may be repeated.",
    ),
    click.option("--as-of", "day", type=DAY, help="The trading day; may be left out on paper, where it is today."),
    click.option("--portfolio", metavar="ID", help="The portfolio's name."),
    click.option("--unit", "backtest__unit", type=click.Choice(["quantity", "weight"]), help="What targets count."),
    click.option(
        "--complete/--partial",
        "backtest__complete",
        default=None,
        help="Whether what is held and not targeted is closed, or left alone.",
    ),
    set_option,
    format_option,
    config_option,
    click.pass_obj,
)


@click.command(
    epilog=example(
        "execbridge plan --target AAPL=120 --target MSFT=-40 --as-of 2012-03-30",
        "execbridge plan --targets targets.csv --as-of 2012-03-30 --format json",
    )
    + EXITS_EXPLAINED
)
@_asked
def plan(
    config: Path | None,
    /,
    *,
    file: Path | None,
    targets: tuple[tuple[str, float], ...],
    day: date | None,
    portfolio: str | None,
    others: Mapping[str, object],
    form: str,
    **asked: Any,  # noqa: ANN401 - the settings, as click passes them.
) -> None:
    """
    Show what would be ordered to bring a portfolio to its targets, and why. Nothing is recorded or sent.

    One row an order, and one for whatever stays as it is or is not traded: what is expected to be held, what is wanted,
    what rounding to whole lots leaves out, the expected notional and cost.
    """
    settings = load_settings(config, overrides=overridden(others, asked))
    wanted = _targets(file, targets, day)
    with open_bridge(settings) as bridge:
        made = bridge.plan(targets=wanted, as_of_date=day, portfolio_id=portfolio)
        rows = planned(made, bridge.rules.cost_rate)
    show(
        rows,
        form,
        people=PLANNED,
        title=f"plan for {made.key.portfolio.id} as of {made.key.as_of_date} ({_mode(settings)})",
    )
    if form == "table":
        click.echo(verdict(made, bridge.rules.cost_rate))


@click.command(
    epilog=example(
        "execbridge apply --target AAPL=120 --target MSFT=-40 --as-of 2012-03-30",
        "execbridge apply --targets targets.csv --as-of 2012-03-30 --decision morning --format json",
    )
    + EXITS_EXPLAINED
)
@_asked
@click.option(
    "--decision", metavar="NAME", help="The decision's name, by default its day; the same is never sent twice."
)
def apply(
    config: Path | None,
    /,
    *,
    file: Path | None,
    targets: tuple[tuple[str, float], ...],
    day: date | None,
    portfolio: str | None,
    others: Mapping[str, object],
    form: str,
    decision: str | None,
    **asked: Any,  # noqa: ANN401 - the settings, as click passes them.
) -> None:
    """
    Bring a portfolio to its targets: record what is planned, send it, record what came of it.

    Safe to run again: the same decision again shows its recorded outcome and sends nothing.
    """
    settings = load_settings(config, overrides=overridden(others, asked))
    wanted = _targets(file, targets, day)
    with open_bridge(settings) as bridge:
        done = bridge.apply_execution_plan(targets=wanted, as_of_date=day, portfolio_id=portfolio, decision=decision)
    key = done.key
    show(
        outcome(done),
        form,
        people=DONE,
        title=f"decision {key.decision} of {key.portfolio.id}, {key.as_of_date} ({_mode(settings)})",
    )
    if done.plan is None:
        click.echo("Carried out before: this is what is recorded, and nothing was sent.", err=True)


def _targets(file: Path | None, said: tuple[tuple[str, float], ...], day: date | None) -> dict[str, float]:
    if (file is None) == (not said):
        rule = "give targets either as --targets FILE, or as one or more --target ID=AMOUNT"
        raise click.UsageError(rule)
    if file is not None:
        return read_amounts(file, day)
    names = [name for name, _ in said]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        rule = f"one target an instrument; given twice: {', '.join(twice)}"
        raise click.UsageError(rule)
    return dict(said)


def _mode(settings: Settings) -> str:
    return settings.mode.name
