import numpy as np
import pytest

from execbridge.domain.errors import BadTable
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.positions import Positions, rounds
from execbridge.domain.table import LOTS_MAX

ON = Instruments.of(["AAPL", Instrument("ES", multiplier=50.0), "MSFT"])


def trades(*rows: tuple[int, int, float]) -> Fills:
    """Return fills of (instrument, lots, price), free of charge."""
    ids = [bytes([number]) * 16 for number in range(1, len(rows) + 1)]
    code, lots, price = zip(*rows, strict=True)
    return Fills(ON, code, ids, ids, lots, price, [0.0] * len(rows), np.zeros(len(rows), "M8[us]"))


def book(*rows: tuple[int, int, float]) -> list[tuple[int, float, float]]:
    """Return lots, average cost and realised profit of AAPL after fills of it."""
    after = Positions.flat(ON).after(trades(*rows))
    return [(int(after.lots[0]), float(after.avg_cost[0]), float(after.realized_pnl[0]))]


# Exact throughout: the numbers are small and whole.
@pytest.mark.parametrize(
    ("fills", "lots", "avg_cost", "realized"),
    [
        ([(100, 10.0)], 100, 10.0, 0.0),
        ([(100, 10.0), (100, 12.0)], 200, 11.0, 0.0),
        ([(100, 10.0), (-40, 12.0)], 60, 10.0, 80.0),
        ([(100, 10.0), (-150, 12.0)], -50, 12.0, 200.0),
        ([(-100, 10.0)], -100, 10.0, 0.0),
        ([(-100, 10.0), (-100, 8.0)], -200, 9.0, 0.0),
        ([(-100, 10.0), (40, 8.0)], -60, 10.0, 80.0),
        ([(-100, 10.0), (150, 8.0)], 50, 8.0, 200.0),
    ],
)
def test_average_cost_through_zero(fills: list[tuple[int, float]], lots: int, avg_cost: float, realized: float) -> None:
    assert book(*[(0, count, price) for count, price in fills]) == [(lots, avg_cost, realized)]


def test_what_is_closed_costs_nothing_and_keeps_its_profit() -> None:
    after = Positions.flat(ON).after(trades((0, 100, 10.0), (0, -100, 12.5)))
    assert (after[0].lots, after[0].cost, after[0].realized_pnl) == (0, 0.0, 250.0)
    assert np.isnan(after.avg_cost[0])


def test_the_last_lot_of_very_many_costs_what_each_did() -> None:
    most = 2**52 + 1
    after = Positions.flat(ON).after(trades((0, most, 0.37), (0, 1 - most, 0.41)))
    assert after.avg_cost[0] == pytest.approx(0.37, rel=1e-12)
    assert after.realized_pnl[0] == pytest.approx((most - 1) * 0.04, rel=1e-12)


def test_the_first_lot_of_very_many_earns_its_own_difference() -> None:
    after = Positions.flat(ON).after(trades((0, 2**53 - 1, 0.37), (0, -1, 0.41)))
    assert after.realized_pnl[0] == pytest.approx(0.04, rel=1e-9)


def test_a_multiplier_multiplies_money_and_not_the_average() -> None:
    after = Positions.flat(ON).after(trades((1, 2, 5000.0), (1, -1, 5010.0))).mark(np.array([1.0, 5020.0, 1.0]))
    # Exact: whole numbers.
    assert after[1].cost == 250_000.0
    assert after.avg_cost[1] == 5000.0
    assert after.realized_pnl[1] == 500.0
    assert after.market_value[1] == 251_000.0
    assert after.unrealized_pnl[1] == 1000.0


def test_several_fills_of_several_instruments_are_taken_in_their_order() -> None:
    after = Positions.flat(ON).after(trades((2, 5, 1.0), (0, 10, 10.0), (2, -5, 2.0), (0, -10, 11.0), (2, 7, 3.0)))
    assert after.lots.tolist() == [0, 0, 7]
    assert after.realized_pnl.tolist() == [10.0, 0.0, 5.0]


def test_a_position_that_is_not_marked_has_no_value_and_a_flat_one_has_none_to_know() -> None:
    held = Positions(ON, [0, 2], [5, 0], [50.0, 0.0], [0.0, 0.0], [np.nan, np.nan])
    assert np.array_equal(held.market_value, [np.nan, 0.0], equal_nan=True)
    assert np.array_equal(held.unrealized_pnl, [np.nan, 0.0], equal_nan=True)


def test_along_the_axis_everything_else_is_flat() -> None:
    held = Positions(ON, [2], [5], [50.0], [3.0], [11.0])
    along = held.along()
    assert along.lots.tolist() == [0, 0, 5]
    assert along.realized_pnl.tolist() == [0.0, 0.0, 3.0]
    assert along.held == held
    assert along.along() is along


def test_marking_copies_the_prices() -> None:
    price = np.array([1.0, 2.0, 3.0])
    marked = Positions.flat(ON).mark(price)
    price[0] = 99.0
    assert marked.price.tolist() == [1.0, 2.0, 3.0]


def test_prices_lie_along_the_whole_axis() -> None:
    with pytest.raises(BadTable, match="prices lie along the whole axis of 3, were 1"):
        Positions.flat(ON).mark(np.array([1.0]))


def test_fills_lie_along_the_same_axis() -> None:
    with pytest.raises(BadTable, match="one axis"):
        Positions.flat(Instruments.of(["AAPL", "B", "C"])).after(trades((0, 1, 1.0)))


def test_no_more_lots_are_held_than_floats_can_count() -> None:
    with pytest.raises(BadTable, match=r"at most 2\*\*53 lots are held; would be more of AAPL"):
        Positions.flat(ON).after(trades((0, LOTS_MAX, 1.0), (0, 1, 1.0)))


@pytest.mark.parametrize(
    ("lots", "cost", "realized", "price", "rule"),
    [
        (LOTS_MAX + 1, 1.0, 0.0, 1.0, r"at most 2\*\*53 lots are held; lots was AAPL: 9007199254740993"),
        (-(2**63), 1.0, 0.0, 1.0, "lots are held; lots was AAPL: -9223372036854775808"),
        (1, np.nan, 0.0, 1.0, "an open cost is a number; cost was AAPL: nan"),
        (0, 1.0, 0.0, 1.0, "what is flat has no open cost; cost was AAPL: 1.0"),
        (1, 1.0, np.inf, 1.0, "a realised profit is a number; realized_pnl was AAPL: inf"),
        (1, 1.0, 0.0, 0.0, "a mark is above zero and finite, or NaN where not known; price was AAPL: 0.0"),
        (1, 1.0, 0.0, np.inf, "a mark is above zero and finite"),
    ],
)
def test_what_cannot_be_held_is_refused(lots: int, cost: float, realized: float, price: float, rule: str) -> None:
    with pytest.raises(BadTable, match=rule):
        Positions(ON, [0], [lots], [cost], [realized], [price])


def test_one_row_an_instrument() -> None:
    with pytest.raises(BadTable, match="one row an instrument; instrument was AAPL"):
        Positions(ON, [0, 0], [1, 1], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0])


def test_rounds_take_the_first_of_each_then_the_second() -> None:
    turns = [np.arange(5)[turn].tolist() for turn in rounds(np.array([2, 0, 2, 2, 0]))]
    assert turns == [[0, 1], [2, 4], [3]]
    assert list(rounds(np.array([], np.int64))) == []
    assert list(rounds(np.array([1, 0]))) == [slice(None)]
