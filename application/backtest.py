"""Backtests: the same call as live, once a trading day, through history."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, suppress
from math import isnan
from typing import TYPE_CHECKING, Protocol

import numpy as np
from attrs import Factory, asdict, define, frozen

from ..domain.errors import DomainError, TradingError
from ..domain.fills import Fills
from ..domain.orders import Orders
from ..domain.performance import Performance, measure
from ..domain.plan_key import Mode, PlanKey, Portfolio
from ..domain.planner import Reason
from ..domain.positions import Positions
from ..domain.targets import Targets
from ..ports.errors import PortError, RunFailed
from ..ports.repository import Run
from ..ports.targets import View
from .bridge import ExecutionBridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import date

    from ..domain.execution_plan import Rules
    from ..domain.instruments import Instruments
    from ..domain.simulator import Session
    from ..domain.table import Float64
    from ..ports.broker import BrokerPort
    from ..ports.calendar import TradingCalendar
    from ..ports.clock import Clock
    from ..ports.replay import Replay
    from ..ports.repository import ExecutionRepository, RunRepository
    from ..ports.targets import TargetSource
    from .bridge import ExecutionSummary


@frozen
class SleeveConfig:
    """
    What a backtest is asked: its name, whose it is, how much cash, along which axis, which targets, by which rules.

    *described* is kept with the run for people to read.
    """

    run: str
    portfolio: str
    initial_cash: float
    on: Instruments
    targets: TargetSource
    rules: Rules
    described: Mapping[str, object]


@frozen
class RunResult:
    """
    What came of a backtest: counts, performance, and the daily curve.

    *day* is datetime64[D]; *equity*, *cash*, *traded* (notional, unsigned) and *commission* are float64 in currency,
    all one value a trading day. *not_traded* counts, by instrument and reason, the days on which it was not traded.
    *simulating_s* is the time until the last day was worked out, *elapsed_s* until all of it was committed.
    """

    run: Run
    orders: int
    fills: int
    day: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    equity: Float64
    cash: Float64
    traded: Float64
    commission: Float64
    performance: Performance
    positions: Positions
    not_traded: Mapping[tuple[str, str], int]
    simulating_s: float
    elapsed_s: float


class Progress(Protocol):
    """Is told, after each trading day, how many of how many are done."""

    def __call__(self, done: int, of: int, /) -> None:
        """Take note that *done* trading days *of* all are worked out."""


@define
class BacktestRunner:
    """
    Steps through trading days and calls `apply_execution_plan` on each.

    *journal*, *replay* and *broker* make, for one run, its repository, its prices and clock, and its broker.
    """

    calendar: TradingCalendar
    runs: RunRepository
    clock: Clock
    journal: Callable[[Run], AbstractContextManager[ExecutionRepository]]
    replay: Callable[[Instruments, date, date], Replay]
    broker: Callable[[Replay, Orders, Fills, float], BrokerPort]

    def run_sleeve(
        self, config: SleeveConfig, start_date: date, end_date: date, progress: Progress | None = None
    ) -> RunResult:
        """
        Run *config* from *start_date* to *end_date*, both included, record all of it, and return what came of it.

        The run is recorded as COMPLETE only when all of it is committed. A run that ends early is recorded as FAILED,
        with its date and cause; what was committed of it are whole days.

        Raises:
            DomainError: nothing to run: the window is empty, or no instrument has a price in it; nothing was recorded.
            StoreConflict: a run of that name is recorded already; nothing was recorded.
            RunFailed: the run ended early; the cause is in the message.
        """
        on = config.on
        sessions = self._sessions(start_date, end_date)
        _refuse_untraded(config.targets.days(start_date, end_date), sessions)
        replay = self.replay(on, start_date, end_date)
        _refuse_unpriced(replay, on, sessions)
        run = Run(
            config.run,
            Portfolio(config.portfolio, Mode.BACKTEST, run=config.run),
            start_date,
            end_date,
            config.initial_cash,
            config.described,
        )
        began = self.clock.now()
        with self.runs.start(run), self._ending(run) as ending:
            course = Course(run, config, replay, sessions, ending, progress)
            with self.journal(run) as repository:
                broker = self.broker(replay, Orders.none(on), Fills.none(on), config.initial_cash)
                bridge = ExecutionBridge(lambda _: broker, repository, replay, replay, config.rules)
                course.follow(bridge)
                simulated = self.clock.now()
            elapsed = (self.clock.now() - began).total_seconds()
            result = course.result((simulated - began).total_seconds(), elapsed)
            self.runs.finish(run, "COMPLETE", figures(result))
        return result

    def _sessions(self, start: date, end: date) -> list[Session]:
        if start > end:
            rule = f"a backtest starts before it ends, was {start} to {end}"
            raise DomainError(rule)
        sessions = self.calendar.sessions(start, end)
        if not sessions:
            rule = f"there is no trading day from {start} to {end}"
            raise DomainError(rule)
        return sessions

    @contextmanager
    def _ending(self, run: Run) -> Iterator[Whereabouts]:
        """Record *run* as FAILED when it ends early, with the day on which it was."""
        whereabouts = Whereabouts()
        try:
            yield whereabouts
        except BaseException as error:
            cause = str(error) if isinstance(error, TradingError) else repr(error)
            if isinstance(error, KeyboardInterrupt):
                cause = "interrupted"
            day = "before its first day" if whereabouts.day is None else f"on {whereabouts.day}"
            # A store that is gone shows the run as INTERRUPTED: it is RUNNING and nobody holds it.
            with suppress(PortError):
                self.runs.finish(run, "FAILED", {"date": whereabouts.day and f"{whereabouts.day}", "cause": cause})
            if isinstance(error, TradingError):
                message = f"run {run.name!r} failed {day}: {cause}"
                raise RunFailed(message) from error
            raise


def _refuse_untraded(days: list[date], sessions: list[Session]) -> None:
    """Refuse targets for days that nobody trades on: they would be dropped in silence."""
    traded = {session.day.item() for session in sessions}
    lost = [f"{day}" for day in days if day not in traded]
    if lost:
        rule = f"targets are for trading days; no such are {', '.join(lost[:5])} ({len(lost)} in all)"
        raise DomainError(rule)


def _refuse_unpriced(replay: Replay, on: Instruments, sessions: list[Session]) -> None:
    """Refuse sessions without any price of *on*; the first of them that has one is enough."""
    for session in sessions:
        replay.travel(session)
        if not np.isnan(replay.bars(on, replay.today()).close).all():
            return
    rule = f"there are no prices from {sessions[0].day} to {sessions[-1].day}"
    raise DomainError(rule)


@define
class Whereabouts:
    """The day that a run has come to."""

    day: date | None = None


@define
class Course:
    """One run from its first day to its last, and what it notes on the way."""

    run: Run
    config: SleeveConfig
    replay: Replay
    sessions: list[Session]
    whereabouts: Whereabouts
    progress: Progress | None
    _daily: list[tuple[float, float, float, float, float]] = Factory(list)
    _orders: int = 0
    _fills: int = 0
    _positions: Positions | None = None
    _not_traded: Counter[tuple[int, int]] = Factory(Counter)

    def follow(self, bridge: ExecutionBridge) -> None:
        """Carry out the targets of every day; whoever decides on them sees what earlier orders have come to by then."""
        on, replay, source, portfolio = self.config.on, self.replay, self.config.targets, self.run.portfolio
        nothing, known = undecided(on), Positions.flat(on)

        def choose(broker: BrokerPort) -> Targets:
            view = View(replay.today(), on, broker.positions(), broker.account(), replay)
            targets = source.targets(view)
            return nothing if targets is None else targets

        for done, session in enumerate(self.sessions, 1):
            replay.travel(session)
            day = self.whereabouts.day = replay.today()
            summary = bridge.decide(PlanKey(portfolio, day.isoformat(), day, replay.now()), on, choose)
            self._note(summary, known)
            known = summary.positions
            if self.progress is not None:
                self.progress(done, len(self.sessions))
        self._positions = known

    def _note(self, summary: ExecutionSummary, before: Positions) -> None:
        traded = commission = shortfall = 0.0
        for fills, known in ((summary.earlier, before.price), (summary.fills, summary.positions.price)):
            if len(fills):
                at = fills.instrument
                moved = fills.lots * fills.on.unit[at]
                traded += float(np.add.reduce(np.abs(moved) * fills.price))
                commission += float(np.add.reduce(fills.commission))
                shortfall += float(np.add.reduce(moved * (fills.price - known[at])))
                self._fills += len(at)
        self._orders += len(summary.orders)
        self._daily.append((summary.account.equity, summary.account.cash, traded, commission, shortfall))
        if len(summary.refusals):
            refusals = summary.refusals
            self._not_traded.update(zip(refusals.instrument.tolist(), refusals.reason.tolist(), strict=True))

    def result(self, simulating_s: float, elapsed_s: float) -> RunResult:
        """Return what came of the run."""
        equity, cash, traded, commission, shortfall = np.array(self._daily).T
        positions = self._positions
        assert positions is not None, "Invariant: a result is asked for at the end."
        return RunResult(
            run=self.run,
            orders=self._orders,
            fills=self._fills,
            day=np.array([session.day for session in self.sessions]),
            equity=equity,
            cash=cash,
            traded=traded,
            commission=commission,
            performance=measure(
                self.run.initial_cash,
                equity,
                traded,
                commission=float(commission.sum()),
                shortfall=float(shortfall.sum()),
            ),
            positions=positions,
            not_traded={
                (positions.on.names[code], Reason(reason).name): days
                for (code, reason), days in sorted(self._not_traded.items())
            },
            simulating_s=simulating_s,
            elapsed_s=elapsed_s,
        )


def undecided(on: Instruments) -> Targets:
    """Return targets that want nothing changed."""
    return Targets(on, [], [], complete=False)


def figures(result: RunResult) -> dict[str, object]:
    """Return the figures of *result* by name, NaN as None, as they are recorded with the run."""
    measured = {name: None if isnan(value) else value for name, value in asdict(result.performance).items()}
    return {"orders": result.orders, "fills": result.fills, **measured, "elapsed_s": result.elapsed_s}
