from typing import Any

import numpy as np
import pytest

from execbridge.domain.errors import BadTable, DomainError
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders, OrderType, Status, TimeInForce
from execbridge.domain.planner import Reason
from execbridge.domain.positions import Positions
from execbridge.domain.risk import NO_LIMITS, Basket, Limits, screen

NAN = np.nan
ON = Instruments.of(["AAPL", "MSFT"])


def orders(*rows: tuple[int, int, int] | tuple[int, int, int, float]) -> Orders:
    """Return orders of (instrument, leg, lots) and a limit, if there is one."""
    if not rows:
        return Orders.none(ON)
    count = len(rows)
    limit = [row[3] if len(row) == 4 else NAN for row in rows]
    return Orders(
        ON,
        instrument=[row[0] for row in rows],
        id=[bytes([number]) * 16 for number in range(1, count + 1)],
        decision=[b"d" * 16] * count,
        leg=[row[1] for row in rows],
        attempt=[0] * count,
        lots=[row[2] for row in rows],
        order_type=[OrderType.LIMIT if len(row) == 4 else OrderType.MARKET for row in rows],
        time_in_force=[TimeInForce.DAY] * count,
        limit_price=limit,
        stop_price=[NAN] * count,
        status=[Status.PENDING] * count,
        filled_lots=[0] * count,
        triggered=[False] * count,
        timestamp=np.zeros(count, "M8[us]"),
    )


def basket(asked: Orders, held: tuple[int, int] = (0, 0), **fields: Any) -> Basket:
    """Return a basket at prices of 100 and 10, volumes of 1000 and equity of 10,000."""
    positions = Positions(ON, ON.code, held, np.array(held) * 1.0, [0.0, 0.0], [NAN, NAN])
    met = {"working": orders(), "price": np.array([100.0, 10.0]), "volume": np.array([1000.0, 1000.0]), "equity": 1e4}
    return Basket(orders=asked, positions=positions, **{**met, **fields})


def refused(basket: Basket, **limits: Any) -> list[tuple[str, int, Reason, float]]:
    passed, refusals = screen(basket, Limits(**limits))
    assert passed.sum() + len(refusals) == len(basket.orders)
    return [(row.instrument, row.leg, row.reason, row.value) for row in refusals]


def test_a_limit_is_off_only_when_it_is_left_out() -> None:
    assert NO_LIMITS.are_off
    assert not Limits(order_count_max=5).are_off
    assert refused(basket(orders((0, 0, 10**9)), price=np.array([NAN, NAN]))) == []


@pytest.mark.parametrize("limit", ["order_notional_max", "gross_leverage_max", "order_count_max", "participation_max"])
@pytest.mark.parametrize("value", [0, -1, NAN, np.inf])
def test_a_limit_is_above_zero_and_finite(limit: str, value: float) -> None:
    asked: dict[str, Any] = {limit: value}
    with pytest.raises(DomainError, match=f"limit {limit} is above zero and finite, or left out; was {value}"):
        Limits(**asked)


def test_nothing_is_refused_of_nothing() -> None:
    assert refused(basket(orders()), order_count_max=1) == []


# Exact throughout: small whole numbers.
def test_an_order_is_not_worth_more_than_it_may() -> None:
    asked = orders((0, 0, 10), (0, 0, -11), (1, 0, 100))
    assert refused(basket(asked), order_notional_max=1000.0) == [("AAPL", 0, Reason.ORDER_NOTIONAL, 1100.0)]


def test_a_refusal_says_lots_value_and_limit() -> None:
    refusal = screen(basket(orders((0, 0, -11))), Limits(order_notional_max=1000.0))[1][0]
    assert (refusal.lots, refusal.value, refusal.limit) == (-11, 1100.0, 1000.0)


def test_a_position_counts_what_is_held_and_working() -> None:
    working = orders((0, 0, 4))
    met = basket(orders((0, 0, 3)), held=(4, 0), working=working)
    assert refused(met, position_notional_max=1000.0) == [("AAPL", 0, Reason.POSITION_NOTIONAL, 1100.0)]
    assert refused(met, position_notional_max=1100.0) == []


def test_what_reduces_a_position_passes_its_limit_and_what_opens_another_does_not() -> None:
    assert refused(basket(orders((0, 0, -5)), held=(50, 0)), position_notional_max=100.0) == []
    flip = basket(orders((0, 0, -50), (0, 1, -20)), held=(50, 0))
    assert refused(flip, position_notional_max=100.0) == [("AAPL", 1, Reason.POSITION_NOTIONAL, 2000.0)]


def test_a_sale_of_what_is_being_sold_already_reduces_nothing() -> None:
    met = basket(orders((0, 0, -30)), held=(50, 0), working=orders((0, 0, -50)))
    assert refused(met, position_notional_max=100.0) == [("AAPL", 0, Reason.POSITION_NOTIONAL, 3000.0)]


def test_a_price_stays_near_the_last_one() -> None:
    asked = orders((0, 0, 1, 101.0), (0, 0, 1, 98.0), (1, 0, 1))
    assert refused(basket(asked), price_collar=0.015) == [("AAPL", 0, Reason.PRICE_COLLAR, pytest.approx(0.02))]


def test_a_price_far_from_an_unknown_one_is_refused() -> None:
    met = basket(orders((0, 0, 1, 101.0), (0, 0, 1)), price=np.array([NAN, 10.0]))
    assert [row[2] for row in refused(met, price_collar=0.5)] == [Reason.PRICE_COLLAR] * 2


def test_participation_counts_both_legs_of_a_flip() -> None:
    flip = basket(orders((0, 0, -60), (0, 1, -60)), held=(60, 0))
    assert refused(flip, participation_max=0.1) == [("AAPL", 1, Reason.PARTICIPATION, 0.12)]


@pytest.mark.parametrize("volume", [NAN, 0.0])
def test_no_share_of_no_volume_is_small_enough(volume: float) -> None:
    met = basket(orders((0, 0, 1)), volume=np.array([volume, 1.0]))
    assert refused(met, participation_max=1.0) == [("AAPL", 0, Reason.PARTICIPATION, np.inf)]


def test_leverage_refuses_what_adds_and_passes_what_reduces() -> None:
    asked = orders((0, 0, 60), (1, 0, -100))
    met = basket(asked, held=(100, 500))
    assert refused(met, gross_leverage_max=1.5) == [("AAPL", 0, Reason.GROSS_LEVERAGE, 2.0)]
    assert refused(met, gross_leverage_max=2.0) == []


def test_net_leverage_sets_shorts_against_longs() -> None:
    asked = orders((0, 0, 100), (1, 0, -900))
    assert refused(basket(asked), gross_leverage_max=2.0, net_leverage_max=0.1) == []
    assert [row[2:] for row in refused(basket(asked), net_leverage_max=0.05)] == [(Reason.NET_LEVERAGE, 0.1)] * 2


def test_leverage_of_very_many_lots_tells_reducing_from_adding() -> None:
    many = 2**40
    met = basket(orders((0, 0, -many)), held=(2 * many, 0))
    assert refused(met, gross_leverage_max=1.0) == []


def test_a_sale_of_more_than_is_held_does_not_only_reduce() -> None:
    met = basket(orders((0, 0, -300)), held=(100, 0), working=orders((0, 0, 50)))
    assert [row[2] for row in refused(met, gross_leverage_max=1.0)] == [Reason.GROSS_LEVERAGE]


@pytest.mark.parametrize("equity", [0.0, -1.0, NAN, np.inf])
def test_without_equity_every_leverage_is_too_high(equity: float) -> None:
    met = basket(orders((0, 0, 1)), equity=equity)
    assert refused(met, gross_leverage_max=1e9) == [("AAPL", 0, Reason.GROSS_LEVERAGE, np.inf)]


def test_a_holding_without_a_price_makes_leverage_unknown() -> None:
    met = basket(orders((1, 0, 1)), held=(5, 0), price=np.array([NAN, 10.0]))
    assert [row[2] for row in refused(met, net_leverage_max=1e9)] == [Reason.NET_LEVERAGE]


def test_an_opening_leg_goes_with_its_closing_leg() -> None:
    flip = basket(orders((0, 0, -60), (0, 1, -5)), held=(60, 0))
    reasons = [row[1:3] for row in refused(flip, order_notional_max=1000.0)]
    assert reasons == [(0, Reason.ORDER_NOTIONAL), (1, Reason.CLOSING_LEG)]


def test_too_many_orders_refuse_the_whole_basket() -> None:
    asked = orders((0, 0, 1), (1, 0, 1))
    assert [row[2:] for row in refused(basket(asked), order_count_max=1)] == [(Reason.ORDER_COUNT, 2.0)] * 2
    assert refused(basket(asked), order_count_max=2) == []


def test_a_basket_lies_along_one_axis() -> None:
    elsewhere = Orders.none(Instruments.of(["AAPL", "IBM"]))
    with pytest.raises(BadTable, match="one axis"):
        screen(basket(orders(), working=elsewhere), NO_LIMITS)
