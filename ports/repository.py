"""The ports for what is kept: the execution record, the runs, and reading both."""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    from ..domain.account import Account
    from ..domain.fills import Fills
    from ..domain.instruments import Instruments
    from ..domain.orders import Orders
    from ..domain.plan_key import Mode, PlanKey, Portfolio
    from ..domain.planner import ExecutionPlan, Refusals
    from ..domain.positions import Positions
    from .broker import Receipts


@frozen
class Snapshot:
    """What a portfolio held, marked, and its money, once a decision was carried out; rows that are flat say so."""

    key: PlanKey
    positions: Positions
    account: Account


@frozen
class Recorded:
    """
    What is recorded of one decision.

    *orders* and *fills* are those of its own orders. *snapshot* is None until its outcome is recorded.
    """

    key: PlanKey
    orders: Orders
    fills: Fills
    refusals: Refusals
    snapshot: Snapshot | None


class ExecutionRepository(Protocol):
    """
    Keeps what was intended, answered and filled.

    Sharing: one caller at a time; writes happen while the portfolio is held.
    Raises, in every method, StoreUnavailable (nothing was recorded) or StoreUnknown (a commit's answer was lost).
    """

    @abstractmethod
    def hold(self, portfolio: Portfolio) -> AbstractContextManager[date | None]:
        """
        Hold *portfolio* against every other process until the context ends, also when this process dies.

        The context brings the trading day that the portfolio has come to: the latest of its recorded decisions.
        Empty: None, where no decision is recorded.

        Raises:
            PortfolioHeld: another process holds it.
        """

    @abstractmethod
    def recall(self, key: PlanKey, on: Instruments) -> Recorded | None:
        """Return what is recorded of the decision *key*, along *on*; None where nothing is."""

    @abstractmethod
    def record_plan(self, plan: ExecutionPlan) -> None:
        """
        Record the decision, its orders as PENDING and its refusals; they are committed when this returns.

        A backtest's record may commit later, together with the outcome.

        Raises:
            StoreConflict: the decision or one of its order ids is recorded already; nothing was recorded.
        """

    @abstractmethod
    def record_receipts(self, orders: Orders, receipts: Receipts) -> None:
        """
        Record what the broker answered: the statuses of *orders*, row by row those of *receipts*, and its reasons.

        Empty: nothing is recorded.
        """

    @abstractmethod
    def record_reports(
        self, portfolio: Portfolio, orders: Orders, fills: Fills, snapshot: Snapshot | None = None
    ) -> None:
        """
        Record, in one transaction, how *orders* now stand, the new *fills* and, where given, the *snapshot*.

        Again: a fill that is recorded already is left as it is; a second snapshot of a decision is refused.
        Order: fills are read back in the order in which they were recorded.
        Empty: without a snapshot nothing is recorded.

        Raises:
            StoreConflict: the decision has a snapshot already; nothing was recorded.
        """

    @abstractmethod
    def orders(self, portfolio: Portfolio, on: Instruments) -> Orders:
        """
        Return all recorded orders of *portfolio*, along *on*.

        Order: by instant, then sells first, by instrument id and by leg.
        """

    @abstractmethod
    def fills(self, portfolio: Portfolio, on: Instruments) -> Fills:
        """
        Return all recorded fills of *portfolio*, along *on*.

        Order: as they were recorded.
        """


@frozen
class Run:
    """One backtest: its name, whose it is, what it was asked (*config*, secrets apart), over which days."""

    name: str
    portfolio: Portfolio
    start: date
    end: date
    initial_cash: float
    config: Mapping[str, object]


RunStatus = Literal["RUNNING", "COMPLETE", "FAILED"]


class Extent(Enum):
    """How much of a backtest is recorded: all of it, or its figures alone."""

    ALL = "all"
    SUMMARY = "summary"


class RunRepository(Protocol):
    """Keeps which backtests were run and how they ended. A run that died is told apart from one that runs."""

    @abstractmethod
    def start(self, run: Run) -> AbstractContextManager[None]:
        """
        Record *run* as RUNNING and hold it until the context ends, also when this process dies.

        Raises:
            StoreConflict: a run of that name is recorded already.
        """

    @abstractmethod
    def finish(self, run: Run, status: RunStatus, result: Mapping[str, object]) -> None:
        """Record how *run* ended: COMPLETE with its figures in *result*, or FAILED with its date and cause."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """
        Delete the run *name* and everything that it recorded, all or nothing; the name is free again.

        What is recorded of others stays as it is.

        Raises:
            RunHeld: it is still running; nothing was deleted.
            UnknownRun: no run of that name is recorded; the message says the nearest names.
        """


@frozen
class Selection:
    """Which rows to list; None leaves a condition out. *since* is the first instant, *limit* the most rows."""

    portfolio: str | None = None
    instrument: str | None = None
    mode: Mode | None = None
    run: str | None = None
    since: datetime | None = None
    limit: int | None = 50


@frozen
class Listing:
    """Rows of plain values under named columns."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


Listed = Literal["orders", "fills", "positions", "runs"]
Form = Literal["json", "csv"]


class RecordReader(Protocol):
    """
    Lists what is recorded, for people and programs to read.

    Raises StoreUnavailable where the database is not reached or behind.
    """

    @abstractmethod
    def rows(self, what: Listed, selection: Selection) -> Listing:
        """
        Return the rows of *what* that *selection* asks for.

        Positions are those of each portfolio's newest snapshot in *selection*.

        Order: newest first, then by instrument id.
        Empty: no rows, the columns all the same.
        """

    @abstractmethod
    def write(self, what: Listed, selection: Selection, form: Form, to: Callable[[str], object]) -> None:
        """
        Hand the rows of *what* that *selection* asks for to *to*, as text in *form*, many rows at a time.

        JSON is one array with an object a row, CSV has a header; each row is a line. Numbers are numbers, instants are
        in ISO 8601 and UTC, days too, claims are true or false; what is not known, NaN or infinite is null in JSON, and
        in CSV nothing.

        Order: as `rows`.
        Partly: what was handed over before an error has no end: JSON lacks its closing bracket.
        Empty: an empty array; a header and no more.
        """
