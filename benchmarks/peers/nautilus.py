"""
nautilus_trader: market orders on quotes, whose spread amounts to the slippage.

Money has nine decimals here, as cents would round every commission. Prices are quoted to eight.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from measure import Outcome, main
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import FillModel, MakerTakerFeeModel
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, RiskEngineConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, CurrencyType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy
from workload import BPS, COMMISSION_BPS, SLIPPAGE_BPS, Work

if TYPE_CHECKING:
    from measure import Job

VENUE = Venue("ALL")
DECIMALS = 8
FINE = Currency("UST", 9, 0, "finely counted dollar", CurrencyType.FIAT)
DAY_NS = 86_400_000_000_000


class Reach(Strategy):
    """Ask for what is missing to the target that a quote's day and instrument have."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.targets = {
            InstrumentId(Symbol(name), VENUE): iter(column)
            for name, column in zip(work.names, work.target.T.tolist(), strict=True)
        }
        self.held = dict.fromkeys(self.targets, 0)
        self.orders = 0

    def on_start(self) -> None:
        """Ask for the quotes of all instruments."""
        for instrument in self.targets:
            self.subscribe_quote_ticks(instrument)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Trade one instrument."""
        instrument = tick.instrument_id
        wanted = next(self.targets[instrument])
        if math.isnan(wanted) or not (change := int(wanted) - self.held[instrument]):
            return
        side = OrderSide.BUY if change > 0 else OrderSide.SELL
        self.submit_order(self.order_factory.market(instrument, side, Quantity(abs(change), 0)))
        self.held[instrument] += change
        self.orders += 1


def equity(name: str) -> Equity:
    """Return an instrument that costs the commission to trade."""
    return Equity(
        instrument_id=InstrumentId(Symbol(name), VENUE),
        raw_symbol=Symbol(name),
        currency=FINE,
        price_precision=DECIMALS,
        price_increment=Price(10.0**-DECIMALS, DECIMALS),
        lot_size=Quantity(1, 0),
        maker_fee=Decimal(str(COMMISSION_BPS)) / 10_000,
        taker_fee=Decimal(str(COMMISSION_BPS)) / 10_000,
        ts_event=0,
        ts_init=0,
    )


def quotes(work: Work, instruments: list[Equity]) -> list[QuoteTick]:
    """Return a quote for each day and instrument, in order of time; those of a day are a microsecond apart."""
    ticks = []
    size = Quantity(1_000_000, 0)
    stamps = work.day.astype(np.int64) * DAY_NS
    bid, ask = work.close * (1 - SLIPPAGE_BPS * BPS), work.close * (1 + SLIPPAGE_BPS * BPS)
    for stamp, bids, asks in zip(stamps.tolist(), bid.tolist(), ask.tolist(), strict=True):
        for place, (instrument, low, high) in enumerate(zip(instruments, bids, asks, strict=True)):
            at = stamp + 1_000 * place
            ticks.append(QuoteTick(instrument.id, Price(low, DECIMALS), Price(high, DECIMALS), size, size, at, at))
    return ticks


def prepare(work: Work) -> Job:
    """Make the quotes."""
    instruments = [equity(name) for name in work.names]
    ticks = quotes(work, instruments)

    def run() -> Outcome:
        config = BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True), run_analysis=False
        )
        engine = BacktestEngine(config)
        engine.add_venue(
            VENUE,
            OmsType.NETTING,
            AccountType.CASH,
            [Money(work.initial_cash, FINE)],
            base_currency=FINE,
            fill_model=FillModel(),
            fee_model=MakerTakerFeeModel(),
        )
        for instrument in instruments:
            engine.add_instrument(instrument)
        engine.add_data(ticks, sort=False)
        reach = Reach(work)
        engine.add_strategy(reach)
        engine.run()
        worth = float(engine.portfolio.account(VENUE).balance_total(FINE))
        for instrument, price in zip(instruments, work.close[-1].tolist(), strict=True):
            worth += float(engine.portfolio.net_position(instrument.id)) * price
        engine.dispose()
        return Outcome(reach.orders, worth)

    return run


if __name__ == "__main__":
    main(prepare, distributions=["nautilus_trader", "numpy"], about=__doc__)
