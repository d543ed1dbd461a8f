"""
Targets from a function: hold what has risen, the calmer the more of it.

Once a month, on its first trading day, every instrument that has risen over a year gets the weight that lets it swing
as much as every other; the rest is cash. What has not been quoted for a year is unknown, not zero: it is left alone.

    execbridge backtest CONFIG.toml --targets momentum:targets --unit weight
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from execbridge.ports.targets import View

A_YEAR, A_QUARTER = 252, 63
VOLATILITY = 0.2
"""The volatility a year that is aimed at, were all instruments to rise and fall together."""


def targets(view: View) -> dict[str, float] | None:
    """Return the weights to hold from the day of *view* on; None where the month is not new."""
    lately = view.prices.panel(view.on, view.day - timedelta(days=10), view.day)
    months = lately.day.astype("M8[M]")
    if len(months) < 2 or months[-1] == months[-2]:  # noqa: PLR2004 - today and the trading day before it.
        return None
    close = view.prices.panel(view.on, view.day - timedelta(days=400), view.day).close[-A_YEAR - 1 :]
    known = np.isfinite(close).all(axis=0)
    if len(close) <= A_YEAR or not known.any():
        return None
    swings = np.std(np.diff(np.log(close[-A_QUARTER - 1 :]), axis=0), axis=0) * A_YEAR**0.5
    weight = np.where(known & (close[-1] > close[0]), VOLATILITY / swings / known.sum(), 0.0)
    weight = np.where(known, weight / max(weight.sum(), 1.0), np.nan)
    return dict(zip(view.on.names, weight.tolist(), strict=True))
