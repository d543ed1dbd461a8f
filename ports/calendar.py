"""The port for trading days."""

from abc import abstractmethod
from datetime import date
from typing import Protocol

from ..domain.simulator import Session


class TradingCalendar(Protocol):
    """Says which days are traded, and from when to when."""

    @abstractmethod
    def sessions(self, start: date, end: date) -> list[Session]:
        """
        Return the sessions from *start* to *end*, both included.

        Units: instants in UTC; every session opens before or when it closes.
        Order: days rise strictly.
        Again: the same days give the same sessions.
        Empty: no session in between, or *start* after *end*, answers an empty list.
        """
