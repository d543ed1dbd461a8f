"""Runs in memory, looked at row by row."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import define, field

from ...domain.fills import Fills
from ...domain.instruments import Instruments
from ...domain.positions import Positions
from ...ports.audit import OFFENDERS_MAX, Check, Claim, Evidence, RunAudit
from ...ports.repository import Snapshot
from .repository import MemoryStore
from .rows import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...domain.fills import Fill
    from ...domain.orders import Order
    from .repository import Decision

NEVER = datetime.min.replace(tzinfo=UTC)


@define(eq=False)
class MemoryRunAudit(RunAudit):
    """Looks at the runs in *store*; its positions are kept with their decisions, and nothing there has keys to lack."""

    store: MemoryStore = field(factory=MemoryStore)

    @contextmanager
    def examine(self, name: str) -> Iterator[Evidence]:
        record, status = self.store.require_run(name), self.store.status(name)
        mine = _Record.of(self.store, name, is_complete=status == "COMPLETE")
        yield Evidence(
            run=record.run,
            status=status,
            result=record.result,
            counts={"orders": len(mine.whole_orders), "fills": len(mine.fills)},
            checks=[
                mine.filled_without_order(),
                mine.asked_without_decision(),
                mine.filled_otherwise(),
                mine.without_outcome(),
                mine.of_several_sizes(),
            ],
            days=mine.days(),
        )


@define(eq=False)
class _Record:
    """What a run has recorded; what must be *whole* comes up to the last decision that was carried out, or is all."""

    decisions: list[Decision]
    whole_decisions: list[Decision]
    orders: list[Order]
    whole_orders: list[Order]
    fills: list[Fill]

    @classmethod
    def of(cls, store: MemoryStore, name: str, *, is_complete: bool) -> _Record:
        mine = [kept for kept in store.decisions.values() if kept.key.portfolio.run == name]
        mine.sort(key=lambda kept: kept.key.timestamp)
        orders = [order for owner, order in store.orders.values() if owner.run == name]
        last = max((kept.key.timestamp for kept in mine if kept.account is not None), default=NEVER)
        return cls(
            decisions=mine,
            whole_decisions=[kept for kept in mine if is_complete or kept.key.timestamp <= last],
            orders=orders,
            whole_orders=[order for order in orders if is_complete or order.timestamp <= last],
            fills=[fill for owner, fill in store.fills.values() if owner.run == name],
        )

    def filled_without_order(self) -> Check:
        known = {(order.id, order.instrument) for order in self.orders}
        lost = [fill for fill in self.fills if (fill.order, fill.instrument) not in known]
        return _check(
            Claim.FILL_HAS_ORDER,
            len(self.fills),
            [f"{_told(fill)} fill {fill.id}: no order {fill.order}" for fill in lost],
        )

    def asked_without_decision(self) -> Check:
        known = {kept.key.id for kept in self.decisions}
        lost = [f"{_told(order)} order {order.id}" for order in self.whole_orders if order.decision not in known]
        return _check(Claim.ORDER_HAS_DECISION, len(self.whole_orders), lost)

    def filled_otherwise(self) -> Check:
        wrong = []
        for order in self.whole_orders:
            lots = sum(fill.lots for fill in self.fills if fill.order == order.id)
            if lots != order.filled_lots:
                wrong.append(f"{_told(order)} order {order.id}: {order.filled_lots} lots, its fills are {lots}")
        return _check(Claim.ORDER_IS_FILLED, len(self.whole_orders), wrong)

    def without_outcome(self) -> Check:
        whole = self.whole_decisions
        lost = [f"{kept.key.as_of_date} decision {kept.key.decision}" for kept in whole if kept.account is None]
        return _check(Claim.DECISION_HAS_OUTCOME, len(whole), lost)

    def of_several_sizes(self) -> Check:
        rows = {row for kept in self.decisions for row in kept.on}
        sizes = {(row.id, row.lot_size, row.multiplier) for row in rows}
        names = [name for name, _, _ in sizes]
        wrong = [name for name in sorted(set(names)) if names.count(name) > 1]
        return _check(Claim.INSTRUMENT_HAS_SIZE, len(set(names)), wrong)

    def days(self) -> Iterator[tuple[Fills, Snapshot]]:
        on = Instruments.of({row.id: row for kept in self.decisions for row in kept.on}.values())
        since = NEVER
        for kept in self.decisions:
            if kept.account is not None:
                until = kept.key.timestamp
                new = [fill for fill in self.fills if since < fill.timestamp <= until]
                yield table(Fills, on, new), Snapshot(kept.key, table(Positions, on, kept.positions), kept.account)
                since = until


def _told(row: Order | Fill) -> str:
    return f"{row.timestamp:%Y-%m-%d} {row.instrument}"


def _check(claim: Claim, rows: int, offenders: list[str]) -> Check:
    return Check(claim, rows, len(offenders), tuple(sorted(offenders)[:OFFENDERS_MAX]))
