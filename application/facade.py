"""The face that other programs see: one object for applying plans, running backtests and reading what is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from ..domain.errors import DomainError, SettingsError, UnknownInstrument
from ..domain.plan_key import Mode, PlanKey, Portfolio
from ..domain.targets import Targets
from .backtest import SleeveConfig
from .bridge import ExecutionBridge
from .verification import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from ..domain.execution_plan import Rules
    from ..domain.fills import Fills
    from ..domain.instruments import Instruments
    from ..domain.orders import Orders
    from ..domain.planner import ExecutionPlan
    from ..ports.audit import RunAudit
    from ..ports.broker import BrokerPort
    from ..ports.calendar import TradingCalendar
    from ..ports.clock import Clock
    from ..ports.prices import PriceFeed
    from ..ports.replay import Replay
    from ..ports.repository import ExecutionRepository, Form, Listed, Listing, RecordReader, Selection
    from ..ports.targets import TargetSource, View
    from .backtest import BacktestRunner, Progress, RunResult
    from .bridge import ExecutionSummary
    from .settings import Settings
    from .verification import Verification

    AskedTargets = str | Mapping[str, float] | Callable[[View], Targets | Mapping[str, float] | None] | TargetSource


@frozen(eq=False)
class Bridge:
    """
    Bring portfolios to their targets, in the mode that the settings choose, and read what came of it.

    Made by `open_bridge`.
    """

    settings: Settings
    rules: Rules
    prices: PriceFeed
    calendar: TradingCalendar
    clock: Clock
    repository: ExecutionRepository
    reader: RecordReader
    audit: RunAudit
    runner: BacktestRunner
    replay: Callable[[Instruments, date, date], Replay]
    broker: Callable[[Replay, Orders, Fills, float, date | None], BrokerPort]
    target_source: Callable[[AskedTargets, Instruments], TargetSource]

    def apply_execution_plan(
        self,
        *,
        targets: Mapping[str, float],
        as_of_date: date | None = None,
        portfolio_id: str | None = None,
        decision: str | None = None,
    ) -> ExecutionSummary:
        """
        Bring a portfolio to *targets* as of a trading day, and return what came of it, tables included.

        *targets* are amounts by instrument id, in the unit and as complete as the settings say; NaN is unknown and
        never traded. *decision* names the decision, by default after its day: the same name again returns the recorded
        outcome and sends nothing. *as_of_date* may be left out where the clock is the real one (PAPER).

        Raises:
            DomainError: the targets or the day break a rule; nothing happened.
            PortfolioHeld, StoreUnavailable, FeedUnavailable, BrokerUnavailable: see ExecutionBridge.
        """
        bridge, key, wanted = self._prepare(targets, as_of_date, portfolio_id, decision)
        return bridge.apply_execution_plan(key, wanted)

    def plan(
        self,
        *,
        targets: Mapping[str, float],
        as_of_date: date | None = None,
        portfolio_id: str | None = None,
        decision: str | None = None,
    ) -> ExecutionPlan:
        """Return what `apply_execution_plan` would order, and why; nothing is recorded or sent."""
        bridge, key, wanted = self._prepare(targets, as_of_date, portfolio_id, decision)

        def caught_up(latest: date | None) -> BrokerPort:
            # Nothing that it tells is lost: the next broker is made from the same record and tells it again.
            broker = bridge.connect(latest)
            broker.poll()
            return broker

        return evolve(bridge, connect=caught_up).preview(key, wanted)

    def run_sleeve(
        self,
        *,
        targets: AskedTargets | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
        portfolio_id: str | None = None,
        run: str | None = None,
        progress: Progress | None = None,
    ) -> RunResult:
        """
        Run a backtest; what is left out comes from the settings.

        *targets* is a file (CSV or Parquet), `module:function`, a function of a View, a mapping wanted every day, or
        any TargetSource.

        Raises:
            SettingsError: dates or targets are neither given nor set.
            As BacktestRunner.run_sleeve.
        """
        chosen = self.settings.backtest
        asked = chosen.targets if targets is None else targets
        start, end = start_date or chosen.start, end_date or chosen.end
        if asked is None or start is None or end is None:
            needed = {"targets": asked, "start": start, "end": end}
            missing = ", ".join(f"backtest.{name}" for name, value in needed.items() if value is None)
            rule = f"a backtest needs {missing}"
            raise SettingsError(rule)
        if self.settings.mode is not Mode.BACKTEST:
            rule = f"a backtest runs in mode 'backtest', was {self.settings.mode.name.lower()!r}"
            raise SettingsError(rule)
        on = self._axis()
        portfolio = portfolio_id or self.settings.portfolio
        config = SleeveConfig(
            run=run or chosen.run or f"{portfolio}-{self.clock.now():%Y%m%d-%H%M%S-%f}",
            portfolio=portfolio,
            initial_cash=chosen.initial_cash,
            on=on,
            targets=self.target_source(asked, on),
            rules=self.rules,
            described=self.settings.describe(),
        )
        return self.runner.run_sleeve(config, start, end, progress)

    def rows(self, what: Listed, selection: Selection) -> Listing:
        """Return the recorded orders, fills, positions or runs that *selection* asks for, newest first."""
        return self.reader.rows(what, selection)

    def write(self, what: Listed, selection: Selection, form: Form, to: Callable[[str], object]) -> None:
        """Hand the same rows to *to* as JSON or CSV, many at a time; a whole run is read back in moments."""
        self.reader.write(what, selection, form, to)

    def verify(self, run: str) -> Verification:
        """
        Hold what is recorded of the backtest *run* against every claim of it, and return what came of that.

        Raises:
            UnknownRun: no run of that name is recorded.
        """
        return verify(self.audit, run)

    def delete_run(self, run: str) -> None:
        """
        Delete the backtest *run* and everything that it recorded, all or nothing; its name is free again.

        Raises:
            RunHeld: it is still running; nothing was deleted.
            UnknownRun: no run of that name is recorded.
        """
        self.runner.runs.delete(run)

    def _axis(self) -> Instruments:
        """Return the instruments that the feed knows or, where the settings name some, those."""
        on, chosen = self.prices.instruments(), self.settings.backtest.instruments
        return on if chosen is None else on[on.locate(sorted(set(chosen)))]

    def _prepare(
        self, targets: Mapping[str, float], as_of_date: date | None, portfolio_id: str | None, decision: str | None
    ) -> tuple[ExecutionBridge, PlanKey, Targets]:
        chosen, mode = self.settings.backtest, self.settings.mode
        if as_of_date is None:
            if mode is Mode.BACKTEST:
                rule = "as_of_date must be said in BACKTEST mode: history has no today"
                raise DomainError(rule)
            as_of_date = self.clock.today()
        on = self._axis()
        sessions = self.calendar.sessions(as_of_date, as_of_date)
        if not sessions:
            rule = f"{as_of_date} is not a trading day of the calendar {self.settings.calendar.name!r}"
            raise DomainError(rule)
        wanted = Targets.of(on, targets, unit=chosen.unit, complete=chosen.complete)
        replay = self.replay(on, as_of_date, as_of_date)
        replay.travel(sessions[0])
        portfolio = Portfolio(portfolio_id or self.settings.portfolio, mode, broker="simulated", account="simulated")
        key = PlanKey(portfolio, decision or as_of_date.isoformat(), as_of_date, replay.now())
        connect = partial(self._simulated_broker, portfolio, on, replay)
        return ExecutionBridge(connect, self.repository, replay, replay, self.rules), key, wanted

    def _simulated_broker(
        self, portfolio: Portfolio, on: Instruments, replay: Replay, latest: date | None
    ) -> BrokerPort:
        """Return a simulated broker that has the book recorded for *portfolio*, which has come to the day *latest*."""
        if latest is not None and latest > replay.today():
            rule = f"as_of_date {replay.today()} lies before {latest}, the day that the portfolio has come to"
            raise DomainError(rule)
        try:
            orders, fills = self.repository.orders(portfolio, on), self.repository.fills(portfolio, on)
        except UnknownInstrument as error:
            rule = f"portfolio {portfolio.id!r} has orders or fills of what the chosen prices lack: {error}"
            raise UnknownInstrument(rule) from error
        return self.broker(replay, orders, fills, self.settings.backtest.initial_cash, latest)
