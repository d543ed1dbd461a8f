"""What other programs call."""

from __future__ import annotations

from datetime import timedelta

import pytest

from execbridge.application.facade import Bridge
from execbridge.domain.errors import DomainError, SettingsError, UnknownInstrument
from execbridge.domain.plan_key import Mode
from execbridge.domain.targets import Unit
from execbridge.ports.repository import Selection

from .app import FIRST, App, day


def refused(bridge: Bridge, rule: str, error: type[Exception] = SettingsError, **asked: object) -> None:
    with pytest.raises(error, match=rule):
        bridge.run_sleeve(**asked)  # type: ignore[arg-type]


def test_history_has_no_today() -> None:
    with pytest.raises(DomainError, match="as_of_date must be said in BACKTEST mode"):
        App().bridge().apply_execution_plan(targets={})


def test_a_day_without_trading_is_refused() -> None:
    with pytest.raises(DomainError, match="2023-12-31 is not a trading day of the calendar 'prices'"):
        App().bridge().apply_execution_plan(targets={}, as_of_date=FIRST - timedelta(1))


def test_on_paper_today_is_the_day_that_is_traded() -> None:
    app = App(chosen={"mode": "paper"}, today=2)
    summary = app.bridge().apply_execution_plan(targets={"AAA": 3})
    assert (summary.key.as_of_date, summary.key.decision) == (day(2), "2024-01-02")
    assert summary.key.portfolio.mode is Mode.PAPER
    assert [fill.price for fill in summary.fills] == [11.0]
    app.today = 3
    assert len(app.bridge().apply_execution_plan(targets={"AAA": 3}).orders) == 0


def test_modes_and_portfolios_are_books_of_their_own() -> None:
    app = App()
    app.apply(1, {"AAA": 3})
    assert app.apply(1, {"AAA": 3}, mode="paper").positions.lots.tolist() == [3, 0]
    assert app.held() == {"AAA": 6}
    other = app.bridge().apply_execution_plan(targets={"AAA": 1}, as_of_date=day(1), portfolio_id="other")
    assert (other.key.portfolio.id, other.positions.lots.tolist()) == ("other", [1, 0])


def test_a_live_portfolio_is_refused_and_so_are_backtests_in_its_name() -> None:
    app = App(chosen={"mode": "live"}, today=1)
    with pytest.raises(SettingsError, match=r"set live\.account"):
        app.bridge().apply_execution_plan(targets={"AAA": 3})
    with pytest.raises(SettingsError, match=r"set live\.account"):
        app.bridge().plan(targets={"AAA": 3})
    assert app.recorded() == (0, 0, 0)
    with pytest.raises(SettingsError, match="a backtest runs in mode 'backtest', was 'live'"):
        app.bridge().run_sleeve(targets={"AAA": 1}, start_date=day(1), end_date=day(2))


def test_the_book_begins_with_the_cash_of_the_settings() -> None:
    app = App(chosen={"backtest__initial_cash": 500.0})
    assert app.apply(1, {"AAA": 3}).account.cash == 470.0
    assert app.apply(2, {"AAA": 5}).account.cash == 448.0


def test_a_run_without_what_it_needs_names_all_of_it() -> None:
    bridge = App().bridge()
    refused(bridge, "a backtest needs backtest.targets, backtest.start, backtest.end")
    refused(bridge, r"a backtest needs backtest.end$", targets={}, start_date=day(1))


def test_a_run_takes_from_the_settings_what_it_is_not_given() -> None:
    app = App()
    app.chosen = {
        "backtest__targets": "tests.application.test_facade:wanted",
        "backtest__start": "2024-01-01",
        "backtest__end": "2024-01-03",
        "backtest__run": "named",
        "backtest__unit": "weight",
        "portfolio": "growth",
    }
    result = app.bridge().run_sleeve()
    assert (result.run.name, result.run.portfolio.id) == ("named", "growth")
    assert result.day.tolist() == [day(1), day(2), day(3)]
    assert result.positions.lots[0] > 30_000
    given = app.bridge().run_sleeve(end_date=day(2), run="other", portfolio_id="income", targets={"BBB": 0.0})
    assert (given.run.name, given.run.portfolio.id, given.run.end) == ("other", "income", day(2))
    assert given.orders == 0


def wanted(_: object) -> dict[str, float]:
    return {"AAA": 0.5}


def test_a_run_without_a_name_is_named_after_portfolio_and_time() -> None:
    result = App().bridge().run_sleeve(targets={}, start_date=day(1), end_date=day(2))
    assert result.run.name == "main-20240101-120000-000000"


def test_a_run_is_of_the_instruments_that_are_chosen() -> None:
    app = App(chosen={"backtest__instruments": ["BBB"]})
    result = app.bridge().run_sleeve(targets={"BBB": 2}, start_date=day(1), end_date=day(2))
    assert result.positions.on.names == ("BBB",)
    app.chosen = {"backtest__instruments": ["BBB", "CCC"]}
    refused(app.bridge(), "'CCC'", UnknownInstrument, targets={}, start_date=day(1), end_date=day(2))


def test_a_run_keeps_what_it_was_asked_without_secrets() -> None:
    app = App(chosen={"database__dsn": "host=x password=hidden", "backtest__unit": "weight"})
    described = app.bridge().run_sleeve(targets={}, start_date=day(1), end_date=day(2)).run.config
    assert described["backtest"]["unit"] == "weight"  # type: ignore[index]
    assert "hidden" not in f"{described}"


def test_targets_are_taken_in_the_unit_of_the_settings() -> None:
    summary = App().apply(1, {"AAA": 0.1}, backtest__unit="weight", backtest__complete=False)
    assert summary.plan is not None
    assert (summary.plan.targets.unit, summary.plan.targets.complete) == (Unit.WEIGHT, False)


@pytest.mark.integration
def test_what_is_recorded_is_listed(dsn: str) -> None:
    bridge = App().container_over(dsn).bridge()
    listing = bridge.rows("orders", Selection())
    assert "instrument_id" in listing.columns
    assert listing.rows == []
    blocks: list[str] = []
    bridge.write("orders", Selection(), "csv", blocks.append)
    assert "".join(blocks) == f"{','.join(listing.columns)}\n"


def test_prices_that_lack_what_was_traded_are_named_with_the_portfolio() -> None:
    app = App()
    app.apply(1, {"AAA": 3})
    app.chosen = {"backtest__instruments": ("BBB",)}
    with pytest.raises(UnknownInstrument, match=r"'main' has orders or fills of what the chosen prices lack: .*'AAA'"):
        app.apply(2, {"BBB": 1})
    assert app.held() == {"AAA": 3}


def test_a_run_is_deleted_and_may_be_run_again() -> None:
    app = App()
    for _ in range(2):
        app.bridge().run_sleeve(targets={"AAA": 1}, start_date=day(1), end_date=day(2), run="trial")
        assert app.recorded() == (2, 1, 1)
        app.bridge().delete_run("trial")
        assert app.recorded() == (0, 0, 0)
