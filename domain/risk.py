"""The risk screen: which orders of a basket may leave, decided over the whole basket before the first one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import Attribute, field, frozen

from .errors import DomainError
from .planner import Reason, Refusals

if TYPE_CHECKING:
    from .orders import Orders
    from .positions import Positions
    from .table import Bool, Float64


def _positive(limits: object, attribute: Attribute[Any], value: float | None) -> None:  # noqa: ARG001 - attrs' signature.
    if value is not None and not 0 < value < np.inf:
        rule = f"limit {attribute.name} is above zero and finite, or left out; was {value}"
        raise DomainError(rule)


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
        return self == NO_LIMITS


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
    and those already working come to if filled; a breach refuses every order that adds to a position, so that reducing
    stays possible. The opening leg of a flip goes with its closing leg. Too many orders refuse the whole basket. What cannot be
    worked out is refused.
    """
    orders = basket.orders
    on = orders.on
    passed = np.ones(len(orders), np.bool_)
    refused = [Refusals.none(on)]
    if limits.are_off or not len(orders):
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

    for reason, value, limit in _order_checks(basket, limits):
        refuse(value <= limit, reason, value, limit)
    for reason, limit in ((Reason.GROSS_LEVERAGE, limits.gross_leverage_max), (Reason.NET_LEVERAGE, limits.net_leverage_max)):
        if limit is not None:
            leverage = _leverage(basket, passed, net=reason is Reason.NET_LEVERAGE)
            adds = orders.lots * _before(basket) >= 0
            refuse((leverage <= limit) | ~adds, reason, np.full(len(orders), leverage), limit)
    closing = orders.instrument[~passed & (orders.leg == 0)]
    orphaned = (orders.leg > 0) & np.isin(orders.instrument, closing)
    refuse(~orphaned, Reason.CLOSING_LEG, np.full(len(orders), np.nan), np.nan)
    if limits.order_count_max is not None:
        count = float(passed.sum())
        refuse(np.full(len(orders), count <= limits.order_count_max), Reason.ORDER_COUNT, np.full(len(orders), count), limits.order_count_max)
    return passed, Refusals.concat(refused)


def _order_checks(basket: Basket, limits: Limits) -> list[tuple[Reason, Float64, float]]:
    """Return each limit on single orders that is set: its reason, the value of every order, and the limit."""
    orders, at = basket.orders, basket.orders.instrument
    unit, price = orders.on.unit[at], basket.price[at]
    held = basket.positions.along().lots[at]
    after = held + orders.on.total(basket.working.instrument, basket.working.remaining_lots)[at] + _basket_lots(orders)[at]
    asked = np.fmax(
        np.abs(orders.limit_price / price - 1, where=~np.isnan(orders.limit_price), out=np.zeros(len(orders))),
        np.abs(orders.stop_price / price - 1, where=~np.isnan(orders.stop_price), out=np.zeros(len(orders))),
    )
    checks = [
        (Reason.ORDER_NOTIONAL, np.abs(orders.lots) * unit * price, limits.order_notional_max),
        (Reason.POSITION_NOTIONAL, np.where(np.abs(after) < np.abs(held), 0.0, np.abs(after) * unit * price), limits.position_notional_max),
        (Reason.PRICE_COLLAR, asked, limits.price_collar),
        (Reason.PARTICIPATION, np.abs(orders.lots) * orders.on.lot_size[at] / basket.volume[at], limits.participation_max),
    ]
    return [(reason, value, limit) for reason, value, limit in checks if limit is not None]


def _basket_lots(orders: Orders) -> Float64:
    return orders.on.total(orders.instrument, orders.lots)


def _before(basket: Basket) -> Float64:
    """Return, order by order, the lots held before an order fills: for the opening leg of a flip, none."""
    held = basket.positions.along().lots[basket.orders.instrument]
    return np.where(basket.orders.leg > 0, 0, held)


def _leverage(basket: Basket, passed: Bool, *, net: bool) -> float:
    """Return the gross or net market value over equity, if every order that passed and every working one fills."""
    orders, working, on = basket.orders[passed], basket.working, basket.orders.on
    lots = basket.positions.along().lots + _basket_lots(orders) + on.total(working.instrument, working.remaining_lots)
    value = np.where(lots == 0, 0.0, lots * on.unit * basket.price)
    total = abs(float(value.sum())) if net else float(np.abs(value).sum())
    return total / basket.equity if basket.equity > 0 else np.inf
