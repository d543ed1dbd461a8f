"""Positions: what we hold, always exactly the sum of fills."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import field, frozen

from .errors import BadTable
from .instruments import Instruments, OnAxis, one_axis
from .table import LOTS_MAX, Float64, Int64, float64, int64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fills import Fills


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
        within = (self.lots <= LOTS_MAX) & (self.lots >= -LOTS_MAX)
        self._refuse(within, "at most 2**53 lots are held", "lots")
        self._refuse(np.isfinite(self.cost), "an open cost is a number", "cost")
        self._refuse((self.lots != 0) | (self.cost == 0), "what is flat has no open cost", "cost")
        self._refuse(np.isfinite(self.realized_pnl), "a realised profit is a number", "realized_pnl")
        marked = (self.price > 0) & (self.price < np.inf)
        self._refuse(np.isnan(self.price) | marked, "a mark is above zero and finite, or NaN where not known", "price")
        if len(np.unique(self.instrument)) < len(self):
            self._refuse(np.bincount(self.instrument)[self.instrument] == 1, "one row an instrument", "instrument")

    @classmethod
    def flat(cls, on: Instruments) -> Positions:
        """Return the whole axis *on*, holding nothing."""
        none = float64(np.zeros(len(on)))
        unknown = float64(np.full(len(on), np.nan))
        lots = int64(np.zeros(len(on), np.int64))
        return cls.trusted(on=on, instrument=on.code, lots=lots, cost=none, realized_pnl=none, price=unknown)

    @property
    def avg_cost(self) -> Float64:
        """What a unit of the open position cost on average; NaN where flat."""
        average = np.full(len(self), np.nan)
        np.divide(self.cost, self.lots * self.on.unit[self.instrument], out=average, where=self.lots != 0)
        return average

    @property
    def market_value(self) -> Float64:
        """What the position is worth at its mark, signed; NaN where the mark is not known, 0 where flat."""
        return np.where(self.lots == 0, 0.0, self._lots_at_mark())

    @property
    def total_value(self) -> float:
        """The sum of all market values; NaN where a mark is not known."""
        total = float(np.add.reduce(self._lots_at_mark()))
        # Marks that are not known do not matter where nothing is held.
        return float(np.add.reduce(self.market_value)) if isnan(total) else total

    def _lots_at_mark(self) -> Float64:
        unit = self.on.unit if self.instrument is self.on.code else self.on.unit[self.instrument]
        return self.lots * unit * self.price

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
        """
        Return the same positions, along the whole axis, marked at *price* along the axis (NaN: not known).

        Raises:
            BadTable: *price* is not along the axis.
        """
        marks = float64(price)
        if len(marks) != len(self.on):
            raise BadTable(f"prices lie along the whole axis of {len(self.on)}, were {len(marks)}")
        return self.along().replaced(price=marks)

    def after(self, fills: Fills) -> Positions:
        """
        Return what is held after *fills*, along the whole axis, at average cost.

        Adding moves the average; reducing keeps it and realises the difference; crossing zero closes at the average and
        opens the rest at the fill's price. Fills come in the order in which they happened.

        Raises:
            BadTable: the fills lie along another axis, or more than 2**53 lots would be held.
        """
        one_axis(self.on, fills.on)
        before, at = self.along(), fills.instrument
        lots, cost = before.lots, before.cost
        traded, value = np.zeros(len(lots), np.int64), np.zeros(len(lots))
        traded[at] = fills.lots
        if np.count_nonzero(traded) < len(at):
            # Some have several: first the first fill of each, then the second, and so on.
            for part in rounds(at):
                before = before.after(fills[part])
            return before
        value[at] = fills.price
        value *= self.on.unit
        now = lots + traded
        left = np.maximum(np.minimum(now, np.maximum(lots, 0)), np.minimum(lots, 0))
        closed, whole = lots - left, lots + (lots == 0)
        if np.maximum.reduce(np.abs(now), initial=0) > LOTS_MAX:
            much = [self.on.names[code] for code in np.flatnonzero(np.abs(now) > LOTS_MAX)[:5].tolist()]
            raise BadTable(f"at most 2**53 lots are held; would be more of {', '.join(much)}")
        # Both sides of a partial close are shares of the cost: a difference would lose the smaller of them.
        return before.replaced(
            lots=now,
            cost=cost * (left / whole) + (now - left) * value,
            realized_pnl=before.realized_pnl + (closed * value - cost * (closed / whole)),
        )


def rounds(instrument: Int64) -> Iterator[Int64 | slice]:
    """Yield the rows of the first fill of every instrument, then of every second fill, and so on."""
    if not len(instrument):
        return
    counts = np.bincount(instrument)
    if np.maximum.reduce(counts) == 1:
        yield slice(None)
        return
    order = np.argsort(instrument, kind="stable")
    first = np.cumsum(counts) - counts
    rank = np.empty(len(instrument), np.int64)
    rank[order] = np.arange(len(instrument)) - first[instrument[order]]
    ends = np.cumsum(np.bincount(rank))
    yield from np.split(np.argsort(rank, kind="stable"), ends[:-1])
