"""bt: a tree of one strategy over all securities, which transacts what is missing to the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bt
import numpy as np
import pandas as pd
from measure import Outcome, main
from workload import BPS, COMMISSION_BPS, SLIPPAGE_BPS, Work

if TYPE_CHECKING:
    from measure import Job


class Reach(bt.Algo):
    """Transact what is missing to the targets of the day."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.day, self.work, self.orders = 0, work, 0
        self.held = np.zeros(work.shape[1])

    def __deepcopy__(self, _: object) -> Reach:
        """Stay as it is where a backtest copies its strategy: it is made for one run, and can be asked afterwards."""
        return self

    def __call__(self, target: bt.Strategy) -> bool:
        """Trade one day."""
        wanted = self.work.target[self.day]
        change = np.where(np.isnan(wanted), 0.0, wanted - self.held)
        children = target.children
        for at in np.flatnonzero(change).tolist():
            children[self.work.names[at]].transact(change[at], update=False)
        target.root.stale = True
        self.held += change
        self.orders += np.count_nonzero(change)
        self.day += 1
        return True


def fee(quantity: float, price: float) -> float:
    """Return the commission on the price that slippage leaves; what is told is the middle."""
    return abs(quantity) * price * (1 + np.sign(quantity) * SLIPPAGE_BPS * BPS) * COMMISSION_BPS * BPS


def prepare(work: Work) -> Job:
    """Lay prices out, and the spread that amounts to the slippage."""
    close = pd.DataFrame(work.close, index=pd.DatetimeIndex(work.day), columns=work.names)
    spread = close * (2 * SLIPPAGE_BPS * BPS)

    def run() -> Outcome:
        reach = Reach(work)
        strategy = bt.Strategy("all", [reach], [bt.Security(name) for name in work.names])
        test = bt.Backtest(
            strategy,
            close,
            initial_capital=work.initial_cash,
            commissions=fee,
            integer_positions=False,
            progress_bar=False,
            additional_data={"bidoffer": spread},
        )
        test.run()
        return Outcome(reach.orders, float(test.strategy.values.iloc[-1]))

    return run


if __name__ == "__main__":
    main(prepare, distributions=["bt", "ffn", "numpy", "pandas"], about=__doc__)
