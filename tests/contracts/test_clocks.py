"""Every clock keeps the contract."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from execbridge.adapters.clocks import SystemClock
from execbridge.adapters.files.prices import FilePriceFeed
from execbridge.adapters.prices.time_machine import TimeMachine
from execbridge.domain.simulator import Session
from execbridge.ports.clock import Clock

from .clock_contract import ClockContract
from .price_feed_contract import FIRST, LAST
from .test_price_feeds import write_csv


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()

    def test_it_tells_the_time_of_the_machine(self, clock: Clock) -> None:
        before = datetime.now(UTC)
        assert before <= clock.now() <= datetime.now(UTC)


class TestTimeMachineAsClock(ClockContract):
    @pytest.fixture
    def clock(self, tmp_path: Path) -> Clock:
        feed = FilePriceFeed((write_csv(tmp_path / "prices.csv"),))
        machine = TimeMachine(feed, feed.instruments(), FIRST, LAST)
        day = np.datetime64(FIRST, "D")
        machine.travel(Session(day, np.datetime64("2024-01-02T14:30", "us"), np.datetime64("2024-01-02T21:00", "us")))
        return machine
