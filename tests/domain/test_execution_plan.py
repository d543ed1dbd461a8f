from datetime import UTC, date, datetime

import numpy as np
import pytest

from execbridge.domain.account import Account
from execbridge.domain.errors import DomainError
from execbridge.domain.execution_plan import Rules, Situation, plan_execution
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders
from execbridge.domain.plan_key import PlanKey, Portfolio
from execbridge.domain.planner import ExecutionPlan, Reason
from execbridge.domain.positions import Positions
from execbridge.domain.risk import Limits
from execbridge.domain.targets import Targets, Unit

NAN = np.nan
ON = Instruments.of(["AAPL", "IBM", "MSFT"])
KEY = PlanKey(Portfolio("growth"), "rebalance", date(2024, 3, 1), datetime(2024, 3, 1, 21, tzinfo=UTC))


def situation(price: list[float], cash: float = 1000.0) -> Situation:
    """Return a flat book but for five IBM, at *price*."""
    held = Positions(ON, [1], [5], [50.0], [0.0], [NAN]).mark(np.array(price))
    return Situation(held, Orders.none(ON), Account.of(cash, held), np.array(price), np.full(3, 1e6))


def refusals(plan: ExecutionPlan) -> list[tuple[str, Reason]]:
    return [(row.instrument, row.reason) for row in plan.refusals]


def asked(plan: ExecutionPlan) -> list[tuple[str, int]]:
    return [(row.instrument, row.lots) for row in plan.orders]


def test_a_plan_has_orders_for_what_is_known_and_reasons_for_the_rest() -> None:
    targets = Targets.of(ON, {"AAPL": 7, "MSFT": NAN})
    plan = plan_execution(KEY, targets, situation([10.0, NAN, 10.0]), Rules())
    assert asked(plan) == [("AAPL", 7)]
    assert refusals(plan) == [("IBM", Reason.PRICE_UNKNOWN), ("MSFT", Reason.TARGET_UNKNOWN)]


def test_what_an_incomplete_table_does_not_name_needs_no_reason() -> None:
    targets = Targets.of(ON, {"AAPL": 7}, complete=False)
    assert refusals(plan_execution(KEY, targets, situation([10.0, NAN, 10.0]), Rules())) == []


def test_what_a_complete_table_does_not_name_and_nobody_holds_needs_no_reason() -> None:
    assert refusals(plan_execution(KEY, Targets.of(ON, {"AAPL": 7}), situation([10.0, 10.0, NAN]), Rules())) == []


def test_a_fraction_of_unknown_equity_says_so() -> None:
    targets = Targets.of(ON, {"AAPL": 0.5, "MSFT": 0.0}, unit=Unit.WEIGHT, complete=False)
    plan = plan_execution(KEY, targets, situation([10.0, NAN, 10.0]), Rules())
    assert refusals(plan) == [("AAPL", Reason.EQUITY_UNKNOWN)]


def test_weights_fit_the_cash_unless_the_rules_say_else() -> None:
    targets = Targets.of(ON, {"AAPL": 2.0}, unit=Unit.WEIGHT, complete=False)
    met = situation([10.0, 10.0, 10.0])
    assert asked(plan_execution(KEY, targets, met, Rules())) == [("AAPL", 100)]
    assert asked(plan_execution(KEY, targets, met, Rules(fit_to_cash=False))) == [("AAPL", 210)]


def test_what_breaks_a_limit_is_not_in_the_plan() -> None:
    rules = Rules(limits=Limits(order_notional_max=50.0))
    plan = plan_execution(KEY, Targets.of(ON, {"AAPL": 7}), situation([10.0, 10.0, 10.0]), rules)
    assert asked(plan) == [("IBM", -5)]
    assert refusals(plan) == [("AAPL", Reason.ORDER_NOTIONAL)]


def test_a_plan_keeps_what_it_was_worked_out_from() -> None:
    plan = plan_execution(KEY, Targets.of(ON, {"AAPL": 7.5}), situation([10.0, 10.0, 10.0]), Rules())
    # Exact: halves and whole numbers.
    assert (plan.equity, plan.price.tolist(), plan.residual.tolist()) == (1050.0, [10.0] * 3, [0.5, 0.0, 0.0])


@pytest.mark.parametrize("rate", [-0.1, 1.0, NAN])
def test_a_cost_is_a_fraction_of_what_is_traded(rate: float) -> None:
    with pytest.raises(DomainError, match="cost_rate is a fraction of what is traded, from 0 to below 1, was"):
        Rules(cost_rate=rate)
