"""The market, simulated on daily bars: open orders in, fills out."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, cast

import numpy as np
from attrs import Factory, field, frozen

from .costs import Commission, Slippage
from .errors import DomainError
from .fills import Fills
from .orders import Orders, OrderType, Status, TimeInForce
from .plan_key import fill_ids
from .planner import LOT_TOLERANCE

if TYPE_CHECKING:
    from typing import Any

    from attrs import Attribute

    from .bars import Bars
    from .table import Bool, Float64, Instants, Int64


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
        rule = f"{attribute.name} is a fraction of the volume above 0 and at most 1, or left out; was {value}"
        raise DomainError(rule)


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

        *taken_lots*, unsigned and along the axis, is the volume that earlier fills of this session have used up. Where an
        instrument has no bar nothing is filled and nothing expires; elsewhere what is left of a DAY order expires.
        Orders must be open.
        """
        price, triggered, at_open = reached(orders, bars, at_open=self.fill_at is FillAt.NEXT_OPEN)
        lots = np.where(np.isnan(price), 0, orders.remaining_lots)
        if self.participation is not None:
            lots = capped(orders, lots, bars.volume, self.participation, taken_lots)
        if self.slippage.impact:
            lots = np.where(bars.volume[orders.instrument] > 0, lots, 0)
        rows = np.flatnonzero(lots)
        filled = orders.filled_lots + lots
        stamp = np.where(at_open[rows], session.open, session.close)
        fills = self._fills(orders[rows], lots[rows], filled[rows], price[rows], stamp, bars)
        status = np.where(filled == orders.lots, Status.FILLED, np.where(filled != 0, Status.PARTIALLY_FILLED, Status.ACCEPTED))
        lived = ~np.isnan(bars.close[orders.instrument])
        ends = lived & (filled != orders.lots) & (orders.time_in_force == TimeInForce.DAY)
        status = np.where(ends, Status.EXPIRED, status).astype(np.int8)
        return orders.moved(status, filled, triggered), fills

    def _fills(self, orders: Orders, lots: Int64, filled: Int64, price: Float64, stamp: Instants, bars: Bars) -> Fills:
        on, at = orders.on, orders.instrument
        quantity = np.abs(lots) * on.lot_size[at]
        paid = self.slippage.worsen(price, lots, quantity, bars.volume[at])
        paid = np.maximum(paid, on.tick_size[at])
        paid = np.where(lots > 0, np.fmin(paid, orders.limit_price), np.fmax(paid, orders.limit_price))
        return Fills.trusted(
            on=on,
            instrument=at,
            id=fill_ids(orders.id, filled),
            order=orders.id,
            lots=lots,
            price=paid,
            commission=self.commission.charge(quantity * on.multiplier[at] * paid, quantity),
            timestamp=stamp,
        )


def reached(orders: Orders, bars: Bars, *, at_open: bool) -> tuple[Float64, Bool, Bool]:
    """
    Return the price that each order meets in *bars* (NaN: none), whether its stop has been touched, and whether it was met at the open.

    MARKET meets the open or the close, as *at_open* says. LIMIT meets the open where that is as good or better, else its
    limit where the bar reaches it. STOP meets the open where the bar opens beyond it, else its stop price where the bar
    reaches it. STOP_LIMIT becomes a limit order when its stop is touched; touched within the bar, it fills at the stop
    price if that keeps the limit, else at its limit only if the close keeps it, as nothing else is known to come later.
    """
    at, buys = orders.instrument, orders.lots > 0
    opened, closed = bars.open[at], bars.close[at]
    kind = orders.order_type
    first = np.full(len(orders), at_open)
    if (kind == OrderType.MARKET).all():
        return opened if at_open else closed, orders.triggered, first
    low, high = np.where(buys, bars.low[at], -bars.high[at]), np.where(buys, bars.high[at], -bars.low[at])
    side = np.where(buys, 1.0, -1.0)
    start, end = side * opened, side * closed
    limit, stop = side * orders.limit_price, side * orders.stop_price
    with np.errstate(invalid="ignore"):
        as_limit = np.where(start <= limit, start, np.where(low <= limit, limit, np.nan))
        as_stop = np.where(start >= stop, start, np.where(high >= stop, stop, np.nan))
        touched = ~np.isnan(as_stop)
        within = np.where(stop <= limit, stop, np.where(end <= limit, limit, np.nan))
        as_stop_limit = np.where(
            orders.triggered | (start >= stop), as_limit, np.where(touched, within, np.nan)
        )
    worst = side * np.where(at_open, opened, closed)
    met = np.select(
        [kind == OrderType.MARKET, kind == OrderType.LIMIT, kind == OrderType.STOP], [worst, as_limit, as_stop], as_stop_limit
    )
    first = np.where(kind == OrderType.MARKET, at_open, met == start)
    triggered = orders.triggered | (touched & (kind >= OrderType.STOP))
    return side * met, cast("Bool", triggered), cast("Bool", first)


def capped(orders: Orders, lots: Int64, volume: Float64, participation: float, taken_lots: Int64) -> Int64:
    """
    Return *lots* cut so that each instrument's fills, with *taken_lots*, keep within *participation* of its *volume*.

    Earlier rows are served first. A volume that is not known fills nothing.
    """
    on, at = orders.on, orders.instrument
    share = np.floor(np.nan_to_num(volume) * participation / on.lot_size + LOT_TOLERANCE).astype(np.int64)
    room = np.maximum(share - taken_lots, 0)[at]
    size = np.abs(lots)
    order = np.argsort(at, kind="stable")
    ranked = size[order]
    before = np.cumsum(ranked) - ranked
    first = np.searchsorted(at[order], at[order])
    earlier = np.empty_like(size)
    earlier[order] = before - before[first] if len(order) else before
    return np.sign(lots) * np.clip(room - earlier, 0, size)
