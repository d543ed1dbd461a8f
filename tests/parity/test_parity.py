"""A sleeve on the bundled prices comes to what independent engines say, every day of thirteen years."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from execbridge import open_bridge
from execbridge.adapters.targets.tables import TargetTable
from execbridge.domain.instruments import Instruments
from execbridge.domain.targets import Unit
from tests.architecture.sources import ROOT

from .engines import COMMISSION_BPS, INITIAL_CASH, SLIPPAGE_BPS, Curve, Work, adjusted_closes, backtrader, vectorbt

PRICES = ROOT / "examples" / "prices.csv.gz"
FIRST, LAST = date(2000, 3, 1), date(2013, 3, 1)
RELATIVE = 1e-9

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def close() -> pd.DataFrame:
    return adjusted_closes(PRICES).loc[f"{FIRST}" : f"{LAST}"]


def fixed(close: pd.DataFrame) -> Work:
    """The same whole shares every day, long and short."""
    shares = {"AAPL": 400.0, "FB": 700.0, "GOOG": 150.0, "IBM": -300.0, "MSFT": 900.0}
    return Work(close, np.tile([shares[name] for name in close.columns], (len(close), 1)))


def varying(close: pd.DataFrame) -> Work:
    """Other whole shares every day, so that every instrument is traded daily, through zero too."""
    amount = np.random.default_rng(20130301).integers(-400, 400, close.shape)
    return Work(close, amount.astype(np.float64))


def weighted(close: pd.DataFrame) -> Work:
    """Fixed fractions of the equity, rebalanced to whole shares every day: each day depends on all days before."""
    return Work(close, np.tile([0.25, 0.15, 0.2, -0.2, 0.3], (len(close), 1)), is_weight=True)


def ours(work: Work, dsn: str) -> Curve:
    """Do *work* in execbridge, on prices that it reads itself."""
    asked = {
        "database.dsn": dsn,
        "prices.files": [str(PRICES)],
        "prices.adjusted": True,
        "backtest.initial_cash": INITIAL_CASH,
        "slippage.bps": SLIPPAGE_BPS,
        "commission.bps": COMMISSION_BPS,
    }
    with open_bridge(overrides=asked) as bridge:
        table = target_table(work, bridge.prices.instruments())
        result = bridge.run_sleeve(targets=table, start_date=FIRST, end_date=LAST)
    assert result.day.tolist() == [day.date() for day in work.close.index]
    return Curve(result.equity, result.cash)


def target_table(work: Work, on: Instruments) -> TargetTable:
    days, width = work.close.shape
    return TargetTable(
        on,
        day=np.repeat(work.close.index.to_numpy().astype("M8[D]"), width),
        instrument=np.tile(on.locate(work.close.columns), days),
        amount=work.amount.ravel(),
        unit=Unit.WEIGHT if work.is_weight else Unit.QUANTITY,
    )


@pytest.mark.parametrize("asked", [fixed, varying, weighted])
def test_equity_and_cash_are_every_day_those_of_vectorbt_and_of_backtrader(
    asked: Callable[[pd.DataFrame], Work], close: pd.DataFrame, dsn: str
) -> None:
    work = asked(close)
    curve = ours(work, dsn)
    for engine in (vectorbt, backtrader):
        reference = engine(work)
        np.testing.assert_allclose(
            curve.equity, reference.equity, rtol=RELATIVE, err_msg=f"equity of {engine.__name__}"
        )
        np.testing.assert_allclose(
            curve.cash,
            reference.cash,
            rtol=RELATIVE,
            atol=RELATIVE * INITIAL_CASH,
            err_msg=f"cash of {engine.__name__}",
        )
