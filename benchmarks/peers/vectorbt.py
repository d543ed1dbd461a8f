"""
vectorbt: target amounts at the close, all instruments on one cash account, through its public API.

Asked for its orders and for the equity of the last day, and for no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import vectorbt as vbt
from measure import Outcome, main
from workload import BPS, COMMISSION_BPS, SLIPPAGE_BPS, Work

if TYPE_CHECKING:
    from measure import Job

ENGINE = "rust"
BOOKS = False
"""Whether it is asked for equity, cash and positions of every day, too, as engines that step in time leave them."""


def prepare(work: Work) -> Job:
    """Lay prices and targets out as it takes them without a copy."""
    days = pd.DatetimeIndex(work.day)
    close = pd.DataFrame(work.close, index=days, columns=work.names)

    def run() -> Outcome:
        ran = vbt.Portfolio.from_orders(
            close,
            size=work.target,
            size_type="targetamount",
            direction="both",
            fees=COMMISSION_BPS * BPS,
            slippage=SLIPPAGE_BPS * BPS,
            init_cash=work.initial_cash,
            cash_sharing=True,
            group_by=True,
            freq="D",
            max_orders=work.target.size,
            engine=ENGINE,
        )
        orders = len(ran.order_records)
        if not BOOKS:
            return Outcome(orders, float(ran.final_value()))
        equity, _, _ = ran.value(), ran.cash(), ran.assets()
        return Outcome(orders, float(equity.iloc[-1]))

    return run


if __name__ == "__main__":
    main(prepare, distributions=["vectorbt", "vectorbt-rust", "numba", "numpy", "pandas"], about=__doc__)
