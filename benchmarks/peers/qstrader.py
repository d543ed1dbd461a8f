"""qstrader: its broker and portfolio, driven day by day, as its own session sizes by weights alone."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import pandas as pd
from measure import Outcome, main
from qstrader import settings
from qstrader.broker.fee_model.percent_fee_model import PercentFeeModel
from qstrader.broker.simulated_broker import SimulatedBroker
from qstrader.exchange.simulated_exchange import SimulatedExchange
from qstrader.execution.order import Order
from workload import BPS, COMMISSION_BPS, SLIPPAGE_BPS, Work

if TYPE_CHECKING:
    from measure import Job

PORTFOLIO = "000001"


class Closes:
    """Brings the closes of the day, and the spread around them that amounts to the slippage."""

    def __init__(self) -> None:
        self.price: dict[str, float] = {}

    def get_asset_latest_mid_price(self, _: object, asset: str) -> float:
        """Return the close."""
        return self.price[asset]

    def get_asset_latest_bid_ask_price(self, _: object, asset: str) -> tuple[float, float]:
        """Return what a sale gets and a purchase pays."""
        price = self.price[asset]
        return price * (1 - SLIPPAGE_BPS * BPS), price * (1 + SLIPPAGE_BPS * BPS)


def prepare(work: Work) -> Job:
    """Make the instants just before the closes."""
    settings.PRINT_EVENTS = False
    logging.disable(logging.CRITICAL)
    instants = [pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=20, minutes=59) for day in work.day]

    def run() -> Outcome:
        closes, start = Closes(), instants[0]
        fees = PercentFeeModel(commission_pct=COMMISSION_BPS * BPS)
        cash = work.initial_cash
        broker = SimulatedBroker(start, SimulatedExchange(start), closes, initial_funds=cash, fee_model=fees)
        broker.create_portfolio(PORTFOLIO, "all")
        broker.subscribe_funds_to_portfolio(PORTFOLIO, cash)
        held, orders = dict.fromkeys(work.names, 0), 0
        for day, now in enumerate(instants):
            closes.price = dict(zip(work.names, work.close[day].tolist(), strict=True))
            for name, wanted in zip(work.names, work.target[day].tolist(), strict=True):
                if not math.isnan(wanted) and (change := int(wanted) - held[name]):
                    broker.submit_order(PORTFOLIO, Order(now, name, change))
                    held[name] += change
                    orders += 1
            broker.update(now)
        broker.update(instants[-1])  # Marks at the close what the orders have just left at their own prices.
        return Outcome(orders, broker.get_portfolio_total_equity(PORTFOLIO))

    return run


if __name__ == "__main__":
    main(prepare, distributions=["qstrader", "numpy", "pandas"], about=__doc__)
