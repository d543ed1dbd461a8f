"""
zipline-reloaded: orders that fill at the close of the bar after the one on which they are placed.

So that they fill at the close of the day that the targets are for, they are placed on the day before; a day is put in
front. Bars and instruments are kept in memory, as its bundles round prices.
"""

from __future__ import annotations

import logging
import math
import warnings
from datetime import UTC, time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from measure import Outcome, main
from sqlalchemy import create_engine
from workload import BPS, COMMISSION_BPS, SLIPPAGE_BPS, Work
from zipline.algorithm import TradingAlgorithm
from zipline.api import order, set_commission, set_slippage
from zipline.assets import AssetDBWriter, AssetFinder
from zipline.data.data_portal import DataPortal
from zipline.data.in_memory_daily_bars import InMemoryDailyBarReader
from zipline.finance.commission import PerDollar
from zipline.finance.slippage import FixedBasisPointsSlippage
from zipline.finance.trading import SimulationParameters
from zipline.utils.calendar_utils import TradingCalendar

if TYPE_CHECKING:
    from measure import Job

ENOUGH = 1e9


class Weekdays(TradingCalendar):
    """Trades on every weekday."""

    name = "WEEKDAYS"
    tz = UTC
    open_times = ((None, time(9)),)
    close_times = ((None, time(17)),)


class Bars(InMemoryDailyBarReader):
    """Its own reader of frames, with the one method put right that simulations call."""

    def __init__(self, frames: dict[str, pd.DataFrame], calendar: object, currencies: pd.Series) -> None:
        super().__init__(frames, calendar, currencies, verify_indices=False)
        self._row = {day: row for row, day in enumerate(frames["close"].index)}

    @property
    def last_available_dt(self) -> pd.Timestamp:
        """Return the last day that has bars."""
        return self._sessions[-1]

    def get_value(self, sid: int, dt: pd.Timestamp, field: str) -> float:
        """Return one number of one bar."""
        return self._values[field][self._row[dt], sid]


def finder(work: Work, days: pd.DatetimeIndex) -> AssetFinder:
    """Return the instruments, on an exchange that is open on every weekday."""
    equities = pd.DataFrame(
        {
            "symbol": work.names,
            "asset_name": work.names,
            "start_date": days[0],
            "end_date": days[-1] + pd.Timedelta(days=10),
            "exchange": "ALL",
        },
        index=range(len(work.names)),
    )
    exchanges = pd.DataFrame({"exchange": ["ALL"], "canonical_name": ["ALL"], "country_code": ["US"]})
    engine = create_engine("sqlite://")
    AssetDBWriter(engine).write(equities=equities, exchanges=exchanges)
    return AssetFinder(engine)


def prepare(work: Work) -> Job:
    """Lay the bars out along a calendar of weekdays, with a day in front."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    before = np.busday_offset(work.day[0], -1)
    days = pd.DatetimeIndex(np.append(before, work.day)).astype("M8[ns]")
    calendar = Weekdays(start=days[0], end=days[-1] + pd.Timedelta(days=10), side="right")
    rows = np.maximum(np.arange(len(days)) - 1, 0)
    assets = finder(work, days)
    tables = {"open": work.open, "high": work.high, "low": work.low, "close": work.close}
    frames = {name: pd.DataFrame(table[rows], index=days) for name, table in tables.items()}
    frames["volume"] = pd.DataFrame(np.full((len(days), work.shape[1]), ENOUGH), index=days)
    currencies = pd.Series("USD", index=range(work.shape[1]))
    listed = assets.retrieve_all(range(work.shape[1]))

    def run() -> Outcome:
        count, day = 0, 0

        def initialize(_: object) -> None:
            set_slippage(FixedBasisPointsSlippage(SLIPPAGE_BPS, volume_limit=1.0))
            set_commission(PerDollar(COMMISSION_BPS * BPS))

        def handle_data(context: Any, _: object) -> None:  # noqa: ANN401 - the algorithm itself.
            nonlocal count, day
            if day == len(work.day):
                return
            held = context.portfolio.positions
            for asset, wanted in zip(listed, work.target[day].tolist(), strict=True):
                if not math.isnan(wanted):
                    change = int(wanted) - (held[asset].amount if asset in held else 0)
                    if change:
                        order(asset, change)
                        count += 1
            day += 1

        reader = Bars(frames, calendar, currencies)
        portal = DataPortal(assets, calendar, days[0], equity_daily_reader=reader)
        algorithm = TradingAlgorithm(
            sim_params=SimulationParameters(days[0], days[-1], calendar, capital_base=work.initial_cash),
            data_portal=portal,
            asset_finder=assets,
            trading_calendar=calendar,
            initialize=initialize,
            handle_data=handle_data,
            benchmark_returns=pd.Series(0.0, index=days.tz_localize("UTC")),
        )
        results = algorithm.run()
        return Outcome(count, float(results["portfolio_value"].iloc[-1]))

    return run


if __name__ == "__main__":
    main(prepare, distributions=["zipline-reloaded", "numpy", "pandas"], about=__doc__)
