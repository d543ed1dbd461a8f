"""The port for targets: where a backtest asks each day what to hold."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from datetime import date

    from ..domain.account import Account
    from ..domain.instruments import Instruments
    from ..domain.positions import Positions
    from ..domain.targets import Targets
    from .prices import PriceFeed


@frozen
class View:
    """
    What may be looked at when deciding on *day*: the axis, what is held and what it is worth, and known prices.

    *prices* raises LookAhead when asked for a later day.
    """

    day: date
    on: Instruments
    positions: Positions
    account: Account
    prices: PriceFeed


class TargetSource(Protocol):
    """Says, day by day, what we would like to hold."""

    @abstractmethod
    def days(self, start: date, end: date) -> list[date]:
        """
        Return the days from *start* to *end*, both included, for which targets are said beforehand, rising.

        Empty: where nothing is said beforehand.
        """

    @abstractmethod
    def targets(self, view: View) -> Targets | None:
        """
        Return the targets decided on the day of *view*, along its axis; None where nothing is decided.

        Again: the same view gives the same targets.

        Raises:
            TargetsFailed: whatever decides has failed; the message names the day and the cause.
            DomainError: the targets break a rule.
        """
