"""After any sequence of calls every repository tells what the one in memory tells."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, cast

import attrs
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from execbridge.adapters.memory.repository import MemoryExecutionRepository
from execbridge.adapters.postgres.journal import BacktestJournal
from execbridge.adapters.postgres.repository import PostgresExecutionRepository
from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.domain.account import Account
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.orders import Orders, Status
from execbridge.domain.plan_key import Mode, PlanKey, Portfolio
from execbridge.domain.planner import ExecutionPlan, Reason, Refusals, plan_orders
from execbridge.domain.targets import Targets
from execbridge.ports.broker import Outcome, Receipts
from execbridge.ports.errors import StoreConflict
from execbridge.ports.repository import ExecutionRepository, Recorded, Run, Snapshot

from .. import strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from execbridge.domain.table import Int8, Int64

ON = Instruments.of([Instrument("AAPL"), Instrument("BRK.B", lot_size=0.1), Instrument("東京", multiplier=50.0)])
WIDER = Instruments.of([*ON, "A", "Z"])
DECISIONS = 6
FIRST = datetime(2024, 3, 1, 21, tzinfo=UTC)
NAN = float("nan")

amounts = st.floats(-1e15, 1e15) | st.sampled_from([0.0, -0.0, 0.1 + 0.2, 1 / 3])
unknown_amounts = amounts | st.just(NAN)
numbers = st.floats(-1e15, 1e15) | st.sampled_from([NAN, np.inf, -np.inf, -0.0])


def key_of(portfolio: Portfolio, number: int) -> PlanKey:
    moment = FIRST + timedelta(days=number, microseconds=number)
    return PlanKey(portfolio, f"decision {number}", date(2024, 3, 1) + timedelta(days=number), moment)


@st.composite
def plans(draw: st.DrawFn, key: PlanKey) -> ExecutionPlan:
    """Draw a plan with orders of one kind, some of them in two legs, and refusals."""
    exact = np.array(draw(st.lists(strategies.lots, min_size=3, max_size=3)), float)
    price = draw(strategies.price_columns(ON, known=True))
    held = draw(strategies.positions(ON))
    orders = plan_orders(exact, held, Orders.none(ON), price, key=key, terms=draw(strategies.terms))
    codes = draw(st.lists(st.integers(0, 2), max_size=3))
    refusals = Refusals(
        ON,
        codes,
        leg=[draw(st.integers(0, 1)) for _ in codes],
        lots=[draw(strategies.lots) for _ in codes],
        reason=[draw(st.sampled_from(Reason)) for _ in codes],
        value=[draw(numbers) for _ in codes],
        limit=[draw(numbers) for _ in codes],
    )
    return ExecutionPlan(key, Targets(ON, [], []), exact, price, 1.0, orders, refusals)


@st.composite
def standings(draw: st.DrawFn, orders: Orders) -> Orders:
    """Draw *orders* in any status and filled as it allows, whether or not that may follow on what they are."""
    rows = []
    for lots in orders.lots.tolist():
        statuses = [status for status in Status if status is not Status.PARTIALLY_FILLED or abs(lots) > 1]
        status = draw(st.sampled_from(statuses))
        share = draw(strategies.shared(status, abs(lots)))
        rows.append((status, share if lots > 0 else -share, draw(st.booleans())))
    status, filled, triggered = zip(*rows, strict=True) if rows else ((), (), ())
    changed: dict[str, Int8 | Int64 | object] = {
        "status": np.array(status, np.int8),
        "filled_lots": np.array(filled, np.int64),
        "triggered": np.array(triggered, np.bool_),
    }
    return Orders.trusted(**{**orders.__dict__, **changed})


@st.composite
def fills_of(draw: st.DrawFn, orders: Orders) -> Fills:
    """Draw fills of *orders*, few enough ids that some come again."""
    rows = draw(st.lists(st.integers(0, len(orders) - 1), max_size=4)) if len(orders) else []
    mine = orders[np.array(rows, np.int64)]
    salt = np.array([draw(st.integers(0, 2)) for _ in rows], np.uint8)
    ids = mine.id.copy().view(np.uint8).reshape(-1, 16)
    ids[:, 15] = salt
    return Fills(
        ON,
        mine.instrument,
        id=ids.view("V16").reshape(len(rows)),
        order=mine.id,
        lots=[draw(strategies.lots.filter(bool)) for _ in rows],
        price=[draw(strategies.prices) for _ in rows],
        commission=[draw(amounts) for _ in rows],
        timestamp=mine.timestamp + np.array([draw(st.integers(-5, 5)) for _ in rows], "m8[us]"),
    )


def without_account(recorded: Recorded | None) -> tuple[Recorded | None, str]:
    """Return *recorded* and, written out, the account in it: its equity may be NaN, which is not NaN."""
    if recorded is None or recorded.snapshot is None:
        return recorded, ""
    snapshot = attrs.evolve(recorded.snapshot, account=Account(0.0, 0.0, 0.0))
    return attrs.evolve(recorded, snapshot=snapshot), repr(recorded.snapshot.account)


class Records(RuleBasedStateMachine):
    """Tell the same story to the repository in memory and to another, and compare what they tell back."""

    def __init__(
        self, opened: Callable[[Portfolio], AbstractContextManager[ExecutionRepository]], portfolio: Portfolio
    ) -> None:
        super().__init__()
        self.portfolio = portfolio
        self.stack = ExitStack()
        self.reference = MemoryExecutionRepository()
        self.other = self.stack.enter_context(opened(portfolio))
        self.orders: dict[int, Orders] = {}
        for repository in self.both:
            self.stack.enter_context(repository.hold(portfolio))

    @property
    def both(self) -> tuple[ExecutionRepository, ExecutionRepository]:
        return self.reference, self.other

    def teardown(self) -> None:
        self.agree_on_everything(ON)
        self.stack.close()

    def tell(self, call: Callable[[ExecutionRepository], None]) -> bool:
        """Make the same call to both, and return whether it was taken."""
        taken = []
        for repository in self.both:
            try:
                call(repository)
            except StoreConflict:
                taken.append(False)
            else:
                taken.append(True)
        assert taken[0] == taken[1]
        return taken[0]

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.plan(data, 0)

    @rule(data=st.data(), number=st.integers(0, DECISIONS - 1))
    def plan(self, data: st.DataObject, number: int) -> None:
        """Plan a decision, perhaps one that is recorded already."""
        plan = data.draw(plans(key_of(self.portfolio, number)))
        if self.tell(lambda repository: repository.record_plan(plan)):
            self.orders[number] = plan.orders

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """Record answers to the orders of one decision, or to some of them."""
        told = data.draw(standings(self.some_orders(data)))
        reason = [data.draw(st.sampled_from(["", "no", "wo\0rse"])) for _ in range(len(told))]
        receipts = Receipts(told.id, [Outcome.ACCEPTED] * len(told), reason)
        self.tell(lambda repository: repository.record_receipts(told, receipts))

    @rule(data=st.data(), parts=st.integers(0, 3), number=st.none() | st.integers(0, DECISIONS - 1))
    def report(self, data: st.DataObject, parts: int, number: int | None) -> None:
        """Record reports of orders of several decisions, some told twice, and perhaps a decision's snapshot."""
        told = [data.draw(standings(self.some_orders(data))) for _ in range(parts)]
        orders = Orders.concat(told) if told else Orders.none(ON)
        fills = data.draw(fills_of(self.some_orders(data)))
        snapshot = None
        if number is not None:
            account = Account(data.draw(amounts), data.draw(unknown_amounts), data.draw(amounts))
            positions = data.draw(strategies.positions(ON))
            snapshot = Snapshot(key_of(self.portfolio, number), positions, account)
        self.tell(lambda repository: repository.record_reports(self.portfolio, orders, fills, snapshot))

    def some_orders(self, data: st.DataObject) -> Orders:
        orders = self.orders[data.draw(st.sampled_from(sorted(self.orders)))]
        if data.draw(st.booleans()):
            return orders
        return orders[np.array(data.draw(st.permutations(range(len(orders)))), np.int64)[: len(orders) // 2 + 1]]

    @rule(number=st.integers(0, DECISIONS), on=st.sampled_from([ON, WIDER]))
    def recall(self, number: int, on: Instruments) -> None:
        """Recall a decision, perhaps one that never was."""
        key = key_of(self.portfolio, number)
        expected, told = (without_account(repository.recall(key, on)) for repository in self.both)
        assert told == expected

    @rule(on=st.sampled_from([ON, WIDER]))
    def agree_on_everything(self, on: Instruments) -> None:
        """Read all orders and fills back."""
        assert self.other.orders(self.portfolio, on) == self.reference.orders(self.portfolio, on)
        assert self.other.fills(self.portfolio, on) == self.reference.fills(self.portfolio, on)


_numbers = count(1)


@pytest.mark.slow
def test_postgresql_tells_what_memory_tells(dsn: str) -> None:
    with PostgresExecutionRepository(dsn) as repository:

        def machine() -> Records:
            portfolio = Portfolio(f"growth {next(_numbers)}", Mode.PAPER)
            return Records(lambda _: nullcontext(repository), portfolio)

        tried = settings(max_examples=60, stateful_step_count=15)
        run_state_machine_as_test(cast("type[Records]", machine), settings=tried)


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", [1, 12, 50_000])
def test_a_journal_tells_what_memory_tells(dsn: str, batch_rows: int) -> None:
    runs = PostgresRunRepository(dsn)

    def machine() -> Records:
        name = f"run {next(_numbers)}"
        portfolio = Portfolio("growth", run=name)
        run = Run(name, portfolio, date(2024, 3, 1), date(2024, 3, 31), 1.0, {})

        @contextmanager
        def opened(_: Portfolio) -> Iterator[ExecutionRepository]:
            with runs.start(run), BacktestJournal(dsn, run, batch_rows) as journal:
                yield journal

        return Records(opened, portfolio)

    tried = settings(max_examples=40, stateful_step_count=15)
    run_state_machine_as_test(cast("type[Records]", machine), settings=tried)
