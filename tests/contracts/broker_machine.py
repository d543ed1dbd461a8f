"""What no broker may break, whatever happens in which order: submit, poll, cancel, another day, a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from execbridge.adapters.memory.repository import MemoryExecutionRepository
from execbridge.domain.fills import Fills
from execbridge.domain.orders import Order, Orders, OrderType, TimeInForce, may_follow
from execbridge.domain.plan_key import PlanKey, Portfolio
from execbridge.domain.planner import ExecutionPlan, Refusals, plan_orders
from execbridge.domain.positions import Positions
from execbridge.domain.targets import Targets
from execbridge.domain.terms import OrderTerms
from execbridge.ports.broker import Outcome

if TYPE_CHECKING:
    from uuid import UUID

    from .broker_contract import Stand

PORTFOLIO = Portfolio("p")
CASH = 1_000_000.0

ORDER_TERMS = st.builds(
    OrderTerms,
    st.sampled_from(OrderType),
    st.sampled_from(TimeInForce),
    limit_offset_bps=st.sampled_from([-200.0, -50.0, 0.0, 50.0]),
    stop_offset_bps=st.sampled_from([-50.0, 50.0, 200.0]),
)
LOTS = st.integers(-30, 30)


class BrokerMachine(RuleBasedStateMachine):
    """
    One process after the other works with a broker, and records what it learns; any of them may die at any time.

    Beside it, a broker of its own serves a process that never dies: it must tell the same.
    """

    @classmethod
    def stand_of(cls) -> Stand:
        """Return a broker with a million in cash and nothing else; each one that is made meets the same market."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.stand, self.undying = self.stand_of(), self.stand_of()
        self.on = self.stand.on
        self.record = MemoryExecutionRepository()
        self.told: dict[UUID, Order] = {}
        self.fills, self.undying_fills = Fills.none(self.on), Fills.none(self.on)

    def latest(self) -> object:
        with self.record.hold(PORTFOLIO) as day:
            return day

    @precondition(lambda self: self.latest() != self.stand.now().date())
    @rule(lots=st.tuples(LOTS, LOTS), terms=ORDER_TERMS, answered=st.booleans())
    def submit(self, lots: tuple[int, int], terms: OrderTerms, answered: bool) -> None:
        """A day's decision is recorded, sent and, where the process lives long enough, answered on record."""
        self.poll()
        now = self.stand.now()
        key = PlanKey(PORTFOLIO, f"{now.date()}", now.date(), now)
        exact, price = np.array(lots, float), np.array([10.0, 20.0])
        none = Orders.none(self.on)
        orders = plan_orders(exact, Positions.flat(self.on), none, price, key=key, terms=terms)
        targets = Targets.of(self.on, {})
        self.record.record_plan(ExecutionPlan(key, targets, exact, price, CASH, orders, Refusals.none(self.on)))
        receipts = self.stand.broker.submit(orders)
        assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED] * len(orders)
        self.undying.broker.submit(orders)
        if not answered:
            self.restart()
            again = self.stand.broker.submit(orders)
            assert all(receipt.outcome in {Outcome.ACCEPTED, Outcome.KNOWN} for receipt in again)
            receipts = again
        self.record.record_receipts(orders.moved(np.full(len(orders), 3, np.int8)), receipts)

    @rule()
    def poll(self) -> None:
        reports = self.stand.broker.poll()
        assert len(np.unique(reports.orders.id)) == len(reports.orders)
        for order in reports.orders:
            before = self.told.get(order.id) or order
            assert may_follow(np.array([before.status], np.int8), np.array([order.status], np.int8)).all()
            assert abs(order.filled_lots) >= abs(before.filled_lots)
            assert order.triggered >= before.triggered
            self.told[order.id] = order
        stamps = np.concatenate([self.fills.timestamp[-1:], reports.fills.timestamp])
        assert (stamps[1:] >= stamps[:-1]).all()
        self.record.record_reports(PORTFOLIO, reports.orders, reports.fills)
        self.fills = Fills.concat([self.fills, reports.fills])
        self.undying_fills = Fills.concat([self.undying_fills, self.undying.broker.poll().fills])

    @rule(which=st.lists(st.booleans(), min_size=8, max_size=8))
    def cancel(self, which: list[bool]) -> None:
        """Some of what works is cancelled, and both processes live to hear of it."""
        self.poll()
        working = self.stand.broker.working()
        chosen = working[np.resize(np.array(which), len(working))]
        outcomes = [receipt.outcome for receipt in self.stand.broker.cancel(chosen)]
        assert outcomes == [Outcome.ACCEPTED] * len(chosen)
        self.undying.broker.cancel(chosen)
        self.poll()
        assert not set(chosen.id.tolist()) & set(self.stand.broker.working().id.tolist())

    @rule()
    def next_day(self) -> None:
        self.stand.next_day()
        self.undying.next_day()

    @rule()
    def restart(self) -> None:
        """The process dies; what it was told and did not record, the next one is told again."""
        with self.record.hold(PORTFOLIO) as day:
            orders, fills = self.record.orders(PORTFOLIO, self.on), self.record.fills(PORTFOLIO, self.on)
        self.stand.restart(orders, fills, day)

    @invariant()
    def each_fill_is_told_once(self) -> None:
        assert len(np.unique(self.fills.id)) == len(self.fills)

    @invariant()
    def no_order_is_filled_beyond_its_lots_or_by_more_than_its_fills(self) -> None:
        for order in self.record.orders(PORTFOLIO, self.on):
            filled = sum(fill.lots for fill in self.fills if fill.order == order.id)
            assert filled == order.filled_lots
            assert min(0, order.lots) <= filled <= max(0, order.lots)

    @invariant()
    def the_record_is_what_was_told(self) -> None:
        assert self.record.fills(PORTFOLIO, self.on) == self.fills

    def teardown(self) -> None:
        """At the end of the day the position is the sum of fills, cash has paid for them, and no crash was noticed."""
        self.poll()
        fills, broker = self.fills, self.stand.broker
        assert broker.positions().lots.tolist() == self.on.total(fills.instrument, fills.lots).tolist()
        np.testing.assert_allclose(broker.account().cash, CASH + fills.cash, rtol=1e-12)
        assert fills == self.undying_fills
        assert broker.working() == self.undying.broker.working()
