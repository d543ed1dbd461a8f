"""How orders are asked for: their type, how long they work, and at what prices."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from .columns import ID, INSTANT, repeated, spread
from .errors import DomainError
from .orders import Orders, OrderType, Status, TimeInForce
from .plan_key import order_ids

if TYPE_CHECKING:
    from typing import Any

    from attrs import Attribute

    from .instruments import Instruments
    from .plan_key import PlanKey
    from .table import Column, Float64, Int8, Int64

TICK_TOLERANCE = 1e-6
"""How far from a whole tick still counts as that tick."""

BPS = 10_000
"""Basis points in one."""


def _offset(_: object, attribute: Attribute[Any], value: float) -> None:
    if not abs(value) < BPS:
        raise DomainError(f"{attribute.name} is less than {BPS} either way, was {value}")


@frozen(cache_hash=True)
class OrderTerms:
    """
    How orders are asked for: their type, how long they work, and how far from the price their own prices are.

    Units: offsets in basis points of the price; a positive limit offset gives way (buys above, sells below), a
    positive stop offset lies away (buy stops above, sell stops below).
    """

    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_offset_bps: float = field(default=0.0, validator=_offset)
    stop_offset_bps: float = field(default=0.0, validator=_offset)


MARKET_DAY = OrderTerms()


def ask(
    on: Instruments, instrument: Int64, leg: Int8, lots: Int64, price: Float64, *, key: PlanKey, terms: OrderTerms
) -> Orders:
    """
    Return new orders of the decision *key* on *terms* for signed *lots* of each *instrument*, row by row.

    *price*, along the axis, is what offsets start from. None of these orders has been sent.
    """
    count = len(lots)
    attempt, usual = repeated(0, count, np.int64), _usual(terms, count)
    orders = Orders.trusted(
        on=on,
        instrument=instrument,
        id=order_ids(key.id, on, instrument, leg, attempt),
        decision=spread(key.id.bytes, count, ID),
        leg=leg,
        attempt=attempt,
        lots=lots,
        timestamp=spread(key.instant.tobytes(), count, INSTANT),
        **usual,
    )
    if terms.order_type is OrderType.MARKET:
        return orders
    return orders.replaced(**_order_prices(lots, price[instrument], on.tick_size[instrument], terms))


@lru_cache(maxsize=1024)
def _usual(terms: OrderTerms, count: int) -> dict[str, Column]:
    """Return what all of so many new orders on *terms* have in common."""
    return {
        "order_type": repeated(terms.order_type, count, np.int8),
        "time_in_force": repeated(terms.time_in_force, count, np.int8),
        "limit_price": repeated(np.nan, count, np.float64),
        "stop_price": repeated(np.nan, count, np.float64),
        "status": repeated(Status.PENDING, count, np.int8),
        "filled_lots": repeated(0, count, np.int64),
        "triggered": repeated(0, count, np.bool_),
    }


def _order_prices(lots: Int64, price: Float64, tick: Float64, terms: OrderTerms) -> dict[str, Column]:
    """Return limit and stop prices on whole ticks, rounded so that limits give no more and stops lie no nearer."""
    side = np.sign(lots)
    prices: dict[str, Column] = {}
    if terms.order_type is not OrderType.LIMIT:
        prices["stop_price"] = price = _on_tick(price * (1 + side * terms.stop_offset_bps / BPS), tick, side)
    if terms.order_type is not OrderType.STOP:
        prices["limit_price"] = _on_tick(price * (1 + side * terms.limit_offset_bps / BPS), tick, -side)
    return prices


def _on_tick(price: Float64, tick: Float64, up: Int64) -> Float64:
    """Return *price* on a whole tick, rounded up where *up* is positive and else down; below one tick it stays."""
    ticks = price / tick
    whole = np.where(up > 0, np.ceil(ticks - TICK_TOLERANCE), np.floor(ticks + TICK_TOLERANCE))
    return np.where(whole < 1, price, whole * tick)
