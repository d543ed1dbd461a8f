"""Every broker keeps the contract."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from execbridge.adapters.brokers.backtest import BacktestBroker
from execbridge.adapters.calendars import PriceDaysCalendar
from execbridge.adapters.memory.prices import MemoryPriceFeed
from execbridge.adapters.prices.time_machine import TimeMachine
from execbridge.domain.bars import Panel
from execbridge.domain.costs import Commission, Slippage
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders
from execbridge.domain.simulator import FillAt, MarketSimulator

from .broker_contract import BrokerContract, Stand
from .broker_machine import CASH, BrokerMachine

if TYPE_CHECKING:
    from numpy.typing import NDArray

ON = Instruments.of(["AAA", "BBB"])
DAY = np.datetime64("2024-01-01") + np.arange(120)
STILL = np.tile([10.0, 20.0], (len(DAY), 1))


def panel(close: NDArray[np.float64], volume: float) -> Panel:
    """Return the bars of a market that closes at *close* and opens where it closed the day before."""
    opened = np.vstack([close[:1], close[:-1]])
    opened = np.where(np.isnan(opened), close, opened)
    high, low = np.maximum(opened, close) * 1.004, np.minimum(opened, close) * 0.996
    absent = np.isnan(close)
    fields = {"open": opened, "high": high, "low": low, "close": close, "volume": np.full(close.shape, volume)}
    return Panel(ON, DAY, **{name: np.where(absent, np.nan, values) for name, values in fields.items()})


def moving() -> NDArray[np.float64]:
    """Return closes that go up and down by up to 2 % a day, with days on which an instrument has none."""
    rng = np.random.default_rng(7)
    close = np.round(STILL * (1 + 0.02 * np.sin(np.arange(len(DAY)))[:, np.newaxis] * [1.0, -1.0]), 2)
    gaps = rng.random(close.shape) < 0.2
    gaps[:, 0] &= ~gaps[:, 1]
    close[gaps] = np.nan
    return close


class SimulatedStand(Stand):
    """A simulated broker over a market that is known beforehand, and the time in it."""

    def __init__(self, simulator: MarketSimulator, market: Panel) -> None:
        feed = MemoryPriceFeed(market)
        self.on, self.simulator = ON, simulator
        self.calendar = PriceDaysCalendar(feed.days)
        self.sessions = iter(self.calendar.sessions(DAY[0].item(), DAY[-1].item()))
        self.replay = TimeMachine(feed, ON, DAY[0].item(), DAY[-1].item())
        self.next_day()
        self.restart(Orders.none(ON), Fills.none(ON), None)

    def next_day(self) -> None:
        self.replay.travel(next(self.sessions))

    def now(self) -> datetime:
        return self.replay.now()

    def restart(self, orders: Orders, fills: Fills, latest: date | None) -> None:
        self.broker = BacktestBroker(
            self.simulator, self.replay, self.calendar, self.replay, CASH, orders, fills, latest
        )


class TestBacktestBroker(BrokerContract):
    @pytest.fixture(params=FillAt)
    def stand(self, request: pytest.FixtureRequest) -> Stand:
        return SimulatedStand(MarketSimulator(request.param), panel(STILL, 1_000.0))


class Machine(BrokerMachine):
    """A market that moves, has gaps, and of which 10 lots a day can be had."""

    fill_at: FillAt

    @classmethod
    def stand_of(cls) -> Stand:
        costs = Slippage(bps=5), Commission(bps=1, minimum=1)
        return SimulatedStand(MarketSimulator(cls.fill_at, *costs, participation=0.1), panel(moving(), 100.0))

    def teardown(self) -> None:
        super().teardown()
        fills = self.fills
        for day in set(fills.timestamp.astype("M8[D]").tolist()):
            of_day = fills[fills.timestamp.astype("M8[D]") == np.datetime64(day)]
            assert (ON.total(of_day.instrument, np.abs(of_day.lots)) <= 10).all()


class AtClose(Machine):
    fill_at = FillAt.CLOSE


class AtNextOpen(Machine):
    fill_at = FillAt.NEXT_OPEN


class AtNextClose(Machine):
    fill_at = FillAt.NEXT_CLOSE


TestAtClose = AtClose.TestCase
TestAtNextOpen = AtNextOpen.TestCase
TestAtNextClose = AtNextClose.TestCase
for case in (TestAtClose, TestAtNextOpen, TestAtNextClose):
    case.settings = settings(max_examples=60, stateful_step_count=30)
