from datetime import UTC, date, datetime

import numpy as np
import pytest
from attrs import evolve

from execbridge.domain.errors import BadTable, DomainError
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.orders import Orders, OrderType, Status, TimeInForce
from execbridge.domain.plan_key import PlanKey, Portfolio
from execbridge.domain.planner import (
    ExecutionPlan,
    Refusals,
    cash_scale,
    plan_orders,
    size_targets,
    superseded,
    whole_lots,
)
from execbridge.domain.positions import Positions
from execbridge.domain.targets import Targets, Unit
from execbridge.domain.terms import OrderTerms

NAN = np.nan
ON = Instruments.of([Instrument("AAPL", tick_size=0.05), Instrument("BTC", lot_size=0.1), "MSFT"])
KEY = PlanKey(Portfolio("growth"), "rebalance", date(2024, 3, 1), datetime(2024, 3, 1, 21, tzinfo=UTC))
PRICE = np.array([100.02, 50.0, 200.0])


def held(*lots: int) -> Positions:
    return Positions(ON, ON.code, lots, np.array(lots) * 10.0, [0.0] * 3, [NAN] * 3)


FLAT, NOTHING = held(0, 0, 0), Orders.none(ON)


def planned(exact: list[float], positions: Positions = FLAT, working: Orders = NOTHING) -> list[tuple[str, int, int]]:
    orders = plan_orders(np.array(exact, float), positions, working, PRICE, key=KEY)
    return [(order.instrument, order.leg, order.lots) for order in orders]


@pytest.mark.parametrize(
    ("exact", "lots"),
    [(2.9, 2), (-2.9, -2), (2.9999999, 3), (-2.9999999, -3), (2.99999, 2), (0.3 / 0.1, 3), (0.0, 0), (-0.0, 0)],
)
def test_lots_are_rounded_towards_zero_forgiving_a_millionth(exact: float, lots: int) -> None:
    assert whole_lots(np.array([exact])).tolist() == [lots]


def test_the_largest_lots_are_whole_as_they_are() -> None:
    most = 2.0**53
    assert whole_lots(np.array([most, -most])).tolist() == [2**53, -(2**53)]


@pytest.mark.parametrize("exact", [NAN, np.inf, -np.inf, 1e16])
def test_lots_beyond_counting_are_refused_by_name(exact: float) -> None:
    with pytest.raises(BadTable, match=r"lots are finite and at most 2\*\*53, was row: "):
        whole_lots(np.array([1.0, exact]))
    with pytest.raises(BadTable, match=r"was BTC: "):
        whole_lots(np.array([1.0, exact, 1.0]), ON)


def test_quantities_come_to_lots() -> None:
    targets = Targets.of(ON, {"AAPL": 10.5, "BTC": 0.3})
    assert size_targets(targets, FLAT, PRICE, equity=NAN).tolist() == pytest.approx([10.5, 3.0, 0.0])


def test_weights_come_to_lots_at_the_price() -> None:
    targets = Targets.of(ON, {"BTC": 0.5, "MSFT": -0.25}, unit=Unit.WEIGHT)
    assert size_targets(targets, FLAT, PRICE, equity=1000.0).tolist() == pytest.approx([0.0, 100.0, -1.25])


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("price", [NAN, 0.0, -1.0, np.inf])
def test_without_a_price_lots_are_unknown(unit: Unit, price: float) -> None:
    targets = Targets.of(ON, {"AAPL": 1.0, "MSFT": 1.0}, unit=unit)
    exact = size_targets(targets, FLAT, np.array([price, 50.0, 200.0]), equity=1000.0, cash=1e9)
    assert np.isnan(exact).tolist() == [True, False, False]


@pytest.mark.parametrize("equity", [NAN, 0.0, -100.0, np.inf])
def test_a_fraction_of_no_equity_is_unknown_unless_it_is_nothing(equity: float) -> None:
    targets = Targets.of(ON, {"AAPL": 0.5, "BTC": 0.0}, unit=Unit.WEIGHT)
    exact = size_targets(targets, held(5, 5, 5), PRICE, equity=equity, cash=100.0)
    assert np.array_equal(exact, [NAN, 0.0, 0.0], equal_nan=True)


def test_weights_are_scaled_to_the_cash_together() -> None:
    targets = Targets.of(ON, {"BTC": 0.8, "MSFT": 0.8}, unit=Unit.WEIGHT)
    exact = size_targets(targets, FLAT, PRICE, equity=1000.0, cash=1000.0)
    assert exact.tolist() == pytest.approx([0.0, 100.0, 2.5])


def test_costs_are_kept_back() -> None:
    targets = Targets.of(ON, {"MSFT": 1.0}, unit=Unit.WEIGHT)
    exact = size_targets(targets, FLAT, PRICE, equity=1000.0, cash=1000.0, cost_rate=0.25)
    assert exact.tolist() == pytest.approx([0.0, 0.0, 4.0])


def test_selling_pays_for_buying() -> None:
    targets = Targets.of(ON, {"MSFT": 1.0}, unit=Unit.WEIGHT)
    exact = size_targets(targets, held(0, 200, 0), PRICE, equity=1000.0, cash=0.0)
    assert exact.tolist() == pytest.approx([0.0, 0.0, 5.0])


@pytest.mark.parametrize(
    ("wanted", "lots", "cash", "rate", "scale"),
    [
        ([10.0], [0], 1000.0, 0.0, 1.0),
        ([10.0], [0], 500.0, 0.0, 0.5),
        ([10.0], [0], -1.0, 0.0, 0.0),
        ([-10.0], [0], -2000.0, 0.0, 1.0),
        ([10.0, -10.0], [0, 0], 0.0, 0.0, 1.0),
        ([10.0], [10], 0.0, 0.01, 1.0),
        ([10.0, 10.0], [10, 0], 0.0, 0.0, 0.5),
        ([], [], 0.0, 0.0, 1.0),
    ],
)
def test_the_common_scale(wanted: list[float], lots: list[int], cash: float, rate: float, scale: float) -> None:
    worth = np.full(len(wanted), 100.0)
    found = cash_scale(np.array(wanted, float), np.array(lots, np.int64), worth, cash, rate)
    assert found == pytest.approx(scale)


def test_cash_that_is_not_known_leaves_weights_unknown() -> None:
    targets = Targets.of(ON, {"MSFT": 1.0}, unit=Unit.WEIGHT)
    assert np.isnan(size_targets(targets, FLAT, PRICE, equity=1000.0, cash=NAN)).all()


def test_sells_come_first_and_a_flip_has_two_legs() -> None:
    assert planned([5.9, -3.0, 0.0], held(0, 4, 2)) == [("BTC", 0, -4), ("BTC", 1, -3), ("MSFT", 0, -2), ("AAPL", 0, 5)]


def test_the_unknown_is_left_alone() -> None:
    assert planned([NAN, np.inf, 1.0], held(7, 7, 1)) == []


def test_what_has_no_price_is_left_alone() -> None:
    price = np.array([NAN, 50.0, 200.0])
    orders = plan_orders(np.array([5.0, 5.0, 5.0]), FLAT, NOTHING, price, key=KEY)
    assert orders.instrument_id.tolist() == ["BTC", "MSFT"]


def test_what_is_asked_for_already_counts_as_held() -> None:
    asked = plan_orders(np.array([10.0, 0.0, -4.0]), FLAT, NOTHING, PRICE, key=KEY)
    assert planned([10.0, 2.0, 4.0], FLAT, asked) == [("BTC", 0, 2), ("MSFT", 0, 4), ("MSFT", 1, 4)]


def test_a_planned_order_is_pending_and_bears_the_decision() -> None:
    order = plan_orders(np.array([5.0, 0.0, 0.0]), FLAT, NOTHING, PRICE, key=KEY)[0]
    assert (order.decision, order.timestamp, order.attempt) == (KEY.id, KEY.timestamp, 0)
    assert (order.status, order.order_type, order.time_in_force) == (Status.PENDING, OrderType.MARKET, TimeInForce.DAY)


# A tick is 0.05 and the price 100.02: limits of buys go down and of sells up, stops the other way.
@pytest.mark.parametrize(
    ("terms", "lots", "limit", "stop"),
    [
        (OrderTerms(), 1.0, NAN, NAN),
        (OrderTerms(OrderType.LIMIT), 1.0, 100.0, NAN),
        (OrderTerms(OrderType.LIMIT), -1.0, 100.05, NAN),
        (OrderTerms(OrderType.LIMIT, limit_offset_bps=100), 1.0, 101.0, NAN),
        (OrderTerms(OrderType.LIMIT, limit_offset_bps=100), -1.0, 99.05, NAN),
        (OrderTerms(OrderType.LIMIT, limit_offset_bps=-100), 1.0, 99.0, NAN),
        (OrderTerms(OrderType.STOP, stop_offset_bps=100), 1.0, NAN, 101.05),
        (OrderTerms(OrderType.STOP, stop_offset_bps=100), -1.0, NAN, 99.0),
        (OrderTerms(OrderType.STOP_LIMIT, limit_offset_bps=100, stop_offset_bps=100), 1.0, 102.05, 101.05),
        (OrderTerms(OrderType.STOP_LIMIT, limit_offset_bps=100, stop_offset_bps=100), -1.0, 98.05, 99.0),
    ],
)
def test_prices_of_orders_lie_on_whole_ticks(terms: OrderTerms, lots: float, limit: float, stop: float) -> None:
    order = plan_orders(np.array([lots, 0.0, 0.0]), FLAT, NOTHING, PRICE, key=KEY, terms=terms)[0]
    assert [order.limit_price, order.stop_price] == pytest.approx([limit, stop], nan_ok=True)


@pytest.mark.parametrize(
    ("working", "stale"),
    [
        ([], []),
        ([60], [False]),
        ([100], [False]),
        ([60, 40], [False, False]),
        ([101], [True]),
        ([-1], [True]),
        ([60, -1], [True, True]),
    ],
)
def test_orders_that_lead_past_what_is_wanted_or_away_from_it_are_superseded(
    working: list[int], stale: list[bool]
) -> None:
    orders = [
        plan_orders(np.array([float(lots), 0, 0]), FLAT, NOTHING, PRICE, key=evolve(KEY, decision=f"{row}"))
        for row, lots in enumerate(working)
    ]
    asked = Orders.concat([NOTHING, *orders])
    assert superseded(np.array([100.0, 0, 0]), FLAT, asked).tolist() == stale
    assert not superseded(np.full(3, NAN), FLAT, asked).any()


def test_a_price_below_a_tick_stays_as_it_is() -> None:
    """On a tick it would give away more than was asked, or be nothing."""
    terms = OrderTerms(OrderType.LIMIT)
    order = plan_orders(np.array([1.0, 0, 0]), FLAT, NOTHING, np.array([0.01, 1.0, 1.0]), key=KEY, terms=terms)[0]
    # Exact: nothing is rounded.
    assert order.limit_price == 0.01


@pytest.mark.parametrize("offset", [NAN, 10_000.0, -np.inf])
def test_an_offset_is_less_than_the_price(offset: float) -> None:
    with pytest.raises(DomainError, match="limit_offset_bps is less than 10000 either way, was"):
        OrderTerms(limit_offset_bps=offset)


def test_an_absurd_plan_is_refused_by_name() -> None:
    with pytest.raises(BadTable, match="was MSFT: 1e"):
        planned([1.0, 1.0, 1e17])
    working = plan_orders(np.array([0.0, 0.0, 1.0]), FLAT, NOTHING, PRICE, key=KEY)
    with pytest.raises(BadTable, match=r"an order asks for at most 2\*\*53 lots, was 9007199254740993"):
        planned([0.0, 0.0, 0.0], held(0, 0, 2**53), working)


def test_tables_of_different_axes_are_not_planned_together() -> None:
    other = Instruments.of(["AAPL", "B", "C"])
    with pytest.raises(BadTable, match="one axis"):
        plan_orders(np.zeros(3), FLAT, Orders.none(other), PRICE, key=KEY)
    with pytest.raises(BadTable, match="one axis"):
        size_targets(Targets.of(other, {}), FLAT, PRICE, equity=1.0)


def test_the_residual_is_what_rounding_leaves_out() -> None:
    targets = Targets.of(ON, {})
    plan = ExecutionPlan(KEY, targets, np.array([2.75, NAN, -1.5]), PRICE, 1.0, NOTHING, Refusals.none(ON))
    assert np.array_equal(plan.residual, [0.75, NAN, -0.5], equal_nan=True)
