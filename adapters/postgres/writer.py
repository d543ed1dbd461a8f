"""Writes batches of a run's days: each whole, one after the other, over connections that take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString

from attrs import define, field
from psycopg import errors

from ...ports.errors import StoreUnavailable
from .connection import transaction
from .copy import send
from .decisions import apply_decision, insert_decisions
from .orders import update_orders
from .partitions import add_key, partition, remove_twins, settle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from .batch import Encoded
    from .partitions import Kept

KEYING: Mapping[Kept, LiteralString] = {
    "orders": "give the orders of a backtest their keys",
    "fills": "give the fills of a backtest their keys",
    "positions_snapshots": "give the snapshots of a backtest their keys",
}


@define(eq=False)
class BatchWriter:
    """
    Writes the batches of the run *run_id*; after one that failed it refuses all others.

    Rows of two batches may be on their way at once, each over a connection of its own; they are committed in order.
    """

    run_id: int
    _is_broken: bool = field(default=False, init=False)

    def write(self, connection: Connection[TupleRow], batch: Encoded, before: Future[None] | None) -> None:
        """
        Commit *batch* over *connection*, once the batch *before* it is committed.

        Raises:
            StoreUnavailable, StoreUnknown, StoreConflict, BadTable: nothing of it is, nor will be anything later.
        """
        try:
            with transaction(connection, "record days of a backtest"):
                for table, rows in batch.rows.items():
                    send(connection, partition(table, self.run_id), rows)
                insert_decisions(connection, *batch.decisions)
                if before is not None:
                    before.result()
                for snapshot in batch.applied:
                    apply_decision(connection, snapshot)
                for standing in batch.changed:
                    update_orders(connection, self.run_id, standing)
        except BaseException:
            self._is_broken = True
            raise

    def refuse_after_failure(self) -> None:
        """Refuse whatever comes after a failure."""
        if self._is_broken:
            rule = "an earlier part of the run was not recorded, so nothing after it is"
            raise StoreUnavailable(rule)

    def add_order_key(self, connection: Connection[TupleRow]) -> None:
        """Give the orders their key early, by which those of earlier batches are found; nothing may be on its way."""
        with transaction(connection, KEYING["orders"]):
            add_key(connection, "orders", self.run_id)

    def settle(self, connection: Connection[TupleRow], table: Kept) -> None:
        """
        Give *table*, which has all its rows now, its keys, over *connection*; of a fill told again the first stays.

        Raises:
            StoreConflict: an order id stands twice.
        """
        with transaction(connection, KEYING[table]):
            try:
                with connection.transaction():
                    settle(connection, table, self.run_id)
            except errors.UniqueViolation:
                if table != "fills":
                    raise
                remove_twins(connection, self.run_id)
                settle(connection, table, self.run_id)

    def forget_twins(self, connection: Connection[TupleRow]) -> None:
        """Leave of each fill that was told again the first."""
        remove_twins(connection, self.run_id)
