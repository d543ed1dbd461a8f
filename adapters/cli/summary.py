"""What came of a run, in figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from attrs import asdict
from rich.table import Table
from rich.text import Text

from ...ports.repository import Listing

if TYPE_CHECKING:
    from ...application.backtest import RunResult


def money(value: float) -> str:
    """Return an amount as people read it."""
    return "-" if math.isnan(value) else f"{value:,.2f}"


def percent(value: float) -> str:
    """Return a fraction as people read it."""
    return "-" if math.isnan(value) else f"{value:,.2%}"


def ratio(value: float) -> str:
    """Return a number as people read it."""
    return "-" if math.isnan(value) else f"{value:,.2f}"


def headline(result: RunResult) -> list[tuple[str, str]]:
    """Return what is read first of *result*: each figure with its name."""
    measured = result.performance
    return [
        ("final equity", money(measured.final_equity)),
        ("return", percent(measured.total_return)),
        ("return a year", percent(measured.annual_return)),
        ("volatility a year", percent(measured.volatility)),
        ("Sharpe ratio", ratio(measured.sharpe)),
        ("maximum drawdown", percent(measured.max_drawdown)),
    ]


def costs(result: RunResult) -> list[tuple[str, str]]:
    """Return what trading took, each figure with its name."""
    measured = result.performance
    together = measured.commission + measured.shortfall
    traded = float(result.traded.sum())
    return [
        ("traded", money(traded)),
        ("turnover a year", f"{ratio(measured.turnover)} × equity"),
        ("commission", money(measured.commission)),
        ("shortfall", money(measured.shortfall)),
        ("costs together", money(together)),
        ("costs of what was traded", f"{together / traded * 10_000:,.1f} bps" if traded else "-"),
    ]


def summary(result: RunResult) -> Table:
    """Return *result* in figures, for people."""
    run = result.run
    made = Table.grid(padding=(0, 3))
    made.add_column(style="dim")
    made.add_column(justify="right")
    made.add_row("run", Text(run.name, style="bold"))
    made.add_row("portfolio", Text(run.portfolio.id))
    made.add_row("from, to", f"{run.start}, {run.end}")
    made.add_row("trading days", f"{len(result.day):,}")
    made.add_row("orders", f"{result.orders:,}")
    made.add_row("fills", f"{result.fills:,}")
    made.add_row("initial cash", money(run.initial_cash))
    for name, value in [*headline(result), *costs(result)]:
        made.add_row(name, value)
    made.add_row("seconds", f"{result.simulating_s:.2f} simulated, {result.elapsed_s:.2f} until committed")
    return made


def row(result: RunResult) -> Listing:
    """Return *result* as one row, for programs."""
    run = result.run
    values = {
        "run": run.name,
        "portfolio_id": run.portfolio.id,
        "start_date": run.start,
        "end_date": run.end,
        "orders": result.orders,
        "fills": result.fills,
        **asdict(result.performance),
        "traded": float(result.traded.sum()),
        "simulating_s": result.simulating_s,
        "elapsed_s": result.elapsed_s,
    }
    return Listing(tuple(values), [tuple(values.values())])


def not_traded(result: RunResult) -> Listing:
    """Return what was not traded, and on how many days for which reason."""
    rows: list[tuple[object, ...]] = [
        (instrument, reason, days) for (instrument, reason), days in result.not_traded.items()
    ]
    return Listing(("instrument_id", "reason", "days"), rows)
