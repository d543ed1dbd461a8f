"""Processes that die, and processes that meet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import pytest
from attrs import define

from execbridge.adapters.memory.repository import MemoryExecutionRepository
from execbridge.domain.errors import DomainError
from execbridge.domain.fills import Fills
from execbridge.domain.orders import Orders, Status
from execbridge.ports.errors import StoreUnavailable

from .app import App, day, market

if TYPE_CHECKING:
    from collections.abc import Callable

    from execbridge.domain.plan_key import Portfolio
    from execbridge.domain.planner import ExecutionPlan
    from execbridge.ports.broker import Receipts
    from execbridge.ports.repository import Snapshot


class Died(BaseException):
    """Stop a process where it stands."""


@define(eq=False)
class MortalRepository(MemoryExecutionRepository):
    """A repository whose process dies as it is about to make its *writes_left* and first write."""

    writes_left: int = 0

    def _write(self) -> None:
        if self.writes_left == 0:
            raise Died
        self.writes_left -= 1

    def record_plan(self, plan: ExecutionPlan) -> None:
        self._write()
        super().record_plan(plan)

    def record_receipts(self, orders: Orders, receipts: Receipts) -> None:
        self._write()
        super().record_receipts(orders, receipts)

    def record_reports(
        self, portfolio: Portfolio, orders: Orders, fills: Fills, snapshot: Snapshot | None = None
    ) -> None:
        self._write()
        super().record_reports(portfolio, orders, fills, snapshot)


def mortal(writes: int) -> Callable[..., MemoryExecutionRepository]:
    return lambda store: MortalRepository(store, writes)


def worked(fill_at: str, dies_after: int | None) -> App:
    """Return three days of decisions, in the second of which a process died and another came after it."""
    app = App(market({"AAA": [10, 11, 12, 13], "BBB": [20, 19, 18, 17]}, volume=100))
    app.chosen = {"market__fill_at": fill_at, "market__participation": 0.1, "orders__time_in_force": "gtc"}
    wanted = {1: {"AAA": 12, "BBB": -15}, 2: {"AAA": -8, "BBB": 3}, 3: {"AAA": -8, "BBB": 4}}
    for number, targets in wanted.items():
        if number == 2 and dies_after is not None:
            app.repository = mortal(dies_after)
            with pytest.raises(Died):
                app.apply(number, targets)
            app.repository = MemoryExecutionRepository
        app.apply(number, targets)
    return app


@pytest.mark.parametrize("fill_at", ["close", "next_open", "next_close"])
@pytest.mark.parametrize("dies_after", [0, 1, 2, 3])
def test_wherever_a_process_dies_the_next_one_comes_to_the_same(fill_at: str, dies_after: int) -> None:
    undying, app = worked(fill_at, None), worked(fill_at, dies_after)
    assert app.told() == undying.told()


def test_what_was_planned_is_carried_out_as_planned() -> None:
    app = App(repository=mortal(1))
    with pytest.raises(Died):
        app.apply(1, {"AAA": 3, "BBB": -2})
    assert {order.status for _, order in app.store.orders.values()} == {Status.PENDING}
    app.repository = MemoryExecutionRepository
    summary = app.apply(1, {"AAA": 3, "BBB": -2})
    assert summary.plan is None
    assert app.held() == {"BBB": -2, "AAA": 3}
    assert summary.positions.held.lots.tolist() == [3, -2]


def test_what_was_planned_for_other_targets_is_not_sent() -> None:
    app = App(repository=mortal(1))
    with pytest.raises(Died):
        app.apply(1, {"AAA": 3})
    app.repository = MemoryExecutionRepository
    with pytest.raises(DomainError, match="by now asks for something else"):
        app.apply(1, {"AAA": 500})
    assert app.held() == {}


def test_what_was_planned_is_not_sent_after_another_decision_has_done_its_work() -> None:
    app = App(repository=mortal(1))
    with pytest.raises(Died):
        app.apply(1, {"AAA": 100}, decision="morning")
    app.repository = MemoryExecutionRepository
    app.apply(1, {"AAA": 100}, decision="evening")
    with pytest.raises(DomainError, match="'morning' was planned and not sent"):
        app.apply(1, {"AAA": 100}, decision="morning")
    assert app.held() == {"AAA": 100}


def test_what_was_planned_is_not_carried_out_once_the_portfolio_has_gone_on() -> None:
    app = App(repository=mortal(1))
    with pytest.raises(Died):
        app.apply(1, {"AAA": 3})
    app.repository = MemoryExecutionRepository
    app.apply(2, {"AAA": 5})
    with pytest.raises(DomainError, match="as_of_date 2024-01-01 lies before 2024-01-02"):
        app.apply(1, {"AAA": 3})
    assert app.held() == {"AAA": 5}


def test_a_plan_without_orders_is_carried_out_too() -> None:
    app = App(repository=mortal(1))
    with pytest.raises(Died):
        app.apply(1, {})
    app.repository = MemoryExecutionRepository
    assert app.apply(1, {}).account.cash == 1_000_000
    assert app.recorded() == (1, 0, 0)


def test_a_store_that_is_gone_leaves_the_portfolio_free() -> None:
    class Gone(MemoryExecutionRepository):
        def record_plan(self, plan: ExecutionPlan) -> None:
            rule = "the database is not reached"
            raise StoreUnavailable(rule)

    app = App(repository=Gone)
    with pytest.raises(StoreUnavailable):
        app.apply(1, {"AAA": 3})
    assert not app.store.held
    assert app.recorded() == (0, 0, 0)


def test_the_book_is_read_when_nobody_else_writes_it_any_more() -> None:
    """Another process trades just before this one gets hold of the portfolio."""
    app = App()

    class Overtaken(MemoryExecutionRepository):
        @contextmanager
        def hold(self, portfolio: Portfolio) -> Iterator[date | None]:
            app.repository = MemoryExecutionRepository
            app.apply(1, {"AAA": 3}, decision="theirs")
            with super().hold(portfolio) as latest:
                yield latest

    app.repository = Overtaken
    summary = app.apply(1, {"AAA": 3}, decision="ours")
    assert len(summary.orders) == 0
    assert app.held() == {"AAA": 3}


def test_a_day_that_lies_before_what_the_portfolio_has_come_to_is_refused() -> None:
    """Also where nothing was traded on the later day."""
    app = App()
    app.apply(3, {})
    with pytest.raises(DomainError, match="as_of_date 2024-01-02 lies before 2024-01-03"):
        app.apply(2, {"AAA": 3})
    with pytest.raises(DomainError, match="lies before"):
        app.bridge().plan(targets={"AAA": 3}, as_of_date=day(2))
    assert app.recorded() == (1, 0, 0)
    assert not app.store.held
