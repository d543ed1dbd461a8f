"""Batches of a run's days, and the rows that they come to."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import Factory, define, field, frozen

from ...domain.fills import Fills
from ...domain.positions import Positions
from .copy import packed
from .decisions import Head, Owner, decision_rows
from .fills import fill_rows
from .orders import order_rows
from .snapshots import snapshot_rows, told
from .standing import NONE, OrderBook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

    from ...domain.instruments import Instruments
    from ...domain.orders import Orders
    from ...domain.plan_key import PlanKey
    from ...domain.planner import ExecutionPlan
    from ...domain.table import Bool, Int64
    from ...ports.broker import Receipts
    from ...ports.repository import Snapshot
    from .columns import Rows
    from .copy import Packed
    from .orders import Standing
    from .partitions import Kept

Laid = TypeVar("Laid", "Orders", Fills, Positions)


@define(eq=False)
class Batch:
    """
    What was recorded, each kind in its order, not written yet; *rows* is about how many rows it comes to.

    A plan stands with the number of reports before it.
    """

    plans: list[tuple[ExecutionPlan, int]] = Factory(list)
    told: list[tuple[Orders, Receipts | None]] = Factory(list)
    reports: list[tuple[Fills, Snapshot | None]] = Factory(list)
    rows: int = 0

    def append(self, later: Batch) -> None:
        """Take in what was recorded *later*."""
        before = len(self.reports)
        self.plans += [(plan, before + reports) for plan, reports in later.plans]
        self.told += later.told
        self.reports += later.reports
        self.rows += later.rows


@define(eq=False)
class Undone:
    """A decision without its snapshot: its orders, which report came *since*, and what they had *filled* before."""

    orders: Orders
    since: int
    filled: set[str] = Factory(set)

    def own(self, fills: Sequence[Fills]) -> set[str]:
        """Return the instruments that its orders have filled, now that *fills* have come."""
        asked = set(self.orders.id.tolist()) if fills else set()
        found = set(self.filled)
        for some in fills:
            at = [order in asked for order in some.order.tolist()]
            found.update(some.instrument_id[np.array(at, np.bool_)].tolist())
        return found


@frozen(eq=False)
class Encoded:
    """
    A batch as the database takes it, each kind in its order.

    *changed* is how orders of earlier batches stand now, *applied* what earlier decisions have come to.
    """

    rows: Mapping[Kept, list[Packed]]
    decisions: tuple[str, str]
    changed: list[Standing]
    applied: list[Snapshot]


@define(eq=False)
class BatchEncoder:
    """Encodes the batches of *owner*'s run, one after the other; an order that is not open any more is one row."""

    owner: Owner
    _open: Standing = field(default=NONE, init=False)
    _seq: int = field(default=0, init=False)
    _newest: tuple[PlanKey, Positions] | None = field(default=None, init=False)
    _undone: dict[UUID, Undone] = field(factory=dict, init=False)

    def encoded(self, batch: Batch) -> Encoded:
        """
        Return *batch*, which comes after all that was encoded before, as the database takes it.

        Raises:
            BadTable: some of it cannot be recorded.
        """
        tables = [plan.orders for plan, _ in batch.plans if len(plan.orders)]
        book = OrderBook(self._open, tables)
        for orders, receipts in batch.told:
            book.tell(orders, receipts)
        self._open = book.open
        heads, applied = self._heads(batch)
        return Encoded(
            rows={
                "orders": packed(self._order_rows(book, tables)),
                "fills": packed(self._fill_rows(batch)),
                "positions_snapshots": packed(self._snapshot_rows(batch)),
            },
            decisions=decision_rows(heads),
            changed=[standing for standing in (book.changed, *book.strangers) if len(standing.id)],
            applied=applied,
        )

    def _order_rows(self, book: OrderBook, tables: Sequence[Orders]) -> Iterator[Rows]:
        first = 0
        for some in by_axis(tables):
            orders, reason = book.settled(first, some)
            yield order_rows(orders, self.owner, reason)
            first += len(orders)

    def _fill_rows(self, batch: Batch) -> Iterator[Rows]:
        for some in by_axis([fills for fills, _ in batch.reports if len(fills)]):
            fills = Fills.concat(some)
            yield fill_rows(fills, self.owner, np.arange(self._seq + 1, self._seq + len(fills) + 1))
            self._seq += len(fills)

    def _heads(self, batch: Batch) -> tuple[list[Head], list[Snapshot]]:
        snapshots = {snapshot.key.id: snapshot for _, snapshot in batch.reports if snapshot is not None}
        heads = []
        for plan, since in batch.plans:
            snapshot = snapshots.pop(plan.key.id, None)
            heads.append(Head(self.owner, plan, None if snapshot is None else snapshot.account))
            self._undone[plan.key.id] = Undone(plan.orders, since)
        return heads, list(snapshots.values())

    def _snapshot_rows(self, batch: Batch) -> Iterator[Rows]:
        keys, tables = [], []
        for place, (fills, snapshot) in enumerate(batch.reports):
            if snapshot is not None:
                undone = self._undone.pop(snapshot.key.id)
                own = undone.own([some for some, _ in batch.reports[undone.since : place] if len(some)])
                positions = snapshot.positions
                keys.append(snapshot.key)
                if not positions.lots.all():
                    positions = told(positions, self._closed(positions.on, fills, own))
                tables.append(positions)
                if self._newest is None or snapshot.key.timestamp >= self._newest[0].timestamp:
                    self._newest = snapshot.key, tables[-1]
        for undone in self._undone.values():
            undone.filled = undone.own([some for some, _ in batch.reports[undone.since :] if len(some)])
            undone.since = 0
        first = 0
        for some in by_axis(tables):
            counts = [len(table) for table in some]
            yield snapshot_rows(keys[first : first + len(some)], counts, Positions.concat(some), self.owner)
            first += len(some)

    def _closed(self, on: Instruments, fills: Fills, own: set[str]) -> Bool:
        """Return, along *on*, what was filled now or by the decision's *own* orders before, or was held before."""
        closed = np.zeros(len(on), np.bool_)
        closed[_places(fills, on)] = True
        if own:
            closed |= np.isin(on.id, list(own))
        if self._newest is not None:
            closed[_places(self._newest[1].held, on)] = True
        return closed


def _places(table: Fills | Positions, on: Instruments) -> Int64 | Bool:
    """Return where the instruments of *table* are on the axis *on*; those that are not on it are left out."""
    return table.instrument if table.on is on else np.isin(on.id, table.instrument_id)


def by_axis(tables: Sequence[Laid]) -> Iterator[list[Laid]]:
    """Yield consecutive *tables* that lie along the same axis together; nearly always all."""
    for _, group in groupby(tables, key=lambda table: id(table.on)):
        yield list(group)
