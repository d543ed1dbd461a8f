"""Sizing and planning agree with their slow twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.planner import cash_scale, plan_orders, whole_lots
from execbridge.domain.terms import OrderTerms

from .. import twins
from ..strategies import KEY, Desk, desks, prices, sizes, terms
from .ledger import sized

exact_lots = st.floats(-(2.0**53), 2.0**53) | st.integers(-1000, 1000).map(lambda count: count - 5e-7)
equities = st.sampled_from([1e6, 12_345.67, 0.0, -1.0, np.nan])


@given(st.lists(exact_lots))
def test_rounding_to_whole_lots_is_its_slow_twin(exact: list[float]) -> None:
    assert whole_lots(np.array(exact, float)).tolist() == [twins.whole_lots(each) for each in exact]


@given(st.lists(exact_lots))
def test_rounding_never_goes_away_from_zero_by_more_than_it_forgives(exact: list[float]) -> None:
    column = np.array(exact, float)
    lots = whole_lots(column)
    assert (np.abs(lots) <= np.abs(column) + 1e-6).all()
    assert (np.abs(column - lots) < 1).all()


@given(desks(), equities)
def test_sizing_is_its_slow_twin(desk: Desk, equity: float) -> None:
    fast = twins.by_id(desk.on, sized(desk, equity))
    assert fast == pytest.approx(twins.size_targets(desk.targets, desk.price, equity), rel=1e-12, nan_ok=True)


@given(
    st.lists(st.tuples(st.integers(-200, 200), st.integers(-200, 200), prices), max_size=6),
    st.floats(0, 1e5),
    st.sampled_from([0.0, 0.0005, 0.02]),
)
def test_the_scale_that_fits_the_cash_is_found_by_halving_too(
    asked: list[tuple[int, int, float]], slack: float, rate: float
) -> None:
    wanted, held, worth = ([float(row[part]) for row in asked] for part in range(3))
    sold = twins.cash_left(0.0, wanted, held, worth, cash=0.0, rate=rate)
    # So much that selling everything can be paid for, and then some.
    cash = slack - sold
    lots, value = np.array(held, np.int64), np.array(worth, float)
    fast = cash_scale(np.array(wanted, float), lots, value, cash, rate)
    slow = twins.cash_scale(wanted, held, worth, cash=cash, rate=rate)
    moved = 1 + abs(cash) + sum(abs(want * each) for want, each in zip(wanted, worth, strict=True))
    left = [twins.cash_left(scale, wanted, held, worth, cash=cash, rate=rate) for scale in (fast, slow)]
    assert left == pytest.approx([max(left)] * 2, abs=1e-9 * moved) or fast >= slow
    assert left[0] >= -1e-9 * moved


@given(st.lists(st.tuples(sizes, prices), min_size=1, max_size=6), st.floats(0, 1))
def test_buying_from_nothing_spends_all_of_the_cash(asked: list[tuple[int, float]], part: float) -> None:
    wanted, worth = (np.array([row[place] for row in asked], float) for place in range(2))
    cash = part * float(wanted @ worth)
    scale = cash_scale(wanted, np.zeros(len(asked), np.int64), worth, cash, 0.0)
    assert scale == pytest.approx(part, rel=1e-9, abs=1e-11)


@given(desks(), terms)
def test_planning_is_its_slow_twin(desk: Desk, asked: OrderTerms) -> None:
    exact = sized(desk)
    orders = plan_orders(exact, desk.positions, desk.working, desk.price, key=KEY, terms=asked)
    slow = twins.plan_orders(
        twins.by_id(desk.on, exact), desk.positions, desk.working, twins.by_id(desk.on, desk.price), asked
    )
    fast = [
        twins.Asked(order.instrument, order.leg, order.lots, order.limit_price, order.stop_price) for order in orders
    ]
    # Exact: both do the same sums in the same order.
    assert [twins.plain(row) for row in fast] == [twins.plain(row) for row in slow]
    assert {order.order_type for order in orders} <= {asked.order_type}
    assert {order.time_in_force for order in orders} <= {asked.time_in_force}
