"""What every clock promises."""

from datetime import UTC, date, timedelta

import pytest

from execbridge.ports.clock import Clock


class ClockContract:
    """A clock of any kind."""

    @pytest.fixture
    def clock(self) -> Clock:
        raise NotImplementedError

    def test_an_instant_is_aware_and_in_utc(self, clock: Clock) -> None:
        assert clock.now().tzinfo is UTC

    def test_time_does_not_go_back(self, clock: Clock) -> None:
        told = [clock.now() for _ in range(100)]
        assert told == sorted(told)

    def test_today_is_the_trading_day_of_now(self, clock: Clock) -> None:
        assert type(clock.today()) is date
        assert abs(clock.today() - clock.now().date()) <= timedelta(days=1)
