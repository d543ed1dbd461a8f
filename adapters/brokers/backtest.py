"""A broker that fills orders from daily bars: history's, or those of a paper account that needs no account."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from ...domain.account import Account
from ...domain.fills import Fills
from ...domain.orders import Orders, Status
from ...domain.simulator import FillAt, MarketSimulator, Session
from ...ports.broker import BrokerPort, Outcome, Receipts, Reports

if TYPE_CHECKING:
    from ...domain.bars import Bars
    from ...domain.instruments import Instruments
    from ...domain.positions import Positions
    from ...domain.table import Bool, Ids, Int64
    from ...ports.calendar import TradingCalendar
    from ...ports.clock import Clock
    from ...ports.prices import PriceFeed

_NO_IDS: Ids = np.empty(0, "V16")


def _without(orders: Orders, gone: set[bytes]) -> Orders:
    return orders[np.array([order not in gone for order in orders.id.tolist()], np.bool_)]


@define(eq=False)
class BacktestBroker(BrokerPort):
    """
    Fills orders from the bars of *prices*, session by session of *calendar*, up to the *clock*'s day.

    It begins with *cash*, *positions* and *resting* orders as they stood after the session of *worked_until* (None: no
    session has been worked through). Orders that come in after a session's bar meet its close, or wait for the next
    bar, as the simulator says.
    """

    simulator: MarketSimulator
    prices: PriceFeed
    calendar: TradingCalendar
    clock: Clock
    cash: float
    held: Positions
    resting: Orders
    worked_until: date | None = None
    _entered: list[Orders] = field(factory=list, init=False)
    _untold: list[Orders] = field(factory=list, init=False)
    _session: Session | None = field(default=None, init=False)
    _taken: Int64 = field(init=False)
    _past: set[bytes] = field(factory=set, init=False)
    _ids: dict[bytes, Ids] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._taken = np.zeros(len(self._on), np.int64)
        self._past.update(self.resting.decision.tolist())

    @property
    def _on(self) -> Instruments:
        return self.held.on

    def submit(self, orders: Orders) -> Receipts:
        """Take *orders* in; they are worked at the next poll."""
        known = self._enter(orders)
        fresh = orders if not known.any() else orders[~known]
        if len(fresh):
            self._entered.append(fresh)
        outcome = np.where(known, Outcome.KNOWN, Outcome.ACCEPTED).astype(np.int8)
        return Receipts.trusted(order=orders.id, outcome=outcome, reason=np.zeros(len(orders), "U1"))

    def _enter(self, orders: Orders) -> Bool:
        """Note the ids of *orders* and return which of them were here before; the ids of past sessions go by decision."""
        known = np.zeros(len(orders), np.bool_)
        first = orders.decision[:1].tobytes()
        if not self._has_met(first) and orders.decision.tobytes() == first * len(orders):
            self._ids[first] = orders.id
            return known
        for row, (decision, order) in enumerate(zip(orders.decision.tolist(), orders.id.tolist(), strict=True)):
            known[row] = self._knows(decision, order)
        for decision in set(orders.decision[~known].tolist()):
            fresh = orders.id[~known & (orders.decision == np.void(decision))]
            self._ids[decision] = np.concatenate([self._ids.get(decision, fresh[:0]), fresh])
        return known

    def _has_met(self, decision: bytes) -> bool:
        return decision in self._past or decision in self._ids

    def _knows(self, decision: bytes, order: bytes) -> bool:
        return decision in self._past or order in self._ids.get(decision, _NO_IDS).tolist()

    def cancel(self, orders: Orders) -> Receipts:
        """Take *orders* out; the next poll tells so."""
        working = self.working()
        place = {order: row for row, order in enumerate(working.id.tolist())}
        outcome = [
            Outcome.ACCEPTED if order in place else Outcome.KNOWN if self._knows(decision, order) else Outcome.REFUSED
            for decision, order in zip(orders.decision.tolist(), orders.id.tolist(), strict=True)
        ]
        rows = [place[order] for order in orders.id.tolist() if order in place]
        if rows:
            cancelled = working[np.array(rows)]
            self._untold.append(cancelled.moved(np.full(len(rows), Status.CANCELLED, np.int8)))
            gone = set(cancelled.id.tolist())
            self.resting = _without(self.resting, gone)
            self._entered = [left for left in (_without(part, gone) for part in self._entered) if len(left)]
        reason = ["" if answer is not Outcome.REFUSED else "no such order" for answer in outcome]
        return Receipts(order=orders.id, outcome=np.array(outcome, np.int8), reason=reason)

    def poll(self) -> Reports:
        """Work through all sessions up to the clock's day, and tell what came of it."""
        return self.process_fills(self.clock.today())

    def process_fills(self, as_of_date: date) -> Reports:
        """Fill open orders from the bars of every session not worked through yet, up to *as_of_date*, and return what changed."""
        changed, fills = self._untold, []
        self._untold = []
        for session in self._sessions(as_of_date):
            self._turn(session)
            if len(self.resting):
                bars = self.prices.bars(self._on, session.day.item())
                self.resting = self._work(self.resting, bars, session, changed, fills)
        if self._entered:
            entered, self._entered = Orders.concat(self._entered), []
            if self.simulator.fill_at is FillAt.CLOSE and self._session is not None and self._session.day.item() == as_of_date:
                bars = self.prices.bars(self._on, as_of_date).at_close
                entered = self._work(entered, bars, self._session.at_close, changed, fills)
            else:
                entered = entered.moved(np.full(len(entered), Status.ACCEPTED, np.int8))
                changed.append(entered)
            self.resting = Orders.concat([part for part in (self.resting, entered) if len(part)] or [entered])
        return Reports(
            orders=Orders.concat(changed) if changed else Orders.none(self._on),
            fills=Fills.concat(fills) if fills else Fills.none(self._on),
        )

    def _sessions(self, as_of_date: date) -> list[Session]:
        start = as_of_date if self.worked_until is None else self.worked_until + timedelta(days=1)
        return self.calendar.sessions(start, as_of_date) if start <= as_of_date else []

    def _turn(self, session: Session) -> None:
        """Begin *session*: nothing of its volume is taken, and older decisions are known as a whole."""
        self._session, self.worked_until = session, session.day.item()
        self._taken[:] = 0
        self._past.update(self._ids)
        self._ids.clear()

    def _work(self, orders: Orders, bars: Bars, session: Session, changed: list[Orders], fills: list[Fills]) -> Orders:
        """Meet *orders* with *bars*, book what is filled, and return those that stay open."""
        after, filled = self.simulator.simulate(orders, bars, session, self._taken)
        changed.append(after)
        if len(filled):
            fills.append(filled)
            self.held = self.held.after(filled)
            self.cash += filled.cash
            np.add.at(self._taken, filled.instrument, np.abs(filled.lots))
        open_ = after.is_open
        return after[open_] if open_.any() else Orders.none(self._on)

    def working(self) -> Orders:
        """Return what rests and what has come in."""
        entered = [part.moved(np.full(len(part), Status.ACCEPTED, np.int8)) for part in self._entered]
        return Orders.concat([self.resting, *entered])

    def positions(self) -> Positions:
        """Return what is held, marked at the last closes known on the clock's day."""
        return self.held.mark(self.prices.last(self._on, self.clock.today()))

    def account(self) -> Account:
        """Return the cash account."""
        return Account.of(self.cash, self.positions())
