"""A plain loop over Python objects, with ids, an order book and a book of positions: what one would write at first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from measure import Outcome, main
from workload import BPS, COMMISSION_BPS, PARTICIPATION, SLIPPAGE_BPS, Work, limit_price


@dataclass(slots=True)
class Order:
    """What is asked for."""

    id: str
    day: int
    instrument: str
    lots: int
    limit: float | None = None
    filled: int = 0
    status: str = "PENDING"


@dataclass(slots=True)
class Fill:
    """What happened."""

    id: str
    order: str
    day: int
    instrument: str
    lots: int
    price: float
    commission: float


@dataclass(slots=True)
class Position:
    """What is held."""

    lots: int = 0
    cost: float = 0.0
    realized: float = 0.0

    def take(self, lots: int, price: float) -> None:
        """Book *lots* at *price*, by average cost."""
        if self.lots * lots < 0:
            closed = min(abs(lots), abs(self.lots)) * (1 if lots < 0 else -1)
            average = self.cost / self.lots
            self.realized += closed * (price - average)
            self.cost -= closed * average
            self.lots -= closed
            lots += closed
        self.lots += lots
        self.cost += lots * price


@dataclass(slots=True)
class Snapshot:
    """What was held after a day."""

    day: int
    instrument: str
    lots: int
    average: float
    value: float


class Account:
    """The books of one run."""

    def __init__(self, cash: float, names: list[str]) -> None:
        self.cash = cash
        self.positions = {name: Position() for name in names}
        self.orders: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.snapshots: list[Snapshot] = []

    def order(self, day: int, instrument: str, target: float, limit_from: float | None = None) -> Order | None:
        """Ask for what is missing to *target*."""
        lots = int(target) - self.positions[instrument].lots
        if not lots:
            return None
        limit = None if limit_from is None else limit_price(limit_from, lots)
        order = Order(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{day}/{instrument}")), day, instrument, lots, limit)
        self.orders[order.id] = order
        return order

    def fill(self, order: Order, day: int, lots: int, price: float) -> None:
        """Fill *lots* of *order* at *price*, made worse by slippage but not beyond its limit."""
        paid = price * (1 + (1 if lots > 0 else -1) * SLIPPAGE_BPS * BPS)
        if order.limit is not None:
            paid = min(paid, order.limit) if lots > 0 else max(paid, order.limit)
        fee = abs(lots) * paid * COMMISSION_BPS * BPS
        self.fills.append(Fill(f"{order.id}/{order.filled}", order.id, day, order.instrument, lots, paid, fee))
        self.positions[order.instrument].take(lots, paid)
        self.cash -= lots * paid + fee
        order.filled += lots
        order.status = "FILLED" if order.filled == order.lots else "PARTIALLY_FILLED"

    def mark(self, day: int, prices: dict[str, float]) -> float:
        """Note what is held, and return the equity."""
        equity = self.cash
        for name, position in self.positions.items():
            if position.lots:
                value = position.lots * prices[name]
                self.snapshots.append(Snapshot(day, name, position.lots, position.cost / position.lots, value))
                equity += value
        return equity


def reached(order: Order, opened: float, high: float, low: float) -> float | None:
    """Return the price at which the limit of *order* fills within a bar."""
    limit = order.limit
    assert limit is not None
    if order.lots > 0:
        return opened if opened <= limit else limit if low <= limit else None
    return opened if opened >= limit else limit if high >= limit else None


def at_the_close(work: Work) -> Outcome:
    """Trade at the close of the day that says the targets."""
    account = Account(work.initial_cash, work.names)
    equity = account.cash
    for day in range(work.shape[0]):
        prices = dict(zip(work.names, work.close[day].tolist(), strict=True))
        for name, target in zip(work.names, work.target[day].tolist(), strict=True):
            if target == target:  # noqa: PLR0124 - NaN is not itself.
                order = account.order(day, name, target)
                if order is not None:
                    account.fill(order, day, order.lots, prices[name])
        equity = account.mark(day, prices)
    return Outcome(len(account.orders), equity)


def within_limits(work: Work) -> Outcome:
    """Ask at the close, and trade within the next bar, up to the share of its volume."""
    account = Account(work.initial_cash, work.names)
    equity, working = account.cash, list[Order]()
    for day in range(work.shape[0]):
        bars = zip(*(table[day].tolist() for table in (work.open, work.high, work.low, work.volume)), strict=True)
        bar = dict(zip(work.names, bars, strict=True))
        for order in working:
            opened, high, low, volume = bar[order.instrument]
            price, room = reached(order, opened, high, low), int(volume * PARTICIPATION + 1e-6)
            if price is not None and room:
                account.fill(order, day, min(order.lots, room) if order.lots > 0 else max(order.lots, -room), price)
            order.status = order.status if order.status == "FILLED" else "EXPIRED"
        prices = dict(zip(work.names, work.close[day].tolist(), strict=True))
        asked = (
            account.order(day, name, target, prices[name])
            for name, target in zip(work.names, work.target[day].tolist(), strict=True)
        )
        working = [order for order in asked if order is not None]
        equity = account.mark(day, prices)
    return Outcome(len(account.orders), equity)


if __name__ == "__main__":
    main(
        lambda work: lambda: within_limits(work) if work.kind == "limit" else at_the_close(work),
        distributions=["numpy"],
        kinds=["daily", "monthly", "limit"],
        about=__doc__,
    )
