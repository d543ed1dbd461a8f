"""Targets: what we would like to hold."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import field, frozen

from .errors import BadTable
from .instruments import Instruments, OnAxis
from .table import LOTS_MAX, Float64, Int64, float64, int64

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unit(Enum):
    """What the amounts of targets count: QUANTITY units (shares), or WEIGHT fractions of equity."""

    QUANTITY = "quantity"
    WEIGHT = "weight"


WEIGHT_MAX = 100.0
"""The largest weight that is taken for an intention; a hundred times equity is a slip."""


@frozen
class Target:
    """What we would like to hold of one instrument: *amount* in the unit of its table, NaN where unknown."""

    instrument: str
    amount: float


@frozen(eq=False, slots=False)
class Targets(OnAxis[Target]):
    """
    What we would like to hold, one row an instrument; a NaN amount is unknown and never traded.

    Units: amount in units of quantity or as a fraction of equity, as *unit* says; negative is short. Where *complete*,
    a held instrument that is absent is closed; otherwise it is left alone.
    """

    _row: ClassVar[type] = Target

    instrument: Int64 = field(converter=int64)
    amount: Float64 = field(converter=float64)
    unit: Unit = Unit.QUANTITY
    complete: bool = True

    def _check(self) -> None:
        super()._check()
        size = np.abs(self.amount)
        if self.unit is Unit.WEIGHT:
            allowed, rule = size <= WEIGHT_MAX, f"a weight is a fraction of equity, at most {WEIGHT_MAX:g} either way"
        else:
            allowed, rule = size <= LOTS_MAX, "a target quantity is finite and at most 2**53 either way"
        self._refuse(np.isnan(self.amount) | allowed, rule, "amount")
        if len(self) and self.instrument is not self.on.code:
            counts = np.bincount(self.instrument)
            if counts.max() > 1:
                twice = [self.on.names[code] for code in np.flatnonzero(counts > 1).tolist()]
                raise BadTable(f"one target an instrument; given twice: {', '.join(twice[:5])}")

    @classmethod
    def of(
        cls, on: Instruments, amounts: Mapping[str, float], *, unit: Unit = Unit.QUANTITY, complete: bool = True
    ) -> Targets:
        """
        Return the targets that *amounts* names by instrument id.

        Raises:
            UnknownInstrument: an id is not on the axis.
            BadTable: an amount is not a number, infinite or absurd.
        """
        bad = {name: amount for name, amount in amounts.items() if not _is_number(amount)}
        if bad:
            raise BadTable(f"a target is a number, was {bad}")
        try:
            amount = np.array(list(amounts.values()), float)
        except OverflowError as error:
            raise BadTable(
                "a target quantity is finite and at most 2**53 either way; some has over 300 digits"
            ) from error
        return cls(on, on.locate(amounts), amount, unit=unit, complete=complete)

    @property
    def want_nothing(self) -> bool:
        """Whether nothing is wanted changed: no target is said, and what is absent is left alone."""
        return not self.complete and not len(self)

    def along(self) -> Float64:
        """Return the amounts along the whole axis: NaN where unknown, and where absent 0 or NaN as *complete* says."""
        on = self.on
        if self.instrument is on.code:
            return self.amount
        laid = np.full(len(on), 0.0 if self.complete else np.nan)
        laid[self.instrument] = self.amount
        return laid


def _is_number(amount: object) -> bool:
    return isinstance(amount, int | float | np.integer | np.floating) and not isinstance(amount, bool)
