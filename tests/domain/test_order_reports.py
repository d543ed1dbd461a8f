"""How an order stands at its venue: the standard's paths, and what holds of any reports in any order."""

from __future__ import annotations

import random
import re
from math import isnan
from pathlib import Path

import pytest
from attrs import evolve, frozen

from execbridge.domain.errors import DomainError
from execbridge.domain.order_reports import (
    Event,
    OrderReport,
    OrderState,
    OrdStatus,
    effective_executions,
    fold_reports,
)

PATHS = Path(__file__).with_name("order_state_changes.txt")
LABELS = {
    "New": OrdStatus.NEW,
    "PF": OrdStatus.PARTIALLY_FILLED,
    "Filled": OrdStatus.FILLED,
    "DoneForDay": OrdStatus.DONE_FOR_DAY,
    "PendCxl": OrdStatus.PENDING_CANCEL,
    "PendRpl": OrdStatus.PENDING_REPLACE,
    "Canceled": OrdStatus.CANCELED,
    "Rejected": OrdStatus.REJECTED,
    "Stopped": OrdStatus.STOPPED,
}
DEVIATIONS = {("B.1.d#1", "NEW New 10000/0/10000")}
"""An acknowledgement that comes while a cancel is pending: the paths say New, the precedence Pending Cancel."""

PLAIN = {
    "NEW": Event.ACKNOWLEDGED,
    "DFD": Event.DONE_FOR_DAY,
    "STP": Event.STOPPED,
    "TRD": Event.TRADE,
    "COR": Event.CORRECT,
    "BST": Event.BUST,
    "RST": Event.RESTATED,
    "PCX": Event.CANCEL_PENDING,
    "PRP": Event.REPLACE_PENDING,
    "CXD": Event.CANCELLED,
    "RPD": Event.REPLACED,
    "CXR": Event.REQUEST_REFUSED,
    "REJ": Event.REJECTED,
    "STA": Event.STATUS,
}
REPORT = re.compile(r"([A-Z]{3})(\d+)?(?:@(\d+))?(?:#(\w+))?(?:\(([^)]*)\))? (\w+) (\S+)")


@frozen
class Step:
    """A report and what the order then is by the standard; quantities are None where it says none."""

    said: str
    report: OrderReport
    status: OrdStatus
    quantities: tuple[int, ...] | None


class Requests:
    """The cancel and replace requests of one path: which are sent, and which of them are pending."""

    def __init__(self) -> None:
        self.sent = 0
        self.waiting: list[str] = []
        self.pending: list[str] = []

    def send(self) -> None:
        """Send one more."""
        self.sent += 1
        self.waiting.append(f"request {self.sent}")

    def answered(self, event: Event, note: str | None) -> str:
        """Return the one that *event* answers: the oldest that it can."""
        if event in {Event.CANCEL_PENDING, Event.REPLACE_PENDING}:
            self.pending.append(self.waiting.pop(0))
            return self.pending[-1]
        if event not in {Event.CANCELLED, Event.REPLACED, Event.REQUEST_REFUSED}:
            return ""
        for known in (self.waiting,) if note == "already pending" else (self.pending, self.waiting):
            if known:
                return known.pop(0)
        return ""


@frozen
class Told:
    """One path: what was asked for, and the steps that were reported."""

    name: str
    quantity: int
    for_day: bool
    steps: list[Step]


def read(line: str) -> Told:
    """Return the path that *line* says."""
    name, force, steps = line.split("|")
    quantity, requests, told = 0, Requests(), []
    for number, step in enumerate(steps.split("; ")):
        if step.startswith((">CXL", ">RPL")):
            requests.send()
        elif step.startswith(">NOS"):
            quantity = quantity or int(step.split()[-1])
        elif not step.startswith(">"):
            told.append(reported(step, number, requests))
    return Told(name, quantity, force == "DAY", told)


def reported(step: str, number: int, requests: Requests) -> Step:
    """Return the report that *step* says."""
    found = REPORT.fullmatch(step)
    assert found, step
    event_name, lots, price, execution, note, label, figures = found.groups()
    event = PLAIN[event_name]
    if note == "duplicate":
        event = Event.STATUS
    if note == "unknown order":
        event = Event.NOT_FOUND
    quantities = None if "-" in figures else tuple(map(int, figures.split("/")))
    report = OrderReport(
        event,
        number,
        quantity=quantities[0] if quantities else 0,
        request=requests.answered(event, note),
        execution=execution or (f"execution {number}" if lots else ""),
        replaces=note if note and event in {Event.CORRECT, Event.BUST} else "",
        lots=int(lots or 0),
        price=float(price or (1 if lots else 0)),
        ratio=2 if note == "split" else 1,
    )
    return Step(step, report, LABELS[label], quantities)


TOLD = [read(line) for line in PATHS.read_text().splitlines() if not line.startswith("#")]


def stands(told: Told, reports: list[OrderReport]) -> OrderState:
    """Return how the order of *told* stands after *reports*."""
    return fold_reports(reports, quantity=told.quantity, for_day=told.for_day)


def test_all_paths_of_the_standard_are_here() -> None:
    assert len(TOLD) == 52
    assert sum(len(told.steps) for told in TOLD) == 212
    assert sum(step.quantities is not None for told in TOLD for step in told.steps) == 211


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.name)
def test_an_order_stands_as_the_standard_says_after_every_report(told: Told) -> None:
    for count, step in enumerate(told.steps, 1):
        state = stands(told, [each.report for each in told.steps[:count]])
        expected = OrdStatus.PENDING_CANCEL if (told.name, step.said) in DEVIATIONS else step.status
        assert state.status is expected, step.said
        if step.quantities is not None:
            assert (state.quantity, state.cum, state.leaves) == step.quantities, step.said


@pytest.mark.parametrize("told", TOLD, ids=lambda told: told.name)
def test_reports_that_come_late_or_twice_change_nothing(told: Told) -> None:
    reports = [step.report for step in told.steps]
    for seed in range(20):
        mixed = reports + random.Random(seed).choices(reports, k=3)
        random.Random(seed).shuffle(mixed)
        assert repr(stands(told, mixed)) == repr(stands(told, reports))


def test_a_bust_leaves_what_would_be_without_the_execution() -> None:
    trades = [OrderReport(Event.TRADE, n, execution=f"{n}", lots=n, price=10.0 + n) for n in (1, 2, 3)]
    bust = OrderReport(Event.BUST, 4, execution="4", replaces="2")
    assert effective_executions([*trades, bust]) == effective_executions([trades[0], trades[2]])
    assert effective_executions([*trades, bust, evolve(bust, sequence=5)]) == effective_executions([*trades, bust])


def test_a_correction_of_a_correction_counts_alone() -> None:
    first = OrderReport(Event.TRADE, 1, execution="a", lots=5, price=10.0)
    second = OrderReport(Event.CORRECT, 2, execution="b", replaces="a", lots=4, price=11.0)
    third = OrderReport(Event.CORRECT, 3, execution="c", replaces="b", lots=6, price=12.0)
    assert effective_executions([third, first, second]) == [(6, 12.0)]
    state = fold_reports([third, first, second], quantity=6, for_day=True)
    assert (state.status, state.avg_price, state.is_terminal) == (OrdStatus.FILLED, 12.0, True)


def test_what_is_not_known_yet_has_no_average_and_is_not_terminal() -> None:
    state = fold_reports([], quantity=5, for_day=True)
    assert (state.status, state.cum, state.leaves, state.is_terminal) == (OrdStatus.PENDING_NEW, 0, 5, False)
    assert isnan(state.avg_price)


def test_filled_with_an_open_request_is_not_terminal() -> None:
    trade = OrderReport(Event.TRADE, 1, execution="a", lots=5, price=10.0)
    pending = OrderReport(Event.CANCEL_PENDING, 2, request="c")
    assert not fold_reports([trade, pending], quantity=5, for_day=True).is_terminal


def test_two_reports_of_one_sequence_that_differ_are_refused() -> None:
    trade = OrderReport(Event.TRADE, 1, execution="a", lots=5, price=10.0)
    with pytest.raises(DomainError, match="a report stands once in its sequence"):
        fold_reports([trade, evolve(trade, lots=6)], quantity=9, for_day=True)


def test_a_bust_of_what_was_never_executed_is_refused() -> None:
    with pytest.raises(DomainError, match="'x' names 'y'"):
        fold_reports([OrderReport(Event.BUST, 1, execution="x", replaces="y")], quantity=9, for_day=True)


def test_an_expired_order_leaves_nothing() -> None:
    reports = [OrderReport(Event.ACKNOWLEDGED, 1), OrderReport(Event.EXPIRED, 2)]
    state = fold_reports(reports, quantity=9, for_day=True)
    assert (state.status, state.leaves) == (OrdStatus.EXPIRED, 0)
