"""What a venue reports of one order, and how the order then stands: a pure function of the set of reports."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING

from attrs import frozen

from .errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Event(IntEnum):
    """
    What a report tells. Values are never used again with another meaning.

    STATUS answers a question and changes nothing, and so does the refusal of another order under the same id. NOT_FOUND
    answers that the venue knows no such order.
    """

    ACKNOWLEDGED = 1
    REJECTED = 2
    CANCEL_PENDING = 3
    CANCELLED = 4
    REPLACE_PENDING = 5
    REPLACED = 6
    REQUEST_REFUSED = 7
    RESTATED = 8
    DONE_FOR_DAY = 9
    STOPPED = 10
    EXPIRED = 11
    TRADE = 12
    CORRECT = 13
    BUST = 14
    STATUS = 15
    NOT_FOUND = 16


class OrdStatus(Enum):
    """The status of an order at its venue (FIX tag 39)."""

    PENDING_NEW = "Pending New"
    NEW = "New"
    PARTIALLY_FILLED = "Partially Filled"
    FILLED = "Filled"
    DONE_FOR_DAY = "Done For Day"
    PENDING_CANCEL = "Pending Cancel"
    PENDING_REPLACE = "Pending Replace"
    STOPPED = "Stopped"
    CANCELED = "Canceled"
    EXPIRED = "Expired"
    REJECTED = "Rejected"


@frozen
class OrderReport:
    """
    One thing that a venue told of an order; it may come late, twice, and in any order.

    *sequence* is its place in what the venue told, which says what came after what, whenever it reaches us. *quantity*
    is the order quantity that it states, 0 where it states none. *request* names the cancel or replace request that it
    answers. An execution has *execution*, its id, *lots* and *price*; a correction or bust names what it *replaces*.
    *ratio* is how many lots one has become, other than 1 where a restatement follows a split.

    Units: lots unsigned, price per unit.
    """

    event: Event
    sequence: int
    quantity: int = 0
    request: str = ""
    execution: str = ""
    replaces: str = ""
    lots: int = 0
    price: float = 0.0
    ratio: int = 1


@frozen
class OrderState:
    """
    How an order stands at its venue.

    *cum* are the lots of all effective executions, *leaves* what may still be filled, *avg_price* the average price of
    what was (NaN where nothing was). *is_terminal*: nothing is left to fill and no request is open; a bust or a
    correction may still come.
    """

    status: OrdStatus
    quantity: int
    cum: int
    leaves: int
    avg_price: float
    is_terminal: bool


def fold_reports(reports: Iterable[OrderReport], *, quantity: int, for_day: bool) -> OrderState:
    """
    Return how an order of *quantity* lots stands once *reports* are known, in whichever order they came.

    *for_day*: it works for one session, so that what is done for the day is dead; else it is renewed the next day.
    Where several states hold at once the one of highest precedence is told, as FIX has it (Order State Changes, EP284).

    Raises:
        DomainError: two reports of one sequence differ, or a correction or bust names no execution that is known.
    """
    known = _in_sequence(reports)
    stated = [report.quantity for report in known if report.quantity]
    quantity = stated[-1] if stated else quantity
    effective = _effective(known)
    cum = sum(lots for lots, _ in effective)
    flags = _flags(known)
    if flags == {Event.NOT_FOUND}:
        return OrderState(OrdStatus.REJECTED, 0, 0, 0, float("nan"), is_terminal=True)
    is_dead = bool(flags & {Event.REJECTED, Event.CANCELLED, Event.EXPIRED}) or (
        for_day and Event.DONE_FOR_DAY in flags
    )
    leaves = 0 if is_dead else max(quantity - cum, 0)
    requests = flags & {Event.CANCEL_PENDING, Event.REPLACE_PENDING}
    return OrderState(
        status=_status(flags, quantity, cum),
        quantity=quantity,
        cum=cum,
        leaves=leaves,
        avg_price=sum(lots * price for lots, price in effective) / cum if cum else float("nan"),
        is_terminal=not leaves and not requests,
    )


def effective_executions(reports: Iterable[OrderReport]) -> list[tuple[int, float]]:
    """
    Return lots and price of every execution that holds: neither busted nor corrected, and as splits since have made it.

    Raises:
        DomainError: a correction or bust names no execution that is known.
    """
    return _effective(_in_sequence(reports))


def _effective(reports: list[OrderReport]) -> list[tuple[int, float]]:
    holding: dict[str, tuple[int, float]] = {}
    executed: set[str] = set()
    for report in reports:
        if report.event in {Event.CORRECT, Event.BUST}:
            if report.replaces not in executed:
                rule = (
                    f"what is corrected or busted was executed before; {report.execution!r} names {report.replaces!r}"
                )
                raise DomainError(rule)
            holding.pop(report.replaces, None)
        if report.event in {Event.TRADE, Event.CORRECT}:
            executed.add(report.execution)
            holding[report.execution] = report.lots, report.price
        if report.ratio != 1:
            holding = {one: (lots * report.ratio, price / report.ratio) for one, (lots, price) in holding.items()}
    return list(holding.values())


def _in_sequence(reports: Iterable[OrderReport]) -> list[OrderReport]:
    known: dict[int, OrderReport] = {}
    for report in reports:
        if known.setdefault(report.sequence, report) != report:
            rule = f"a report stands once in its sequence; {report.sequence} is {known[report.sequence]} and {report}"
            raise DomainError(rule)
    return [known[place] for place in sorted(known)]


def _flags(reports: list[OrderReport]) -> set[Event]:
    """Return what holds of the order: an open request stands as pending, and a new day ends what was done for one."""
    flags: set[Event] = set()
    pending: dict[str, Event] = {}
    for report in reports:
        event = report.event
        if event in {Event.CANCEL_PENDING, Event.REPLACE_PENDING}:
            pending[report.request] = event
            continue
        if event in {Event.CANCELLED, Event.REPLACED, Event.REQUEST_REFUSED}:
            pending.pop(report.request, None)
        if event is Event.RESTATED:
            flags.discard(Event.DONE_FOR_DAY)
        if event is not Event.STATUS:
            flags.add(event)
    return flags | set(pending.values())


def _status(flags: set[Event], quantity: int, cum: int) -> OrdStatus:
    """Return the status of highest precedence of all that hold."""
    holds = (
        (Event.CANCEL_PENDING in flags, OrdStatus.PENDING_CANCEL),
        (Event.REPLACE_PENDING in flags, OrdStatus.PENDING_REPLACE),
        (Event.DONE_FOR_DAY in flags, OrdStatus.DONE_FOR_DAY),
        (0 < quantity <= cum, OrdStatus.FILLED),
        (Event.STOPPED in flags, OrdStatus.STOPPED),
        (Event.CANCELLED in flags, OrdStatus.CANCELED),
        (Event.EXPIRED in flags, OrdStatus.EXPIRED),
        (cum > 0, OrdStatus.PARTIALLY_FILLED),
        (Event.REJECTED in flags, OrdStatus.REJECTED),
        (Event.ACKNOWLEDGED in flags, OrdStatus.NEW),
    )
    return next((status for is_so, status in holds if is_so), OrdStatus.PENDING_NEW)
