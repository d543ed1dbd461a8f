"""backtrader: market orders that cheat on the close, filled when the next bar comes; limit orders as they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import backtrader as bt
import numpy as np
import pandas as pd
from measure import Outcome, main
from workload import BPS, COMMISSION_BPS, PARTICIPATION, SLIPPAGE_BPS, Work, limit_price

if TYPE_CHECKING:
    from measure import Job


class Reach(bt.Strategy):
    """Ask for what is missing to the targets of the day."""

    params = (("work", None),)

    def __init__(self) -> None:
        self.orders, self.equity = 0, math.nan

    def next(self) -> None:
        """Trade one day; the bar after the last one brings the last fills alone."""
        work, day = self.p.work, len(self) - 1
        if day >= len(work.day) - (work.kind == "limit"):
            self.equity = self.broker.getvalue()
            if day < len(work.day):  # The orders of the last day are asked for and never filled: counted, and left out.
                held = np.array([self.getposition(data).size for data in self.datas])
                self.orders += int(np.count_nonzero(work.target[day] != held))
            return
        for data, wanted in zip(self.datas, work.target[day].tolist(), strict=True):
            if math.isnan(wanted):
                continue
            change = int(wanted) - self.getposition(data).size
            if change:
                self.orders += 1
                trade = self.buy if change > 0 else self.sell
                if work.kind == "limit":
                    limit = limit_price(data.close[0], change)
                    until = work.day[day + 1].item()
                    trade(data=data, size=abs(change), exectype=bt.Order.Limit, price=limit, valid=until)
                else:
                    trade(data=data, size=abs(change))


def prepare(work: Work) -> Job:
    """Make a frame of bars for each instrument; where orders fill at the close, the last bar stands twice."""
    is_limit = work.kind == "limit"
    days = work.day if is_limit else np.append(work.day, work.day[-1] + 1)
    rows = np.minimum(np.arange(len(days)), len(work.day) - 1)
    tables = {"open": work.open, "high": work.high, "low": work.low, "close": work.close, "volume": work.volume}
    index = pd.DatetimeIndex(days)
    frames = [
        pd.DataFrame({name: table[rows, at] for name, table in tables.items()}, index=index)
        for at in range(len(work.names))
    ]

    def run() -> Outcome:
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.addstrategy(Reach, work=work)
        for name, frame in zip(work.names, frames, strict=True):
            cerebro.adddata(bt.feeds.PandasData(dataname=frame, openinterest=None), name=name)
        broker = cerebro.broker
        broker.setcash(work.initial_cash)
        broker.setcommission(commission=COMMISSION_BPS * BPS)
        broker.set_slippage_perc(SLIPPAGE_BPS * BPS, slip_open=True, slip_match=True, slip_out=not is_limit)
        broker.set_coc(not is_limit)
        if is_limit:
            broker.set_filler(bt.fillers.FixedBarPerc(perc=100 * PARTICIPATION))
        (ran,) = cerebro.run()
        return Outcome(ran.orders, ran.equity)

    return run


if __name__ == "__main__":
    main(prepare, distributions=["backtrader", "numpy", "pandas"], kinds=["daily", "monthly", "limit"], about=__doc__)
