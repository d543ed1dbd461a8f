"""How the orders of a run stand: folded in memory, so that each reaches the database as one row if it can."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from ...domain.orders import Orders, Status, may_follow
from .orders import Standing, turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...domain.table import Bool, Ids, Int8, Int64
    from ...ports.broker import Receipts

NONE = Standing(np.empty(0, "V16"), np.empty(0, np.int8), np.empty(0, np.int64), np.empty(0, np.bool_))
"""No orders."""

_OPEN = [Status.PENDING, Status.SUBMITTED, Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.UNKNOWN]


@define(eq=False)
class OrderBook:
    """
    The orders that are *carried* over from earlier batches, still open, and the *fresh* ones of this batch.

    What is told of any other order is kept, in its order, in *strangers*.
    """

    carried: Standing
    fresh: Sequence[Orders]
    strangers: list[Standing] = field(factory=list, init=False)
    reason: dict[int, str] = field(factory=dict, init=False)
    id: Ids = field(init=False)
    status: Int8 = field(init=False)
    filled_lots: Int64 = field(init=False)
    triggered: Bool = field(init=False)
    _changed: Bool = field(init=False)
    _starts: dict[int, int] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        parts = [self.carried, *map(Standing.of, self.fresh)]
        self.id = np.concatenate([part.id for part in parts])
        self.status = np.concatenate([part.status for part in parts])
        self.filled_lots = np.concatenate([part.filled_lots for part in parts])
        self.triggered = np.concatenate([part.triggered for part in parts])
        self._changed = np.zeros(len(self.id), np.bool_)
        start = len(self.carried.id)
        for orders in self.fresh:
            self._starts[id(orders.id)] = start
            start += len(orders)

    def tell(self, orders: Orders, receipts: Receipts | None = None) -> None:
        """Note how *orders* now stand, and what the broker said; what would take an order back is left out."""
        told = Standing.of(orders, receipts)
        # Nearly always these are the orders of one plan, by the very column that the plan has.
        start = self._starts.get(id(orders.id))
        if start is not None:
            self._move(slice(start, start + len(orders)), told)
            return
        for part in turns(orders.id):
            some = told[part]
            rows = np.array([self._rows.get(order, -1) for order in some.id.tolist()], np.int64)
            known = rows >= 0
            if not known.all():
                self.strangers.append(some[~known])
                rows, some = rows[known], some[known]
            self._move(rows, some)

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        return {order: row for row, order in enumerate(self.id.tolist())}

    def _move(self, rows: slice | Int64, told: Standing) -> None:
        allowed = may_follow(self.status[rows], told.status)
        allowed &= np.abs(told.filled_lots) >= np.abs(self.filled_lots[rows])
        if not allowed.all():
            rows, told = np.arange(len(self.id))[rows][allowed], told[allowed]
        self.status[rows] = told.status
        self.filled_lots[rows] = told.filled_lots
        self.triggered[rows] |= told.triggered
        self._changed[rows] = True
        if told.reason is not None and (spoken := told.reason != "").any():
            at = np.arange(len(self.id))[rows][spoken]
            self.reason.update(zip(at.tolist(), told.reason[spoken].tolist(), strict=True))

    def settled(self, first: int, tables: Sequence[Orders]) -> tuple[Orders, dict[int, str]]:
        """Return *tables* of fresh orders, row *first* and on, as one and as they stand, and the reasons by row."""
        whole = Orders.concat(list(tables))
        start = len(self.carried.id) + first
        rows = slice(start, start + len(whole))
        orders = whole.replaced(
            status=self.status[rows], filled_lots=self.filled_lots[rows], triggered=self.triggered[rows]
        )
        return orders, {row - start: said for row, said in self.reason.items() if rows.start <= row < rows.stop}

    @property
    def changed(self) -> Standing:
        """Those carried over of which something new was told, as they stand."""
        return self._at(np.flatnonzero(self._changed[: len(self.carried.id)]))

    @property
    def open(self) -> Standing:
        """Those that may still change, as they stand, to be carried over to the next batch."""
        return self._at(np.flatnonzero(np.isin(self.status, _OPEN)))

    def _at(self, rows: Int64) -> Standing:
        said = np.array([self.reason.get(row, "") for row in rows.tolist()], np.str_)
        return Standing(self.id[rows], self.status[rows], self.filled_lots[rows], self.triggered[rows], said)
