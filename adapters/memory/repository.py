"""Repositories in memory: simple, row by row, and obviously right."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

import attrs
from attrs import Factory, define, field

from ...domain.fills import Fill, Fills
from ...domain.orders import TRANSITIONS, Order, Orders
from ...domain.planner import Refusal, Refusals
from ...domain.positions import Position, Positions
from ...ports.errors import PortfolioHeld, RunHeld, StoreConflict, UnknownRun
from ...ports.repository import ExecutionRepository, Recorded, RunRepository, Snapshot
from .rows import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date
    from uuid import UUID

    from ...domain.account import Account
    from ...domain.instruments import Instruments
    from ...domain.plan_key import PlanKey, Portfolio
    from ...domain.planner import ExecutionPlan
    from ...ports.broker import Receipts
    from ...ports.repository import Run, RunStatus


@define(eq=False)
class Decision:
    """What is kept of one decision, along *on*; *account* is None until its outcome is recorded."""

    key: PlanKey
    on: Instruments
    refusals: list[Refusal]
    positions: list[Position] = Factory(list)
    account: Account | None = None


@define(eq=False)
class RunRecord:
    """What is kept of one run."""

    run: Run
    status: RunStatus = "RUNNING"
    result: Mapping[str, object] = Factory(dict)


@define(eq=False)
class MemoryStore:
    """What repositories share, as processes share a database; everything in the order in which it was recorded."""

    decisions: dict[tuple[Portfolio, str], Decision] = Factory(dict)
    orders: dict[UUID, tuple[Portfolio, Order]] = Factory(dict)
    reasons: dict[UUID, str] = Factory(dict)
    fills: dict[UUID, tuple[Portfolio, Fill]] = Factory(dict)
    runs: dict[str, RunRecord] = Factory(dict)
    held: set[Portfolio | str] = Factory(set)

    def status(self, run: str) -> str:
        """Return the status of *run*; INTERRUPTED where it should be running and nobody holds it."""
        status = self.runs[run].status
        return "INTERRUPTED" if status == "RUNNING" and run not in self.held else status

    def require_run(self, name: str) -> RunRecord:
        """
        Return what is kept of the run *name*.

        Raises:
            UnknownRun: there is none.
        """
        if name not in self.runs:
            near = ", ".join(map(repr, get_close_matches(name, self.runs)))
            rule = f"no run named {name!r} is recorded" + (f"; did you mean {near}?" if near else "")
            raise UnknownRun(rule)
        return self.runs[name]


@define(eq=False)
class MemoryExecutionRepository(ExecutionRepository):
    """Keeps the record in *store*, for as long as that lives."""

    store: MemoryStore = field(factory=MemoryStore)

    @contextmanager
    def hold(self, portfolio: Portfolio) -> Iterator[date | None]:
        if portfolio in self.store.held:
            rule = f"portfolio {portfolio.id!r} is held by another process"
            raise PortfolioHeld(rule)
        self.store.held.add(portfolio)
        days = [one.key.as_of_date for one in self.store.decisions.values() if one.key.portfolio == portfolio]
        try:
            yield max(days, default=None)
        finally:
            self.store.held.discard(portfolio)

    def recall(self, key: PlanKey, on: Instruments) -> Recorded | None:
        decision = self.store.decisions.get((key.portfolio, key.decision))
        if decision is None:
            return None
        found = decision.key
        orders = self._sorted(order for _, order in self.store.orders.values() if order.decision == found.id)
        own = {order.id for order in orders}
        fills = [fill for _, fill in self.store.fills.values() if fill.order in own]
        snapshot = None
        if decision.account is not None:
            snapshot = Snapshot(found, table(Positions, on, decision.positions), decision.account)
        return Recorded(
            key=found,
            orders=table(Orders, on, orders),
            fills=table(Fills, on, fills),
            refusals=table(Refusals, on, decision.refusals),
            snapshot=snapshot,
        )

    def record_plan(self, plan: ExecutionPlan) -> None:
        key = plan.key
        name = (key.portfolio, key.decision)
        if name in self.store.decisions or any(known.key.id == key.id for known in self.store.decisions.values()):
            rule = f"the decision {key.decision!r} of portfolio {key.portfolio.id!r} is recorded already"
            raise StoreConflict(rule)
        orders = {order.id: (key.portfolio, order) for order in plan.orders}
        known = orders.keys() & self.store.orders.keys()
        if known:
            rule = f"order {min(known)} is recorded already"
            raise StoreConflict(rule)
        self.store.decisions[name] = Decision(key, plan.orders.on, list(plan.refusals))
        self.store.orders.update(orders)

    def record_receipts(self, orders: Orders, receipts: Receipts) -> None:
        for order, receipt in zip(orders, receipts, strict=True):
            if self._stands(order) and receipt.reason:
                self.store.reasons[order.id] = receipt.reason

    def record_reports(
        self, portfolio: Portfolio, orders: Orders, fills: Fills, snapshot: Snapshot | None = None
    ) -> None:
        decision = None if snapshot is None else self._undecided(snapshot.key)
        for order in orders:
            self._stands(order)
        for fill in fills:
            self.store.fills.setdefault(fill.id, (portfolio, fill))
        if decision is not None and snapshot is not None:
            told = self._filled(decision.key) | self._held(portfolio) | {fill.instrument for fill in fills}
            rows = [row for row in snapshot.positions if row.lots or row.instrument in told]
            decision.positions = sorted(rows, key=lambda row: row.instrument)
            decision.account = snapshot.account

    def orders(self, portfolio: Portfolio, on: Instruments) -> Orders:
        rows = self._sorted(order for owner, order in self.store.orders.values() if owner == portfolio)
        return table(Orders, on, rows)

    def fills(self, portfolio: Portfolio, on: Instruments) -> Fills:
        return table(Fills, on, [fill for owner, fill in self.store.fills.values() if owner == portfolio])

    def _sorted(self, orders: Iterable[Order]) -> list[Order]:
        return sorted(orders, key=lambda row: (row.timestamp, row.lots > 0, row.instrument, row.leg, row.id))

    def _stands(self, order: Order) -> bool:
        """Record how *order* now stands, unless that would take it back; tell whether it was."""
        owner, before = self.store.orders.get(order.id, (None, order))
        follows = order.status is before.status or order.status in TRANSITIONS[before.status]
        if owner is None or not follows or abs(order.filled_lots) < abs(before.filled_lots):
            return False
        now = attrs.evolve(
            before, status=order.status, filled_lots=order.filled_lots, triggered=before.triggered or order.triggered
        )
        self.store.orders[order.id] = (owner, now)
        return True

    def _undecided(self, key: PlanKey) -> Decision:
        """Return the decision *key*, whose outcome is not recorded yet."""
        decision = self.store.decisions.get((key.portfolio, key.decision))
        if decision is None or decision.account is not None:
            rule = f"the decision {key.decision!r} of portfolio {key.portfolio.id!r} has a snapshot already, or no plan"
            raise StoreConflict(rule)
        return decision

    def _filled(self, key: PlanKey) -> set[str]:
        """Return the instruments of the fills of the decision's own orders."""
        own = {order.id for _, order in self.store.orders.values() if order.decision == key.id}
        return {fill.instrument for _, fill in self.store.fills.values() if fill.order in own}

    def _held(self, portfolio: Portfolio) -> set[str]:
        """Return the instruments that the newest snapshot of *portfolio* holds."""
        told = [one for one in self.store.decisions.values() if one.key.portfolio == portfolio and one.account]
        newest = max(told, key=lambda one: (one.key.timestamp, one.key.id), default=None)
        return {row.instrument for row in newest.positions if row.lots} if newest is not None else set()


@define(eq=False)
class MemoryRunRepository(RunRepository):
    """Keeps runs in *store*; a run that nobody holds while it is RUNNING has died."""

    store: MemoryStore = field(factory=MemoryStore)

    @contextmanager
    def start(self, run: Run) -> Iterator[None]:
        if run.name in self.store.runs:
            status = self.store.status(run.name)
            rule = f"a run named {run.name!r} is recorded already ({status}); give this one another name"
            raise StoreConflict(rule)
        self.store.runs[run.name] = RunRecord(run)
        self.store.held.add(run.name)
        try:
            yield
        finally:
            self.store.held.discard(run.name)

    def finish(self, run: Run, status: RunStatus, result: Mapping[str, object]) -> None:
        record = self.store.runs.get(run.name)
        if record is None or record.status != "RUNNING":
            rule = f"run {run.name!r} is not running, so it cannot end as {status}"
            raise StoreConflict(rule)
        record.status, record.result = status, result

    def delete(self, name: str) -> None:
        self.store.require_run(name)
        if name in self.store.held:
            rule = f"run {name!r} is held by another process, which still runs it"
            raise RunHeld(rule)
        store = self.store
        gone = {id_ for id_, (owner, _) in store.orders.items() if owner.run == name}
        store.decisions = {key: kept for key, kept in store.decisions.items() if key[0].run != name}
        store.orders = {id_: kept for id_, kept in store.orders.items() if id_ not in gone}
        store.reasons = {id_: kept for id_, kept in store.reasons.items() if id_ not in gone}
        store.fills = {id_: kept for id_, kept in store.fills.items() if kept[0].run != name}
        del store.runs[name]
