"""The ports for prices: reading and keeping them."""

from abc import abstractmethod
from datetime import date
from typing import Protocol

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

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
    def days(self, start: date, end: date) -> NDArray[np.datetime64]:
        """
        Return the days from *start* to *end*, both included, on which any instrument has a bar (datetime64[D]).

        Order: days rise strictly.
        """

    @abstractmethod
    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        """
        Return the bars of *on* from *start* to *end*, both included.

        Empty: NaN where an instrument has no bar; days on which none has one are left out.

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


@frozen
class Loaded:
    """What became of bars that were loaded: so many were new, so many replaced another, so many were there already."""

    inserted: int
    changed: int
    unchanged: int


class PriceStore(Protocol):
    """
    Keeps daily bars, for a feed to bring.

    Sharing: several may load at once; of two bars for the same instrument and day the later stays.
    """

    @abstractmethod
    def load(self, panel: Panel, source: str) -> Loaded:
        """
        Keep the bars of *panel*, all of them or none; *source* says where they come from.

        Again: a bar that is there already is left as it is, with its source; one that differs is replaced.
        Partly: bars of other instruments and days stay.
        Empty: a panel without bars changes nothing.

        Raises:
            BadTable: a bar breaks a rule of bars; none was kept.
            StoreUnavailable: the database is not reached or behind; none was kept.
            StoreUnknown: the commit's answer was lost; loading again settles it.
        """
