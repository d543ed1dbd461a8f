"""Batches of a run's days, and how they reach the database: all tables of a batch in one transaction."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from attrs import Factory, define, field

from ...domain.fills import Fills
from ...domain.positions import Positions
from ...ports.errors import StoreUnavailable
from .connection import transaction
from .copy import copy_in
from .decisions import Head, Owner, apply_decision, insert_decisions, owner_columns, owner_of
from .fills import fill_rows, record_fills
from .orders import order_rows, update_orders
from .snapshots import snapshot_rows, told
from .standing import NONE, OrderBook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.orders import Orders
    from ...domain.plan_key import Portfolio
    from ...domain.planner import ExecutionPlan
    from ...domain.table import Bool
    from ...ports.broker import Receipts
    from ...ports.repository import Snapshot
    from .orders import Standing

Laid = TypeVar("Laid", "Orders", Fills, Positions)


@define(eq=False)
class Batch:
    """
    What was recorded, each kind in its order, not written yet; *rows* is about how many rows it comes to.

    A plan stands with the number of reports before it.
    """

    plans: list[tuple[ExecutionPlan, int]] = Factory(list)
    told: list[tuple[Orders, Receipts | None]] = Factory(list)
    reports: list[tuple[Portfolio, Fills, Snapshot | None]] = Factory(list)
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


@define(eq=False)
class BatchWriter:
    """Writes the batches of one run, one after the other; after one that failed it refuses all others."""

    connection: Connection[TupleRow]
    _is_broken: bool = field(default=False, init=False)
    _owners: dict[Portfolio, Owner] = field(factory=dict, init=False)
    _open: Standing = field(default=NONE, init=False)
    _seq: dict[Portfolio, int] = field(factory=dict, init=False)
    _newest: dict[Portfolio, Positions] = field(factory=dict, init=False)
    _undone: dict[UUID, Undone] = field(factory=dict, init=False)

    def write(self, batch: Batch) -> None:
        """
        Write *batch*; it is committed when this returns.

        Raises:
            StoreUnavailable, StoreUnknown, StoreConflict, BadTable: nothing of it is, nor will be anything later.
        """
        if self._is_broken:
            rule = "an earlier part of the run was not recorded, so nothing after it is"
            raise StoreUnavailable(rule)
        self._is_broken = True
        with transaction(self.connection, "record days of a backtest"):
            self._write_decisions(batch)
            self._write_orders(batch)
            self._write_fills(batch)
            self._write_snapshots(batch)
        self._is_broken = False

    def _owner(self, portfolio: Portfolio) -> Owner:
        if portfolio not in self._owners:
            self._owners[portfolio] = owner_of(self.connection, portfolio)
        return self._owners[portfolio]

    def _write_decisions(self, batch: Batch) -> None:
        snapshots = {snapshot.key.id: snapshot for _, _, snapshot in batch.reports if snapshot is not None}
        heads = []
        for plan, since in batch.plans:
            snapshot = snapshots.pop(plan.key.id, None)
            heads.append(Head(self._owner(plan.key.portfolio), plan, None if snapshot is None else snapshot.account))
            self._undone[plan.key.id] = Undone(plan.orders, since)
        insert_decisions(self.connection, heads)
        for snapshot in snapshots.values():
            apply_decision(self.connection, snapshot)

    def _write_orders(self, batch: Batch) -> None:
        plans = [plan for plan, _ in batch.plans if len(plan.orders)]
        book = OrderBook(self._open, [plan.orders for plan in plans])
        for orders, receipts in batch.told:
            book.tell(orders, receipts)
        rows, first = [], 0
        for part in by_axis([plan.orders for plan in plans]):
            owners = [self._owner(plan.key.portfolio) for plan in plans[part]]
            tables = [plan.orders for plan in plans[part]]
            orders, reason = book.settled(first, tables)
            rows.append(order_rows(orders, owner_columns(owners, [len(table) for table in tables]), reason))
            first += len(orders)
        copy_in(self.connection, "orders", rows)
        for standing in (book.changed, *book.strangers):
            update_orders(self.connection, standing)
        self._open = book.open

    def _write_fills(self, batch: Batch) -> None:
        reports = [(portfolio, fills) for portfolio, fills, _ in batch.reports if len(fills)]
        rows = []
        for part in by_axis([fills for _, fills in reports]):
            owners = [self._owner(portfolio) for portfolio, _ in reports[part]]
            seq = np.concatenate([self._next_seq(portfolio, len(fills)) for portfolio, fills in reports[part]])
            tables = [fills for _, fills in reports[part]]
            rows.append(fill_rows(Fills.concat(tables), owner_columns(owners, [len(table) for table in tables]), seq))
        if rows:
            record_fills(self.connection, rows)

    def _next_seq(self, portfolio: Portfolio, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        last = self._seq.get(portfolio, 0)
        self._seq[portfolio] = last + count
        return np.arange(last + 1, last + count + 1)

    def _write_snapshots(self, batch: Batch) -> None:
        kept = []
        for place, (portfolio, fills, snapshot) in enumerate(batch.reports):
            if snapshot is not None:
                undone = self._undone.pop(snapshot.key.id)
                between = [some for _, some, _ in batch.reports[undone.since : place] if len(some)]
                closed = self._closed(portfolio, snapshot.positions, fills, undone.own(between))
                rows = self._newest[portfolio] = told(snapshot.positions, closed)
                kept.append((snapshot.key, rows))
        for undone in self._undone.values():
            undone.filled = undone.own([some for _, some, _ in batch.reports[undone.since :] if len(some)])
            undone.since = 0
        rows_in = []
        for part in by_axis([positions for _, positions in kept]):
            keys = [key for key, _ in kept[part]]
            tables = [positions for _, positions in kept[part]]
            counts = [len(table) for table in tables]
            owned = owner_columns([self._owner(key.portfolio) for key in keys], counts)
            rows_in.append(snapshot_rows(keys, counts, Positions.concat(tables), owned))
        copy_in(self.connection, "positions_snapshots", rows_in)

    def _closed(self, portfolio: Portfolio, positions: Positions, fills: Fills, own: set[str]) -> Bool:
        """Return, along the axis, what was filled now or by the decision's *own* orders before, or was held before."""
        on = positions.on
        closed = np.zeros(len(on), np.bool_)
        closed[_places(fills, on)] = True
        if own:
            closed |= np.isin(on.id, list(own))
        newest = self._newest.get(portfolio)
        if newest is not None:
            closed[_places(newest.held, on)] = True
        return closed


def _places(table: Fills | Positions, on: Instruments) -> np.ndarray[tuple[int], np.dtype[np.int64]] | Bool:
    """Return where the instruments of *table* are on the axis *on*; those that are not on it are left out."""
    return table.instrument if table.on is on else np.isin(on.id, table.instrument_id)


def by_axis(tables: Sequence[Laid]) -> Iterator[slice]:
    """Yield the rows of consecutive *tables* that lie along the same axis; nearly always all."""
    start = 0
    for _, group in groupby(tables, key=lambda table: id(table.on)):
        stop = start + len(list(group))
        yield slice(start, stop)
        start = stop
