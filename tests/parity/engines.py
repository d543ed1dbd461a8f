"""The same work, done by engines that share nothing with ours."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INITIAL_CASH = 1_000_000.0
SLIPPAGE_BPS = 5.0
COMMISSION_BPS = 1.0
BPS = 1e-4


@attrs.frozen(eq=False)
class Work:
    """
    What is asked: each day at the close hold so much of each instrument, in whole shares, where it has a price.

    *close* has a row a day and a column an instrument, NaN before its history begins; *amount*, of the same shape,
    counts shares or, with *is_weight*, fractions of the equity that the day's closes come to before it is traded.
    """

    close: pd.DataFrame
    amount: Floats
    is_weight: bool = False


@attrs.frozen(eq=False)
class Curve:
    """What came of it: equity and cash after the close of each day."""

    equity: Floats
    cash: Floats


def adjusted_closes(file: Path) -> pd.DataFrame:
    """Read the adjusted closes of a price file, a row a day and a column an instrument."""
    rows = pd.read_csv(file, parse_dates=["date"])
    return rows.pivot_table(index="date", columns="instrument_id", values="adj_close")


def whole_shares(weight: float, equity: float, price: float) -> int:
    """Return how many whole shares a fraction of the equity buys, a millionth of a share forgiven."""
    exact = weight * equity / price
    return int(exact + np.copysign(1e-6, exact))


@contextmanager
def foreign() -> Iterator[None]:
    """Let other libraries warn as they like, and numba run functions as they are: compiling them takes longer."""
    before = os.environ.get("NUMBA_DISABLE_JIT")
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ["NUMBA_DISABLE_JIT"]
        else:
            os.environ["NUMBA_DISABLE_JIT"] = before


def vectorbt(work: Work) -> Curve:
    """Do *work* in vectorbt: target amounts at the close, all instruments on one cash account."""
    with foreign():
        vbt: Any = import_module("vectorbt")
        nb, size_type = vbt.portfolio.nb, vbt.portfolio.enums.SizeType
        costs = {"fees": COMMISSION_BPS * BPS, "slippage": SLIPPAGE_BPS * BPS}
        account = {"init_cash": INITIAL_CASH, "cash_sharing": True, "group_by": True, "freq": "D"}
        close: Any = work.close.to_numpy()

        def value_at_the_close(context: Any) -> tuple[()]:
            context.last_val_price[:] = close[context.i]
            return ()

        def order(context: Any) -> Any:
            price = close[context.i, context.col]
            if np.isnan(price):
                return nb.order_nothing_nb()
            wanted = whole_shares(float(work.amount[context.i, context.col]), context.value_now, price)
            return nb.order_nb(size=wanted, price=price, size_type=size_type.TargetAmount, **costs)

        if work.is_weight:
            ran = vbt.Portfolio.from_order_func(
                work.close, order, pre_segment_func_nb=value_at_the_close, use_numba=False, **account
            )
        else:
            ran = vbt.Portfolio.from_orders(
                work.close, size=work.amount, size_type="targetamount", direction="both", **costs, **account
            )
        return Curve(ran.value().to_numpy(), ran.cash().to_numpy())


def backtrader(work: Work) -> Curve:
    """Do *work* in backtrader: market orders that cheat on the close, which it fills when the next bar comes."""
    with foreign():
        bt: Any = import_module("backtrader")

        class Rebalance(bt.Strategy):
            def __init__(self) -> None:
                self.equity: list[float] = []
                self.cash: list[float] = []

            def prenext(self) -> None:
                """Trade also while some histories have not begun."""
                self.next()

            def next(self) -> None:
                day = len(self) - 1
                if day:
                    self._look_back()
                if day == len(work.close):
                    return
                begun = [data for data in self.datas if len(data)]
                worth = sum(self.getposition(data).size * data.close[0] for data in begun)
                equity = self.broker.get_cash() + worth
                for data in begun:
                    amount = float(work.amount[day, work.close.columns.get_loc(data._name)])
                    wanted = whole_shares(amount, equity, data.close[0]) if work.is_weight else int(amount)
                    change = wanted - self.getposition(data).size
                    if change:
                        (self.buy if change > 0 else self.sell)(data=data, size=abs(change))

            def _look_back(self) -> None:
                """Note what the last close came to, now that its orders are filled."""
                held = [data for data in self.datas if self.getposition(data).size]
                cash = self.broker.get_cash()
                self.cash.append(cash)
                self.equity.append(cash + sum(self.getposition(data).size * data.close[-1] for data in held))

        cerebro = bt.Cerebro(stdstats=False)
        cerebro.addstrategy(Rebalance)
        for name, bars in _histories(work.close):
            cerebro.adddata(bt.feeds.PandasData(dataname=bars), name=name)
        broker = cerebro.broker
        broker.setcash(INITIAL_CASH)
        broker.setcommission(commission=COMMISSION_BPS * BPS)
        broker.set_slippage_perc(SLIPPAGE_BPS * BPS, slip_open=True, slip_match=True, slip_out=True)
        broker.set_coc(True)
        (ran,) = cerebro.run()
        assert len(ran.equity) == len(work.close)
        return Curve(np.array(ran.equity), np.array(ran.cash))


def _histories(close: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each history from where it begins, and the last bar once more, in which the last orders are filled."""
    for name, column in close.items():
        history = column.dropna()
        history.loc[close.index[-1] + pd.Timedelta(days=1)] = history.iloc[-1]
        fields = ("open", "high", "low", "close")
        yield str(name), pd.DataFrame({**dict.fromkeys(fields, history), "volume": 0, "openinterest": 0})
