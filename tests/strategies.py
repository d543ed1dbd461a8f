"""Hypothesis strategies that draw whole tables: odd sizes, gaps, the unknown and the empty included."""

import math
from datetime import UTC, date, datetime
from functools import partial
from itertools import product
from unicodedata import normalize
from uuid import UUID

import numpy as np
from attrs import frozen
from hypothesis import strategies as st

from execbridge.domain.bars import Bars
from execbridge.domain.costs import Commission, Slippage
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.orders import Orders, OrderType, Status, TimeInForce
from execbridge.domain.plan_key import PlanKey, Portfolio
from execbridge.domain.positions import Positions
from execbridge.domain.risk import Limits
from execbridge.domain.simulator import FillAt, MarketSimulator, Session
from execbridge.domain.table import Float64, Int64
from execbridge.domain.targets import Targets, Unit
from execbridge.domain.terms import OrderTerms

NAN = math.nan
CONTRACTS = (
    (1.0, 0.01, 1.0),
    (100.0, 0.05, 1.0),
    (0.1, 0.01, 1.0),
    (3.0, 0.25, 50.0),
    (0.001, 0.0001, 0.01),
    (1.0, 0.25, 1000.0),
)
IDS = ("AAPL", "BRK.B", "BTC/USD", "ES=F", "Z", "a b", "Ünal", "東京")
OPEN = (Status.PENDING, Status.SUBMITTED, Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.UNKNOWN)
LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
STOPPED = (OrderType.STOP, OrderType.STOP_LIMIT)

DAY = np.datetime64("2024-03-01")
SESSION = Session(DAY, np.datetime64("2024-03-01T14:30", "us"), np.datetime64("2024-03-01T21:00", "us"))
KEY = PlanKey(Portfolio("growth"), "rebalance", date(2024, 3, 1), datetime(2024, 3, 1, 21, tzinfo=UTC))

# Few enough that prices meet: limits at the open, stops at the high.
PRICES = (
    100.0,
    99.5,
    100.01,
    101.0,
    90.25,
    110.0,
    50.0,
    200.0,
    12.3456,
    1.0,
    0.37,
    0.0125,
    0.0001,
    4999.99,
    123_456.75,
)
SIZES = (1, 2, 3, 4, 5, 7, 10, 12, 50, 99, 100, 101, 1_000, 12_345, 999_999, 10**9)

prices = st.sampled_from(PRICES)
sizes = st.sampled_from(SIZES)
lots = st.sampled_from([0, *SIZES, *(-size for size in SIZES)])
halves = st.sampled_from([1, 0.95, 0.5])
names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8).map(partial(normalize, "NFC"))


def unknown_or(known: st.SearchStrategy[float]) -> st.SearchStrategy[float]:
    """Draw from *known*, or NaN."""
    return st.one_of(known, known, known, st.just(NAN))


@st.composite
def instruments(draw: st.DrawFn, min_size: int = 0, max_size: int = 4) -> Instruments:
    """Draw an axis with odd lots, ticks and multipliers, in one currency."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=min_size, max_size=max_size, unique=True))
    return Instruments.of(
        Instrument(
            name,
            lot_size=lot_size,
            tick_size=tick_size,
            multiplier=multiplier,
        )
        for name in ids
        for lot_size, tick_size, multiplier in [draw(st.sampled_from(CONTRACTS))]
    )


def along(draw: st.DrawFn, on: Instruments, values: st.SearchStrategy[float], *, known: bool = False) -> Float64:
    """Draw one of *values*, NaN unless *known*, for every instrument of *on*."""
    each = values if known else unknown_or(values)
    return np.array(draw(st.lists(each, min_size=len(on), max_size=len(on))), float)


def some(draw: st.DrawFn, on: Instruments) -> list[int]:
    """Draw some codes of *on*, each once, in any order."""
    chosen = draw(st.lists(st.booleans(), min_size=len(on), max_size=len(on)))
    return draw(st.permutations([code for code, is_in in enumerate(chosen) if is_in]))


@st.composite
def price_columns(draw: st.DrawFn, on: Instruments, *, known: bool = False) -> Float64:
    """Draw a price for every instrument of *on*, NaN for some unless *known*."""
    return along(draw, on, prices, known=known)


@st.composite
def positions(draw: st.DrawFn, on: Instruments) -> Positions:
    """Draw what is held of some of *on*: long, short and flat, marked and not."""
    codes = some(draw, on)
    held = [draw(lots) for _ in codes]
    cost = [count * draw(prices) * float(on.unit[code]) for code, count in zip(codes, held, strict=True)]
    realized = [draw(st.integers(-1000, 1000)) / 4 for _ in codes]
    marks = [draw(unknown_or(prices)) for _ in codes]
    return Positions(on, codes, held, cost, realized, marks)


@st.composite
def targets(draw: st.DrawFn, on: Instruments, *, unit: Unit | None = None, complete: bool | None = None) -> Targets:
    """Draw targets for some of *on*, in quantities or weights, some of them unknown."""
    codes = some(draw, on)
    counted = unit or draw(st.sampled_from(Unit))
    amounts = {
        Unit.QUANTITY: st.integers(-10_000, 10_000).map(lambda tenths: tenths / 10),
        Unit.WEIGHT: st.integers(-200, 200).map(lambda percent: percent / 100),
    }
    amount = [draw(unknown_or(amounts[counted])) for _ in codes]
    whole = draw(st.booleans()) if complete is None else complete
    return Targets(on, codes, amount, unit=counted, complete=whole)


def shared(status: Status, size: int) -> st.SearchStrategy[int]:
    """Draw how many of *size* lots are filled where an order is *status*."""
    if status is Status.FILLED:
        return st.just(size)
    if status is Status.PARTIALLY_FILLED:
        return st.integers(1, size - 1)
    if status in {Status.CANCELLED, Status.EXPIRED, Status.UNKNOWN}:
        return st.integers(0, size - 1)
    return st.just(0)


@st.composite
def orders(
    draw: st.DrawFn,
    on: Instruments,
    *,
    statuses: tuple[Status, ...] = tuple(Status),
    types: tuple[OrderType, ...] = tuple(OrderType),
    max_size: int = 5,
) -> Orders:
    """Draw orders of all *types* in all *statuses* along *on*, several of one instrument among them."""
    codes = draw(st.lists(st.integers(0, len(on) - 1), max_size=max_size)) if len(on) else []
    rows = []
    kinds = st.sampled_from(list(product(types, TimeInForce, (1, -1))))
    for row, code in enumerate(codes):
        status, (kind, time_in_force, side) = draw(st.sampled_from(statuses)), draw(kinds)
        leg, attempt = draw(st.sampled_from([(0, 0), (1, 0), (0, 3)]))
        size = draw(sizes) + (status is Status.PARTIALLY_FILLED)
        rows.append(
            (
                code,
                UUID(int=row + 1).bytes,
                KEY.id.bytes,
                leg,
                attempt,
                side * size,
                kind,
                time_in_force,
                draw(prices) if kind in LIMITED else NAN,
                draw(prices) if kind in STOPPED else NAN,
                status,
                side * draw(shared(status, size)),
                kind in STOPPED and draw(st.booleans()),
                KEY.instant,
            )
        )
    return Orders(on, *zip(*rows, strict=True)) if rows else Orders.none(on)


@st.composite
def fills(draw: st.DrawFn, on: Instruments, *, held: Int64 | None = None, max_size: int = 6) -> Fills:
    """Draw fills along *on*: flips and exact closes of what is *held*, rebates, many at one instant."""
    codes = draw(st.lists(st.integers(0, len(on) - 1), max_size=max_size)) if len(on) else []
    count = [0] * len(on) if held is None else held.tolist()
    rows = []
    for row, code in enumerate(codes):
        traded = draw(lots.filter(bool))
        traded = draw(st.sampled_from([traded, -count[code] or traded, -2 * count[code] or traded]))
        count[code] += traded
        rows.append(
            (
                code,
                UUID(int=row + 1).bytes,
                UUID(int=draw(st.integers(1, 3))).bytes,
                traded,
                draw(prices),
                draw(st.integers(-100, 400)) / 64,
                SESSION.open + np.timedelta64(draw(st.integers(0, 1)), "us"),
            )
        )
    return Fills(on, *zip(*rows, strict=True)) if rows else Fills.none(on)


@st.composite
def bars(draw: st.DrawFn, on: Instruments) -> Bars:
    """Draw a session along *on*: gaps, instruments without a bar, volumes of zero and unknown ones."""
    rows = []
    for _ in range(len(on)):
        open_, close = draw(prices), draw(prices)
        high, low = max(open_, close) * draw(st.sampled_from([1, 1.05, 2])), min(open_, close) * draw(halves)
        volume = draw(st.sampled_from([1e4, 50.0, 1e12, 1.0, 0.0, NAN]))
        rows.append((*draw(st.sampled_from([(open_, high, low, close)] * 3 + [(NAN,) * 4])), volume))
    columns = zip(*rows, strict=True) if rows else ([],) * 5
    return Bars(on, on.code, *columns)


@st.composite
def simulators(draw: st.DrawFn) -> MarketSimulator:
    """Draw a market with costs of every kind."""
    zero_or = draw(st.sampled_from([0, 1]))
    return MarketSimulator(
        fill_at=draw(st.sampled_from(FillAt)),
        slippage=Slippage(
            bps=zero_or * draw(st.sampled_from([0.0, 5.0, 20_000.0])), impact=draw(st.sampled_from([0, 0.1]))
        ),
        commission=Commission(
            bps=draw(st.sampled_from([0.0, 1.0])),
            per_share=draw(st.sampled_from([0.0, 0.005])),
            minimum=draw(st.sampled_from([0.0, 1.0])),
        ),
        participation=draw(st.sampled_from([None, 0.01, 0.1, 1.0])),
    )


terms = st.builds(
    OrderTerms,
    order_type=st.sampled_from(OrderType),
    time_in_force=st.sampled_from(TimeInForce),
    limit_offset_bps=st.sampled_from([0.0, 10.0, -25.0, 333.0]),
    stop_offset_bps=st.sampled_from([0.0, 10.0, 500.0]),
)

limits = st.builds(
    Limits,
    order_notional_max=st.sampled_from([None, 100.0, 1e6]),
    position_notional_max=st.sampled_from([None, 100.0, 1e6]),
    gross_leverage_max=st.sampled_from([None, 0.5, 2.0]),
    net_leverage_max=st.sampled_from([None, 0.5, 2.0]),
    order_count_max=st.sampled_from([None, 1, 3]),
    price_collar=st.sampled_from([None, 0.01, 0.5]),
    participation_max=st.sampled_from([None, 0.01, 1.0]),
)


@frozen
class Desk:
    """What a decision meets: one axis, what is held and asked for, what is wanted, and prices."""

    on: Instruments
    positions: Positions
    working: Orders
    targets: Targets
    price: Float64


@st.composite
def desks(
    draw: st.DrawFn, *, unit: Unit | None = None, complete: bool | None = None, known: bool = False, min_size: int = 0
) -> Desk:
    """Draw all that a decision meets; every price is there if *known*."""
    on = draw(instruments(min_size=min_size))
    return Desk(
        on=on,
        positions=draw(positions(on)),
        working=draw(orders(on, statuses=OPEN)),
        targets=draw(targets(on, unit=unit, complete=complete)),
        price=draw(price_columns(on, known=known)),
    )


@frozen
class Market:
    """Open orders and the session that they meet; *taken_lots* of its volume are used up."""

    on: Instruments
    orders: Orders
    bars: Bars
    simulator: MarketSimulator
    taken_lots: Int64


@st.composite
def markets(draw: st.DrawFn, *, types: tuple[OrderType, ...] = tuple(OrderType)) -> Market:
    """Draw open orders of *types* and a session for them."""
    on = draw(instruments())
    taken = draw(st.lists(st.integers(0, 20), min_size=len(on), max_size=len(on)))
    return Market(
        on=on,
        orders=draw(orders(on, statuses=OPEN, types=types)),
        bars=draw(bars(on)),
        simulator=draw(simulators()),
        taken_lots=np.array(taken, np.int64),
    )


@frozen
class Book:
    """What is held, and the fills that come next."""

    on: Instruments
    positions: Positions
    fills: Fills


@st.composite
def books(draw: st.DrawFn, *, flat: bool = False) -> Book:
    """Draw positions, none held if *flat*, and fills that add to, reduce, close and flip them."""
    on = draw(instruments())
    held = Positions.flat(on) if flat else draw(positions(on))
    return Book(on=on, positions=held, fills=draw(fills(on, held=held.along().lots)))
