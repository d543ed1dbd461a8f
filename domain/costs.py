"""What trading costs: slippage on prices, commission on fills, and how much of a session's volume one may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from .errors import DomainError

if TYPE_CHECKING:
    from typing import Any

    from attrs import Attribute

    from .table import Float64, Int64


def _cost(_: object, attribute: Attribute[Any], value: float) -> None:
    if not 0 <= value < np.inf:
        raise DomainError(f"{attribute.name} is not below zero and finite, was {value}")


@frozen
class Slippage:
    """
    Move every price against the order: by fixed *bps*, and by *impact* times the square of its share of the volume.

    The share rule is that of the volume-share models of the public backtesters: price x (1 +/- impact x share**2).
    Both are 0 for none.
    """

    bps: float = field(default=0.0, validator=_cost)
    impact: float = field(default=0.0, validator=_cost)

    def worsen(self, price: Float64, lots: Int64, quantity: Float64, volume: Float64) -> Float64:
        """Return *price* made worse for signed *lots*: dearer for buys, cheaper for sells; *quantity* is unsigned."""
        move: float | Float64 = self.bps / 10_000
        if self.impact:
            move = move + self.impact * np.square(quantity / volume)
        worse: Float64 = price * (1 + np.sign(lots) * move)
        return worse


@frozen
class Commission:
    """Charge *bps* of the notional and *per_share* a unit of quantity, at least *minimum* for each fill."""

    bps: float = field(default=0.0, validator=_cost)
    per_share: float = field(default=0.0, validator=_cost)
    minimum: float = field(default=0.0, validator=_cost)

    def charge(self, notional: Float64, quantity: Float64) -> Float64:
        """Return the commission of each fill; *notional* and *quantity* are unsigned."""
        charged = notional * (self.bps / 10_000)
        if self.per_share:
            charged = charged + quantity * self.per_share
        return np.maximum(charged, self.minimum) if self.minimum else charged
