"""Batches of a run's days, and how they reach the database: orders first, then all that came of them at once."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from attrs import Factory, define, field
from psycopg import errors

from ...domain.fills import Fills
from ...domain.positions import Positions
from ...ports.errors import StoreUnavailable
from .connection import transaction
from .copy import copy_in
from .decisions import Head, Owner, apply_decision, insert_decisions
from .fills import fill_rows
from .orders import order_rows, update_orders
from .partitions import add_key, partition, remove_twins, remove_undecided, settle
from .snapshots import snapshot_rows, told
from .standing import NONE, OrderBook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from uuid import UUID

    import pyarrow as pa
    from psycopg import Connection, sql
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.orders import Orders
    from ...domain.plan_key import PlanKey
    from ...domain.planner import ExecutionPlan
    from ...domain.table import Bool, Int64
    from ...ports.broker import Receipts
    from ...ports.repository import Snapshot
    from .orders import Standing
    from .partitions import Kept

Part = Literal["orders", "outcomes"]
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


@define(eq=False)
class BatchWriter:
    """
    Writes the batches of *owner*'s run, one after the other; after one that failed it refuses all others.

    Orders have a connection of their own, *ordering*, so that they may be written side by side with their outcomes,
    each kind by a thread that takes the batches in their order.
    """

    ordering: Connection[TupleRow]
    connection: Connection[TupleRow]
    owner: Owner
    _broken: set[Part] = field(factory=set, init=False)
    _open: Standing = field(default=NONE, init=False)
    _seq: int = field(default=0, init=False)
    _newest: tuple[PlanKey, Positions] | None = field(default=None, init=False)
    _undone: dict[UUID, Undone] = field(factory=dict, init=False)

    def write_orders(self, batch: Batch) -> list[Standing]:
        """
        Commit the orders of *batch*, and return how orders of earlier batches stand now.

        Raises:
            StoreUnavailable, StoreUnknown, StoreConflict, BadTable: nothing of it is, nor will be anything later.
        """
        with self._unbroken("orders"), transaction(self.ordering, "record orders of a backtest"):
            tables = [plan.orders for plan, _ in batch.plans if len(plan.orders)]
            book = OrderBook(self._open, tables)
            for orders, receipts in batch.told:
                book.tell(orders, receipts)
            copy_in(self.ordering, self._part("orders"), self._order_rows(book, tables))
            self._open = book.open
            return [standing for standing in (book.changed, *book.strangers) if len(standing.id)]

    def write_outcomes(self, batch: Batch, ordered: Future[list[Standing]]) -> None:
        """
        Commit decisions, plans, fills and snapshots of *batch* once what it *ordered* is committed.

        Raises:
            StoreUnavailable, StoreUnknown, StoreConflict, BadTable: nothing of them is, nor will be anything later.
        """
        with self._unbroken("outcomes"), transaction(self.connection, "record days of a backtest"):
            self._write_decisions(batch)
            copy_in(self.connection, self._part("fills"), self._fill_rows(batch))
            self._write_snapshots(batch)
            for standing in ordered.result():
                add_key(self.connection, "orders", self._run_id)
                update_orders(self.connection, self._run_id, standing)

    def settle_orders(self) -> None:
        """
        Give orders and snapshots, all written now, their keys.

        Raises:
            StoreConflict: an order id stands twice.
        """
        with self._unbroken("orders"), transaction(self.ordering, "give the orders of a backtest their keys"):
            settle(self.ordering, "orders", self._run_id)
            settle(self.ordering, "positions_snapshots", self._run_id)

    def settle_fills(self) -> None:
        """Give the fills, all written now, their keys; of one that was told again the first stays."""
        with self._unbroken("outcomes"), transaction(self.connection, "give the fills of a backtest their keys"):
            try:
                with self.connection.transaction():
                    settle(self.connection, "fills", self._run_id)
            except errors.UniqueViolation:
                self.forget_twins()
                settle(self.connection, "fills", self._run_id)

    def forget_undecided(self) -> None:
        """Leave no order whose decision could not be recorded."""
        with transaction(self.ordering, "take back orders of a backtest"):
            remove_undecided(self.ordering, self._run_id)

    def forget_twins(self) -> None:
        """Leave of each fill that was told again the first."""
        remove_twins(self.connection, self._run_id)

    @contextmanager
    def _unbroken(self, part: Part) -> Iterator[None]:
        """Refuse what comes after a failure. Orders may be ahead: theirs breaks outcomes only once these come to it."""
        if self._broken & {part, "outcomes"}:
            rule = "an earlier part of the run was not recorded, so nothing after it is"
            raise StoreUnavailable(rule)
        is_done = False
        try:
            yield
            is_done = True
        finally:
            if not is_done:
                self._broken.add(part)

    @property
    def _run_id(self) -> int:
        assert self.owner.run_id is not None, "Invariant: what is written in batches is a run's."
        return self.owner.run_id

    def _part(self, table: Kept) -> sql.Identifier:
        return partition(table, self._run_id)

    def _order_rows(self, book: OrderBook, tables: Sequence[Orders]) -> Iterator[pa.RecordBatch]:
        first = 0
        for some in by_axis(tables):
            orders, reason = book.settled(first, some)
            yield order_rows(orders, self.owner, reason)
            first += len(orders)

    def _fill_rows(self, batch: Batch) -> Iterator[pa.RecordBatch]:
        for some in by_axis([fills for fills, _ in batch.reports if len(fills)]):
            fills = Fills.concat(some)
            yield fill_rows(fills, self.owner, np.arange(self._seq + 1, self._seq + len(fills) + 1))
            self._seq += len(fills)

    def _write_decisions(self, batch: Batch) -> None:
        snapshots = {snapshot.key.id: snapshot for _, snapshot in batch.reports if snapshot is not None}
        heads = []
        for plan, since in batch.plans:
            snapshot = snapshots.pop(plan.key.id, None)
            heads.append(Head(self.owner, plan, None if snapshot is None else snapshot.account))
            self._undone[plan.key.id] = Undone(plan.orders, since)
        insert_decisions(self.connection, heads)
        for snapshot in snapshots.values():
            apply_decision(self.connection, snapshot)

    def _write_snapshots(self, batch: Batch) -> None:
        keys, tables = [], []
        for place, (fills, snapshot) in enumerate(batch.reports):
            if snapshot is not None:
                undone = self._undone.pop(snapshot.key.id)
                own = undone.own([some for some, _ in batch.reports[undone.since : place] if len(some)])
                closed = self._closed(snapshot.positions.on, fills, own)
                keys.append(snapshot.key)
                tables.append(told(snapshot.positions, closed))
                if self._newest is None or snapshot.key.timestamp >= self._newest[0].timestamp:
                    self._newest = snapshot.key, tables[-1]
        for undone in self._undone.values():
            undone.filled = undone.own([some for some, _ in batch.reports[undone.since :] if len(some)])
            undone.since = 0
        rows, first = [], 0
        for some in by_axis(tables):
            counts = [len(table) for table in some]
            rows.append(snapshot_rows(keys[first : first + len(some)], counts, Positions.concat(some), self.owner))
            first += len(some)
        copy_in(self.connection, self._part("positions_snapshots"), rows)

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
