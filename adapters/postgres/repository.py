"""The record in PostgreSQL, committed at each step."""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Self

import numpy as np
from attrs import define, field

from ...domain.fills import Fills
from ...domain.orders import Orders
from ...ports.errors import PortfolioHeld, StoreUnavailable
from ...ports.repository import ExecutionRepository, Recorded, Snapshot
from .connection import connect, transaction, translated
from .copy import copy_in
from .decisions import (
    Head,
    apply_decision,
    decision_rows,
    find_decision,
    find_owner,
    insert_decisions,
    latest_day,
    owner_of,
    runs_of,
)
from .documents import refusals_from
from .fills import read_fills, record_fills
from .orders import Standing, order_rows, read_orders, update_orders
from .partitions import KEPT, make_partitions, partition, settle
from .snapshots import held_before, read_positions, snapshot_rows, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from types import TracebackType

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.plan_key import PlanKey, Portfolio
    from ...domain.planner import ExecutionPlan
    from ...ports.broker import Receipts
    from .decisions import Owner


@define(eq=False)
class PostgresExecutionRepository(ExecutionRepository):
    """
    Keeps the record in the database *dsn*, each step in a transaction of its own.

    It has one connection, on which it writes and which holds the portfolio: who loses the one loses the other. It is
    opened when it is first needed, and closed by leaving the repository's context.
    """

    dsn: str = field(repr=False)
    _connection: Connection[TupleRow] | None = field(default=None, init=False)
    _held: set[Portfolio] = field(factory=set, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection[TupleRow]:
        if self._connection is None or self._connection.closed:
            if self._held:
                rule = "the connection to the database was lost, and with it the hold on the portfolio; begin again"
                raise StoreUnavailable(rule)
            self._connection = connect(self.dsn)
        return self._connection

    @contextmanager
    def hold(self, portfolio: Portfolio) -> Iterator[date | None]:
        connection, key = self._connected(), [lock_key(portfolio)]
        taken = None
        if portfolio not in self._held:
            with translated("hold the portfolio"):
                taken = connection.execute("SELECT pg_try_advisory_lock(%s)", key).fetchone()
        if taken is None or not taken[0]:
            rule = f"portfolio {portfolio.id!r} ({portfolio.mode.value}) is held by another process"
            raise PortfolioHeld(rule)
        self._held.add(portfolio)
        try:
            yield self._latest(portfolio)
        finally:
            self._held.discard(portfolio)
            if not connection.closed:
                with translated("let go of the portfolio"):
                    connection.execute("SELECT pg_advisory_unlock(%s)", key)

    def _latest(self, portfolio: Portfolio) -> date | None:
        connection = self._connected()
        with translated("find the latest decision"):
            owner = find_owner(connection, portfolio)
            return None if owner is None else latest_day(connection, owner)

    def recall(self, key: PlanKey, on: Instruments) -> Recorded | None:
        connection = self._connected()
        with translated("recall a decision"):
            return recall(connection, key, on)

    def record_plan(self, plan: ExecutionPlan) -> None:
        connection = self._connected()
        with transaction(connection, "record a plan"):
            owner = _prepared(connection, plan.key.portfolio)
            insert_decisions(connection, *decision_rows([Head(owner, plan)]))
            copy_in(connection, partition("orders", owner.run_id), order_rows(plan.orders, owner, {}))

    def record_receipts(self, orders: Orders, receipts: Receipts) -> None:
        connection = self._connected()
        with transaction(connection, "record the broker's answers"):
            for run_id in runs_of(connection, orders):
                update_orders(connection, run_id, Standing.of(orders, receipts))

    def record_reports(
        self, portfolio: Portfolio, orders: Orders, fills: Fills, snapshot: Snapshot | None = None
    ) -> None:
        if not len(orders) and not len(fills) and snapshot is None:
            return
        connection = self._connected()
        with transaction(connection, "record what has happened"):
            owner = _prepared(connection, portfolio)
            update_orders(connection, owner.run_id, Standing.of(orders))
            if len(fills):
                record_fills(connection, owner, fills)
            if snapshot is not None:
                _record_snapshot(connection, owner, fills, snapshot)

    def orders(self, portfolio: Portfolio, on: Instruments) -> Orders:
        connection = self._connected()
        with translated("read orders"):
            owner = find_owner(connection, portfolio)
            return Orders.none(on) if owner is None else read_orders(connection, owner, on)

    def fills(self, portfolio: Portfolio, on: Instruments) -> Fills:
        connection = self._connected()
        with translated("read fills"):
            owner = find_owner(connection, portfolio)
            return Fills.none(on) if owner is None else read_fills(connection, owner, on)


def lock_key(portfolio: Portfolio) -> int:
    """Return the number by which all processes know the lock of *portfolio*."""
    digest = blake2b(portfolio.names.encode(), digest_size=8, person=b"execbridge-hold").digest()
    return int.from_bytes(digest, "big", signed=True)


def recall(connection: Connection[TupleRow], key: PlanKey, on: Instruments) -> Recorded | None:
    """Return what is recorded of the decision *key*, along *on*; None where nothing is."""
    owner = find_owner(connection, key.portfolio)
    found = None if owner is None else find_decision(connection, owner, key.decision)
    if owner is None or found is None:
        return None
    snapshot = None
    if found.account is not None:
        snapshot = Snapshot(found.key, read_positions(connection, owner, on, key.decision), found.account)
    return Recorded(
        key=found.key,
        orders=read_orders(connection, owner, on, key.decision),
        fills=read_fills(connection, owner, on, key.decision),
        refusals=refusals_from(found.refusals, on),
        snapshot=snapshot,
    )


def _prepared(connection: Connection[TupleRow], portfolio: Portfolio) -> Owner:
    """Return *portfolio* as an owner of rows, for which there is a place under keys."""
    owner = owner_of(connection, portfolio)
    if make_partitions(connection, owner) and owner.run_id is not None:
        for table in KEPT:
            settle(connection, table, owner.run_id)
    return owner


def _record_snapshot(connection: Connection[TupleRow], owner: Owner, fills: Fills, snapshot: Snapshot) -> None:
    """Record *snapshot*; what the one before it held, and what was filled, is told even where it is flat."""
    key, positions = snapshot.key, snapshot.positions
    before = held_before(connection, owner)
    apply_decision(connection, snapshot)
    closed = np.isin(positions.on.id, list(before))
    closed[fills.instrument] = True
    closed[read_fills(connection, owner, positions.on, key.decision).instrument] = True
    rows = told(positions, closed)
    mine = partition("positions_snapshots", owner.run_id)
    copy_in(connection, mine, snapshot_rows([key], [len(rows)], rows, owner))
