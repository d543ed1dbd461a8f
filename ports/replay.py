"""The port for history that is replayed: prices and time of one instant after the other."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

from .clock import Clock
from .prices import PriceFeed

if TYPE_CHECKING:
    from ..domain.simulator import Session


class Replay(PriceFeed, Clock, Protocol):
    """Brings the prices that were known at an instant of the past, and tells that instant as the time."""

    @abstractmethod
    def travel(self, session: Session) -> None:
        """
        Go to the close of *session*; from now on its day is today, and what comes later is not known.

        Raises, in every method that asks for prices, LookAhead where a later day is asked for.
        """
