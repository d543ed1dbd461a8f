"""What a report tells of an equity curve beyond its figures: its months, and its drawdowns."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, cast

import numpy as np
from attrs import frozen

from ...domain.performance import drawdown

if TYPE_CHECKING:
    from ...application.backtest import RunResult
    from ...domain.table import Float64

MONTHS = 12


@frozen
class Year:
    """The returns of one year: those of its months, None where nothing was run, and of all of it."""

    year: int
    months: tuple[float | None, ...]
    total: float


@frozen
class Drawdown:
    """A fall from a highest equity: its *depth* as a fraction, at most 0; *recovered* is None where it still lasts."""

    depth: float
    peak: date
    trough: date
    recovered: date | None
    days: int


def years(result: RunResult) -> list[Year]:
    """Return the returns by year and month, the first from the initial cash on."""
    month = result.day.astype("M8[M]")
    last = np.flatnonzero(np.append(month[1:] != month[:-1], True))
    equity = np.concatenate([[result.run.initial_cash], result.equity[last]])
    gained = dict(zip(cast("list[date]", month[last].tolist()), (equity[1:] / equity[:-1] - 1).tolist(), strict=True))
    told = []
    for year in sorted({day.year for day in gained}):
        months = tuple(gained.get(date(year, number, 1)) for number in range(1, MONTHS + 1))
        total = float(np.prod([1 + value for value in months if value is not None])) - 1
        told.append(Year(year, months, total))
    return told


def fallen(result: RunResult) -> Float64:
    """Return how far each day's equity lies below the highest before it, the initial cash included."""
    return drawdown(np.concatenate([[result.run.initial_cash], result.equity]))[1:]


def drawdowns(result: RunResult, most: int) -> list[Drawdown]:
    """Return the *most* deepest falls, the deepest first."""
    below = fallen(result)
    under = np.concatenate([[False], below < 0, [False]])
    first = np.flatnonzero(~under[:-1] & under[1:])
    end = np.flatnonzero(under[:-1] & ~under[1:])
    days = cast("list[date]", result.day.tolist())
    found = []
    for start, after in zip(first.tolist(), end.tolist(), strict=True):
        trough = start + int(below[start:after].argmin())
        found.append(
            Drawdown(
                depth=float(below[trough]),
                peak=days[max(start - 1, 0)],
                trough=days[trough],
                recovered=days[after] if after < len(days) else None,
                days=after - start,
            )
        )
    return sorted(found, key=lambda fall: fall.depth)[:most]
