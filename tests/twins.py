"""The rules of the domain once more: slow, row by row, over plain Python objects, to referee the fast ones."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar
from uuid import UUID

import attrs
import numpy as np
from numpy.typing import NDArray

from execbridge.domain.bars import Bar, Bars
from execbridge.domain.fills import Fill, Fills
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.orders import Order, Orders, OrderType, Status, TimeInForce
from execbridge.domain.planner import Reason
from execbridge.domain.positions import Positions
from execbridge.domain.risk import Basket, Limits
from execbridge.domain.simulator import FillAt, MarketSimulator
from execbridge.domain.table import Float64
from execbridge.domain.targets import Targets, Unit
from execbridge.domain.terms import OrderTerms

Number = TypeVar("Number", np.int64, np.float64)

NAN = math.nan
LIMITED = {OrderType.LIMIT, OrderType.STOP_LIMIT}
STOPPED = {OrderType.STOP, OrderType.STOP_LIMIT}


def sign(value: float) -> int:
    """Return -1, 0 or 1."""
    return (value > 0) - (value < 0)


def plain(row: object) -> tuple[object, ...]:
    """Return the fields of *row*, None for NaN, so that rows compare."""
    values = attrs.astuple(row, recurse=False)  # type: ignore[arg-type]
    return tuple(None if isinstance(value, float) and math.isnan(value) else value for value in values)


def by_id(on: Instruments, column: NDArray[Number]) -> dict[str, Any]:
    """Return a column along the axis as a mapping."""
    return dict(zip(on.names, column.tolist(), strict=True))


def whole_lots(exact: float) -> int:
    """Round towards zero, forgiving a millionth of a lot."""
    return math.trunc(exact + math.copysign(1e-6, exact))


def size_targets(targets: Targets, price: Float64, equity: float) -> dict[str, float]:
    """Return the exact lots of every instrument, unscaled."""
    said = {target.instrument: target.amount for target in targets}
    prices = by_id(targets.on, price)
    sized = {}
    for each in targets.on:
        amount = said.get(each.id, 0.0 if targets.complete else NAN)
        if math.isnan(amount) or math.isnan(prices[each.id]):
            sized[each.id] = NAN
        elif targets.unit is Unit.QUANTITY:
            sized[each.id] = amount / each.lot_size
        elif amount == 0:
            sized[each.id] = 0.0
        elif equity > 0:
            sized[each.id] = amount * equity / (prices[each.id] * each.lot_size * each.multiplier)
        else:
            sized[each.id] = NAN
    return sized


def cash_left(
    scale: float, wanted: Sequence[float], held: Sequence[float], worth: Sequence[float], *, cash: float, rate: float
) -> float:
    """Return the cash after trading from *held* to *scale* times *wanted*."""
    left = [cash]
    for want, hold, value in zip(wanted, held, worth, strict=True):
        change = scale * want - hold
        left.append(-change * value - rate * abs(change) * value)
    return math.fsum(left)


def cash_scale(
    wanted: Sequence[float], held: Sequence[float], worth: Sequence[float], *, cash: float, rate: float
) -> float:
    """Return the largest scale that leaves no cash missing, by halving, where none at all would leave none missing."""
    low, high = 0.0, 1.0
    if cash_left(high, wanted, held, worth, cash=cash, rate=rate) >= 0:
        return high
    for _ in range(100):
        middle = (low + high) / 2
        if cash_left(middle, wanted, held, worth, cash=cash, rate=rate) >= 0:
            low = middle
        else:
            high = middle
    return low


@attrs.frozen
class Asked:
    """What of an order the plan decides."""

    instrument: str
    leg: int
    lots: int
    limit_price: float
    stop_price: float


def plan_orders(
    exact: Mapping[str, float],
    positions: Positions,
    working: Orders,
    price: Mapping[str, float],
    terms: OrderTerms,
) -> list[Asked]:
    """Return what is asked for, sells first, then by instrument and leg."""
    expected: dict[str, int] = defaultdict(int)
    for position in positions:
        expected[position.instrument] += position.lots
    for order in working:
        expected[order.instrument] += order.lots - order.filled_lots
    asked = []
    for each in positions.on:
        name = each.id
        if math.isnan(exact[name]) or math.isnan(price[name]):
            continue
        wanted, there = whole_lots(exact[name]), expected[name]
        parts = [-there, wanted] if sign(wanted) * sign(there) < 0 else [wanted - there]
        for leg, lots in enumerate(parts):
            if lots:
                limit, stop = order_prices(sign(lots), price[name], each.tick_size, terms)
                asked.append(Asked(name, leg, lots, limit, stop))
    return sorted(asked, key=lambda row: (row.lots > 0, row.instrument, row.leg))


def order_prices(side: int, price: float, tick: float, terms: OrderTerms) -> tuple[float, float]:
    """Return the limit and the stop of one order, NaN where its type has none."""
    stop = limit = NAN
    if terms.order_type in STOPPED:
        stop = on_tick(price * (1 + side * terms.stop_offset_bps / 10_000), tick, up=side > 0)
    if terms.order_type in LIMITED:
        around = stop if terms.order_type in STOPPED else price
        limit = on_tick(around * (1 + side * terms.limit_offset_bps / 10_000), tick, up=side < 0)
    return limit, stop


def on_tick(price: float, tick: float, *, up: bool) -> float:
    """Return *price* on a whole tick, at least one."""
    ticks = price / tick
    return max(math.ceil(ticks - 1e-6) if up else math.floor(ticks + 1e-6), 1) * tick


def meet(order: Order, bar: Bar, *, at_open: bool) -> tuple[float, bool, bool]:  # noqa: PLR0911 - one an outcome.
    """Return the price that *order* meets in *bar*, whether its stop is touched, and whether it was met at the open."""
    buys, kind = order.lots > 0, order.order_type
    if math.isnan(bar.close):
        return NAN, order.triggered, False

    def keeps(price: float, limit: float) -> bool:
        return price <= limit if buys else price >= limit

    best, worst = (bar.low, bar.high) if buys else (bar.high, bar.low)
    if kind is OrderType.MARKET:
        return (bar.open if at_open else bar.close), order.triggered, at_open
    if kind is OrderType.LIMIT:
        if keeps(bar.open, order.limit_price):
            return bar.open, order.triggered, True
        return (order.limit_price if keeps(best, order.limit_price) else NAN), order.triggered, False
    armed = order.triggered or keeps(order.stop_price, bar.open)
    touched = armed or keeps(order.stop_price, worst)
    if kind is OrderType.STOP:
        return (bar.open, True, True) if armed else ((order.stop_price if touched else NAN), touched, False)
    if armed:
        price, _, first = meet(attrs.evolve(order, order_type=OrderType.LIMIT), bar, at_open=at_open)
        return price, True, first
    if touched and keeps(order.stop_price, order.limit_price):
        return order.stop_price, True, False
    return (order.limit_price if touched and keeps(bar.close, order.limit_price) else NAN), touched, False


@attrs.frozen
class Filled:
    """What of a fill the market decides."""

    order: UUID
    lots: int
    price: float
    commission: float
    at_open: bool


def capped(
    orders: Orders, volume: Mapping[str, float], participation: float, taken_lots: Mapping[str, int]
) -> list[int]:
    """Return the lots of each order that the volume has room for, earlier orders first."""
    lot_size = {each.id: each.lot_size for each in orders.on}
    taken, cut = dict(taken_lots), []
    for order in orders:
        name = order.instrument
        known = 0.0 if math.isnan(volume[name]) else volume[name]
        share = whole_lots(min(known * participation / lot_size[name], 2**53))
        size = min(abs(order.lots), max(share - taken[name], 0))
        taken[name] += size
        cut.append(sign(order.lots) * size)
    return cut


def simulate(
    simulator: MarketSimulator, orders: Orders, bars: Bars, taken_lots: Mapping[str, int]
) -> tuple[list[tuple[Status, int, bool]], list[Filled]]:
    """Return how each order stands after the session, and the fills."""
    axis = {each.id: each for each in orders.on}
    session = {bar.instrument: bar for bar in bars}
    taken = dict(taken_lots)
    stood, fills = [], []
    for order in orders:
        bar, each = session[order.instrument], axis[order.instrument]
        price, touched, first = meet(order, bar, at_open=simulator.fill_at is FillAt.NEXT_OPEN)
        size = 0 if math.isnan(price) else abs(order.lots) - abs(order.filled_lots)
        if simulator.participation is not None:
            volume = 0.0 if math.isnan(bar.volume) else bar.volume
            room = max(whole_lots(min(volume * simulator.participation / each.lot_size, 2**53)) - taken[each.id], 0)
            size = min(size, room)
        if simulator.slippage.impact and not bar.volume > 0:
            size = 0
        taken[each.id] += size
        if size:
            fills.append(paid(simulator, order, each, bar, price=price, size=size, first=first))
        stood.append((standing(order, bar, size), order.filled_lots + sign(order.lots) * size, touched))
    return stood, fills


def paid(
    simulator: MarketSimulator, order: Order, each: Instrument, bar: Bar, *, price: float, size: int, first: bool
) -> Filled:
    """Return the fill of *size* lots of *order*, slippage and commission in it."""
    side, quantity = sign(order.lots), size * each.lot_size
    move = simulator.slippage.bps / 10_000
    if simulator.slippage.impact:
        move += simulator.slippage.impact * (quantity / bar.volume) ** 2
    worse = max(price * (1 + side * move), min(price, each.tick_size))
    if order.order_type in LIMITED:
        worse = min(worse, order.limit_price) if side > 0 else max(worse, order.limit_price)
    costs = simulator.commission
    charge = quantity * each.multiplier * worse * (costs.bps / 10_000) + quantity * costs.per_share
    return Filled(order.id, side * size, worse, max(charge, costs.minimum), first)


def standing(order: Order, bar: Bar, size: int) -> Status:
    """Return the status of *order* once *size* more lots of it are filled and the session is over."""
    filled = abs(order.filled_lots) + size
    if filled == abs(order.lots):
        return Status.FILLED
    if order.time_in_force is TimeInForce.DAY and not math.isnan(bar.close):
        return Status.EXPIRED
    return Status.PARTIALLY_FILLED if filled else Status.ACCEPTED


@attrs.define
class Account:
    """One instrument's exact book: lots, open cost and realised profit, as fractions."""

    lots: int = 0
    cost: Fraction = Fraction(0)
    realized: Fraction = Fraction(0)

    @property
    def average(self) -> Fraction:
        """What one lot of it cost."""
        return self.cost / self.lots


def fold(positions: Positions, fills: Iterable[Fill]) -> dict[str, Account]:
    """Return the book after *fills*, exactly."""
    book = {each.id: Account() for each in positions.on}
    unit = {each.id: Fraction(each.lot_size * each.multiplier) for each in positions.on}
    for held in positions:
        book[held.instrument] = Account(held.lots, Fraction(held.cost), Fraction(held.realized_pnl))
    for fill in fills:
        state = book[fill.instrument]
        value = Fraction(fill.price) * unit[fill.instrument]
        if state.lots * fill.lots >= 0:
            state.cost += fill.lots * value
        else:
            side, closed = sign(state.lots), min(abs(state.lots), abs(fill.lots))
            average = state.average
            state.realized += side * closed * (value - average)
            state.cost -= side * closed * average
            if abs(fill.lots) > closed:
                state.cost = (state.lots + fill.lots) * value
        state.lots += fill.lots
    return book


def average_costs(positions: Positions, fills: Iterable[Fill]) -> dict[str, float]:
    """Return what a unit of everything held after *fills* cost."""
    unit = {each.id: Fraction(each.lot_size * each.multiplier) for each in positions.on}
    book = fold(positions, fills)
    return {name: float(state.average / unit[name]) for name, state in book.items() if state.lots}


def cash(fills: Fills) -> Fraction:
    """Return what *fills* did to cash, exactly."""
    unit = {each.id: Fraction(each.lot_size * each.multiplier) for each in fills.on}
    return -sum(
        (fill.lots * Fraction(fill.price) * unit[fill.instrument] + Fraction(fill.commission) for fill in fills),
        Fraction(0),
    )


def screen(  # noqa: C901 - every check looks at the one basket.
    basket: Basket, limits: Limits
) -> tuple[list[bool], list[tuple[str, int, Reason]]]:
    """Return which orders pass, and the first reason of each that does not, in the order in which they are refused."""
    on, orders = basket.orders.on, list(basket.orders)
    axis, price, volume = {each.id: each for each in on}, by_id(on, basket.price), by_id(on, basket.volume)
    held: dict[str, int] = defaultdict(int, {row.instrument: row.lots for row in basket.positions})
    out: dict[str, int] = defaultdict(int)
    for order in basket.working:
        out[order.instrument] += order.lots - order.filled_lots
    passed, refused = [True] * len(orders), []

    def up_to(order: Order) -> list[Order]:
        return [row for row in orders if row.instrument == order.instrument and row.leg <= order.leg]

    def after(order: Order) -> int:
        return held[order.instrument] + out[order.instrument] + sum(row.lots for row in up_to(order))

    def reduces(order: Order) -> bool:
        there = held[order.instrument] if order.leg == 0 else 0
        is_against = sign(there) * order.lots < 0 and abs(order.lots) <= abs(there)
        return is_against and sign(there) * after(order) >= 0

    def worth(order: Order) -> float:
        each = axis[order.instrument]
        return each.lot_size * each.multiplier * price[each.id]

    def away(order: Order) -> float:
        asked = [value for value in (order.limit_price, order.stop_price) if not math.isnan(value)]
        distances = [abs(value / price[order.instrument] - 1) for value in asked]
        return max(distances, default=0.0) if price[order.instrument] > 0 else NAN

    def share(order: Order) -> float:
        quantity = sum(abs(row.lots) for row in up_to(order)) * axis[order.instrument].lot_size
        return quantity / volume[order.instrument] if volume[order.instrument] > 0 else math.inf

    def leverage(*, net: bool) -> float:
        total = []
        for name, each in axis.items():
            asked = sum(row.lots for row, is_in in zip(orders, passed, strict=True) if is_in and row.instrument == name)
            count = held[name] + out[name] + asked
            total.append(count * each.lot_size * each.multiplier * price[name] if count else 0.0)
        value = abs(sum(total)) if net else sum(map(abs, total))
        return value / basket.equity if basket.equity > 0 else math.inf

    def refuse(allowed: list[bool], reason: Reason) -> None:
        for row, order in enumerate(orders):
            if passed[row] and not allowed[row]:
                passed[row] = False
                refused.append((order.instrument, order.leg, reason))

    def within(value: float, limit: float | None) -> bool:
        return limit is None or value <= limit

    refuse([within(abs(row.lots) * worth(row), limits.order_notional_max) for row in orders], Reason.ORDER_NOTIONAL)
    large = [reduces(row) or within(abs(after(row)) * worth(row), limits.position_notional_max) for row in orders]
    refuse(large, Reason.POSITION_NOTIONAL)
    refuse([within(away(row), limits.price_collar) for row in orders], Reason.PRICE_COLLAR)
    refuse([within(share(row), limits.participation_max) for row in orders], Reason.PARTICIPATION)
    gross = leverage(net=False)
    refuse([reduces(row) or within(gross, limits.gross_leverage_max) for row in orders], Reason.GROSS_LEVERAGE)
    net = leverage(net=True)
    refuse([reduces(row) or within(net, limits.net_leverage_max) for row in orders], Reason.NET_LEVERAGE)
    stuck = {row.instrument for row, is_in in zip(orders, passed, strict=True) if not is_in and row.leg == 0}
    is_off = limits == Limits()
    refuse([is_off or row.leg == 0 or row.instrument not in stuck for row in orders], Reason.CLOSING_LEG)
    refuse([within(sum(passed), limits.order_count_max)] * len(orders), Reason.ORDER_COUNT)
    return passed, refused


def drawdown(curve: Sequence[float]) -> list[float]:
    """Return how far each value lies below the highest so far."""
    return [value / max(curve[: day + 1]) - 1 for day, value in enumerate(curve)]


def measure(initial: float, equity: Sequence[float]) -> dict[str, float]:
    """Return the figures of a curve of at least two days."""
    curve = [initial, *equity]
    returns = [after / before - 1 for before, after in zip(curve, equity, strict=False)]
    deviation = statistics.stdev(returns)
    return {
        "total_return": curve[-1] / initial - 1,
        "annual_return": (curve[-1] / initial) ** (252 / len(equity)) - 1,
        "volatility": deviation * math.sqrt(252),
        "max_drawdown": min(drawdown(curve)),
    }
