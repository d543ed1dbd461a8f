"""The application as it starts, over memory: each `bridge()` is another process over the same store and market."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from attrs import Factory, define
from dependency_injector import providers

from execbridge.adapters.memory.audit import MemoryRunAudit
from execbridge.adapters.memory.prices import MemoryPriceFeed
from execbridge.adapters.memory.repository import MemoryExecutionRepository, MemoryRunRepository, MemoryStore
from execbridge.adapters.prices.time_machine import TimeMachine
from execbridge.application.container import Container
from execbridge.application.settings import load_settings
from execbridge.domain.bars import Panel
from execbridge.domain.instruments import Instrument, Instruments
from execbridge.domain.plan_key import Mode, Portfolio
from execbridge.domain.simulator import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from execbridge.application.bridge import ExecutionSummary
    from execbridge.application.facade import Bridge
    from execbridge.domain.fills import Fills
    from execbridge.domain.orders import Orders
    from execbridge.ports.repository import Recorded, Run

NAN = float("nan")
FIRST = date(2024, 1, 1)


def day(number: int) -> date:
    """Return the first, second, third … day of the market."""
    return FIRST + timedelta(number - 1)


def market(closes: Mapping[str, Sequence[float]], *, volume: float = 1e6, lot_size: float = 1.0) -> Panel:
    """Return bars that open half below their close and reach one to either side of it."""
    on = Instruments.of([Instrument(name, lot_size) for name in closes])
    close = np.array([closes[name] for name in on.names], float).T
    days = np.datetime64(FIRST) + np.arange(len(close))
    volumes = np.where(np.isnan(close), NAN, volume)
    return Panel(on, days, open=close - 0.5, high=close + 1, low=close - 1, close=close, volume=volumes)


TWO = market({"AAA": [10, 11, 12, 13, 14, 15], "BBB": [20, 19, 18, 17, 16, 15]})

MAIN = Portfolio("main", Mode.BACKTEST, broker="simulated", account="simulated")


@define
class App:
    """What outlives a process: the store and the market."""

    panel: Panel = TWO
    store: MemoryStore = Factory(MemoryStore)
    repository: Callable[[MemoryStore], MemoryExecutionRepository] = MemoryExecutionRepository
    chosen: dict[str, object] = Factory(dict)
    today: int = 1

    def container(self, **chosen: object) -> Container:
        """Return the container of a new process; *chosen* are settings, with two underscores for the dot."""
        overrides = {key.replace("__", "."): value for key, value in (self.chosen | chosen).items()}
        settings = load_settings(overrides=overrides, environment={})
        container = Container(settings=settings, dsn="none", historical_dsn="none")
        feed, store = MemoryPriceFeed(self.panel), self.store
        clock = TimeMachine(feed, self.panel.on, FIRST, FIRST)
        noon = np.datetime64(day(self.today), "us") + np.timedelta64(12, "h")
        clock.travel(Session(np.datetime64(day(self.today)), noon, noon))

        def journal(_: Run) -> nullcontext[MemoryExecutionRepository]:
            return nullcontext(self.repository(store))

        container.prices.override(providers.Object(feed))
        container.clock.override(providers.Object(clock))
        container.repository.override(providers.Object(self.repository(store)))
        container.runs.override(providers.Object(MemoryRunRepository(store)))
        container.audit.override(providers.Object(MemoryRunAudit(store)))
        container.journal.override(providers.Factory(journal))
        container.runner.add_kwargs(journal=journal)
        return container

    def container_over(self, dsn: str) -> Container:
        """Return the container of a new process that keeps its record in the database *dsn*."""
        return Container(settings=load_settings(environment={}), dsn=dsn, historical_dsn=dsn)

    def bridge(self, **chosen: object) -> Bridge:
        """Return the bridge of a new process."""
        return self.container(**chosen).bridge()

    def apply(
        self, on_day: int, targets: Mapping[str, float], decision: str | None = None, **chosen: object
    ) -> ExecutionSummary:
        """Apply *targets* in a process of its own."""
        bridge = self.bridge(**chosen)
        return bridge.apply_execution_plan(targets=targets, as_of_date=day(on_day), decision=decision)

    def held(self) -> dict[str, int]:
        """Return what the record says is held: the sum of all fills."""
        lots: dict[str, int] = {}
        for _, fill in self.store.fills.values():
            lots[fill.instrument] = lots.get(fill.instrument, 0) + fill.lots
        return lots

    def recorded(self) -> tuple[int, int, int]:
        """Return how many decisions, orders and fills are recorded."""
        return len(self.store.decisions), len(self.store.orders), len(self.store.fills)

    def told(self, portfolio: Portfolio = MAIN) -> tuple[Orders, Fills, list[Recorded | None]]:
        """Return all that is recorded of *portfolio*."""
        repository, on = MemoryExecutionRepository(self.store), self.panel.on
        keys = [one.key for one in self.store.decisions.values() if one.key.portfolio == portfolio]
        decisions = [repository.recall(key, on) for key in keys]
        return repository.orders(portfolio, on), repository.fills(portfolio, on), decisions
