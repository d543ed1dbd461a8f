"""Plans: what is asked for is what is missing, once, in one order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders
from execbridge.domain.plan_key import order_ids
from execbridge.domain.planner import cash_scale, plan_orders, size_targets, whole_lots
from execbridge.domain.positions import Positions
from execbridge.domain.targets import Unit

from .. import twins
from ..strategies import KEY, Desk, desks
from .ledger import EQUITY, filled, planned, shuffled, sized

ranks = st.permutations(range(8))


def traded(orders: Orders) -> list[str]:
    return orders.instrument_id.tolist()


@given(desks())
def test_filling_a_plan_leaves_nothing_to_plan(desk: Desk) -> None:
    orders = planned(desk)
    working = Orders.concat([desk.working, orders]) if len(desk.working) else orders
    done = desk.positions.after(filled(working, working.remaining_lots, np.ones(len(desk.on))))
    assert len(plan_orders(sized(desk), done, Orders.none(desk.on), desk.price, key=KEY)) == 0


@given(desks())
def test_what_is_asked_for_is_not_asked_for_again(desk: Desk) -> None:
    orders = Orders.concat([desk.working, planned(desk)])
    assert len(plan_orders(sized(desk), desk.positions, orders, desk.price, key=KEY)) == 0


@given(desks(), ranks, ranks, ranks)
def test_the_order_of_the_input_is_irrelevant(
    desk: Desk, first: list[int], second: list[int], third: list[int]
) -> None:
    other = Desk(
        on=desk.on,
        positions=shuffled(desk.positions, first),
        working=shuffled(desk.working, second),
        targets=shuffled(desk.targets, third),
        price=desk.price,
    )
    assert planned(other) == planned(desk)


@given(desks())
def test_the_unknown_is_never_traded(desk: Desk) -> None:
    silent = [target.instrument for target in desk.targets if np.isnan(target.amount)]
    unpriced = [name for name, price in twins.by_id(desk.on, desk.price).items() if np.isnan(price)]
    assert {*silent, *unpriced}.isdisjoint(traded(planned(desk)))


@given(desks(unit=Unit.WEIGHT), st.sampled_from([np.nan, 0.0, -5000.0, np.inf]))
def test_a_fraction_of_unknown_equity_is_never_traded_unless_it_is_nothing(desk: Desk, equity: float) -> None:
    wanted = [target.instrument for target in desk.targets if target.amount != 0]
    assert set(wanted).isdisjoint(traded(planned(desk, equity)))


@given(desks(complete=False))
def test_what_an_incomplete_table_does_not_name_is_left_alone(desk: Desk) -> None:
    assert {*traded(planned(desk))} <= {target.instrument for target in desk.targets}


@given(desks(complete=True, known=True))
def test_what_a_complete_table_does_not_name_is_closed(desk: Desk) -> None:
    orders = planned(desk)
    expected = desk.on.total(desk.working.instrument, desk.working.remaining_lots)
    after = desk.positions.along().lots + expected + desk.on.total(orders.instrument, orders.lots)
    absent = np.setdiff1d(desk.on.code, desk.targets.instrument)
    assert after[absent].tolist() == [0] * len(absent)


@given(desks())
def test_a_plan_ends_on_whole_lots_exactly_and_a_flip_stops_at_nothing(desk: Desk) -> None:
    orders, exact = planned(desk), sized(desk)
    expected = desk.positions.along().lots + desk.on.total(desk.working.instrument, desk.working.remaining_lots)
    known = np.isfinite(exact)
    after = expected + desk.on.total(orders.instrument, orders.lots)
    assert after[known].tolist() == whole_lots(exact[known]).tolist()
    flipped = orders.instrument[orders.leg == 1]
    closing = orders[np.isin(orders.instrument, flipped) & (orders.leg == 0)]
    assert (expected[closing.instrument] + closing.lots).tolist() == [0] * len(flipped)


@given(desks(), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_filling_any_part_of_a_plan_never_leaves_more_to_do(desk: Desk, parts: list[float]) -> None:
    nothing = Orders.none(desk.on)
    before = plan_orders(sized(desk), desk.positions, nothing, desk.price, key=KEY)
    lots = (before.lots * np.array(parts[: len(before)], float)).astype(np.int64)
    held = desk.positions.after(filled(before, lots, np.ones(len(desk.on))))
    after = plan_orders(sized(desk), held, nothing, desk.price, key=KEY)
    left = [np.abs(desk.on.total(orders.instrument, orders.lots)) for orders in (before, after)]
    assert (left[1] <= left[0]).all()


@given(desks())
def test_sells_come_first_and_then_the_axis_and_the_legs(desk: Desk) -> None:
    orders = list(planned(desk))
    assert orders == sorted(orders, key=lambda order: (order.lots > 0, order.instrument, order.leg))


@given(desks())
def test_orders_that_are_planned_are_orders_that_may_be_made(desk: Desk) -> None:
    orders = planned(desk)
    assert Orders(**orders._fields()) == orders


@given(desks(known=True, unit=Unit.WEIGHT), st.floats(0, 1e7), st.sampled_from([0.0, 0.001, 0.05]))
def test_one_scale_keeps_the_ratios_within_a_lot_and_spends_no_more_than_the_cash(
    desk: Desk, slack: float, rate: float
) -> None:
    full = sized(desk)
    known = np.isfinite(full)
    held, worth = desk.positions.along().lots[known], (desk.price * desk.on.unit)[known]
    # So much that selling everything can be paid for; what is beyond it may be spent.
    cash = slack - float(held @ worth) + rate * float(np.abs(held) @ worth)
    exact = size_targets(desk.targets, desk.positions, desk.price, equity=EQUITY, cash=cash, cost_rate=rate)[known]
    scale = cash_scale(full[known], held, worth, cash, rate)
    lots = whole_lots(exact)
    spent = float((lots - held) @ worth) + rate * float(np.abs(lots - held) @ worth)
    shorts = (1 + rate) * float(worth @ (exact < 0))
    moved = abs(cash) + float(np.abs(held) @ worth) + float(np.abs(full[known]) @ worth)
    assert 0 <= scale <= 1
    assert (np.abs(lots - scale * full[known]) < 1 + 1e-5).all()
    assert spent <= cash + shorts + 1e-5 * float(worth.sum()) + 1e-9 * moved


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1), st.integers(0, 50)), unique=True, max_size=30))
def test_the_same_order_has_the_same_id_and_any_other_another(asked: list[tuple[int, int, int]]) -> None:
    on = Instruments.of("ABCDEFGH")
    code, leg, attempt = (np.array([row[part] for row in asked], np.int64) for part in range(3))
    ids = order_ids(KEY.id, on, code, leg.astype(np.int8), attempt)
    again = order_ids(KEY.id, on, code, leg.astype(np.int8), attempt)
    assert ids.tolist() == again.tolist()
    assert len(set(ids.tolist())) == len(asked)


@given(desks())
def test_an_empty_desk_holds_nothing_and_plans_nothing(desk: Desk) -> None:
    nothing = Desk(desk.on, Positions.flat(desk.on), Orders.none(desk.on), desk.targets[:0], desk.price)
    assert len(planned(nothing)) == 0
