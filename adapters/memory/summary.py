"""The record of a run that is worth its figures alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Self

from attrs import frozen

from ...domain.fills import Fills
from ...domain.orders import Orders
from ...ports.repository import ExecutionRepository

if TYPE_CHECKING:
    from datetime import date

    from ...domain.instruments import Instruments
    from ...domain.plan_key import PlanKey, Portfolio
    from ...domain.planner import ExecutionPlan
    from ...ports.broker import Receipts
    from ...ports.repository import Recorded, Run, Snapshot


@frozen
class SummaryJournal(ExecutionRepository):
    """
    Keeps none of the orders, fills and snapshots of a backtest: for sweeps, of which only the runs' figures are kept.

    What is never kept cannot be read back, nor told from what is new. It is a context, as a journal that keeps is.
    """

    run: Run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave: nothing is waiting to be written."""

    def hold(self, portfolio: Portfolio) -> AbstractContextManager[date | None]:
        """Do nothing: the run is held as a whole."""
        return nullcontext()

    def recall(self, key: PlanKey, on: Instruments) -> Recorded | None:
        """Return None."""

    def record_plan(self, plan: ExecutionPlan) -> None:
        """Keep nothing."""

    def record_receipts(self, orders: Orders, receipts: Receipts) -> None:
        """Keep nothing."""

    def record_reports(
        self, portfolio: Portfolio, orders: Orders, fills: Fills, snapshot: Snapshot | None = None
    ) -> None:
        """Keep nothing."""

    def orders(self, portfolio: Portfolio, on: Instruments) -> Orders:
        """Return no orders."""
        return Orders.none(on)

    def fills(self, portfolio: Portfolio, on: Instruments) -> Fills:
        """Return no fills."""
        return Fills.none(on)
