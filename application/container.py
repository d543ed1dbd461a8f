"""The one place that names adapters: settings in, a bridge out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Never

from attrs import frozen
from dependency_injector import containers, providers

from ..adapters.brokers.backtest import BacktestBroker
from ..adapters.calendars import ExchangeCalendar, PriceDaysCalendar
from ..adapters.clocks import SystemClock
from ..adapters.files.prices import FilePriceFeed
from ..adapters.files.targets import read_targets
from ..adapters.memory.summary import SummaryJournal
from ..adapters.postgres import schema
from ..adapters.postgres.audit import PostgresRunAudit
from ..adapters.postgres.connection import described, environment
from ..adapters.postgres.embedded import embedded
from ..adapters.postgres.journal import BacktestJournal
from ..adapters.postgres.prices import PostgresPriceFeed, PostgresPriceStore
from ..adapters.postgres.reader import PostgresRecordReader
from ..adapters.postgres.repository import PostgresExecutionRepository
from ..adapters.postgres.runs import PostgresRunRepository
from ..adapters.prices.time_machine import TimeMachine
from ..adapters.targets.functions import TargetCalls, load_function
from ..adapters.targets.tables import TargetTable
from ..domain.errors import SettingsError, UnknownInstrument
from ..domain.execution_plan import Rules
from ..domain.targets import Targets
from ..ports.errors import StoreUnavailable
from .backtest import BacktestRunner
from .facade import Bridge
from .settings import BacktestSettings, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from ..adapters.postgres.schema import SchemaStep
    from ..domain.fills import Fills
    from ..domain.instruments import Instruments
    from ..domain.orders import Orders
    from ..domain.simulator import MarketSimulator
    from ..ports.calendar import TradingCalendar
    from ..ports.prices import Loaded, PriceFeed
    from ..ports.replay import Replay
    from ..ports.targets import TargetSource
    from .facade import AskedTargets


def rules(settings: Settings) -> Rules:
    """Return how decisions become orders; what trading is expected to cost follows from the simulated costs."""
    cost_rate = (settings.slippage.bps + settings.commission.bps) / 10_000
    return Rules(settings.orders, settings.limits, settings.sizing.fit_to_cash, cost_rate)


def price_feed(settings: Settings, historical_dsn: str) -> PriceFeed:
    """Return the feed of the settings' files or, where there are none, of the database."""
    chosen = settings.prices
    return FilePriceFeed(chosen.files, chosen.adjusted) if chosen.files else PostgresPriceFeed(historical_dsn)


def trading_calendar(settings: Settings, prices: PriceFeed) -> TradingCalendar:
    """Return the days with prices, or the calendar of the exchange that the settings name."""
    name = settings.calendar.name
    return PriceDaysCalendar(prices.days) if name == "prices" else ExchangeCalendar(name)


def target_source(settings: Settings, asked: AskedTargets, on: Instruments) -> TargetSource:
    """Return what says targets day by day: what was *asked*, a file, a function or what is wanted every day."""
    unit, complete = settings.backtest.unit, settings.backtest.complete
    if isinstance(asked, Mapping):
        wanted: Mapping[str, float] = asked
        return TargetCalls(lambda _: wanted, unit, complete)
    if isinstance(asked, str):
        if ":" not in asked or Path(asked).exists():
            return _from_file(Path(asked), settings.backtest, on)
        asked = load_function(asked)
    return TargetCalls(asked, unit, complete) if callable(asked) else asked


def _from_file(file: Path, settings: BacktestSettings, on: Instruments) -> TargetSource:
    rows = read_targets(file).among(settings.instruments)
    try:
        instrument = on.locate(rows.names)[rows.instrument]
    except UnknownInstrument as error:
        rule = f"{error}; in {file}"
        raise UnknownInstrument(rule) from error
    if rows.day is None:
        wanted = Targets(on, instrument, rows.amount, unit=settings.unit, complete=settings.complete)
        return TargetCalls(lambda _: wanted)
    return TargetTable(on, rows.day, instrument, rows.amount, settings.unit, settings.complete)


def read_amounts(file: Path, day: date | None) -> dict[str, float]:
    """
    Return the targets of *file* (CSV, Parquet or JSON) for *day*, by instrument id; a file without dates is for any.

    Raises:
        FeedUnavailable, BadTable: it cannot be read, or breaks a rule; the message names file, line and column.
    """
    return read_targets(file).on(day)


def simulated_broker(  # noqa: PLR0917 - providers call by place.
    simulator: MarketSimulator,
    calendar: TradingCalendar,
    replay: Replay,
    orders: Orders,
    fills: Fills,
    initial_cash: float,
    worked_until: date | None = None,
) -> BacktestBroker:
    """Return a broker that fills from the bars of *replay*, with the book that is recorded."""
    return BacktestBroker(simulator, replay, calendar, replay, initial_cash, orders, fills, worked_until)


def refuse_live(settings: Settings, *_: object) -> Never:
    """Refuse to trade with money."""
    if settings.live.account is None:
        rule = "mode 'live' needs the account that may be traded: set live.account"
    else:
        rule = f"mode 'live' needs a broker that trades account {settings.live.account!r}; this version has none"
    raise SettingsError(rule)


class Container(containers.DeclarativeContainer):
    """
    What a bridge is made of; the mode of the settings selects its broker.

    *dsn* is the runtime database, *historical_dsn* the one that has prices.
    """

    settings = providers.Dependency(instance_of=Settings)
    dsn = providers.Dependency(instance_of=str)
    historical_dsn = providers.Dependency(instance_of=str)

    rules = providers.Singleton(rules, settings)
    clock = providers.Singleton(SystemClock)
    prices = providers.Singleton(price_feed, settings, historical_dsn)
    calendar = providers.Singleton(trading_calendar, settings, prices)
    repository = providers.Singleton(PostgresExecutionRepository, dsn)
    runs = providers.Singleton(PostgresRunRepository, dsn)
    reader = providers.Singleton(PostgresRecordReader, dsn)
    audit = providers.Singleton(PostgresRunAudit, dsn)
    journal = providers.Selector(
        settings.provided.backtest.record.value,
        all=providers.Factory(BacktestJournal, dsn),
        summary=providers.Factory(SummaryJournal),
    )
    replay = providers.Factory(TimeMachine, prices)
    target_source = providers.Callable(target_source, settings)

    simulated_broker = providers.Callable(simulated_broker, settings.provided.simulator, calendar)
    live_broker = providers.Callable(refuse_live, settings)
    broker = providers.Selector(
        settings.provided.mode.value, BACKTEST=simulated_broker, PAPER=simulated_broker, LIVE=live_broker
    )
    runner = providers.Singleton(
        BacktestRunner,
        calendar=calendar,
        runs=runs,
        clock=clock,
        journal=journal.provider,
        replay=replay.provider,
        broker=simulated_broker.provider,
    )
    bridge = providers.Singleton(
        Bridge,
        settings=settings,
        rules=rules,
        prices=prices,
        calendar=calendar,
        clock=clock,
        repository=repository,
        reader=reader,
        audit=audit,
        runner=runner,
        replay=replay.provider,
        broker=broker.provider,
        target_source=target_source.provider,
    )


@contextmanager
def open_bridge(
    config: Settings | Path | str | None = None, *, overrides: Mapping[str, object] | None = None
) -> Iterator[Bridge]:
    """
    Open the bridge that *config* (settings, or the path of their TOML file) describes, and close it with the context.

    *overrides* are values by dotted key ("backtest.initial_cash") that win over file and environment. An embedded
    database that is new is brought to the schema; any other must be at it.

    Raises:
        SettingsError: all that is wrong with the settings, a line each.
        StoreUnavailable: the database is not reached, or not at the schema; the message says what mends it.
    """
    settings = _settings(config, overrides)
    with open_databases(settings) as databases:
        databases.require_current()
        container = Container(settings=settings, dsn=databases.dsn, historical_dsn=databases.historical_dsn)
        with container.repository():
            yield container.bridge()


@contextmanager
def open_databases(
    config: Settings | Path | str | None = None, *, overrides: Mapping[str, object] | None = None
) -> Iterator[Databases]:
    """
    Reach the databases that *config* describes, for operators; the embedded one runs as long as the context.

    Raises:
        SettingsError, StoreUnavailable: as `open_bridge`, but the schema may be any.
    """
    settings = _settings(config, overrides)
    chosen = settings.database
    with ExitStack() as stack:
        is_ours = chosen.dsn is None
        dsn = stack.enter_context(embedded(chosen.data_dir)) if chosen.dsn is None else chosen.dsn.reveal()
        historical = dsn if chosen.historical_dsn is None else chosen.historical_dsn.reveal()
        yield Databases(dsn, historical, is_ours)


def _settings(config: Settings | Path | str | None, overrides: Mapping[str, object] | None) -> Settings:
    if isinstance(config, Settings):
        return config
    return load_settings(None if config is None else Path(config), overrides=overrides)


@frozen
class Databases:
    """The runtime and the historical database, and what operators do to them; *is_ours*: it is the embedded one."""

    dsn: str
    historical_dsn: str
    is_ours: bool

    def require_current(self) -> None:
        """
        Do nothing where both are at the schema of this version; bring an embedded one there that is new.

        Raises:
            StoreUnavailable: one is behind or ahead; the message says what mends it.
        """
        if self.is_ours and all(step.applied_at is None for step in self.status()):
            self.migrate()
        for dsn in dict.fromkeys((self.dsn, self.historical_dsn)):
            schema.require_current(dsn)

    def status(self) -> list[SchemaStep]:
        """Return the steps of the runtime database's schema."""
        return schema.status(self.dsn)

    def migrate(self) -> list[str]:
        """Bring both to the schema of this version, and return the steps that were applied."""
        return [step for dsn in dict.fromkeys((self.dsn, self.historical_dsn)) for step in schema.migrate(dsn)]

    def rollback(self, to: str | None = None) -> list[str]:
        """Undo the newest step of the runtime database, or every step after *to*, and return their ids."""
        return schema.rollback(self.dsn, to=to)

    def load_prices(self, file: Path, *, adjusted: bool = False) -> Loaded:
        """Keep the bars of *file* (CSV or Parquet) in the historical database."""
        schema.require_current(self.historical_dsn)
        panel = FilePriceFeed((file,), adjusted).whole
        return PostgresPriceStore(self.historical_dsn).load(panel, file.name)

    def psql(self) -> tuple[str, dict[str, str]]:
        """Return the program that opens a prompt on the runtime database, and the environment that names it."""
        program = which("psql")
        if program is None:
            rule = f"psql is not installed; the database is {described(self.dsn)}"
            raise StoreUnavailable(rule)
        return program, environment(self.dsn)
