"""vectorbt: target amounts at the close, all instruments on one cash account, through its public API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import vectorbt as vbt
from measure import Outcome, main
from workload import BPS, COMMISSION_BPS, SLIPPAGE_BPS, Work

if TYPE_CHECKING:
    from measure import Job

ENGINE = "rust"


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
        return Outcome(len(ran.order_records), float(ran.final_value()))

    return run


if __name__ == "__main__":
    main(prepare, distributions=["vectorbt", "vectorbt-rust", "numba", "numpy", "pandas"], about=__doc__)
