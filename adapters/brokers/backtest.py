"""A broker that fills orders from daily bars: history's, or those of a paper account that needs no account."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

import numpy as np
from attrs import define, field

from ...domain.account import Account
from ...domain.columns import only, repeated
from ...domain.fills import Fills
from ...domain.orders import Orders, Status, latest
from ...domain.positions import Positions
from ...domain.simulator import FillAt, MarketSimulator, Session
from ...ports.broker import BrokerPort, Outcome, Receipts, Reports

if TYPE_CHECKING:
    from ...domain.bars import Bars
    from ...domain.instruments import Instruments
    from ...domain.table import Bool, Int64
    from ...ports.calendar import TradingCalendar
    from ...ports.clock import Clock
    from ...ports.prices import PriceFeed

_DAY = timedelta(days=1)


@define(eq=False)
class BacktestBroker(BrokerPort):
    """
    Fills orders from the bars of *prices*, session by session of *calendar*, up to the *clock*'s day.

    Its book is what is recorded: *initial_cash*, all *fills*, and all *orders*, of which those that are PENDING never
    came here; sessions up to *worked_until* (None: none) have been worked through. Made anew from its record it goes on
    as if it had never stopped. Orders that come in after a session's bar meet its close, or wait for the next bar, as
    the simulator says.
    """

    simulator: MarketSimulator
    prices: PriceFeed
    calendar: TradingCalendar
    clock: Clock
    initial_cash: float
    orders: Orders
    fills: Fills
    worked_until: date | None = None
    cash: float = field(init=False)
    held: Positions = field(init=False)
    resting: Orders = field(init=False)
    _entered: list[tuple[date, Orders]] = field(factory=list, init=False)
    _told: list[Orders] = field(factory=list, init=False)
    _filled: list[Fills] = field(factory=list, init=False)
    _session: Session | None = field(default=None, init=False)
    _taken: Int64 = field(init=False)
    _known: dict[bytes, int] = field(factory=dict, init=False)
    _marked: date | None = field(default=None, init=False)
    _worth: Account | None = field(default=None, init=False)
    _nothing: Reports = field(init=False)

    def __attrs_post_init__(self) -> None:
        on, fills = self._on, self.fills
        self._nothing = Reports(Orders.none(on), Fills.none(on))
        self.cash = self.initial_cash + fills.cash
        self.held = Positions.flat(on).after(fills)
        self._taken = np.zeros(len(on), np.int64)
        sent = self.orders[self.orders.status != Status.PENDING]
        self._recognize(sent)
        self.resting = sent[sent.is_open]
        day = self.worked_until
        for session in self.calendar.sessions(day, day) if day is not None else []:
            self._turn(session)
            # What came in at this close has met it, or was about to: meeting it again changes nothing.
            late = self.resting.timestamp >= session.close
            self._entered = [(_day(session), self.resting[late])] if late.any() else []
            self.resting = self.resting[~late]

    @property
    def _on(self) -> Instruments:
        return self.orders.on

    def submit(self, orders: Orders) -> Receipts:
        """Take *orders* in; they are worked at the next poll."""
        count = len(orders)
        outcome = repeated(Outcome.ACCEPTED, count, np.int8)
        fresh = orders
        if (known := self._recognize(orders)) is not None:
            outcome = np.where(known, Outcome.KNOWN, Outcome.ACCEPTED).astype(np.int8)
            fresh = orders[~known]
        if len(fresh):
            self._entered.append((self.clock.today(), fresh))
        return Receipts.trusted(order=orders.id, outcome=outcome, reason=repeated("", count, np.str_))

    def _recognize(self, orders: Orders) -> Bool | None:
        """
        Return which of *orders* have been here before, None if none has, and know all of them from now on.

        An order's id follows from its decision, instrument, leg and attempt, so a bit a place is kept and not the id:
        orders come by the million.
        """
        place = self._places(orders)
        decision = only(orders.decision)
        if decision is not None and decision not in self._known:
            count = len(self._taken) if place is orders.instrument else int(place.max()) + 1
            bits = np.zeros(count, np.bool_)
            bits[place] = True
            self._known[decision] = int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
            return None
        known = np.zeros(len(orders), np.bool_)
        for row, (decision, at) in enumerate(zip(orders.decision.tolist(), place.tolist(), strict=True)):
            before = self._known.get(decision, 0)
            known[row] = before >> at & 1
            self._known[decision] = before | 1 << at
        return known

    def _places(self, orders: Orders) -> Int64:
        if only(orders.leg) == only(orders.attempt) == 0:
            return orders.instrument
        return (orders.leg + 2 * orders.attempt) * len(self._on) + orders.instrument

    def cancel(self, orders: Orders) -> Receipts:
        """Take *orders* out; the next poll tells so."""
        working = self.working()
        row = {order: at for at, order in enumerate(working.id.tolist())}
        places = zip(orders.id.tolist(), orders.decision.tolist(), self._places(orders).tolist(), strict=True)
        outcome = [
            Outcome.ACCEPTED
            if order in row
            else Outcome.KNOWN
            if self._known.get(decision, 0) >> place & 1
            else Outcome.REFUSED
            for order, decision, place in places
        ]
        rows = [row[order] for order in orders.id.tolist() if order in row]
        if rows:
            cancelled = working[rows]
            self._told.append(cancelled.moved(np.full(len(rows), Status.CANCELLED, np.int8)))
            gone = set(cancelled.id.tolist())
            self.resting = _without(self.resting, gone)
            self._entered = [(day, left) for day, part in self._entered if len(left := _without(part, gone))]
        reason = ["" if answer is not Outcome.REFUSED else "no such order" for answer in outcome]
        return Receipts(order=orders.id, outcome=np.array(outcome, np.int8), reason=reason)

    def poll(self) -> Reports:
        """Work through all sessions up to the clock's day, and tell what came of it."""
        return self.process_fills(self.clock.today())

    def process_fills(self, as_of_date: date) -> Reports:
        """Fill open orders from the bars of all sessions up to *as_of_date* that are new, and return what changed."""
        for session in self._sessions(as_of_date):
            self._take_in(_day(session) - _DAY)
            self._turn(session)
            if len(self.resting):
                self.resting = self._work(self.resting, self.prices.bars(self._on, _day(session)), session)
        self._take_in(as_of_date)
        if not self._told and not self._filled:
            return self._nothing
        told, self._told = self._told, []
        filled, self._filled = self._filled, []
        return Reports(
            orders=latest(told) if told else self._nothing.orders,
            fills=Fills.concat(filled) if filled else self._nothing.fills,
        )

    def _sessions(self, as_of_date: date) -> list[Session]:
        if self.worked_until is None:
            return self.calendar.sessions(as_of_date, as_of_date)
        if self.worked_until >= as_of_date:
            return []
        return self.calendar.sessions(self.worked_until + _DAY, as_of_date)

    def _turn(self, session: Session) -> None:
        """Begin *session*: of its volume nothing is taken but what fills on record took."""
        self._session, self.worked_until = session, _day(session)
        self._taken[:] = 0
        fills = self.fills
        if len(fills):
            within = (fills.timestamp >= session.open) & (fills.timestamp <= session.close)
            np.add.at(self._taken, fills.instrument[within], np.abs(fills.lots[within]))

    def _take_in(self, until: date) -> None:
        """Let what came in up to the day *until* meet the close of its session, where orders do, and then rest."""
        if not self._entered:
            return
        entered, self._entered = self._entered, []
        for day, orders in entered:
            session = self._session
            if day > until:
                self._entered.append((day, orders))
                continue
            if self.simulator.fill_at is FillAt.CLOSE and session is not None and self.worked_until == day:
                left = self._work(orders, self.prices.bars(self._on, day).at_close, session.at_close)
            else:
                left = _accepted(orders)
                self._tell(orders, left)
            self.resting = Orders.concat([self.resting, left]) if len(self.resting) else left

    def _work(self, orders: Orders, bars: Bars, session: Session) -> Orders:
        """Meet *orders* with *bars*, book and tell what happened, and return those that stay open."""
        after, filled = self.simulator.simulate(orders, bars, session, self._taken)
        self._tell(orders, after)
        if len(filled):
            if only(filled.timestamp) is None and (filled.timestamp[1:] < filled.timestamp[:-1]).any():
                filled = filled[np.argsort(filled.timestamp, kind="stable")]
            self._filled.append(filled)
            self.held = self.held.after(filled)
            self.cash += filled.cash
            self._worth = None
            if self.simulator.participation is not None:
                np.add.at(self._taken, filled.instrument, np.abs(filled.lots))
        return after.still_open

    def _tell(self, before: Orders, after: Orders) -> None:
        """Keep for the next poll what has changed."""
        was, now = only(before.status), only(after.status)
        if was is not None and now is not None and was != now:
            self._told.append(after)
            return
        changed = after.status != before.status
        if np.count_nonzero(changed) < len(changed):
            changed |= (after.filled_lots != before.filled_lots) | (after.triggered != before.triggered)
        if np.count_nonzero(changed) == len(changed):
            self._told.append(after)
        elif np.count_nonzero(changed):
            self._told.append(after[changed])

    def working(self) -> Orders:
        """Return what rests and what has come in."""
        return Orders.concat([self.resting, *(_accepted(orders) for _, orders in self._entered)])

    def positions(self) -> Positions:
        """Return what is held, marked at the last closes known on the clock's day."""
        if self._marked != (day := self.clock.today()):
            self.held, self._marked, self._worth = self.held.mark(self.prices.last(self._on, day)), day, None
        return self.held

    def account(self) -> Account:
        """Return the cash account."""
        positions = self.positions()
        if self._worth is None:
            self._worth = Account.of(self.cash, positions)
        return self._worth


def _day(session: Session) -> date:
    return cast("date", session.day.item())


def _accepted(orders: Orders) -> Orders:
    """Return *orders* as they stand once they are here."""
    return orders.moved(np.where(orders.status == Status.PENDING, Status.ACCEPTED, orders.status).astype(np.int8))


def _without(orders: Orders, gone: set[bytes]) -> Orders:
    return orders[np.array([order not in gone for order in orders.id.tolist()], np.bool_)]
