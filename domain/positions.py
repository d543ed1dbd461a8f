"""Positions: what we hold, always exactly the sum of fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from attrs import field, frozen

from .instruments import Instruments, OnAxis
from .table import LOTS_MAX, Float64, Int64, float64, int64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fills import Fills
    from .table import Bool


@frozen
class Position:
    """What is held of one instrument. *cost* is what the open lots cost, signed like *lots*; *price* marks them."""

    instrument: str
    lots: int
    cost: float
    realized_pnl: float
    price: float


@frozen(eq=False, slots=False)
class Positions(OnAxis[Position]):
    """
    What we hold, one row an instrument.

    Units: lots whole and signed (- is short); cost (signed open cost), realized_pnl (before commissions), market_value
    and unrealized_pnl in the instrument's currency; avg_cost and price per unit of quantity. The average cost is
    derived from the open cost and never stored, so that it cannot drift.
    """

    _row: ClassVar[type] = Position

    instrument: Int64 = field(converter=int64)
    lots: Int64 = field(converter=int64)
    cost: Float64 = field(converter=float64)
    realized_pnl: Float64 = field(converter=float64)
    price: Float64 = field(converter=float64)

    def _check(self) -> None:
        super()._check()
        self._refuse(np.abs(self.lots) <= LOTS_MAX, "at most 2**53 lots are held", "lots")
        self._refuse(np.isfinite(self.cost), "an open cost is a number", "cost")
        self._refuse((self.lots != 0) | (self.cost == 0), "what is flat has no open cost", "cost")
        self._refuse(np.isfinite(self.realized_pnl), "a realised profit is a number", "realized_pnl")
        self._refuse(np.isnan(self.price) | (self.price > 0), "a mark is above zero, or NaN where it is not known", "price")
        if len(np.unique(self.instrument)) < len(self):
            self._refuse(np.bincount(self.instrument)[self.instrument] == 1, "one row an instrument", "instrument")

    @classmethod
    def flat(cls, on: Instruments) -> Positions:
        """Return the whole axis *on*, holding nothing."""
        none = np.zeros(len(on))
        return cls.trusted(
            on=on, instrument=on.code, lots=none.astype(np.int64), cost=none, realized_pnl=none, price=np.full(len(on), np.nan)
        )

    @property
    def avg_cost(self) -> Float64:
        """What a unit of the open position cost on average; NaN where flat."""
        size = self.lots * self.on.unit[self.instrument]
        return np.divide(self.cost, size, out=np.full(len(size), np.nan), where=self.lots != 0)

    @property
    def market_value(self) -> Float64:
        """What the position is worth at its mark, signed; NaN where the mark is not known, 0 where flat."""
        return np.where(self.lots == 0, 0.0, self.lots * self.on.unit[self.instrument] * self.price)

    @property
    def unrealized_pnl(self) -> Float64:
        """Market value less open cost."""
        return self.market_value - self.cost

    @property
    def held(self) -> Positions:
        """The rows that are not flat."""
        return self[np.flatnonzero(self.lots)]

    def along(self) -> Positions:
        """Return the same positions along the whole axis, with a flat row for every other instrument."""
        on = self.on
        if self.instrument is on.code:
            return self
        return self.trusted(
            on=on,
            instrument=on.code,
            lots=on.total(self.instrument, self.lots),
            cost=on.total(self.instrument, self.cost),
            realized_pnl=on.total(self.instrument, self.realized_pnl),
            price=on.spread(self.instrument, self.price),
        )

    def mark(self, price: Float64) -> Positions:
        """Return the same positions, along the whole axis, marked at *price* along the axis (NaN: not known)."""
        return self.trusted(**{**self.along().__dict__, "price": price})

    def after(self, fills: Fills) -> Positions:
        """
        Return what is held after *fills*, along the whole axis, at average cost.

        Adding moves the average; reducing keeps it and realises the difference; crossing zero closes at the average and
        opens the rest at the fill's price.
        """
        before = self.along()
        lots, cost, realized = before.lots.copy(), before.cost.copy(), before.realized_pnl.copy()
        unit = self.on.unit
        for part in rounds(fills.instrument):
            at = fills.instrument[part]
            traded, value = fills.lots[part], fills.price[part] * unit[at]
            held, open_cost = lots[at], cost[at]
            reducing = held * np.sign(traded) < 0
            closed = np.where(reducing, np.sign(held) * np.minimum(np.abs(held), np.abs(traded)), 0)
            released = np.where(closed == held, open_cost, closed * (open_cost / np.where(held == 0, 1, held)))
            realized[at] += closed * value - released
            cost[at] = open_cost - released + (traded + closed) * value
            lots[at] = held + traded
        return self.trusted(on=self.on, instrument=self.on.code, lots=lots, cost=cost, realized_pnl=realized, price=before.price)


def rounds(instrument: Int64) -> Iterator[Int64 | slice]:
    """Yield the rows of the first fill of every instrument, then of every second fill, and so on."""
    if not len(instrument):
        return
    counts = np.bincount(instrument)
    if counts.max() == 1:
        yield slice(None)
        return
    order = np.argsort(instrument, kind="stable")
    first = np.cumsum(counts) - counts
    rank = np.empty(len(instrument), np.int64)
    rank[order] = np.arange(len(instrument)) - first[instrument[order]]
    for turn in range(int(counts.max())):
        yield cast("Int64", np.flatnonzero(rank == turn))
