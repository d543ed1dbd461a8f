from typing import Any

import numpy as np
import pytest

from execbridge.domain.bars import Bars
from execbridge.domain.costs import Commission, Slippage
from execbridge.domain.errors import BadTable, BadTransition, DomainError
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders, OrderType, Status, TimeInForce
from execbridge.domain.simulator import FillAt, MarketSimulator, Session, capped

NAN = np.nan
ON = Instruments.of(["AAPL"])
SESSION = Session(
    np.datetime64("2024-03-01"), np.datetime64("2024-03-01T14:30", "us"), np.datetime64("2024-03-01T21:00", "us")
)
NONE_TAKEN = np.zeros(1, np.int64)
BAR = Bars(ON, [0], [100.0], [105.0], [95.0], [102.0], [1000.0])
NO_BAR = Bars(ON, [0], [NAN], [NAN], [NAN], [NAN], [NAN])


def order(lots: int, **fields: Any) -> Orders:
    """Return one open order; its type follows from the prices that it has."""
    limit, stop = fields.get("limit_price", NAN), fields.get("stop_price", NAN)
    kind = 1 + (not np.isnan(limit)) + 2 * (not np.isnan(stop))
    row: dict[str, Any] = {
        "instrument": 0,
        "id": b"i" * 16,
        "decision": b"d" * 16,
        "leg": 0,
        "attempt": 0,
        "lots": lots,
        "order_type": OrderType(kind),
        "time_in_force": TimeInForce.DAY,
        "limit_price": limit,
        "stop_price": stop,
        "status": Status.ACCEPTED,
        "filled_lots": 0,
        "triggered": False,
        "timestamp": np.datetime64("2024-02-29T21:00", "us"),
    }
    return Orders(ON, **{name: [value] for name, value in {**row, **fields}.items()})


def met(orders: Orders, bars: Bars = BAR, **settings: Any) -> tuple[Orders, Fills]:
    return MarketSimulator(**settings).simulate(orders, bars, SESSION, NONE_TAKEN)


# The bar opens at 100, goes up to 105 and down to 95, and closes at 102; prices are chosen, so they are exact.
@pytest.mark.parametrize(
    ("asked", "price", "stamp"),
    [
        (order(1), 102.0, SESSION.close),
        (order(-1), 102.0, SESSION.close),
        (order(1, limit_price=101.0), 100.0, SESSION.open),
        (order(1, limit_price=100.0), 100.0, SESSION.open),
        (order(1, limit_price=97.0), 97.0, SESSION.close),
        (order(1, limit_price=95.0), 95.0, SESSION.close),
        (order(1, limit_price=94.99), None, None),
        (order(-1, limit_price=99.0), 100.0, SESSION.open),
        (order(-1, limit_price=104.0), 104.0, SESSION.close),
        (order(-1, limit_price=105.01), None, None),
        (order(1, stop_price=99.0), 100.0, SESSION.open),
        (order(1, stop_price=103.0), 103.0, SESSION.close),
        (order(1, stop_price=105.01), None, None),
        (order(-1, stop_price=101.0), 100.0, SESSION.open),
        (order(-1, stop_price=96.0), 96.0, SESSION.close),
        (order(-1, stop_price=94.0), None, None),
        (order(1, stop_price=103.0, limit_price=104.0), 103.0, SESSION.close),
        (order(1, stop_price=99.0, limit_price=104.0), 100.0, SESSION.open),
        (order(1, stop_price=99.0, limit_price=97.0), 97.0, SESSION.close),
        (order(1, stop_price=104.0, limit_price=103.0), 103.0, SESSION.close),
        (order(1, stop_price=104.0, limit_price=101.0), None, None),
        (order(1, stop_price=104.0, limit_price=100.0), None, None),
        (order(1, stop_price=106.0, limit_price=107.0), None, None),
        (order(-1, stop_price=96.0, limit_price=95.0), 96.0, SESSION.close),
        (order(-1, stop_price=96.0, limit_price=101.0), 101.0, SESSION.close),
        (order(-1, stop_price=96.0, limit_price=103.0), None, None),
        (order(1, stop_price=106.0, triggered=True), 100.0, SESSION.open),
        (order(1, stop_price=106.0, limit_price=98.0, triggered=True), 98.0, SESSION.close),
    ],
)
def test_the_price_that_an_order_meets(asked: Orders, price: float | None, stamp: np.datetime64 | None) -> None:
    _, fills = met(asked)
    assert fills.price.tolist() == ([] if price is None else [price])
    assert fills.timestamp.tolist() == ([] if stamp is None else [stamp.item()])


@pytest.mark.parametrize(
    ("fill_at", "price", "stamp"),
    [
        (FillAt.CLOSE, 102.0, SESSION.close),
        (FillAt.NEXT_OPEN, 100.0, SESSION.open),
        (FillAt.NEXT_CLOSE, 102.0, SESSION.close),
    ],
)
def test_where_a_market_order_fills(fill_at: FillAt, price: float, stamp: np.datetime64) -> None:
    for others in (order(1)[:0], order(1, id=b"x" * 16, limit_price=1.0)):
        _, fills = met(Orders.concat([order(1), others]), fill_at=fill_at)
        assert (fills.price.tolist(), fills.timestamp.tolist()) == ([price], [stamp.item()])


def test_a_gap_through_a_stop_fills_at_the_open_and_never_at_the_stop() -> None:
    gap = Bars(ON, [0], [80.0], [85.0], [79.0], [84.0], [1.0])
    # Exact: the open.
    assert met(order(-1, stop_price=96.0), gap)[1].price.tolist() == [80.0]


def test_a_gap_through_a_limit_fills_at_the_better_open() -> None:
    gap = Bars(ON, [0], [80.0], [85.0], [79.0], [84.0], [1.0])
    assert met(order(1, limit_price=96.0), gap)[1].price.tolist() == [80.0]


def test_a_stop_that_is_touched_and_not_filled_is_carried_as_touched() -> None:
    asked = order(100, stop_price=103.0, time_in_force=TimeInForce.GTC)
    part, first = met(asked, participation=0.01)
    assert (first.lots.tolist(), part[0].status, part[0].triggered) == ([10], Status.PARTIALLY_FILLED, True)
    below = Bars(ON, [0], [90.0], [91.0], [89.0], [90.5], [1000.0])
    rest, second = met(part, below)
    assert (second.lots.tolist(), second.price.tolist(), rest[0].status) == ([90], [90.0], Status.FILLED)


def test_a_stop_limit_that_is_touched_waits_as_a_limit() -> None:
    waits, none = met(order(1, stop_price=104.0, limit_price=101.0, time_in_force=TimeInForce.GTC))
    assert (len(none), waits[0].triggered, waits[0].status) == (0, True, Status.ACCEPTED)
    assert met(waits)[1].price.tolist() == [100.0]


def test_in_the_closing_auction_all_orders_meet_the_close() -> None:
    asked = [order(1, limit_price=103.0), order(1, stop_price=101.0), order(1), order(1, limit_price=101.0)]
    table = Orders.concat([Orders(**{**each._fields(), "id": [bytes([row]) * 16]}) for row, each in enumerate(asked)])
    after, fills = MarketSimulator().simulate(table, BAR.at_close, SESSION.at_close, NONE_TAKEN)
    assert fills.price.tolist() == [102.0] * 3
    assert fills.timestamp.tolist() == [SESSION.close.item()] * 3
    assert after[3].status is Status.EXPIRED


@pytest.mark.parametrize("time_in_force", TimeInForce)
def test_a_day_without_a_bar_changes_nothing(time_in_force: TimeInForce) -> None:
    part = order(10, status=Status.PARTIALLY_FILLED, filled_lots=4, time_in_force=time_in_force)
    after, fills = met(part, NO_BAR, participation=0.5, slippage=Slippage(impact=0.1))
    assert after == part
    assert len(fills) == 0


@pytest.mark.parametrize(
    ("time_in_force", "status"), [(TimeInForce.DAY, Status.EXPIRED), (TimeInForce.GTC, Status.PARTIALLY_FILLED)]
)
def test_what_participation_leaves_expires_or_is_carried(time_in_force: TimeInForce, status: Status) -> None:
    after, fills = met(order(-150, time_in_force=time_in_force), participation=0.1)
    assert fills.lots.tolist() == [-100]
    assert (after[0].status, after[0].filled_lots) == (status, -100)


def test_the_volume_that_is_used_up_is_not_used_again() -> None:
    after, fills = MarketSimulator(participation=0.1).simulate(order(150), BAR, SESSION, np.array([70]))
    assert fills.lots.tolist() == [30]
    assert len(MarketSimulator(participation=0.1).simulate(after[:0], BAR, SESSION, np.array([100]))[1]) == 0


@pytest.mark.parametrize("volume", [0.0, NAN])
@pytest.mark.parametrize("settings", [{"participation": 1.0}, {"slippage": Slippage(impact=0.1)}])
def test_without_a_volume_nothing_is_filled_that_asks_for_one(volume: float, settings: dict[str, Any]) -> None:
    bar = Bars(ON, [0], [100.0], [100.0], [100.0], [100.0], [volume])
    after, fills = met(order(1), bar, **settings)
    assert (len(fills), after[0].status) == (0, Status.EXPIRED)
    assert met(order(1), bar)[0][0].status is Status.FILLED


def test_a_huge_volume_has_room_for_every_order() -> None:
    bar = Bars(ON, [0], [100.0], [100.0], [100.0], [100.0], [1e300])
    assert met(order(2**53), bar, participation=1.0)[1].lots.tolist() == [2**53]


def test_earlier_orders_are_served_first() -> None:
    table = Orders.concat([Orders(**{**order(-40)._fields(), "id": [bytes([row]) * 16]}) for row in range(3)])
    assert capped(table, table.lots, BAR.volume, 0.07, np.array([5])).tolist() == [-40, -25, 0]


def test_slippage_goes_against_the_order_and_a_limit_holds() -> None:
    slippage = Slippage(bps=100)
    assert met(order(1), slippage=slippage)[1].price.tolist() == pytest.approx([103.02])
    assert met(order(-1), slippage=slippage)[1].price.tolist() == pytest.approx([100.98])
    # Exact: the limits themselves.
    assert met(order(1, limit_price=100.5), slippage=slippage)[1].price.tolist() == [100.5]
    assert met(order(-1, limit_price=99.5), slippage=slippage)[1].price.tolist() == [99.5]


def test_impact_grows_with_the_square_of_the_share() -> None:
    assert met(order(100), slippage=Slippage(impact=0.1))[1].price.tolist() == pytest.approx([102 * 1.001])


def test_no_sale_is_for_nothing_nor_for_more_than_there_was() -> None:
    penny = Bars(ON, [0], [0.005], [0.005], [0.005], [0.005], [1.0])
    # Exact: a tick, and the price below one.
    assert met(order(-1), slippage=Slippage(bps=20_000))[1].price.tolist() == [0.01]
    assert met(order(-1), penny, slippage=Slippage(bps=20_000))[1].price.tolist() == [0.005]


def test_a_fill_bears_its_order_and_its_charge() -> None:
    asked = order(10)
    fill = met(asked, commission=Commission(bps=10, minimum=0.5))[1][0]
    assert fill.order == asked[0].id
    assert fill.id != asked[0].id
    assert fill.commission == pytest.approx(1.02)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, NAN])
def test_participation_is_a_fraction(share: float) -> None:
    with pytest.raises(DomainError, match="participation is a fraction of the volume above 0 and at most 1"):
        MarketSimulator(participation=share)


def test_only_open_orders_meet_the_market() -> None:
    with pytest.raises(BadTransition, match="from CANCELLED"):
        met(order(1, status=Status.CANCELLED))


def test_bars_lie_along_the_whole_axis_of_the_orders() -> None:
    with pytest.raises(BadTable, match="bars lie along the whole axis of 1, in order, were 0"):
        met(order(1), BAR[:0])
    with pytest.raises(BadTable, match="one axis"):
        met(Orders.none(Instruments.of(["MSFT"])))


def test_no_orders_get_no_fills() -> None:
    after, fills = met(Orders.none(ON), participation=0.1, slippage=Slippage(bps=1, impact=0.1))
    assert (len(after), len(fills)) == (0, 0)
