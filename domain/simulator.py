"""The market, simulated on daily bars: open orders in, fills out."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from attrs import Factory, field, frozen

from .columns import INSTANT, only, repeated, spread
from .costs import Commission, Slippage
from .errors import BadTable, DomainError
from .fills import Fills
from .instruments import one_axis
from .orders import Orders, OrderType, Status, TimeInForce
from .plan_key import fill_ids
from .planner import whole_lots
from .table import LOTS_MAX

if TYPE_CHECKING:
    from typing import Any

    from attrs import Attribute

    from .bars import Bars
    from .table import Bool, Float64, Instants, Int8, Int64


_ACCEPTED, _PARTIALLY_FILLED = np.int8(Status.ACCEPTED), np.int8(Status.PARTIALLY_FILLED)
_FILLED, _EXPIRED = np.int8(Status.FILLED), np.int8(Status.EXPIRED)
_MARKET, _DAY = np.int8(OrderType.MARKET), np.int8(TimeInForce.DAY)


class FillAt(Enum):
    """At which price a market order fills: the close of the decision's day, or the open or close of the next bar."""

    CLOSE = "close"
    NEXT_OPEN = "next_open"
    NEXT_CLOSE = "next_close"


@frozen
class Session:
    """One trading day: its date and the instants (UTC, datetime64[us]) of its open and close."""

    day: np.datetime64
    open: np.datetime64
    close: np.datetime64

    @property
    def at_close(self) -> Session:
        """The closing auction alone, as an order sees it that came in at the close."""
        return Session(self.day, self.close, self.close)


def _fraction(_: object, attribute: Attribute[Any], value: float | None) -> None:
    if value is not None and not 0 < value <= 1:
        raise DomainError(
            f"{attribute.name} is a fraction of the volume above 0 and at most 1, or left out; was {value}"
        )


@frozen
class MarketSimulator:
    """
    Fill orders as a market would that is much larger than they are.

    *participation* is the largest share of a session's volume that all fills of an instrument take together; None
    does not look at volume.
    """

    fill_at: FillAt = FillAt.CLOSE
    slippage: Slippage = Factory(Slippage)
    commission: Commission = Factory(Commission)
    participation: float | None = field(default=None, validator=_fraction)

    def simulate(self, orders: Orders, bars: Bars, session: Session, taken_lots: Int64) -> tuple[Orders, Fills]:
        """
        Return *orders* as they stand after one session of *bars*, and the fills that they got, in the same order.

        *taken_lots*, unsigned and along the axis, is the volume that earlier fills of this session have used up. Where
        an instrument has no bar nothing is filled and nothing expires; elsewhere what is left of a DAY order expires.
        Where participation or impact is asked for, a volume that is not known fills nothing.

        Raises:
            BadTable: the bars do not lie along the whole axis of the orders.
            BadTransition: an order is not open.
        """
        axis = one_axis(bars.on, orders.on).code
        if bars.instrument is not axis and not np.array_equal(bars.instrument, axis):
            raise BadTable(f"bars lie along the whole axis of {len(axis)}, in order, were {len(bars)}")
        price, triggered, at_open = reached(orders, bars, at_open=self.fill_at is FillAt.NEXT_OPEN)
        lots, unmet = orders.remaining_lots, np.isnan(price)
        if np.count_nonzero(unmet):
            lots = np.where(unmet, 0, lots)
        if self.participation is not None:
            lots = capped(orders, lots, bars.volume, self.participation, taken_lots)
        if self.slippage.impact:
            lots = np.where(bars.volume[orders.instrument] > 0, lots, 0)
        filled = orders.lots if lots is orders.lots else orders.filled_lots + lots
        after = orders.moved(_standing(orders, filled, bars), filled, triggered)
        stamp = _stamps(at_open, session)
        if np.count_nonzero(lots) == len(lots):
            return after, self._fills(after, lots, price, stamp, bars=bars)
        rows = np.flatnonzero(lots)
        return after, self._fills(after[rows], lots[rows], price[rows], stamp[rows], bars=bars)

    def _fills(self, orders: Orders, lots: Int64, price: Float64, stamp: Instants, *, bars: Bars) -> Fills:
        """Return the last fills of *orders*, which brought them to what is filled."""
        on, at = orders.on, orders.instrument
        quantity = np.abs(lots) * on.lot_size[at]
        paid = self.slippage.worsen(price, lots, quantity, bars.volume[at])
        # No sale is for nothing, nor for more than there was to get.
        paid = np.maximum(paid, np.minimum(price, on.tick_size[at]))
        if only(orders.order_type) != _MARKET:
            paid = np.where(lots > 0, np.fmin(paid, orders.limit_price), np.fmax(paid, orders.limit_price))
        return Fills.trusted(
            on=on,
            instrument=at,
            id=fill_ids(orders.id, orders.filled_lots),
            order=orders.id,
            lots=lots,
            price=paid,
            commission=self.commission.charge(quantity * on.multiplier[at] * paid, quantity),
            timestamp=stamp,
        )


def _stamps(at_open: Bool, session: Session) -> Instants:
    opened = only(at_open)
    if opened is None:
        return np.where(at_open, session.open, session.close)
    instant = session.open if opened else session.close
    return spread(instant.astype(INSTANT).tobytes(), len(at_open), INSTANT)


def _standing(orders: Orders, filled: Int64, bars: Bars) -> Int8:
    """Return the status of each order once *filled* lots of it are and the session of *bars* is over."""
    if filled is orders.lots or (done := filled == orders.lots).all():
        return repeated(Status.FILLED, len(filled), np.int8)
    status = np.where(filled == 0, _ACCEPTED, _PARTIALLY_FILLED)
    lived = ~np.isnan(bars.close)[orders.instrument]
    status = np.where(lived & (orders.time_in_force == _DAY), _EXPIRED, status)
    return np.where(done, _FILLED, status)


def reached(orders: Orders, bars: Bars, *, at_open: bool) -> tuple[Float64, Bool, Bool]:
    """
    Return, order by order, the price met in *bars* (NaN: none), whether its stop is touched, whether met at the open.

    MARKET meets the open or the close, as *at_open* says. LIMIT meets the open where that is as good or better, else
    its limit where the bar reaches it. STOP meets the open where the bar opens beyond it or it was touched before, else
    its stop price where the bar reaches it. STOP_LIMIT becomes a limit order when its stop is touched; touched within
    the bar, it fills at the stop price if that keeps the limit, else at its limit only if the close keeps it, as
    nothing else is known to come later.
    """
    at, kind = orders.instrument, orders.order_type
    if only(kind) == _MARKET:
        return (bars.open if at_open else bars.close)[at], orders.triggered, repeated(at_open, len(orders), np.bool_)
    opened, closed, buys = bars.open[at], bars.close[at], orders.lots > 0
    low, high = np.where(buys, bars.low[at], -bars.high[at]), np.where(buys, bars.high[at], -bars.low[at])
    side = np.where(buys, 1.0, -1.0)
    start, end = side * opened, side * closed
    limit, stop = side * orders.limit_price, side * orders.stop_price
    better, early = start <= limit, orders.triggered | (start >= stop)
    touched = orders.triggered | (high >= stop)
    as_limit = np.where(better, start, np.where(low <= limit, limit, np.nan))
    as_stop = np.where(early, start, np.where(touched, stop, np.nan))
    within = np.where(stop <= limit, stop, np.where(end <= limit, limit, np.nan))
    as_stop_limit = np.where(early, as_limit, np.where(touched, within, np.nan))
    kinds = [kind == OrderType.MARKET, kind == OrderType.LIMIT, kind == OrderType.STOP]
    met = np.select(kinds, [start if at_open else end, as_limit, as_stop], as_stop_limit)
    first = np.select(kinds, [np.full(len(orders), at_open), better, early], early & better)
    return side * met, touched, first


def capped(orders: Orders, lots: Int64, volume: Float64, participation: float, taken_lots: Int64) -> Int64:
    """
    Return *lots* cut so that each instrument's fills, with *taken_lots*, keep within *participation* of its *volume*.

    Earlier rows are served first. A volume that is not known fills nothing. A millionth of a lot is forgiven.
    """
    on, at = orders.on, orders.instrument
    share = np.nan_to_num(volume) * participation / on.lot_size
    room = np.maximum(whole_lots(np.minimum(share, LOTS_MAX)) - taken_lots, 0)[at]
    size = np.abs(lots)
    order = np.argsort(at, kind="stable")
    ranked = size[order]
    before = np.cumsum(ranked) - ranked
    first = np.searchsorted(at[order], at[order])
    earlier = np.empty(len(orders), np.int64)
    earlier[order] = before - before[first]
    served: Int64 = np.sign(lots) * np.clip(room - earlier, 0, size)
    return served
