"""Settings: where they come from, what is refused, what is never shown."""

from __future__ import annotations

import copy
import pickle
from datetime import date
from pathlib import Path

import pytest

from execbridge.application.secret import Secret
from execbridge.application.settings import DatabaseSettings, Settings, load_settings
from execbridge.domain.errors import SettingsError
from execbridge.domain.orders import OrderType, TimeInForce
from execbridge.domain.plan_key import Mode
from execbridge.domain.simulator import FillAt
from execbridge.domain.targets import Unit

KEYS = ["mode", "portfolio", "database", "prices", "calendar", "backtest", "sizing", "orders", "limits", "market"]
KEYS += ["slippage", "commission", "live"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sleeve.toml"


def loaded(file: Path, text: str, **overrides: object) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file, overrides=overrides, environment={})


def problems(file: Path, text: str, **overrides: object) -> list[str]:
    """Return what is wrong with *text*, a line each."""
    with pytest.raises(SettingsError) as caught:
        loaded(file, text, **overrides)
    first, *lines = f"{caught.value}".split("\n")
    assert first == f"{file}: {len(lines)} problem{'s' if len(lines) > 1 else ''}"
    return [line.removeprefix("  ") for line in lines]


def test_nothing_chosen_is_a_backtest_of_main() -> None:
    settings = load_settings(environment={})
    assert settings == Settings()
    assert (settings.mode, settings.portfolio, settings.backtest.initial_cash) == (Mode.BACKTEST, "main", 1_000_000.0)


def test_everything_is_chosen_in_plain_values(file: Path) -> None:
    text = """
        mode = "PAPER"
        [database]
        dsn = "host=there"
        [prices]
        adjusted = true
        [backtest]
        start = 2012-03-01
        end = "2012-04-01"
        initial_cash = 5000
        unit = "weight"
        instruments = ["AAA", "BBB"]
        [orders]
        order_type = "stop_limit"
        time_in_force = "gtc"
        limit_offset_bps = 5
        [limits]
        order_count_max = 7
        [market]
        fill_at = "next_open"
        participation = 0.1
    """
    settings = loaded(file, text)
    assert settings.mode is Mode.PAPER
    assert settings.database.dsn is not None
    assert settings.database.dsn.reveal() == "host=there"
    assert settings.prices.adjusted
    assert (settings.backtest.start, settings.backtest.end) == (date(2012, 3, 1), date(2012, 4, 1))
    assert (settings.backtest.initial_cash, settings.backtest.unit) == (5000.0, Unit.WEIGHT)
    assert settings.backtest.instruments == ("AAA", "BBB")
    assert (settings.orders.order_type, settings.orders.time_in_force) == (OrderType.STOP_LIMIT, TimeInForce.GTC)
    assert settings.orders.limit_offset_bps == 5.0
    assert settings.limits.order_count_max == 7
    assert (settings.simulator.fill_at, settings.simulator.participation) == (FillAt.NEXT_OPEN, 0.1)


def test_every_mistake_is_told_at_once_with_the_nearest_right_name(file: Path) -> None:
    text = """
        mod = "paper"
        nonsense = 1
        mode = "papre"
        portfolio = " x"
        calendar = "XNYS"
        [backtest]
        initial_csh = 5
        initial_cash = -1
        start = "2012-13-01"
        end = 3
        unit = 5
        complete = "yes"
        instruments = ["AAA", 1]
        [prices]
        files = "x.csv"
        [slippage]
        bps = -1
        [commission]
        bps = -1
        minimal = 3
        [market]
        fill_at = "next-open"
        participation = true
        [limits]
        order_count_max = 2.5
        gross_leverage_max = -1
        [orders]
        limit_offset_bps = 20000
    """
    assert sorted(problems(file, text)) == [
        "backtest.complete: is true or false, was 'yes'",
        "backtest.end: is a day like 2012-03-31, was 3",
        "backtest.initial_cash: initial_cash is above 0 and below 1e+15, was -1.0",
        "backtest.instruments: is a list of texts, was ['AAA', 1]",
        "backtest.start: is a day like 2012-03-31, was '2012-13-01'",
        "backtest.unit: is one of quantity, weight, was 5",
        "backtest: unknown key 'initial_csh' (did you mean 'initial_cash'?)",
        "calendar: is a section of keys, was a str",
        "commission.bps: bps is not below zero and finite, was -1.0",
        "commission: unknown key 'minimal' (did you mean 'minimum'?)",
        "limits.gross_leverage_max: limit gross_leverage_max is above zero and finite, or left out; was -1.0",
        "limits.order_count_max: is a whole number, was 2.5",
        "market.fill_at: is one of close, next_open, next_close (did you mean 'next_open'?), was 'next-open'",
        "market.participation: is a number, was True",
        "mode: is one of backtest, paper, live (did you mean 'paper'?), was 'papre'",
        "orders: limit_offset_bps is less than 10000 either way, was 20000.0",
        "portfolio: portfolio is 1 to 64 printable characters (NFC) without blanks around them, was ' x'",
        "prices.files: is a list of texts, was 'x.csv'",
        "slippage: bps is not below zero and finite, was -1.0",
        "top: unknown key 'mod' (did you mean 'mode'?)",
        f"top: unknown key 'nonsense': known are {', '.join(KEYS)}",
    ]


def test_one_mistake_is_one_problem(file: Path) -> None:
    assert problems(file, "[live]\naccount = 5") == ["live.account: is a text, was 5"]
    assert problems(file, "live = 5") == ["live: is a section of keys, was a int"]
    rule = "participation is a fraction of the volume above 0 and at most 1, or left out; was 2.0"
    assert problems(file, "[market]\nparticipation = 2") == [f"market: {rule}"]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent.toml: cannot be read: No such file"):
        load_settings(tmp_path / "absent.toml", environment={})


@pytest.mark.parametrize("text", [b"mode = ", b"mode = '\xff'"])
def test_a_file_that_is_not_toml_is_named(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    with pytest.raises(SettingsError, match=r"sleeve.toml: is not TOML: "):
        load_settings(file, environment={})


def test_the_environment_wins_over_the_file_and_the_caller_over_both(file: Path) -> None:
    file.write_text('mode = "live"\nportfolio = "file"\n[database]\ndsn = "file"\n', encoding="utf-8")
    environment = {"EXECBRIDGE_MODE": "paper", "EXECBRIDGE_DSN": "environment", "EXECBRIDGE_PORTFOLIO": ""}
    overrides = {"mode": "backtest", "backtest.run": "r", "backtest.targets": None}
    settings = load_settings(file, overrides=overrides, environment=environment)
    assert (settings.mode, settings.portfolio, settings.backtest.run) == (Mode.BACKTEST, "file", "r")
    assert settings.database.dsn == Secret("environment")
    assert load_settings(file, environment=environment).mode is Mode.PAPER


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXECBRIDGE_DATA_DIR", "/somewhere")
    monkeypatch.setenv("EXECBRIDGE_HISTORICAL_DSN", "host=old")
    settings = load_settings()
    assert settings.database.data_dir == Path("/somewhere")
    assert settings.database.historical_dsn == Secret("host=old")


def test_what_a_caller_sets_is_checked_like_a_file() -> None:
    with pytest.raises(SettingsError, match=r"settings: 1 problem\n  backtest: unknown key 'strat'.*'start'"):
        load_settings(overrides={"backtest.strat": "2012-01-01"}, environment={})


def test_a_key_below_what_is_no_section_is_told_and_nothing_else_happens(file: Path) -> None:
    assert problems(file, "backtest = 5", **{"backtest.run": "r"}) == ["backtest: is a section of keys, was a int"]


def test_relative_files_are_relative_to_the_file(file: Path) -> None:
    text = """
        [prices]
        files = ["a.csv", "/b.csv", "~/c.csv"]
        [backtest]
        targets = "../targets.csv"
        [database]
        data_dir = "data"
    """
    settings, here = loaded(file, text), file.parent
    assert settings.prices.files == (here / "a.csv", Path("/b.csv"), Path.home() / "c.csv")
    assert settings.backtest.targets == str(here / ".." / "targets.csv")
    assert settings.database.data_dir == here / "data"


def test_a_target_function_is_not_a_file(file: Path) -> None:
    assert loaded(file, '[backtest]\ntargets = "module:function"').backtest.targets == "module:function"


def test_files_that_are_none_are_told(file: Path) -> None:
    text = "[prices]\nfiles = [1]\n[backtest]\ntargets = 5\n[database]\ndata_dir = 5"
    assert sorted(problems(file, text)) == [
        "backtest.targets: is a text, was 5",
        "database.data_dir: is a text, was 5",
        "prices.files: is a list of texts, was [1]",
    ]


def test_what_is_described_is_plain_and_says_no_place_of_this_machine(file: Path) -> None:
    text = '[prices]\nfiles = ["a.csv"]\n[backtest]\ntargets = "t.csv"\nstart = 2012-03-01\n[database]\ndsn = "hidden"'
    described = loaded(file, text).describe()
    assert described["prices"] == {"files": ["a.csv"], "adjusted": False}
    assert (described["backtest"]["targets"], described["backtest"]["start"]) == ("t.csv", "2012-03-01")
    assert (described["market"]["fill_at"], described["orders"]["order_type"]) == ("close", "market")
    assert not {"database", "live", "mode"} & described.keys()
    assert "hidden" not in f"{described}"


SECRET = Secret("hidden")


@pytest.mark.parametrize("shown", [repr, str, format, "{}".format, "%s".__mod__, "{!r:>9}".format, lambda it: f"{it}"])
@pytest.mark.parametrize("holder", [SECRET, Settings(database=DatabaseSettings(dsn=SECRET))])
def test_a_secret_is_never_shown(shown: object, holder: object) -> None:
    text = shown(holder)  # type: ignore[operator]
    assert "***" in text
    assert "hidden" not in text


@pytest.mark.parametrize("kept", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_never_stored(kept: object) -> None:
    with pytest.raises(TypeError, match="never stored"):
        kept(SECRET)  # type: ignore[operator]


@pytest.mark.parametrize("value", ["5", "['hidden']", "{ password = 'hidden' }"])
def test_a_secret_that_is_wrong_is_not_shown_either(file: Path, value: str) -> None:
    lines = problems(file, f"[database]\ndsn = {value}")
    assert lines == ["database.dsn: is a text; what it was is not shown"]


def test_a_secret_is_given_away_on_purpose_only() -> None:
    assert SECRET.reveal() == "hidden"
