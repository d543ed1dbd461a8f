"""Orders: what we ask for, and how far it has come."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from attrs import field, frozen

from .columns import looked_up, only
from .errors import BadTable, BadTransition
from .instruments import OnAxis
from .table import (
    LOTS_MAX,
    Bool,
    Float64,
    Ids,
    Instants,
    Int8,
    Int64,
    boolean,
    float64,
    ids,
    instants,
    int8,
    int64,
    uuid,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID


class OrderType(IntEnum):
    """How an order's price is made (FIX tag 40). Values are never used again with another meaning."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LIMIT = 4


class TimeInForce(IntEnum):
    """How long an order works (FIX tag 59): DAY through one session of its instrument, GTC until it is ended."""

    DAY = 1
    GTC = 2


class Status(IntEnum):
    """How far an order has come. UNKNOWN was sent and its answer lost: only the broker's evidence ends it."""

    PENDING = 1
    SUBMITTED = 2
    ACCEPTED = 3
    PARTIALLY_FILLED = 4
    FILLED = 5
    CANCELLED = 6
    REJECTED = 7
    EXPIRED = 8
    UNKNOWN = 9


_SENT = {Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED, Status.REJECTED, Status.EXPIRED}

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.SUBMITTED, Status.UNKNOWN, Status.CANCELLED} | _SENT),
    Status.SUBMITTED: frozenset({Status.UNKNOWN} | _SENT),
    Status.UNKNOWN: frozenset(_SENT),
    Status.ACCEPTED: frozenset(_SENT),
    Status.PARTIALLY_FILLED: frozenset(
        {Status.PARTIALLY_FILLED, Status.FILLED, Status.CANCELLED, Status.EXPIRED},
    ),
    Status.FILLED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.REJECTED: frozenset(),
    Status.EXPIRED: frozenset(),
}
"""Which status may follow which; staying as it is is always allowed."""

_STEP = np.zeros((len(Status) + 1, len(Status) + 1), dtype=np.bool_)
for _before, _afters in TRANSITIONS.items():
    _STEP[_before, [_before, *_afters]] = True

_NONE, _SOME, _ALL = range(3)
_FILLED_BY = np.zeros((len(Status) + 1, 3), dtype=np.bool_)
_FILLED_BY[[Status.PENDING, Status.SUBMITTED, Status.ACCEPTED, Status.REJECTED], _NONE] = True
_FILLED_BY[Status.PARTIALLY_FILLED, _SOME] = True
_FILLED_BY[Status.FILLED, _ALL] = True
_FILLED_BY[[Status.CANCELLED, Status.EXPIRED, Status.UNKNOWN], :_ALL] = True

_MOVE = _STEP[:, :, np.newaxis] & _FILLED_BY
"""By the status before, the status after and how much is filled after."""

_OPEN = np.zeros(len(Status) + 1, dtype=np.bool_)
_OPEN[[Status.PENDING, Status.SUBMITTED, Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.UNKNOWN]] = True


def may_follow(before: Int8, after: Int8) -> Bool:
    """Tell, row by row, whether the status *after* may follow *before*."""
    return cast("Bool", _STEP[before, after])


@frozen
class Order:
    """One order. Signed *lots*: plus buys, minus sells; a price that it does not have is NaN."""

    id: UUID
    decision: UUID
    instrument: str
    leg: int
    attempt: int
    lots: int
    order_type: OrderType
    time_in_force: TimeInForce
    limit_price: float
    stop_price: float
    status: Status
    filled_lots: int
    triggered: bool
    timestamp: datetime


@frozen(eq=False, slots=False)
class Orders(OnAxis[Order]):
    """
    What we ask for: sells first, then by instrument id, then by leg.

    Units: lots whole and signed (+ buys, - sells), prices in the instrument's currency, timestamp the instant of the
    decision. A leg is 0, or 1 for the part of a flip that opens; an attempt rises only by a new decision. *triggered*:
    its stop was touched. FILLED is what is filled to the last lot, never by label; what is filled in part is
    PARTIALLY_FILLED while it is open.
    """

    _row: ClassVar[type] = Order
    _plain: ClassVar = {
        "id": uuid,
        "decision": uuid,
        "order_type": OrderType,
        "time_in_force": TimeInForce,
        "status": Status,
    }

    instrument: Int64 = field(converter=int64)
    id: Ids = field(converter=ids)
    decision: Ids = field(converter=ids)
    leg: Int8 = field(converter=int8)
    attempt: Int64 = field(converter=int64)
    lots: Int64 = field(converter=int64)
    order_type: Int8 = field(converter=int8)
    time_in_force: Int8 = field(converter=int8)
    limit_price: Float64 = field(converter=float64)
    stop_price: Float64 = field(converter=float64)
    status: Int8 = field(converter=int8)
    filled_lots: Int64 = field(converter=int64)
    triggered: Bool = field(converter=boolean)
    timestamp: Instants = field(converter=instants)

    def _check(self) -> None:
        super()._check()
        size = np.abs(self.lots)
        self._refuse((size > 0) & (size <= LOTS_MAX), "an order asks for at least one lot and at most 2**53", "lots")
        for column, kind in (("order_type", OrderType), ("time_in_force", TimeInForce), ("status", Status)):
            self._refuse(np.isin(getattr(self, column), list(kind)), f"{column} must be one of {[*kind]}", column)
        limited = np.isin(self.order_type, (OrderType.LIMIT, OrderType.STOP_LIMIT))
        stopped = np.isin(self.order_type, (OrderType.STOP, OrderType.STOP_LIMIT))
        for column, wanted in (("limit_price", limited), ("stop_price", stopped)):
            price = getattr(self, column)
            right = np.where(wanted, np.isfinite(price) & (price > 0), np.isnan(price))
            self._refuse(right, f"{column} is above zero where the order type has one, and NaN elsewhere", column)
        if len(np.unique(self.id)) < len(self):
            raise BadTable("an order id stands once in a table")
        filled = self.filled_lots * np.sign(self.lots)
        self._refuse((filled >= 0) & (filled <= size), "filled_lots lie between zero and lots", "filled_lots")
        label = "a status says how much is filled: FILLED all, PARTIALLY_FILLED some, others none or less than all"
        self._refuse(_FILLED_BY[self.status, _share(filled, size)], label, "filled_lots")
        self._refuse((self.leg == 0) | (self.leg == 1), "a leg is 0, or 1 where it opens", "leg")
        self._refuse(self.attempt >= 0, "attempts count from 0", "attempt")
        self._refuse(~np.isnat(self.timestamp), "an order has an instant", "timestamp")

    @property
    def remaining_lots(self) -> Int64:
        """The lots not filled yet, signed."""
        return self.lots if only(self.filled_lots) == 0 else self.lots - self.filled_lots

    @property
    def is_open(self) -> Bool:
        """Which orders may still be filled; UNKNOWN may."""
        return looked_up(_OPEN, self.status)

    @property
    def still_open(self) -> Orders:
        """The orders that may still be filled; these very ones where all may."""
        open_ = self.is_open
        if (all_ := only(open_)) is not None:
            return self if all_ else self.none(self.on)
        return self[open_]

    def moved(self, status: Int8, filled_lots: Int64 | None = None, triggered: Bool | None = None) -> Orders:
        """
        Return the same orders with another *status* and, where given, other *filled_lots* and *triggered*.

        Raises:
            BadTransition: an order would go where TRANSITIONS does not lead, its filled lots would shrink or outgrow
                it, they are not what the status says, or a touched stop would be untouched.
        """
        filled = self.filled_lots if filled_lots is None else filled_lots
        touched = self.triggered if triggered is None else triggered
        if not self._all_may(status, filled, touched):
            self._refuse_moves(status, filled, touched)
        return self.replaced(status=status, filled_lots=filled, triggered=touched)

    def _all_may(self, status: Int8, filled: Int64, touched: Bool) -> bool:
        """Tell at a glance whether all orders may go as one; where they do not go as one, nothing is known yet."""
        before, after = only(self.status), only(status)
        if before is None or after is None or touched is not self.triggered:
            return False
        if filled is self.lots:
            return bool(_MOVE[before, after, _ALL])
        return filled is self.filled_lots and only(filled) == 0 and bool(_MOVE[before, after, _NONE])

    def _refuse_moves(self, status: Int8, filled: Int64, touched: Bool) -> None:
        side, size = np.sign(self.lots), np.abs(self.lots)
        now = side * filled
        allowed = _MOVE[self.status, status, _share(now, size)] & (now >= side * self.filled_lots) & (now <= size)
        allowed &= touched >= self.triggered
        if not allowed.all():
            row = int(np.flatnonzero(~allowed)[0])
            raise BadTransition(
                f"order {self[row].id} ({self._name(row)}) cannot go from {Status(self.status[row]).name}, "
                f"{self.filled_lots[row]} of {self.lots[row]} lots filled, to {Status(status[row]).name}, "
                f"{filled[row]} lots filled"
            )


def latest(told: Sequence[Orders]) -> Orders:
    """Return each order as it was *told* last, where the last telling stands; there is at least one table."""
    orders = Orders.concat(list(told))
    if orders is told[0]:
        return orders
    row = {order: at for at, order in enumerate(orders.id.tolist())}
    return orders if len(row) == len(orders) else orders[sorted(row.values())]


def _share(filled: Int64, size: Int64) -> Int8:
    """Return how much of each *size* is *filled*: none, some or all."""
    return (filled > 0).view(np.int8) + (filled >= size).view(np.int8)
