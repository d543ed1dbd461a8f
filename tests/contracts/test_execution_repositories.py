"""Every execution repository keeps the contract; what only PostgreSQL can be asked, it is asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import date

import attrs
import numpy as np
import pytest
from psycopg.conninfo import make_conninfo

from execbridge.adapters.memory.repository import MemoryExecutionRepository, MemoryStore
from execbridge.adapters.postgres.connection import connect
from execbridge.adapters.postgres.journal import BacktestJournal
from execbridge.adapters.postgres.repository import PostgresExecutionRepository
from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.domain.errors import BadTable
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders, Status
from execbridge.domain.plan_key import Mode, Portfolio
from execbridge.domain.positions import Positions
from execbridge.ports.errors import StoreConflict, StoreUnavailable
from execbridge.ports.repository import ExecutionRepository, Run, Snapshot

from .execution_repository_contract import (
    ON,
    ExecutionRepositoryContract,
    filled,
    key_of,
    marked,
    moved,
    plan_of,
    receipts_of,
    told,
)

RUN = Run("spring", Portfolio("growth", run="spring"), date(2024, 3, 1), date(2024, 3, 31), 1_000.0, {})


class TestMemoryExecutionRepository(ExecutionRepositoryContract):
    @pytest.fixture
    def opened(self) -> Callable[[], ExecutionRepository]:
        store = MemoryStore()
        return lambda: MemoryExecutionRepository(store)


@pytest.mark.integration
class TestPostgresExecutionRepository(ExecutionRepositoryContract):
    @pytest.fixture
    def opened(self, dsn: str) -> Iterator[Callable[[], ExecutionRepository]]:
        with ExitStack() as stack:
            yield lambda: stack.enter_context(PostgresExecutionRepository(dsn))


@pytest.mark.integration
class TestPostgresExecutionRepositoryInLive(TestPostgresExecutionRepository):
    @pytest.fixture
    def portfolio(self) -> Portfolio:
        return Portfolio("growth", Mode.LIVE, "alpaca", "1234")


@pytest.mark.integration
class TestPostgresExecutionRepositoryInARun(TestPostgresExecutionRepository):
    @pytest.fixture
    def portfolio(self, dsn: str) -> Iterator[Portfolio]:
        with PostgresRunRepository(dsn).start(RUN):
            yield RUN.portfolio


@pytest.mark.integration
class TestBacktestJournal(ExecutionRepositoryContract):
    holds = False
    checks_order_ids = False
    keeps_many_portfolios = False

    @pytest.fixture
    def portfolio(self) -> Portfolio:
        return RUN.portfolio

    @pytest.fixture
    def opened(self, dsn: str) -> Iterator[Callable[[], ExecutionRepository]]:
        with PostgresRunRepository(dsn).start(RUN), ExitStack() as stack:
            yield lambda: stack.enter_context(BacktestJournal(dsn, RUN))


@pytest.mark.integration
class TestBacktestJournalOfSmallBatches(TestBacktestJournal):
    @pytest.fixture
    def opened(self, dsn: str) -> Iterator[Callable[[], ExecutionRepository]]:
        with PostgresRunRepository(dsn).start(RUN), ExitStack() as stack:
            yield lambda: stack.enter_context(BacktestJournal(dsn, RUN, batch_rows=1))


def terminate(dsn: str, application: str = "execbridge%") -> None:
    """End every other connection to the database, as a server that goes away does."""
    with closing(connect(dsn)) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE %s",
            [application],
        )


def test_a_database_that_is_not_there_is_unavailable(dsn: str) -> None:
    nowhere = make_conninfo(dsn, dbname="nowhere")
    with PostgresExecutionRepository(nowhere) as repository, pytest.raises(StoreUnavailable):
        repository.recall(key_of(Portfolio("growth")), ON)
    with pytest.raises(StoreUnavailable), BacktestJournal(nowhere, RUN):
        pass


def test_a_hold_ends_with_the_connection_that_has_it(dsn: str) -> None:
    portfolio = Portfolio("growth", Mode.PAPER)
    plan = plan_of(key_of(portfolio), 5, -3, 2)
    with PostgresExecutionRepository(dsn) as mine, PostgresExecutionRepository(dsn) as theirs:
        with mine.hold(portfolio):
            terminate(dsn)
            with pytest.raises(StoreUnavailable):
                mine.record_plan(plan)
            with pytest.raises(StoreUnavailable, match="begin again"):
                mine.record_plan(plan)
            with theirs.hold(portfolio):
                theirs.record_plan(plan)
        with mine.hold(portfolio):
            assert told(mine, plan.key).orders == plan.orders


def test_what_was_half_recorded_when_the_connection_went_is_not_there(dsn: str) -> None:
    portfolio = Portfolio("growth", Mode.PAPER)
    plan = plan_of(key_of(portfolio), 5, -3, 2)
    orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
    broken = Fills.trusted(**{**fills.__dict__, "price": np.array([1.0, -1.0, 1.0])})
    with PostgresExecutionRepository(dsn) as repository, repository.hold(portfolio):
        repository.record_plan(plan)
        with pytest.raises(BadTable, match="price"):
            repository.record_reports(portfolio, orders, broken)
        assert told(repository, plan.key).orders == plan.orders
        assert len(repository.fills(portfolio, ON)) == 0


def test_nothing_is_recorded_for_a_run_that_is_not(dsn: str) -> None:
    with PostgresExecutionRepository(dsn) as repository:
        with pytest.raises(StoreConflict, match="spring"):
            repository.record_plan(plan_of(key_of(RUN.portfolio), 1, 1, 1))
        assert repository.recall(key_of(RUN.portfolio), ON) is None
    with pytest.raises(StoreConflict, match="spring"), BacktestJournal(dsn, RUN):
        pass


def test_targets_are_kept_outside_of_runs_and_left_out_in_them(dsn: str) -> None:
    paper = Portfolio("growth", Mode.PAPER)
    with PostgresRunRepository(dsn).start(RUN), PostgresExecutionRepository(dsn) as repository:
        for portfolio in (paper, RUN.portfolio):
            repository.record_plan(plan_of(key_of(portfolio), 1, 1, 1))
    with closing(connect(dsn)) as connection:
        kept = dict(connection.execute("SELECT mode, targets FROM decisions").fetchall())
    assert kept == {
        "PAPER": {"unit": "quantity", "complete": True, "amounts": {"AAPL": 1.5, "BRK.B": None}},
        "BACKTEST": None,
    }


def test_the_brokers_reason_stays_with_the_order(dsn: str) -> None:
    portfolio = Portfolio("growth", Mode.PAPER)
    plan = plan_of(key_of(portfolio), 5, 0, 0)
    refused = moved(plan.orders, Status.REJECTED)
    with PostgresExecutionRepository(dsn) as repository:
        repository.record_plan(plan)
        repository.record_receipts(refused, receipts_of(refused, reason="margin\0\ud800 call"))
        repository.record_reports(portfolio, refused, Fills.none(ON))
    with closing(connect(dsn)) as connection:
        assert connection.execute("SELECT reason FROM orders").fetchall() == [
            ("margin\N{REPLACEMENT CHARACTER}? call",)
        ]


def _day(journal: BacktestJournal, day: int, held: Positions) -> Positions:
    plan = plan_of(key_of(RUN.portfolio, f"{day}", day), day, -day, day, held=held)
    journal.record_plan(plan)
    accepted = moved(plan.orders, Status.ACCEPTED)
    journal.record_receipts(accepted, receipts_of(accepted))
    orders, fills = filled(accepted)
    after, account = marked(held.after(fills))
    journal.record_reports(RUN.portfolio, orders, fills, Snapshot(plan.key, after, account))
    return after


def _days(journal: BacktestJournal, days: range, held: Positions) -> None:
    for day in days:
        held = _day(journal, day, held)


COUNTS = (
    "SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM orders), (SELECT count(*) FROM fills),"
    " (SELECT count(*) FROM positions_snapshots)"
)


def _counts(dsn: str) -> tuple[int, ...]:
    with closing(connect(dsn)) as connection:
        row = connection.execute(COUNTS).fetchone()
    assert row is not None
    return row


def test_a_journal_that_is_left_has_committed_everything(dsn: str) -> None:
    with PostgresRunRepository(dsn).start(RUN):
        with BacktestJournal(dsn, RUN) as journal:
            _days(journal, range(1, 6), Positions.flat(ON))
            assert _counts(dsn) == (0, 0, 0, 0)
        assert _counts(dsn) == (5, 15, 15, 15)


def test_an_order_and_its_outcome_reach_the_database_as_one_row(dsn: str) -> None:
    with PostgresRunRepository(dsn).start(RUN), BacktestJournal(dsn, RUN) as journal:
        _day(journal, 1, Positions.flat(ON))
    with closing(connect(dsn)) as connection:
        # An update would have made a new version of the row, further down.
        assert connection.execute("SELECT ctid::text FROM orders").fetchall() == [("(0,1)",), ("(0,2)",), ("(0,3)",)]


def test_the_server_looks_after_the_tables_of_a_run_once_they_are_whole(dsn: str) -> None:
    def left_alone() -> list[tuple[object, ...]]:
        with closing(connect(dsn)) as connection:
            return connection.execute(
                "SELECT relname FROM pg_class WHERE reloptions = '{autovacuum_enabled=false}' ORDER BY relname"
            ).fetchall()

    with PostgresRunRepository(dsn).start(RUN), BacktestJournal(dsn, RUN):
        assert left_alone() == [("fills_run_1",), ("orders_run_1",), ("positions_snapshots_run_1",)]
    assert left_alone() == []


@pytest.mark.parametrize(("on", "sizes"), [(ON, [1.0, 100.0, 1.0]), (Instruments.of(ON.names), [1.0, 1.0, 1.0])])
def test_lots_of_a_run_are_recorded_with_their_size(dsn: str, on: Instruments, sizes: list[float]) -> None:
    plan = plan_of(key_of(RUN.portfolio), 1, 2, 3)
    orders = Orders.trusted(**{**plan.orders.__dict__, "on": on})
    with PostgresRunRepository(dsn).start(RUN), BacktestJournal(dsn, RUN) as journal:
        journal.record_plan(attrs.evolve(plan, orders=orders))
    with closing(connect(dsn)) as connection:
        found = connection.execute("SELECT lots, lot_size, quantity FROM orders ORDER BY instrument_id").fetchall()
    assert found == [(lots, size, lots * size) for lots, size in enumerate(sizes, 1)]


def test_a_run_that_is_broken_off_keeps_its_whole_days(dsn: str) -> None:
    with PostgresRunRepository(dsn).start(RUN):
        with suppress(ZeroDivisionError), BacktestJournal(dsn, RUN) as journal:
            held = _day(journal, 2, _day(journal, 1, Positions.flat(ON)))
            plan = plan_of(key_of(RUN.portfolio, "3", 3), 7, 7, 7, held=held)
            journal.record_plan(plan)
            journal.record_reports(RUN.portfolio, *filled(moved(plan.orders, Status.ACCEPTED)))
            raise ZeroDivisionError
        assert _counts(dsn) == (2, 6, 6, 6)


def test_what_the_writing_thread_meets_is_raised_by_a_later_call_and_nothing_follows_it(dsn: str) -> None:
    def simulate() -> None:
        with BacktestJournal(dsn, RUN, batch_rows=1) as journal:
            held = _day(journal, 1, Positions.flat(ON))
            journal.fills(RUN.portfolio, ON)
            terminate(dsn, "execbridge journal")
            _days(journal, range(2, 9), held)
            pytest.fail("no call has told that the database is gone")

    with PostgresRunRepository(dsn).start(RUN):
        with pytest.raises(StoreUnavailable):
            simulate()
        assert _counts(dsn) == (1, 3, 3, 3)


def test_a_journal_whose_database_goes_at_the_end_says_so(dsn: str) -> None:
    def simulate() -> None:
        with BacktestJournal(dsn, RUN) as journal:
            _day(journal, 1, Positions.flat(ON))
            terminate(dsn, "execbridge journal")

    with PostgresRunRepository(dsn).start(RUN):
        with pytest.raises(StoreUnavailable):
            simulate()
        assert _counts(dsn) == (0, 0, 0, 0)


def test_after_a_batch_that_failed_nothing_more_is_written(dsn: str) -> None:
    def simulate() -> None:
        with BacktestJournal(dsn, RUN, batch_rows=1) as journal:
            held = _day(journal, 1, Positions.flat(ON))
            plan = plan_of(key_of(RUN.portfolio, "2", 2), 5, 5, 5, held=held)
            journal.record_plan(plan)
            orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
            broken = Fills.trusted(**{**fills.__dict__, "price": -fills.price})
            journal.record_reports(RUN.portfolio, orders, broken)
            with pytest.raises(BadTable, match="price"):
                journal.orders(RUN.portfolio, ON)
            _days(journal, range(3, 9), held)

    with PostgresRunRepository(dsn).start(RUN):
        with pytest.raises(StoreUnavailable, match="earlier part"):
            simulate()
        assert _counts(dsn) == (1, 3, 3, 3)


@pytest.mark.parametrize("batch_rows", [1, 50_000])
def test_a_run_with_an_order_id_that_stands_twice_does_not_end_well(dsn: str, batch_rows: int) -> None:
    def simulate() -> None:
        with BacktestJournal(dsn, RUN, batch_rows) as journal:
            held = _day(journal, 1, Positions.flat(ON))
            plan = plan_of(key_of(RUN.portfolio, "2", 2), 5, 5, 5, held=held)
            twice = Orders.trusted(**{**plan.orders.__dict__, "id": plan.orders.id[[0] * len(plan.orders)]})
            journal.record_plan(attrs.evolve(plan, orders=twice))

    with (
        PostgresRunRepository(dsn).start(RUN),
        pytest.raises(StoreConflict, match="give the orders of a backtest their keys"),
    ):
        simulate()


def test_a_fill_that_is_told_in_another_batch_again_is_kept_once(dsn: str) -> None:
    with PostgresRunRepository(dsn).start(RUN):
        with BacktestJournal(dsn, RUN, batch_rows=1) as journal:
            plan = plan_of(key_of(RUN.portfolio, "1", 1), 5, 5, 5)
            journal.record_plan(plan)
            orders, fills = filled(moved(plan.orders, Status.ACCEPTED))
            after, account = marked(Positions.flat(ON).after(fills))
            journal.record_reports(RUN.portfolio, orders, fills, Snapshot(plan.key, after, account))
            journal.record_reports(RUN.portfolio, Orders.none(ON), fills)
        assert _counts(dsn) == (1, 3, 3, 3)


def test_a_journal_tells_the_day_that_its_run_has_come_to(dsn: str) -> None:
    with PostgresRunRepository(dsn).start(RUN), BacktestJournal(dsn, RUN) as journal:
        with journal.hold(RUN.portfolio) as day:
            assert day is None
        _days(journal, range(1, 4), Positions.flat(ON))
        with journal.hold(RUN.portfolio) as day:
            assert day == date(2024, 3, 3)


def test_a_journal_refuses_what_is_not_its_runs(dsn: str) -> None:
    with PostgresRunRepository(dsn).start(RUN), BacktestJournal(dsn, RUN) as journal:
        with pytest.raises(StoreConflict, match="growth"):
            journal.record_plan(plan_of(key_of(Portfolio("growth")), 1, 1, 1))
        with pytest.raises(StoreConflict, match="income"):
            journal.record_reports(Portfolio("income"), Orders.none(ON), Fills.none(ON))
    assert _counts(dsn) == (0, 0, 0, 0)
