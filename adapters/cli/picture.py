# ruff: noqa: PLC0415 - matplotlib is optional and slow to import: it is not before a picture is made.
"""The picture of a run: equity, and how far below its highest."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from .curve import drawdowns, fallen
from .summary import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...application.backtest import RunResult

INK, FAINT, GAIN, LOSS = "#1b2733", "#c9d1d9", "#1f6feb", "#d1495b"
LOGARITHMIC_FROM = 4.0
"""How many times its lowest the highest equity is, from where on equal steps show equal returns."""


def draw(result: RunResult) -> bytes:
    """Return the picture of *result*, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.2), dpi=150, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.1])
    _draw_equity(upper, result)
    _draw_drawdown(lower, result)
    for axes in (upper, lower):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(FAINT)
        axes.tick_params(colors=INK, length=0, labelsize=9)
        axes.grid(axis="y", which="major", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
    packed = BytesIO()
    figure.savefig(packed, format="png")
    return packed.getvalue()


def _draw_equity(axes: Axes, result: RunResult) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    equity, run = result.equity, result.run
    lowest = float(equity.min())
    if lowest > 0 and equity.max() > LOGARITHMIC_FROM * lowest:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.axhline(run.initial_cash, color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.plot(result.day, equity, color=GAIN, linewidth=1.4)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.annotate(
        short(float(equity[-1])),
        (result.day[-1], float(equity[-1])),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=GAIN,
        weight="bold",
        fontsize=10,
    )
    measured = result.performance
    axes.set_title(
        f"{run.name}   {percent(measured.annual_return)} a year, Sharpe {measured.sharpe:.2f}",
        loc="left",
        color=INK,
        weight="bold",
        fontsize=13,
        pad=14,
    )
    axes.set_ylabel(f"Equity, {', '.join(result.positions.on.currencies)}", color=INK, fontsize=9)


def _draw_drawdown(axes: Axes, result: RunResult) -> None:
    from matplotlib.ticker import PercentFormatter

    below = fallen(result)
    axes.fill_between(result.day, below, 0.0, color=LOSS, alpha=0.28, linewidth=0)
    axes.plot(result.day, below, color=LOSS, linewidth=0.9)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.set_ylim(min(float(below.min()) * 1.25, -0.001), 0.0)
    axes.set_ylabel("Drawdown", color=INK, fontsize=9)
    for fall in drawdowns(result, 1):
        axes.annotate(
            percent(fall.depth),
            (np.datetime64(fall.trough), fall.depth),
            xytext=(0, -4),
            textcoords="offset points",
            ha="center",
            va="top",
            color=LOSS,
            weight="bold",
            fontsize=9,
        )


def short(value: float) -> str:
    """Return an amount with few digits, as an axis has room for."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"
