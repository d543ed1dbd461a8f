"""
Targets from a function: hold what has risen, the calmer the more of it.

Once a month, on its first trading day, every instrument that has risen over half a year gets a weight in inverse
proportion to its volatility over the last quarter. What has not been quoted for half a year is unknown, not zero: it is
left alone.

    execbridge backtest CONFIG.toml --targets momentum:targets --unit weight
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from execbridge.ports.targets import View

HALF_A_YEAR = 126
A_QUARTER = 63


def targets(view: View) -> dict[str, float] | None:
    """Return the weights to hold from the day of *view* on; None where the month is not new."""
    lately = view.prices.panel(view.on, view.day - timedelta(days=10), view.day)
    months = lately.day.astype("M8[M]")
    if len(months) < 2 or months[-1] == months[-2]:  # noqa: PLR2004 - today and the trading day before it.
        return None
    close = view.prices.panel(view.on, view.day - timedelta(days=200), view.day).close[-HALF_A_YEAR - 1 :]
    known = len(close) > HALF_A_YEAR and np.isfinite(close).all(axis=0)
    if not np.any(known):
        return None
    risen = close[-1] > close[0]
    volatility = np.std(np.diff(np.log(close[-A_QUARTER - 1 :]), axis=0), axis=0)
    wanted = np.where(known & risen, 1 / volatility, 0.0)
    weight = wanted / max(wanted.sum(), np.finfo(float).tiny)
    return dict(zip(view.on.names, np.where(known, weight, np.nan).tolist(), strict=True))
