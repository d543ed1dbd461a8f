"""What every broker promises, sentence by sentence of the port."""

from __future__ import annotations

from abc import abstractmethod
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest

from execbridge.domain.fills import Fills
from execbridge.domain.orders import Orders, Status, TimeInForce
from execbridge.domain.plan_key import PlanKey, Portfolio
from execbridge.domain.planner import plan_orders
from execbridge.domain.positions import Positions
from execbridge.domain.terms import OrderTerms
from execbridge.ports.broker import Outcome

if TYPE_CHECKING:
    from execbridge.domain.instruments import Instruments
    from execbridge.ports.broker import BrokerPort


class Stand(Protocol):
    """A broker, and the market behind it: two instruments, AAA at 10 and BBB at 20, each day the same."""

    on: Instruments
    broker: BrokerPort

    def next_day(self) -> None:
        """Let the next trading day come, with its bar."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the instant that it is."""

    def restart(self, orders: Orders, fills: Fills, latest: date | None) -> None:
        """Let the process die and another begin, which knows the recorded *orders*, *fills* and *latest* day."""


PRICE = np.array([10.0, 20.0])


def asked(stand: Stand, *lots: int, decision: str = "first", gtc: bool = False) -> Orders:
    """Return market orders for *lots* of AAA and BBB."""
    key = PlanKey(Portfolio("p"), decision, stand.now().date(), stand.now())
    terms = OrderTerms(time_in_force=TimeInForce.GTC if gtc else TimeInForce.DAY)
    exact = np.array([*lots], float)
    return plan_orders(exact, Positions.flat(stand.on), Orders.none(stand.on), PRICE, key=key, terms=terms)


def told(stand: Stand, days: int = 3) -> tuple[list[Orders], Fills]:
    """Return all that polls tell within some days."""
    orders, fills = [], []
    for _ in range(days):
        reports = stand.broker.poll()
        orders.append(reports.orders)
        fills.append(reports.fills)
        stand.next_day()
    return orders, Fills.concat(fills)


class BrokerContract:
    """The sentences of BrokerPort."""

    @pytest.fixture
    def stand(self) -> Stand:
        """Return a broker with a million in cash and nothing else."""
        raise NotImplementedError

    def test_one_receipt_an_order_in_the_same_order(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        receipts = stand.broker.submit(orders)
        assert receipts.order.tolist() == orders.id.tolist()
        assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED, Outcome.ACCEPTED]

    def test_the_same_id_sent_again_is_known_and_never_a_second_order(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        stand.broker.submit(orders)
        again = stand.broker.submit(orders)
        assert [receipt.outcome for receipt in again] == [Outcome.KNOWN, Outcome.KNOWN]
        _, fills = told(stand)
        assert fills.on.total(fills.instrument, fills.lots).tolist() == [3, -2]

    def test_the_same_id_is_known_days_after_it_was_filled(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        stand.broker.submit(orders)
        told(stand)
        assert [receipt.outcome for receipt in stand.broker.submit(orders)] == [Outcome.KNOWN, Outcome.KNOWN]
        assert not len(told(stand)[1])

    def test_of_orders_sent_together_each_has_its_own_outcome(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        stand.broker.submit(orders[:1])
        receipts = stand.broker.submit(orders)
        assert [receipt.outcome for receipt in receipts] == [Outcome.KNOWN, Outcome.ACCEPTED]
        again = stand.broker.submit(orders)
        assert [receipt.outcome for receipt in again] == [Outcome.KNOWN, Outcome.KNOWN]

    def test_submitting_nothing_does_nothing(self, stand: Stand) -> None:
        assert len(stand.broker.submit(Orders.none(stand.on))) == 0
        assert not len(stand.broker.poll().orders)

    def test_every_fill_is_told_once(self, stand: Stand) -> None:
        stand.broker.submit(asked(stand, 3, -2))
        _, fills = told(stand)
        assert len(np.unique(fills.id)) == len(fills)
        assert fills.on.total(fills.instrument, fills.lots).tolist() == [3, -2]

    def test_the_filled_lots_of_an_order_are_the_sum_of_its_fills(self, stand: Stand) -> None:
        stand.broker.submit(asked(stand, 3, -2))
        orders, fills = told(stand)
        final = {order.id: order for table in orders for order in table}
        assert {order.status for order in final.values()} == {Status.FILLED}
        for order in final.values():
            assert order.filled_lots == sum(fill.lots for fill in fills if fill.order == order.id)

    def test_fills_come_in_the_order_in_which_they_happened(self, stand: Stand) -> None:
        stand.broker.submit(asked(stand, 3, -2))
        reports = [stand.broker.poll().fills]
        stand.next_day()
        stand.broker.submit(asked(stand, 1, 1, decision="second"))
        reports.append(told(stand)[1])
        times = Fills.concat(reports).timestamp
        assert (times[1:] >= times[:-1]).all()

    def test_where_nothing_has_happened_both_tables_are_empty(self, stand: Stand) -> None:
        reports = stand.broker.poll()
        assert (len(reports.orders), len(reports.fills)) == (0, 0)

    def test_working_are_the_orders_that_may_still_be_filled(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2, gtc=True)
        stand.broker.submit(orders)
        working = stand.broker.working()
        assert sorted(working.id.tolist()) == sorted(orders.id.tolist())
        assert working.is_open.all()
        told(stand)
        assert not len(stand.broker.working())

    def test_positions_lie_along_the_whole_axis_and_are_the_sum_of_fills(self, stand: Stand) -> None:
        assert stand.broker.positions().lots.tolist() == [0, 0]
        stand.broker.submit(asked(stand, 3, -2))
        told(stand)
        positions = stand.broker.positions()
        assert positions.instrument.tolist() == [0, 1]
        assert positions.lots.tolist() == [3, -2]
        assert positions.price.tolist() == PRICE.tolist()

    def test_the_account_pays_for_what_is_bought(self, stand: Stand) -> None:
        before = stand.broker.account()
        stand.broker.submit(asked(stand, 3, 1))
        _, fills = told(stand)
        after = stand.broker.account()
        assert after.cash == pytest.approx(before.cash + fills.cash, rel=1e-12)
        assert after.equity == pytest.approx(after.cash + 3 * 10.0 + 1 * 20.0, rel=1e-12)

    def test_a_cancelled_order_is_told_and_works_no_more(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2, gtc=True)
        stand.broker.submit(orders)
        receipts = stand.broker.cancel(orders[1:])
        assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED]
        reported, fills = told(stand)
        statuses = {order.id: order.status for table in reported for order in table}
        assert [statuses[order.id] for order in orders] == [Status.FILLED, Status.CANCELLED]
        assert len(fills) == 1

    def test_an_order_that_is_no_longer_open_is_known_when_cancelled(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        stand.broker.submit(orders)
        told(stand)
        assert [receipt.outcome for receipt in stand.broker.cancel(orders)] == [Outcome.KNOWN, Outcome.KNOWN]

    def test_an_order_that_the_venue_does_not_have_cannot_be_cancelled(self, stand: Stand) -> None:
        receipts = stand.broker.cancel(asked(stand, 3, -2))
        assert [receipt.outcome for receipt in receipts] == [Outcome.REFUSED, Outcome.REFUSED]
        assert all(receipt.reason for receipt in receipts)

    def test_cancelling_nothing_does_nothing(self, stand: Stand) -> None:
        assert len(stand.broker.cancel(Orders.none(stand.on))) == 0

    def test_an_order_of_a_decision_whose_others_came_days_ago_is_no_second_order(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        stand.broker.submit(orders[:1])
        told(stand)
        receipts = stand.broker.submit(orders)
        assert [receipt.outcome for receipt in receipts] == [Outcome.KNOWN, Outcome.ACCEPTED]
        _, fills = told(stand)
        assert fills.order.tolist() == orders[1:].id.tolist()

    def test_an_order_is_told_when_it_has_changed_and_not_again(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2, gtc=True)
        stand.broker.submit(orders)
        told(stand)
        assert not any(len(table) for table in told(stand)[0])

    def test_an_order_stands_once_in_what_a_poll_tells_of_many_days(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2, gtc=True)
        stand.broker.submit(orders)
        for _ in range(3):
            stand.next_day()
        reports = stand.broker.poll()
        assert sorted(reports.orders.id.tolist()) == sorted(orders.id.tolist())
        assert (reports.orders.status == Status.FILLED).all()
        assert reports.fills.on.total(reports.fills.instrument, reports.fills.lots).tolist() == [3, -2]

    def test_what_is_filled_stays_filled_when_it_is_cancelled(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        stand.broker.submit(orders)
        told(stand)
        stand.broker.cancel(orders)
        assert [len(table) for table in told(stand)[0]] == [0, 0, 0]
        assert stand.broker.positions().lots.tolist() == [3, -2]

    def test_a_cancelled_order_that_is_sent_again_is_known(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        stand.broker.submit(orders)
        stand.broker.cancel(orders)
        again = stand.broker.submit(orders)
        assert [receipt.outcome for receipt in again] == [Outcome.KNOWN, Outcome.KNOWN]
        assert not len(told(stand)[1])

    def test_an_order_that_was_filled_before_a_restart_is_known_after_it(self, stand: Stand) -> None:
        orders = asked(stand, 3, -2)
        latest = stand.now().date()
        stand.broker.submit(orders)
        reported, fills = told(stand)
        final = {order.id: order.status for table in reported for order in table}
        stood = np.array([final[order.id] for order in orders], np.int8)
        stand.restart(orders.moved(stood, orders.lots), fills, latest)
        again = stand.broker.submit(orders)
        assert [receipt.outcome for receipt in again] == [Outcome.KNOWN, Outcome.KNOWN]
        assert not len(told(stand)[1])
        assert stand.broker.positions().lots.tolist() == [3, -2]
