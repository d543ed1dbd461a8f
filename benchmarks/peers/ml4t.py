"""ml4t-backtest: market orders filled within the bar that the strategy sees, at its close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from measure import Outcome, main
from ml4t.backtest import BacktestConfig, CommissionType, DataFeed, Engine, ExecutionMode, Strategy
from ml4t.backtest.config import ExecutionPrice, SlippageType
from workload import BPS, COMMISSION_BPS, SLIPPAGE_BPS, Work

if TYPE_CHECKING:
    from measure import Job


class Reach(Strategy):
    """Ask for what is missing to the targets of the day."""

    def __init__(self, work: Work) -> None:
        self.work, self.day, self.orders = work, 0, 0
        self.held = np.zeros(work.shape[1])

    def on_data(self, timestamp: object, data: object, context: object, broker: Any) -> None:  # noqa: ANN401, ARG002 - as called.
        """Trade one day."""
        wanted = self.work.target[self.day]
        change = np.where(np.isnan(wanted), 0.0, wanted - self.held)
        rows = np.flatnonzero(change)
        for at, lots in zip(rows.tolist(), change[rows].tolist(), strict=True):
            broker.submit_order(self.work.names[at], lots)
        self.held += change
        self.orders += len(rows)
        self.day += 1


def prepare(work: Work) -> Job:
    """Make one long frame of bars."""
    days, instruments = work.shape
    tables = {"open": work.open, "high": work.high, "low": work.low, "close": work.close, "volume": work.volume}
    bars = pl.DataFrame(
        {
            "timestamp": np.repeat(work.day.astype("M8[us]"), instruments),
            "symbol": work.names * days,
            **{name: table.ravel() for name, table in tables.items()},
        }
    )
    config = BacktestConfig(
        initial_cash=work.initial_cash,
        execution_mode=ExecutionMode.SAME_BAR,
        execution_price=ExecutionPrice.CLOSE,
        commission_type=CommissionType.PERCENTAGE,
        commission_rate=COMMISSION_BPS * BPS,
        slippage_type=SlippageType.PERCENTAGE,
        slippage_rate=SLIPPAGE_BPS * BPS,
    )

    def run() -> Outcome:
        reach = Reach(work)
        ran = Engine(DataFeed(prices_df=bars), reach, config).run()
        return Outcome(reach.orders, float(ran.metrics["final_value"]))

    return run


if __name__ == "__main__":
    main(prepare, distributions=["ml4t-backtest", "polars", "numpy"], about=__doc__)
