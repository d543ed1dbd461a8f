"""The port for prices."""

from abc import abstractmethod
from datetime import date
from typing import Protocol

from ..domain.bars import Bars, Panel
from ..domain.instruments import Instruments
from ..domain.table import Float64


class PriceFeed(Protocol):
    """
    Brings daily bars.

    Units: prices in the instrument's currency, volume in units of quantity.
    Raises, in every method, FeedUnavailable where prices cannot be read.
    """

    @abstractmethod
    def instruments(self) -> Instruments:
        """Return every instrument that the feed knows, as an axis."""

    @abstractmethod
    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        """
        Return the bars of *on* from *start* to *end*, both included; days on which no instrument has a bar are left out.

        Empty: an instrument or a window without bars gives NaN or no days.

        Raises:
            BadTable: a bar breaks a rule of bars; the message names instrument and day.
        """

    @abstractmethod
    def bars(self, on: Instruments, day: date) -> Bars:
        """
        Return the bars of *on* on *day*.

        Empty: NaN where an instrument has none.
        """

    @abstractmethod
    def last(self, on: Instruments, day: date) -> Float64:
        """
        Return the last close of each instrument on or before *day*, along the axis.

        Empty: NaN where there is none.
        """
