"""The risk screen: which orders of a basket may leave, decided over the whole basket before the first one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import Attribute, field, frozen

from .errors import DomainError
from .instruments import one_axis
from .planner import Reason, Refusals

if TYPE_CHECKING:
    from .orders import Orders
    from .positions import Positions
    from .table import Bool, Float64, Int64


def _positive(limits: object, attribute: Attribute[Any], value: float | None) -> None:  # noqa: ARG001 - attrs' signature.
    if value is not None and not 0 < value < np.inf:
        raise DomainError(f"limit {attribute.name} is above zero and finite, or left out; was {value}")


@frozen
class Limits:
    """
    What a basket may do; a limit is off only when it is left out (None).

    Units: notionals in currency; leverages as multiples of equity; price_collar as a fraction of the last price, either
    way; participation as a fraction of the session's volume; order_count in orders.
    """

    order_notional_max: float | None = field(default=None, validator=_positive)
    position_notional_max: float | None = field(default=None, validator=_positive)
    gross_leverage_max: float | None = field(default=None, validator=_positive)
    net_leverage_max: float | None = field(default=None, validator=_positive)
    order_count_max: int | None = field(default=None, validator=_positive)
    price_collar: float | None = field(default=None, validator=_positive)
    participation_max: float | None = field(default=None, validator=_positive)

    @property
    def are_off(self) -> bool:
        """Whether no limit is set."""
        return self is NO_LIMITS or self == NO_LIMITS


NO_LIMITS = Limits()


@frozen
class Basket:
    """
    What a screen looks at: the *orders* that would leave, and what they would meet.

    *price* and *volume* lie along the axis (NaN: not known, and then no limit that needs it is kept); *working* are the
    orders that are out already.
    """

    orders: Orders
    positions: Positions
    working: Orders
    price: Float64
    volume: Float64
    equity: float


def screen(basket: Basket, limits: Limits) -> tuple[Bool, Refusals]:
    """
    Return which orders of *basket* keep all *limits*, and for each other one the first limit that it breaks.

    Limits on an order, a position or a price refuse the order. Limits on leverage are met by what all remaining orders
    and those already working come to if filled. A limit on positions or leverage lets an order pass that only reduces
    what is held. The opening leg of a flip goes with its closing leg. Too many orders refuse the whole basket. What
    cannot be worked out is refused.

    Raises:
        BadTable: the tables of the basket lie along different axes.
    """
    orders = basket.orders
    on = one_axis(orders.on, basket.positions.on, basket.working.on)
    passed = np.ones(len(orders), np.bool_)
    refused = [Refusals.none(on)]
    if not len(orders):
        return passed, refused[0]

    def refuse(allowed: Bool, reason: Reason, value: Float64, limit: float) -> None:
        rows = np.flatnonzero(passed & ~allowed)
        passed[rows] = False
        refused.append(
            Refusals(
                on,
                orders.instrument[rows],
                leg=orders.leg[rows],
                lots=orders.lots[rows],
                reason=np.full(len(rows), reason, np.int8),
                value=value[rows],
                limit=np.full(len(rows), float(limit)),
            )
        )

    reduces = _reduces(basket)
    for reason, value, limit in _order_checks(basket, limits, reduces):
        refuse(value <= limit, reason, value, limit)
    for reason, leverage_max in (
        (Reason.GROSS_LEVERAGE, limits.gross_leverage_max),
        (Reason.NET_LEVERAGE, limits.net_leverage_max),
    ):
        if leverage_max is not None:
            leverage = _leverage(basket, passed, net=reason is Reason.NET_LEVERAGE)
            refuse((leverage <= leverage_max) | reduces, reason, np.full(len(orders), leverage), leverage_max)
    closing = orders.instrument[~passed & (orders.leg == 0)]
    orphaned = (orders.leg > 0) & np.isin(orders.instrument, closing)
    refuse(~orphaned, Reason.CLOSING_LEG, np.full(len(orders), np.nan), np.nan)
    if limits.order_count_max is not None:
        count = np.full(len(orders), float(passed.sum()))
        refuse(count <= limits.order_count_max, Reason.ORDER_COUNT, count, limits.order_count_max)
    return passed, Refusals.concat(refused)


def _order_checks(basket: Basket, limits: Limits, reduces: Bool) -> list[tuple[Reason, Float64, float]]:
    """Return each limit on single orders that is set: its reason, the value of every order, and the limit."""
    orders, at = basket.orders, basket.orders.instrument
    price, size = basket.price[at], np.abs(orders.lots)
    worth = orders.on.unit[at] * price
    position = np.where(reduces, 0.0, np.abs(_after(basket)) * worth)
    away = np.zeros(len(orders))
    for asked in (orders.limit_price, orders.stop_price):
        # A price that is not known is far away; a price that is not asked for is near.
        away = np.maximum(away, np.where(np.isnan(asked) & ~np.isnan(price), 0.0, np.abs(asked / price - 1)))
    volume = basket.volume[at]
    quantity = _up_to_leg(orders, size) * orders.on.lot_size[at]
    share = np.divide(quantity, volume, out=np.full(len(orders), np.inf), where=volume > 0)
    checks = [
        (Reason.ORDER_NOTIONAL, size * worth, limits.order_notional_max),
        (Reason.POSITION_NOTIONAL, position, limits.position_notional_max),
        (Reason.PRICE_COLLAR, away, limits.price_collar),
        (Reason.PARTICIPATION, share, limits.participation_max),
    ]
    return [(reason, value, limit) for reason, value, limit in checks if limit is not None]


def _up_to_leg(orders: Orders, lots: Int64) -> Int64:
    """Return, order by order, the sum of *lots* of its instrument up to its own leg."""
    on, at, closing = orders.on, orders.instrument, orders.leg == 0
    return np.where(closing, on.total(at[closing], lots[closing])[at], on.total(at, lots)[at])


def _after(basket: Basket) -> Int64:
    """Return, order by order, the lots held once the working orders and those up to its own leg are filled."""
    orders, working = basket.orders, basket.working
    expected = basket.positions.along().lots + orders.on.total(working.instrument, working.remaining_lots)
    return expected[orders.instrument] + _up_to_leg(orders, orders.lots)


def _reduces(basket: Basket) -> Bool:
    """Return which orders only reduce what is held, without carrying it through zero; an opening leg never does."""
    orders = basket.orders
    held = np.where(orders.leg > 0, 0, basket.positions.along().lots[orders.instrument])
    side = np.sign(held)
    return (side * orders.lots < 0) & (np.abs(orders.lots) <= np.abs(held)) & (side * _after(basket) >= 0)


def _leverage(basket: Basket, passed: Bool, *, net: bool) -> float:
    """Return the gross or net market value over equity, if every order that passed and every working one fills."""
    orders, working, on = basket.orders[passed], basket.working, basket.orders.on
    asked = on.total(orders.instrument, orders.lots) + on.total(working.instrument, working.remaining_lots)
    lots = basket.positions.along().lots + asked
    value = np.where(lots == 0, 0.0, lots * on.unit * basket.price)
    total = abs(float(value.sum())) if net else float(np.abs(value).sum())
    return total / basket.equity if 0 < basket.equity < np.inf else np.inf
