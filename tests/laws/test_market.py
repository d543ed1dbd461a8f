"""The simulated market: no order gets more, better or sooner than a session can give."""

import numpy as np
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.costs import Commission, Slippage
from execbridge.domain.fills import Fills
from execbridge.domain.orders import TRANSITIONS, Orders, OrderType, Status, TimeInForce
from execbridge.domain.simulator import MarketSimulator, capped, reached

from .. import twins
from ..strategies import LIMITED, SESSION, Market, markets

shares = st.sampled_from([0.01, 0.1, 1.0])


def simulated(market: Market) -> tuple[Orders, Fills]:
    return market.simulator.simulate(market.orders, market.bars, SESSION, market.taken_lots)


def still_open(orders: Orders) -> Orders:
    return orders[orders.is_open]


@given(markets(types=LIMITED))
def test_a_limit_is_never_filled_worse(market: Market) -> None:
    limit = {order.id: order.limit_price for order in market.orders}
    for fill in simulated(market)[1]:
        assert (limit[fill.order] - fill.price) * fill.lots >= 0


@given(markets())
def test_slippage_never_helps(market: Market) -> None:
    free = evolve(
        market, simulator=evolve(market.simulator, slippage=Slippage(impact=market.simulator.slippage.impact))
    )
    paid, best = simulated(market)[1], simulated(free)[1]
    assert paid.lots.tolist() == best.lots.tolist()
    assert ((paid.price - best.price) * np.sign(paid.lots) >= 0).all()


@given(markets())
def test_what_is_filled_is_a_fill_that_may_be_made(market: Market) -> None:
    orders, fills = simulated(market)
    assert Fills(**fills._fields()) == fills
    assert Orders(**orders._fields()) == orders


@given(markets())
def test_status_and_filled_lots_never_go_backwards(market: Market) -> None:
    orders = market.orders
    for _ in range(3):
        after = still_open(market.simulator.simulate(orders, market.bars, SESSION, market.taken_lots)[0])
        before = orders[np.isin(orders.id, after.id)]
        steps = zip(before, after, strict=True)
        assert all(then.status in {now.status} | TRANSITIONS[now.status] for now, then in steps)
        assert (np.abs(after.filled_lots) >= np.abs(before.filled_lots)).all()
        assert (after.triggered >= before.triggered).all()
        orders = after


@given(markets(), shares)
def test_participation_is_never_exceeded_over_orders_and_calls(market: Market, share: float) -> None:
    simulator = evolve(market.simulator, participation=share)
    orders, taken = market.orders, np.zeros(len(market.on), np.int64)
    for _ in range(3):
        orders, fills = simulator.simulate(orders, market.bars, SESSION, taken)
        taken = taken + market.on.total(fills.instrument, np.abs(fills.lots))
        orders = still_open(orders)
    room = np.nan_to_num(market.bars.volume) * share / market.on.lot_size
    assert (taken <= room * (1 + 1e-12) + 1e-6).all()


@given(markets())
def test_a_day_without_a_price_fills_nothing_and_loses_nothing(market: Market) -> None:
    absent = np.isnan(market.bars.close)[market.orders.instrument]
    orders, fills = simulated(market)
    assert not np.isin(fills.order, market.orders.id[absent]).any()
    waiting = orders[absent]
    assert waiting.is_open.all()
    assert waiting.filled_lots.tolist() == market.orders[absent].filled_lots.tolist()
    assert waiting.triggered.tolist() == market.orders[absent].triggered.tolist()


@given(markets())
def test_what_remains_is_carried_or_expires_by_its_time_in_force(market: Market) -> None:
    left = [order for order in simulated(market)[0] if order.filled_lots != order.lots]
    close = twins.by_id(market.on, market.bars.close)
    expired = [order.status is Status.EXPIRED for order in left]
    assert expired == [order.time_in_force is TimeInForce.DAY and close[order.instrument] > 0 for order in left]


@given(markets(types=(OrderType.MARKET,)))
def test_a_market_order_meets_any_bar_there_is(market: Market) -> None:
    plain = evolve(market, simulator=MarketSimulator())
    priced = ~np.isnan(market.bars.close)[market.orders.instrument]
    fills = simulated(plain)[1]
    assert fills.lots.tolist() == market.orders.remaining_lots[priced].tolist()
    # Exact: without slippage the price is the bar's own.
    assert fills.price.tolist() == market.bars.close[market.orders.instrument[priced]].tolist()


@given(markets())
def test_the_closing_auction_has_one_price(market: Market) -> None:
    auction = evolve(market, bars=market.bars.at_close, simulator=MarketSimulator())
    _, fills = auction.simulator.simulate(auction.orders, auction.bars, SESSION.at_close, auction.taken_lots)
    # Exact: without slippage nothing is computed.
    assert fills.price.tolist() == market.bars.close[fills.instrument].tolist()
    assert set(fills.timestamp.tolist()) <= {SESSION.close.item()}


@given(markets(), st.booleans())
def test_the_price_met_lies_within_the_bar(market: Market, at_open: bool) -> None:
    at = market.orders.instrument
    price = reached(market.orders, market.bars, at_open=at_open)[0]
    met = ~np.isnan(price)
    assert (price[met] <= market.bars.high[at][met]).all()
    assert (price[met] >= market.bars.low[at][met]).all()


@given(markets())
def test_the_same_session_gives_the_same_tables_again(market: Market) -> None:
    assert simulated(market) == simulated(market)


@given(markets())
def test_every_fill_has_an_id_of_its_own(market: Market) -> None:
    orders, first = simulated(market)
    _, second = market.simulator.simulate(still_open(orders), market.bars, SESSION, market.taken_lots)
    ids = [*first.id.tolist(), *second.id.tolist()]
    assert len(set(ids)) == len(ids)


@given(markets())
def test_meeting_a_bar_is_its_slow_twin(market: Market) -> None:
    for at_open in (False, True):
        price, touched, first = reached(market.orders, market.bars, at_open=at_open)
        session = {bar.instrument: bar for bar in market.bars}
        slow = [twins.meet(order, session[order.instrument], at_open=at_open) for order in market.orders]
        # Exact: prices are chosen, never computed.
        assert np.array_equal(price, np.array([row[0] for row in slow], float), equal_nan=True)
        assert touched.tolist() == [row[1] for row in slow]
        met = ~np.isnan(price)
        assert first[met].tolist() == np.array([row[2] for row in slow], bool)[met].tolist()


@given(markets())
def test_simulating_is_its_slow_twin(market: Market) -> None:
    orders, fills = simulated(market)
    taken = twins.by_id(market.on, market.taken_lots)
    stood, filled = twins.simulate(market.simulator, market.orders, market.bars, taken)
    assert [(order.status, order.filled_lots, order.triggered) for order in orders] == stood
    assert [(fill.order, fill.lots) for fill in fills] == [(fill.order, fill.lots) for fill in filled]
    assert np.allclose(fills.price, [fill.price for fill in filled], rtol=1e-9, atol=0)
    assert np.allclose(fills.commission, [fill.commission for fill in filled], rtol=1e-9, atol=0)
    stamps = [SESSION.open if fill.at_open else SESSION.close for fill in filled]
    assert fills.timestamp.tolist() == [stamp.item() for stamp in stamps]


@given(markets(), shares)
def test_cutting_to_participation_is_its_slow_twin(market: Market, share: float) -> None:
    lots = capped(market.orders, market.orders.lots, market.bars.volume, share, market.taken_lots)
    taken = twins.by_id(market.on, market.taken_lots)
    slow = twins.capped(market.orders, twins.by_id(market.on, market.bars.volume), share, taken)
    assert lots.tolist() == slow


@given(st.floats(0, 1e300) | st.just(np.nan), st.integers(-(2**53), 2**53), st.floats(0, 1e6))
def test_costs_are_never_a_gift(notional: float, lots: int, bps: float) -> None:
    each, one = np.array([notional]), np.array([abs(lots)], float)
    for costs in (Commission(bps=bps), Commission(per_share=bps), Commission(bps=bps, minimum=1.0)):
        assert not (costs.charge(each, one) < 0).any()
