"""From targets to fills, in the whole application over memory."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from execbridge.adapters.brokers.backtest import BacktestBroker
from execbridge.adapters.calendars import PriceDaysCalendar
from execbridge.adapters.memory.prices import MemoryPriceFeed
from execbridge.adapters.memory.repository import MemoryExecutionRepository
from execbridge.adapters.prices.time_machine import TimeMachine
from execbridge.application.bridge import ExecutionBridge, ExecutionSummary
from execbridge.domain.errors import BadTable, DomainError, UnknownInstrument
from execbridge.domain.execution_plan import Rules
from execbridge.domain.fills import Fills
from execbridge.domain.orders import Orders, Status, TimeInForce
from execbridge.domain.plan_key import PlanKey
from execbridge.domain.planner import Reason
from execbridge.domain.simulator import MarketSimulator
from execbridge.domain.targets import Targets
from execbridge.domain.terms import OrderTerms
from execbridge.ports.broker import Receipts
from execbridge.ports.errors import PortfolioHeld

from .app import MAIN, NAN, TWO, App, day, market

THIN = {"market__participation": 0.1, "orders__time_in_force": "gtc"}
"""Of a volume of 100 ten lots a day can be had, and what is left over goes on."""


def lots_of(table: Orders | Fills) -> list[tuple[str, int]]:
    return [(row.instrument, row.lots) for row in table]


def test_a_new_decision_is_planned_sent_filled_and_recorded() -> None:
    app = App()
    summary = app.apply(1, {"AAA": 3, "BBB": -2})
    assert lots_of(summary.orders) == [("BBB", -2), ("AAA", 3)]
    assert [order.status for order in summary.orders] == [Status.FILLED, Status.FILLED]
    assert [(fill.instrument, fill.lots, fill.price) for fill in summary.fills] == [("BBB", -2, 20.0), ("AAA", 3, 10.0)]
    assert summary.positions.lots.tolist() == [3, -2]
    assert (summary.account.cash, summary.account.equity) == (1_000_010.0, 1_000_000.0)  # Small whole numbers.
    assert app.recorded() == (1, 2, 2)
    assert [order.status for _, order in app.store.orders.values()] == [Status.FILLED, Status.FILLED]


def test_the_same_key_again_returns_the_recorded_outcome_and_sends_nothing() -> None:
    app = App()
    first = app.apply(1, {"AAA": 3, "BBB": -2})
    again = app.apply(1, {"AAA": 500})
    assert app.recorded() == (1, 2, 2)
    assert again.plan is None
    assert (again.orders, again.fills, again.refusals) == (first.orders, first.fills, first.refusals)
    assert (again.positions.held, again.account) == (first.positions.held, first.account)


def test_the_same_key_again_after_other_days_returns_the_recorded_outcome() -> None:
    app = App()
    first = app.apply(1, {"AAA": 3})
    app.apply(2, {"AAA": 5})
    assert app.apply(1, {"AAA": 3}).fills == first.fills
    assert app.held() == {"AAA": 5}


def test_a_name_is_that_of_one_day() -> None:
    app = App()
    app.apply(1, {"AAA": 3}, decision="rebalance")
    with pytest.raises(DomainError, match="'rebalance' is that of 2024-01-01"):
        app.apply(2, {"AAA": 4}, decision="rebalance")
    assert app.held() == {"AAA": 3}


def test_a_portfolio_that_another_process_holds_is_left_alone() -> None:
    app = App()
    app.store.held.add(MAIN)
    with pytest.raises(PortfolioHeld):
        app.apply(1, {"AAA": 3})
    with pytest.raises(PortfolioHeld):
        app.bridge().plan(targets={"AAA": 3}, as_of_date=day(1))
    assert app.recorded() == (0, 0, 0)


def test_what_is_asked_for_and_works_on_is_not_asked_for_again() -> None:
    app = App(market({"AAA": [10, 11, 12, 13]}, volume=100), chosen=dict(THIN))
    first = app.apply(1, {"AAA": 25})
    assert [(order.status, order.filled_lots) for order in first.orders] == [(Status.PARTIALLY_FILLED, 10)]
    second = app.apply(2, {"AAA": 25})
    assert (len(second.orders), lots_of(second.earlier)) == (0, [("AAA", 10)])
    third = app.apply(3, {"AAA": 25})
    assert (len(third.orders), lots_of(third.earlier)) == (0, [("AAA", 5)])
    assert app.held() == {"AAA": 25}
    assert [order.status for _, order in app.store.orders.values()] == [Status.FILLED]


def test_what_works_on_counts_when_the_target_changes() -> None:
    app = App(market({"AAA": [10, 11, 12, 13]}, volume=100), chosen=dict(THIN))
    app.apply(1, {"AAA": 25})
    assert lots_of(app.apply(2, {"AAA": 30}).orders) == [("AAA", 5)]


def test_what_expired_is_asked_for_again() -> None:
    app = App(market({"AAA": [10, 11, 12, 13]}, volume=100), chosen={"market__participation": 0.1})
    first = app.apply(1, {"AAA": 25})
    assert [(order.status, order.filled_lots) for order in first.orders] == [(Status.EXPIRED, 10)]
    assert lots_of(app.apply(2, {"AAA": 25}).orders) == [("AAA", 15)]
    assert app.held() == {"AAA": 20}


def test_decisions_of_one_day_share_its_volume_and_meet_its_close() -> None:
    app = App(market({"AAA": [10, 11], "BBB": [20, 21]}, volume=100), chosen=dict(THIN))
    app.apply(1, {"AAA": 6}, decision="morning")
    second = app.apply(1, {"AAA": 26, "BBB": 7}, decision="evening")
    assert [(fill.instrument, fill.lots, fill.price) for fill in second.fills] == [("AAA", 4, 10.0), ("BBB", 7, 20.0)]
    third = app.apply(1, {"AAA": 26, "BBB": 7}, decision="night")
    assert (len(third.orders), len(third.fills), len(third.earlier)) == (0, 0, 0)


def test_what_is_held_and_absent_is_closed_where_targets_are_complete_and_left_alone_where_not() -> None:
    app = App()
    app.apply(1, {"AAA": 3, "BBB": 4})
    partial = app.apply(2, {"AAA": 5}, backtest__complete=False)
    assert lots_of(partial.orders) == [("AAA", 2)]
    assert lots_of(app.apply(3, {"AAA": 5}).orders) == [("BBB", -4)]


@pytest.mark.parametrize("targets", [{}, {"AAA": 0}, {"AAA": NAN}])
def test_what_has_no_price_is_not_liquidated_and_is_listed(targets: dict[str, float]) -> None:
    app = App(market({"AAA": [10, NAN], "BBB": [20, 19]}))
    app.apply(1, {"AAA": 3})
    summary = app.apply(2, targets)
    assert len(summary.orders) == 0
    assert summary.positions.lots.tolist() == [3, 0]
    reason = Reason.TARGET_UNKNOWN if targets.get("AAA") else Reason.PRICE_UNKNOWN
    assert [(refusal.instrument, refusal.reason) for refusal in summary.refusals] == [("AAA", reason)]
    assert summary.account.equity == summary.account.cash + 3 * 10.0  # The last close that is known.


def test_an_unknown_target_is_never_traded() -> None:
    summary = App().apply(1, {"AAA": NAN, "BBB": 2})
    assert lots_of(summary.orders) == [("BBB", 2)]
    assert [(refusal.instrument, refusal.reason) for refusal in summary.refusals] == [("AAA", Reason.TARGET_UNKNOWN)]


def test_whole_lots_are_ordered_and_the_residual_is_told() -> None:
    summary = App(market({"AAA": [10, 11]}, lot_size=10)).apply(1, {"AAA": 25})
    assert lots_of(summary.orders) == [("AAA", 2)]
    assert summary.plan is not None
    assert summary.plan.residual.tolist() == [0.5]  # 2.5 lots are exact.
    assert summary.account.cash == 1_000_000 - 2 * 10 * 10


def test_what_breaks_a_limit_is_refused_before_anything_is_sent() -> None:
    app = App()
    summary = app.apply(1, {"AAA": 3, "BBB": 50}, limits__order_notional_max=100.0)
    assert lots_of(summary.orders) == [("AAA", 3)]
    refused = [(row.instrument, row.lots, row.reason, row.value, row.limit) for row in summary.refusals]
    assert refused == [("BBB", 50, Reason.ORDER_NOTIONAL, 1000.0, 100.0)]
    assert app.held() == {"AAA": 3}
    assert app.apply(1, {}).refusals == summary.refusals


def test_a_flip_is_two_orders_that_close_and_open() -> None:
    app = App()
    app.apply(1, {"AAA": 3})
    summary = app.apply(2, {"AAA": -2})
    assert [(order.leg, order.lots) for order in summary.orders] == [(0, -3), (1, -2)]
    assert summary.positions.lots.tolist() == [-2, 0]
    assert summary.positions.realized_pnl.tolist() == [3.0, 0.0]  # Three lots, each from 10 to 11.


@pytest.mark.parametrize(
    ("fill_at", "on_day", "price"), [("close", 1, 10.0), ("next_open", 2, 10.5), ("next_close", 2, 11.0)]
)
def test_orders_fill_when_the_settings_say(fill_at: str, on_day: int, price: float) -> None:
    app = App(chosen={"market__fill_at": fill_at})
    first = app.apply(1, {"AAA": 3})
    second = app.apply(2, {"AAA": 3})
    fills = {1: first.fills, 2: second.earlier}
    assert [(fill.lots, fill.price) for fill in fills[on_day]] == [(3, price)]
    assert app.recorded() == (2, 1, 1)


def test_an_order_waits_for_the_next_bar_of_its_instrument() -> None:
    app = App(market({"AAA": [10, NAN, 12], "BBB": [20, 19, 18]}), chosen={"market__fill_at": "next_close"})
    app.apply(1, {"AAA": 3})
    waiting = app.apply(2, {}, backtest__complete=False)
    assert len(waiting.earlier) == 0
    assert [(fill.lots, fill.price) for fill in app.apply(3, {"AAA": 3}).earlier] == [(3, 12.0)]


def test_weights_are_fractions_of_equity() -> None:
    summary = App(chosen={"backtest__unit": "weight"}).apply(1, {"AAA": 0.5, "BBB": -0.25})
    assert summary.positions.lots.tolist() == [50_000, -12_500]


@pytest.mark.parametrize(
    ("targets", "error"),
    [
        ({"ABB": 1}, UnknownInstrument),
        ({"AAA": float("inf")}, BadTable),
        ({"AAA": 1e300}, BadTable),
        ({"AAA": True}, BadTable),
    ],
)
def test_targets_that_break_a_rule_do_nothing(targets: dict[str, float], error: type[Exception]) -> None:
    app = App()
    with pytest.raises(error):
        app.apply(1, targets)
    assert app.recorded() == (0, 0, 0)
    assert not app.store.held


def test_a_preview_sends_and_records_nothing_and_is_what_would_be_carried_out() -> None:
    app = App(market({"AAA": [10, 11, 12], "BBB": [20, 19, 18]}, volume=100), chosen=dict(THIN))
    app.apply(1, {"AAA": 25})
    for number in (1, 2):
        before = app.recorded()
        plan = app.bridge().plan(targets={"AAA": 18, "BBB": 3}, as_of_date=day(number), decision=f"{number}")
        assert app.recorded() == before
        summary = app.apply(number, {"AAA": 18, "BBB": 3}, decision=f"{number}")
        assert summary.plan is not None
        assert (plan.orders, plan.equity) == (summary.plan.orders, summary.plan.equity)
        np.testing.assert_array_equal(plan.exact, summary.plan.exact)


class SlowBroker(BacktestBroker):
    """A broker that takes until the close of the next day to take orders in."""

    def submit(self, orders: Orders) -> Receipts:
        receipts = super().submit(orders)
        assert isinstance(self.clock, TimeMachine)
        tomorrow = self.clock.today() + timedelta(1)
        self.clock.travel(self.calendar.sessions(tomorrow, tomorrow)[0])
        return receipts


def test_what_earlier_orders_come_to_while_a_decision_is_sent_is_told_as_earlier() -> None:
    feed, on = MemoryPriceFeed(market({"AAA": [10, 11, 12], "BBB": [20, 19, 18]}, volume=100)), TWO.on
    calendar, replay = PriceDaysCalendar(feed.days), TimeMachine(feed, on, day(1), day(3))
    replay.travel(calendar.sessions(day(1), day(1))[0])
    simulator = MarketSimulator(participation=0.1)
    broker = SlowBroker(simulator, replay, calendar, replay, 1e6, Orders.none(on), Fills.none(on))
    rules = Rules(OrderTerms(time_in_force=TimeInForce.GTC))
    bridge = ExecutionBridge(lambda _: broker, MemoryExecutionRepository(), replay, replay, rules)

    def decide(name: str, **wanted: float) -> ExecutionSummary:
        key = PlanKey(MAIN, name, replay.today(), replay.now())
        return bridge.apply_execution_plan(key, Targets.of(on, wanted))

    first = decide("first", AAA=25)
    assert (lots_of(first.fills), lots_of(first.earlier)) == ([("AAA", 10), ("AAA", 10)], [])
    second = decide("second", AAA=25, BBB=4)
    assert (lots_of(second.fills), lots_of(second.earlier)) == ([("BBB", 4)], [("AAA", 5)])
    assert second.positions.lots.tolist() == [25, 4]
    assert [(order.instrument, order.status) for order in second.orders] == [("BBB", Status.FILLED)]
