"""The planner: from what is held and what is wanted to the orders between."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from attrs import field, frozen

from .columns import repeated
from .errors import BadTable
from .instruments import Instruments, OnAxis, one_axis
from .table import LOTS_MAX, Float64, Int8, Int64, float64, int8, int64
from .targets import Targets, Unit
from .terms import MARKET_DAY, OrderTerms, ask

if TYPE_CHECKING:
    from .orders import Orders
    from .plan_key import PlanKey
    from .positions import Positions
    from .table import Bool

LOT_TOLERANCE = 1e-6
"""How far below a whole number of lots still counts as that number."""

CASH_TOLERANCE = 1e-12
"""How much cash may be missing, of all that moves, before targets are scaled: what adding floats leaves uncertain."""


class Reason(IntEnum):
    """Why something is not traded. Values are never used again with another meaning."""

    TARGET_UNKNOWN = 1
    PRICE_UNKNOWN = 2
    ORDER_NOTIONAL = 3
    POSITION_NOTIONAL = 4
    GROSS_LEVERAGE = 5
    NET_LEVERAGE = 6
    ORDER_COUNT = 7
    PRICE_COLLAR = 8
    PARTICIPATION = 9
    CLOSING_LEG = 10
    EQUITY_UNKNOWN = 11


@frozen
class Refusal:
    """One thing that is not traded: *value* is what broke the limit *limit* (NaN where there is no number)."""

    instrument: str
    leg: int
    lots: int
    reason: Reason
    value: float
    limit: float


@frozen(eq=False, slots=False)
class Refusals(OnAxis[Refusal]):
    """What is not traded, and why; lots are those of the refused order, 0 where none could be planned."""

    _row: ClassVar[type] = Refusal
    _plain: ClassVar = {"reason": Reason}

    instrument: Int64 = field(converter=int64)
    leg: Int8 = field(converter=int8)
    lots: Int64 = field(converter=int64)
    reason: Int8 = field(converter=int8)
    value: Float64 = field(converter=float64)
    limit: Float64 = field(converter=float64)


@frozen
class ExecutionPlan:
    """
    What one decision comes to: its orders, what is not traded and why, and how far whole lots stay from the targets.

    *exact* are the wanted lots before rounding, along the whole axis, NaN where unknown; *price* and *equity* are what
    they were worked out from.
    """

    key: PlanKey
    targets: Targets
    exact: Float64
    price: Float64
    equity: float
    orders: Orders
    refusals: Refusals

    @property
    def residual(self) -> Float64:
        """The lots, less than one, that rounding to whole lots leaves out, along the axis; NaN where unknown."""
        return self.exact - whole_lots(np.nan_to_num(self.exact))


def whole_lots(exact: Float64, on: Instruments | None = None) -> Int64:
    """
    Return *exact* lots rounded towards zero, forgiving 1e-6 of a lot; the one place where lots are rounded.

    Raises:
        BadTable: some amount is not finite or above 2**53; the message names it by *on* if that is its axis.
    """
    if not np.maximum.reduce(np.abs(exact), initial=0.0) <= LOTS_MAX:
        rows = np.flatnonzero(~(np.abs(exact) <= LOTS_MAX))[:5].tolist()
        wrong = ", ".join(f"{'row' if on is None else on.names[row]}: {exact[row]}" for row in rows)
        raise BadTable(f"lots are finite and at most 2**53, was {wrong}")
    return _rounded(exact)


def _rounded(exact: Float64) -> Int64:
    # What is no whole number loses its fraction as it becomes one.
    return (exact + np.copysign(LOT_TOLERANCE, exact)).astype(np.int64)


def size_targets(
    targets: Targets,
    positions: Positions,
    price: Float64,
    *,
    equity: float,
    cash: float | None = None,
    cost_rate: float = 0.0,
) -> Float64:
    """
    Return the lots that *targets* come to, exact and along the whole axis; NaN where target or price is unknown.

    A fraction of equity is unknown where equity is not known or not above zero; a fraction of 0 is 0 all the same.
    Where *cash* is given, weights share one common scale, at most 1, such that trading to them, with costs of
    *cost_rate* of what is traded, spends no more than it; rounding may spend up to one lot more for each short.

    Units: price per unit along the axis, equity and cash in currency.

    Raises:
        BadTable: targets and positions lie along different axes.
    """
    on = one_axis(targets.on, positions.on)
    amount = targets.along()
    priced = (price > 0) & (price < np.inf)
    if targets.unit is Unit.QUANTITY:
        exact = amount / on.lot_size
        if np.count_nonzero(priced) < len(on):
            exact[~priced] = np.nan
        return exact
    value = np.where(priced, price, np.nan) * on.unit
    if not 0 < equity < np.inf:
        amount = np.where(amount == 0, 0.0, np.nan)
        equity = 1.0
    exact = amount * equity / value
    return exact if cash is None else exact * cash_scale(exact, positions.along().lots, value, cash, cost_rate)


def cash_scale(exact: Float64, held: Int64, value: Float64, cash: float, cost_rate: float) -> float:
    """
    Return the largest common scale s <= 1 of *exact* lots for which trading from *held* leaves no cash missing.

    Cash left is concave and piecewise linear in s, so Newton's steps from 1 come down to its root and end on it. Where
    no scale leaves enough, it is the one at which they end.
    """
    known = np.isfinite(exact)
    wanted, lots, worth = exact[known], held[known], value[known]
    scale = 1.0
    # Each of the kinks, one an instrument, can stop a step twice: on it and past it.
    for _ in range(2 * len(wanted) + 2):
        change = scale * wanted - lots
        gross = float(np.abs(change) @ worth)
        left = cash - float(change @ worth) - cost_rate * gross
        slope = -float(wanted @ worth) - cost_rate * float(np.sign(change) * wanted @ worth)
        if left >= -CASH_TOLERANCE * (abs(cash) + gross) or slope >= 0.0:
            break
        scale = max(scale - left / slope, 0.0)
    return scale


def superseded(exact: Float64, positions: Positions, working: Orders) -> Bool:
    """
    Return which *working* orders do not lead to *exact* lots along the axis any more: they would lead past, or away.

    The orders of an instrument go together. What is wanted of an instrument and not known (NaN) supersedes nothing.
    """
    on = one_axis(positions.on, working.on)
    known = np.isfinite(exact)
    needed = whole_lots(np.where(known, exact, 0.0), on) - on.total(positions.instrument, positions.lots)
    asked = on.total(working.instrument, working.remaining_lots)
    gross = on.total(working.instrument, np.abs(working.remaining_lots))
    leads = (asked * np.sign(needed) == gross) & (gross <= np.abs(needed))
    stale: Bool = (known & ~leads)[working.instrument]
    return stale


def plan_orders(
    exact: Float64,
    positions: Positions,
    working: Orders,
    price: Float64,
    *,
    key: PlanKey,
    terms: OrderTerms = MARKET_DAY,
) -> Orders:
    """
    Return the orders that bring what we hold, and have already asked for, to *exact* lots along the axis.

    An instrument without *exact* lots or without a *price* is unknown (NaN), and the unknown is never traded. What
    crosses zero is two legs: 0 closes, 1 opens.

    Order: sells first, then by instrument id, then by leg.

    Raises:
        BadTable: more than 2**53 lots are wanted or to be traded, or the tables lie along different axes.
    """
    on = one_axis(positions.on, working.on)
    expected = positions.along().lots
    if len(working):
        expected = expected + on.total(working.instrument, working.remaining_lots)
    if np.maximum.reduce(np.abs(exact), initial=0.0) <= LOTS_MAX and np.minimum.reduce(price, initial=np.inf) > 0:
        wanted = _rounded(exact)
    else:
        known = np.isfinite(exact) & (price > 0)
        wanted = np.where(known, whole_lots(np.where(known, exact, 0.0), on), expected)
    first = wanted - expected
    # Only numbers that differ in their first bit can have opposite signs: most days none do, and that is seen at once.
    flipped = ((wanted ^ expected) < 0).nonzero()[0]
    if len(flipped):
        flipped = flipped[wanted[flipped] * np.sign(expected[flipped]) < 0]
        first[flipped] = -expected[flipped]
    if np.maximum.reduce(np.abs(first), initial=0) > LOTS_MAX:
        raise BadTable(f"an order asks for at most 2**53 lots, was {np.abs(first).max()}")
    instrument = np.concatenate([(first < 0).nonzero()[0], (first > 0).nonzero()[0]])
    lots, leg = first[instrument], repeated(0, len(instrument), np.int8)
    if len(flipped):
        instrument, lots = np.concatenate([instrument, flipped]), np.concatenate([lots, wanted[flipped]])
        leg = np.concatenate([leg, np.ones(len(flipped), np.int8)])
        order = np.lexsort((leg, instrument, lots > 0))
        instrument, lots, leg = instrument[order], lots[order], leg[order]
    return ask(on, instrument, leg, lots, price, key=key, terms=terms)
