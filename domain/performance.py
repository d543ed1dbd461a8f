"""What an equity curve says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from .table import Float64

DAYS_A_YEAR = 252


@frozen
class Performance:
    """
    What an equity curve says; NaN where it is too short to say it.

    Units: total_return, annual_return, volatility and max_drawdown (at most 0) as fractions; Sharpe ratio against a
    rate of zero; turnover as what was traded a year over mean equity; commission in currency, and shortfall, in
    currency, as what fills cost more than the last closes known before them.
    """

    days: int
    initial_equity: float
    final_equity: float
    total_return: float
    annual_return: float
    volatility: float
    sharpe: float
    max_drawdown: float
    turnover: float
    commission: float
    shortfall: float


def drawdown(equity: Float64) -> Float64:
    """Return how far each day's equity lies below the highest so far, at most 0; NaN while none was above zero."""
    highest = np.maximum.accumulate(equity)
    below: Float64 = np.divide(equity, highest, out=np.full(len(equity), np.nan), where=highest > 0) - 1
    return below


def measure(initial: float, equity: Float64, traded: Float64, *, commission: float, shortfall: float) -> Performance:
    """
    Return what the daily *equity* curve that began with *initial* says; *traded* is each day's notional, unsigned.

    The annual return compounds over 252 days a year; volatility is the sample deviation of daily returns times the root
    of 252; the Sharpe ratio is their mean over their deviation, times the same root. From a day on which no equity was
    left, or it was not known, nothing is returned: what needs such a day's return is NaN.
    """
    curve = np.concatenate([[initial], equity])
    days = len(equity)
    returns = np.divide(curve[1:], curve[:-1], out=np.full(days, np.nan), where=curve[:-1] > 0) - 1
    deviation = float(np.std(returns, ddof=1)) if days > 1 else np.nan
    final, mean = float(curve[-1]), float(np.mean(curve))
    growth = final / initial if initial > 0 else np.nan
    with np.errstate(over="ignore"):
        annual = float(np.power(growth, DAYS_A_YEAR / days)) - 1 if days and growth > 0 else np.nan
    return Performance(
        days=days,
        initial_equity=initial,
        final_equity=final,
        total_return=growth - 1,
        annual_return=annual,
        volatility=deviation * DAYS_A_YEAR**0.5,
        sharpe=float(np.mean(returns)) / deviation * DAYS_A_YEAR**0.5 if deviation > 0 else np.nan,
        max_drawdown=float(drawdown(curve).min()),
        turnover=float(traded.sum()) / mean * DAYS_A_YEAR / days if days and mean > 0 else np.nan,
        commission=commission,
        shortfall=shortfall,
    )
