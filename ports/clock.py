"""The port for time."""

from abc import abstractmethod
from datetime import date, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; in a backtest, the time of the history that is replayed."""

    @abstractmethod
    def now(self) -> datetime:
        """
        Return the present instant, aware and in UTC.

        Order: never before an instant that it returned earlier, unless a backtest travels back on purpose.
        """

    @abstractmethod
    def today(self) -> date:
        """Return the date of the trading day that `now` belongs to."""
