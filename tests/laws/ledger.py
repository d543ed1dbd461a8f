"""What several laws do to a plan: fill it, in whole or in part, and lay a table out again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

from execbridge.domain.fills import Fills
from execbridge.domain.instruments import OnAxis
from execbridge.domain.orders import Orders
from execbridge.domain.plan_key import fill_ids
from execbridge.domain.planner import plan_orders, size_targets
from execbridge.domain.table import Float64, Int64, Table

from ..strategies import KEY, Desk

AnyTable = TypeVar("AnyTable", bound=Table[Any])
AnyRows = TypeVar("AnyRows", bound=OnAxis[Any])

EQUITY = 1e6


def sized(desk: Desk, equity: float = EQUITY) -> Float64:
    """Return the exact lots that the targets of *desk* come to."""
    return size_targets(desk.targets, desk.positions, desk.price, equity=equity)


def planned(desk: Desk, equity: float = EQUITY) -> Orders:
    """Return what the plan of *desk* asks for."""
    return plan_orders(sized(desk, equity), desk.positions, desk.working, desk.price, key=KEY)


def filled(orders: Orders, lots: Int64, price: Float64) -> Fills:
    """Return the fills of *lots* of *orders*, those of none left out, at *price* along the axis, free of charge."""
    rows = np.flatnonzero(lots)
    at = orders.instrument[rows]
    count = orders.filled_lots[rows] + lots[rows]
    stamp = orders.timestamp[rows]
    return Fills(
        orders.on, at, fill_ids(orders.id[rows], count), orders.id[rows], lots[rows], price[at], at * 0.0, stamp
    )


def shuffled(table: AnyRows, order: Sequence[int]) -> AnyRows:
    """Return *table* with its rows in the order that ranks in *order* give."""
    ranks = np.array(order[: len(table)], np.int64)
    return table[np.argsort(ranks, kind="stable")]


def from_rows(table: AnyTable) -> AnyTable:
    """Return *table* made anew from its rows."""
    rows = list(table)
    fields = table._fields()
    for name in table.columns():
        values = [getattr(row, name) for row in rows]
        fields[name] = table.on.locate(values) if name == "instrument" and isinstance(table, OnAxis) else column(values)
    return type(table)(**fields)


def column(values: list[Any]) -> object:
    """Return plain *values* as a table takes them."""
    match values[:1]:
        case [UUID()]:
            return [value.bytes for value in values]
        case [datetime()]:
            return np.array([value.replace(tzinfo=None) for value in values], "M8[us]")
    return values
