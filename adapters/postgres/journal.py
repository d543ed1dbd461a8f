"""The record of a backtest, written behind the simulation."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, nullcontext, suppress
from typing import TYPE_CHECKING, Self

from attrs import define, field

from ...domain.errors import TradingError
from ...domain.fills import Fills
from ...domain.orders import Orders
from ...ports.errors import StoreConflict
from ...ports.repository import ExecutionRepository
from .batch import Batch, BatchEncoder
from .connection import connect, transaction, translated
from .decisions import find_owner, owner_of
from .fills import read_fills
from .orders import read_orders
from .partitions import KEPT, make_partitions
from .repository import recall
from .writer import BatchWriter

if TYPE_CHECKING:
    from concurrent.futures import Future
    from contextlib import AbstractContextManager
    from datetime import date
    from types import TracebackType

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments
    from ...domain.plan_key import PlanKey, Portfolio
    from ...domain.planner import ExecutionPlan
    from ...ports.broker import Receipts
    from ...ports.repository import Recorded, Run, Snapshot

BATCH_ROWS = 100_000
FIRST_ROWS = 20_000
"""The first batch is small, so that the server begins at once; each is twice the one before until they are large."""
CONNECTIONS = 2
"""So many batches are on their way at once, each over a connection of its own; what bounds the memory."""

# A commit of the journal need not be on the disk yet: what marks the run COMPLETE comes later in the same log, and is.
# Keys are built side by side already, from what was just written: helpers and reading ahead only take time from them.
SETTINGS = """
    SET synchronous_commit = off;
    SET maintenance_work_mem = '256MB';
    SET max_parallel_maintenance_workers = 0;
    SET effective_io_concurrency = 0
"""


@define(eq=False)
class BacktestJournal(ExecutionRepository):
    """
    Keeps the record of the backtest *run*, which is recorded already, from its first day on, in the database *dsn*.

    Whole days are gathered into batches of about *batch_rows* rows, which threads write, each in one transaction, and
    commit in their order. Everything is committed once the context is left; where it is left by an exception, the day
    that was not finished is not. What the threads meet is raised by the next call.
    """

    dsn: str = field(repr=False)
    run: Run
    batch_rows: int = BATCH_ROWS
    _today: Batch = field(factory=Batch, init=False)
    _days: Batch = field(factory=Batch, init=False)
    _due: int = field(default=FIRST_ROWS, init=False)
    _applied: dict[str, bool] = field(factory=dict, init=False)
    _latest: date | None = field(default=None, init=False)
    _writing: deque[Future[None]] = field(factory=deque, init=False)
    _encoder: BatchEncoder = field(init=False)
    _writer: BatchWriter = field(init=False)
    _connections: deque[Connection[TupleRow]] = field(factory=deque, init=False)
    _threads: ThreadPoolExecutor = field(init=False)
    _is_keyed: bool = field(default=False, init=False)
    _stack: ExitStack = field(factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            opened = [stack.enter_context(closing(self._connected())) for _ in range(CONNECTIONS)]
            self._connections.extend(opened)
            with transaction(self._connection, "begin the record of a run"):
                owner = owner_of(self._connection, self.run.portfolio)
                make_partitions(self._connection, owner)
            assert owner.run_id is not None, "Invariant: who owns what a run records belongs to it."
            self._encoder, self._writer = BatchEncoder(owner), BatchWriter(owner.run_id)
            self._threads = stack.enter_context(ThreadPoolExecutor(len(KEPT), "execbridge-journal"))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                self._flush()
                self._settle()
                return
            # What ends the run is told already.
            with suppress(TradingError):
                self._flush_days()
                self._settle()

    @property
    def _connection(self) -> Connection[TupleRow]:
        return self._connections[0]

    def _connected(self) -> Connection[TupleRow]:
        connection = connect(self.dsn, bulk=True, application="execbridge journal")
        connection.execute(SETTINGS)
        return connection

    def hold(self, portfolio: Portfolio) -> AbstractContextManager[date | None]:
        """Do nothing but tell the day: the run is held as a whole."""
        return nullcontext(self._latest)

    def recall(self, key: PlanKey, on: Instruments) -> Recorded | None:
        if key.decision not in self._applied or key.portfolio != self.run.portfolio:
            return None
        self._flush()
        with translated("recall a decision"):
            self._writer.forget_twins(self._connection)
            return recall(self._connection, key, on)

    def record_plan(self, plan: ExecutionPlan) -> None:
        self._look()
        key = plan.key
        self._mine(key.portfolio)
        if key.decision in self._applied:
            rule = f"the decision {key.decision!r} of portfolio {key.portfolio.id!r} is recorded already"
            raise StoreConflict(rule)
        self._applied[key.decision] = False
        self._latest = key.as_of_date if self._latest is None else max(self._latest, key.as_of_date)
        self._today.plans.append((plan, len(self._today.reports)))
        self._today.rows += len(plan.orders)

    def record_receipts(self, orders: Orders, receipts: Receipts) -> None:
        self._look()
        if len(orders):
            self._today.told.append((orders, receipts))

    def record_reports(
        self, portfolio: Portfolio, orders: Orders, fills: Fills, snapshot: Snapshot | None = None
    ) -> None:
        self._look()
        self._mine(portfolio)
        if snapshot is not None:
            decision = snapshot.key.decision
            if self._applied.get(decision, True):
                rule = f"the decision {decision!r} has a snapshot already, or no plan"
                raise StoreConflict(rule)
            self._applied[decision] = True
        today = self._today
        if len(orders):
            today.told.append((orders, None))
        if snapshot is not None or len(fills):
            today.reports.append((fills, snapshot))
            today.rows += len(fills)
        if snapshot is not None:
            today.rows += len(snapshot.positions)
            self._end_day()

    def orders(self, portfolio: Portfolio, on: Instruments) -> Orders:
        self._flush()
        with translated("read orders"):
            owner = find_owner(self._connection, portfolio)
            return Orders.none(on) if owner is None else read_orders(self._connection, owner, on)

    def fills(self, portfolio: Portfolio, on: Instruments) -> Fills:
        self._flush()
        with translated("read fills"):
            self._writer.forget_twins(self._connection)
            owner = find_owner(self._connection, portfolio)
            return Fills.none(on) if owner is None else read_fills(self._connection, owner, on)

    def _mine(self, portfolio: Portfolio) -> None:
        """Refuse what is not of the run's own portfolio."""
        mine = self.run.portfolio
        if portfolio is not mine and portfolio != mine:
            rule = f"run {self.run.name!r} is of portfolio {mine.id!r} and keeps nothing of {portfolio.id!r}"
            raise StoreConflict(rule)

    def _end_day(self) -> None:
        self._days.append(self._today)
        self._today = Batch()
        if self._days.rows >= min(self._due, self.batch_rows):
            self._due *= 2
            self._ship()

    def _ship(self) -> None:
        """Send all whole days over the connection whose turn it is."""
        if self._days.plans or self._days.told or self._days.reports:
            days, self._days = self._days, Batch()
            self._writer.refuse_after_failure()
            batch = self._encoder.encoded(days)
            if batch.changed and not self._is_keyed:
                self._wait(0)
                self._writer.add_order_key(self._connection)
                self._is_keyed = True
            self._wait(CONNECTIONS - 1)
            before = self._writing[-1] if self._writing else None
            self._writing.append(self._threads.submit(self._writer.write, self._connection, batch, before))
            self._connections.rotate()

    def _look(self) -> None:
        """Raise what the threads have met."""
        while self._writing and self._writing[0].done():
            self._writing.popleft().result()

    def _wait(self, most: int) -> None:
        """Wait until at most *most* batches are not committed."""
        while len(self._writing) > most:
            self._writing.popleft().result()

    def _settle(self) -> None:
        """Give the run's tables their keys, all of them side by side."""
        self._writer.refuse_after_failure()
        with closing(self._connected()) as another:
            connections = [another, *self._connections]
            settling = [
                self._threads.submit(self._writer.settle, *both) for both in zip(connections, KEPT, strict=True)
            ]
            wait(settling)
            for settled in settling:
                settled.result()

    def _flush(self) -> None:
        """Commit everything, the day that is not finished included."""
        self._days.append(self._today)
        self._today = Batch()
        self._flush_days()

    def _flush_days(self) -> None:
        """Commit all whole days."""
        self._ship()
        self._wait(0)
