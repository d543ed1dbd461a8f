"""Fills: what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import field, frozen

from .instruments import OnAxis
from .table import LOTS_MAX, Float64, Ids, Instants, Int64, float64, ids, instants, int64, uuid

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@frozen
class Fill:
    """One execution of an order. Signed *lots*: plus bought, minus sold."""

    id: UUID
    order: UUID
    instrument: str
    lots: int
    price: float
    commission: float
    timestamp: datetime


@frozen(eq=False, slots=False)
class Fills(OnAxis[Fill]):
    """
    What happened, in the order in which it happened.

    Units: lots whole and signed (+ bought, - sold), price and commission in the instrument's currency; a negative
    commission is a rebate.
    """

    _row: ClassVar[type] = Fill
    _plain: ClassVar = {"id": uuid, "order": uuid}

    instrument: Int64 = field(converter=int64)
    id: Ids = field(converter=ids)
    order: Ids = field(converter=ids)
    lots: Int64 = field(converter=int64)
    price: Float64 = field(converter=float64)
    commission: Float64 = field(converter=float64)
    timestamp: Instants = field(converter=instants)

    def _check(self) -> None:
        super()._check()
        size = np.abs(self.lots)
        self._refuse((size > 0) & (size <= LOTS_MAX), "a fill is at least one lot and at most 2**53", "lots")
        self._refuse(np.isfinite(self.price) & (self.price > 0), "a fill has a price above zero", "price")
        self._refuse(np.isfinite(self.commission), "a commission is a number", "commission")
        self._refuse(~np.isnat(self.timestamp), "a fill has an instant", "timestamp")

    @property
    def notional(self) -> Float64:
        """What was paid (+) or received (-) for each fill, commission apart."""
        return self.lots * self.price * self.on.unit[self.instrument]

    @property
    def cash(self) -> float:
        """What these fills did to cash: minus what was paid, minus commissions."""
        return 0.0 - float(np.add.reduce(self.notional)) - float(np.add.reduce(self.commission))
