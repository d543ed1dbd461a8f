"""Every mode is built, and every provider of it asked for."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from attrs import evolve

from execbridge.adapters.brokers.backtest import BacktestBroker
from execbridge.adapters.calendars import ExchangeCalendar, PriceDaysCalendar
from execbridge.adapters.targets.functions import TargetCalls
from execbridge.adapters.targets.tables import TargetTable
from execbridge.application import container as wiring
from execbridge.application.container import Container, open_bridge, open_databases
from execbridge.application.facade import Bridge
from execbridge.application.settings import Settings, load_settings
from execbridge.domain.errors import SettingsError, UnknownInstrument
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders
from execbridge.domain.plan_key import Mode, Portfolio
from execbridge.domain.targets import Unit
from execbridge.ports.errors import StoreUnavailable
from execbridge.ports.repository import Run, Selection

from .app import TWO, App, day

if TYPE_CHECKING:
    from execbridge.ports.replay import Replay

PRICES = (
    "date,instrument_id,open,high,low,close,volume\n2024-01-02,AAA,10,11,9,10,1000\n2024-01-03,AAA,11,12,10,11,1000\n"
)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    file = tmp_path / "prices.csv"
    file.write_text(PRICES, encoding="utf-8")
    return file


def asked(container: Container, replay: Replay) -> dict[str, tuple[object, ...]]:
    """Return what each provider of *container* is asked with."""
    on = replay.instruments()
    book = replay, Orders.none(on), Fills.none(on), 100.0
    run = Run("r", Portfolio("p", run="r"), day(1), day(2), 100.0, {})
    return {
        "replay": (on, day(1), day(2)),
        "journal": (run,),
        "target_source": ({}, on),
        "broker": book,
        "simulated_broker": book,
        "live_broker": book,
    }


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_is_built_and_every_provider_asked_for(mode: Mode) -> None:
    container = App(chosen={"mode": mode.value}).container()
    container.journal.reset_override()
    values = asked(container, container.replay(TWO.on, day(1), day(2)))
    refused = {"live_broker", "broker"} if mode is Mode.LIVE else {"live_broker"}
    for name in refused:
        with pytest.raises(SettingsError, match=r"set live\.account"):
            container.providers[name](*values[name])
    made = {
        name: provide(*values.get(name, ())) for name, provide in container.providers.items() if name not in refused
    }
    brokers = {name for name, one in made.items() if isinstance(one, BacktestBroker)}
    assert brokers == {"simulated_broker", "broker"} - refused
    assert isinstance(made["bridge"], Bridge)
    assert made["bridge"].runner is made["runner"]


def test_an_account_that_nothing_can_trade_is_refused_by_name() -> None:
    container = App(chosen={"mode": "live", "live__account": "U123"}).container()
    with pytest.raises(SettingsError, match="needs a broker that trades account 'U123'; this version has none"):
        container.broker()


def test_prices_come_from_files_or_the_historical_database(prices: Path) -> None:
    over = Settings(prices=evolve(Settings().prices, files=(prices,)))
    assert wiring.price_feed(over, "none").instruments().names == ("AAA",)
    with pytest.raises(Exception, match="not reached"):
        wiring.price_feed(Settings(), f"host={prices.parent}").instruments()


def test_the_calendar_is_that_of_prices_or_of_an_exchange() -> None:
    container = App().container
    assert isinstance(container().calendar(), PriceDaysCalendar)
    assert isinstance(container(calendar__name="XNYS").calendar(), ExchangeCalendar)


def test_what_trading_is_expected_to_cost_follows_from_the_simulated_costs() -> None:
    rules = App().container(slippage__bps=4.0, commission__bps=1.0, sizing__fit_to_cash=False).rules()
    assert (rules.cost_rate, rules.fit_to_cash) == (0.0005, False)


def wanted(_: object) -> dict[str, float]:
    return {"AAA": 1.0}


def test_targets_come_from_what_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "a:b.csv"
    file.write_text("date,instrument_id,target\n2024-01-02,AAA,5\n", encoding="utf-8")
    settings = load_settings(overrides={"backtest.unit": "weight", "backtest.complete": False}, environment={})
    on = Instruments.of(["AAA"])
    for asked_ in (f"{file}", f"{__name__}:wanted", wanted, {"AAA": 1.0}):
        source = wiring.target_source(settings, asked_, on)
        assert isinstance(source, TargetTable if asked_ == f"{file}" else TargetCalls)
        assert (source.unit, source.complete) == (Unit.WEIGHT, False)
        assert wiring.target_source(settings, source, on) is source


def test_settings_that_are_wrong_open_nothing(tmp_path: Path) -> None:
    file = tmp_path / "sleeve.toml"
    file.write_text("mode = 5", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"sleeve\.toml: 1 problem"), open_bridge(str(file)):
        pass


def test_a_file_of_targets_without_days_is_wanted_every_day(tmp_path: Path) -> None:
    file = tmp_path / "targets.csv"
    file.write_text("instrument_id,target\nAAA,5\nBBB,6\n", encoding="utf-8")
    result = App().bridge().run_sleeve(targets=f"{file}", start_date=day(1), end_date=day(2))
    assert result.positions.lots.tolist() == [5, 6]
    assert wiring.read_amounts(file, None) == {"AAA": 5.0, "BBB": 6.0}


def test_a_file_of_targets_names_the_instrument_that_it_has_wrong(tmp_path: Path) -> None:
    file = tmp_path / "targets.csv"
    file.write_text("date,instrument_id,target\n2024-01-01,ABB,5\n", encoding="utf-8")
    with pytest.raises(UnknownInstrument, match=f"'ABB'.*; in {file}"):
        App().bridge().run_sleeve(targets=f"{file}", start_date=day(1), end_date=day(2))


@pytest.mark.integration
def test_a_new_embedded_database_is_migrated_by_itself_and_an_old_one_is_not(tmp_path: Path, prices: Path) -> None:
    chosen = {"database.data_dir": f"{tmp_path / 'data'}", "prices.files": [f"{prices}"]}
    with open_bridge(overrides=chosen) as bridge:
        bridge.apply_execution_plan(targets={"AAA": 3}, as_of_date=date(2024, 1, 2))
        assert len(bridge.rows("orders", Selection()).rows) == 1
    with open_databases(overrides=chosen) as databases:
        databases.rollback()
    with pytest.raises(StoreUnavailable, match="execbridge db migrate"), open_bridge(overrides=chosen):
        pass


def test_a_database_that_is_behind_is_refused_by_the_command_that_mends_it(empty_dsn: str) -> None:
    with (
        pytest.raises(StoreUnavailable, match="execbridge db migrate"),
        open_bridge(overrides={"database.dsn": empty_dsn}),
    ):
        pass


def test_a_historical_database_that_is_behind_is_refused_too(dsn: str, empty_dsn: str) -> None:
    chosen = {"database.dsn": dsn, "database.historical_dsn": empty_dsn}
    with pytest.raises(StoreUnavailable, match="execbridge db migrate"), open_bridge(overrides=chosen):
        pass
    with open_databases(overrides=chosen) as databases:
        assert databases.migrate() == [step.id for step in databases.status()]
        databases.require_current()


def test_an_operator_loads_prices_and_a_bridge_trades_on_them(dsn: str, prices: Path) -> None:
    settings = load_settings(overrides={"database.dsn": dsn}, environment={})
    with open_databases(settings) as databases:
        loaded = databases.load_prices(prices)
        assert (loaded.inserted, loaded.changed, loaded.unchanged) == (2, 0, 0)
    with open_bridge(settings) as bridge:
        assert bridge.apply_execution_plan(targets={"AAA": 3}, as_of_date=date(2024, 1, 3)).fills.price.tolist() == [11]
        result = bridge.run_sleeve(targets={"AAA": 3}, start_date=date(2024, 1, 2), end_date=date(2024, 1, 3))
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT name, status FROM backtest_runs").fetchone()
    assert row == (result.run.name, "COMPLETE")


def test_the_prompt_is_that_of_postgresql(dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "psql"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}")
    with open_databases(overrides={"database.dsn": dsn}) as databases:
        found, environment = databases.psql()
        assert found == f"{program}"
        assert environment["PGDATABASE"] in dsn
        program.unlink()
        with pytest.raises(StoreUnavailable, match="psql is not installed"):
            databases.psql()
