"""Bad input gives a clear error and an exit code, and nothing happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import COLUMNS, Typed, bars, refused, write_rows

BAR = ["2024-01-03", "AAA"]


def test_every_mistake_in_the_settings_is_told_at_once(typed: Typed, folder: Path) -> None:
    (folder / "bad.toml").write_text(
        "portfolo = 'x'\n[backtest]\nstart = 'soon'\ninitial_cash = -5\n[slipage]\nbps = 1\n"
    )
    words = ("bad.toml", "'portfolo'", "did you mean 'portfolio'", "'slipage'", "backtest.start", "'soon'", "-5")
    refused(typed("backtest", "bad.toml"), 2, *words)


def test_a_file_of_settings_that_is_no_toml_is_named(typed: Typed, folder: Path) -> None:
    (folder / "bad.toml").write_text("portfolio = \n")
    refused(typed("orders", "--config", "bad.toml"), 2, "bad.toml", "TOML")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--start", "soon"], ["--start", "2012-03-31", "'soon'"]),
        (["--cash", "much"], ["--cash", "'much'"]),
        (["--fill-at", "noon"], ["--fill-at", "'noon'", "next_open"]),
        (["--set", "limits"], ["--set", "section.key=value", "'limits'"]),
        (["--set", "limits.gross_levrage_max=2"], ["gross_levrage_max", "did you mean 'gross_leverage_max'"]),
        (["--slippage-bps", "-1"], ["slippage", "bps", "-1"]),
    ],
)
def test_an_option_that_makes_no_sense_is_named(stored: Typed, arguments: list[str], words: list[str]) -> None:
    refused(stored("backtest", "trial.toml", *arguments), 2, *words)


def test_a_backtest_without_what_it_needs_says_what(stored: Typed) -> None:
    refused(stored("backtest", "--prices", "prices.csv"), 2, "backtest.targets", "backtest.start", "backtest.end")


def test_a_start_after_the_end_is_refused(stored: Typed) -> None:
    refused(
        stored("backtest", "trial.toml", "--start", "2024-01-05", "--end", "2024-01-02"), 2, "2024-01-05", "2024-01-02"
    )


def test_a_window_without_prices_is_refused(stored: Typed) -> None:
    refused(stored("backtest", "trial.toml", "--start", "2031-01-01", "--end", "2031-02-01"), 2, "2031-01-01")


def test_an_unknown_instrument_is_refused(stored: Typed) -> None:
    refused(stored("backtest", "trial.toml", "--instruments", "AAA,ZZZ"), 2, "'ZZZ'", "AAA, BBB")
    refused(stored("plan", "--config", "trial.toml", "--target", "ZZZ=1", "--as-of", "2024-01-02"), 2, "'ZZZ'")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([*BAR, 100, 101, 99, -100, 1], ["line 11", "'close'", "-100"]),
        ([*BAR, 100, 101, 99, 0, 1], ["line 11", "'close'"]),
        ([*BAR, 100, 90, 99, 100, 1], ["line 11", "'high'", "90"]),
        ([*BAR, 100, 101, 99, 100, -1], ["line 11", "'volume'", "-1"]),
        ([*BAR, 100, 101, 99, "dear", 1], ["close", "dear"]),
    ],
)
def test_a_bar_that_breaks_a_rule_is_named(stored: Typed, folder: Path, row: list[object], words: list[str]) -> None:
    rest = [bar for bar in bars() if [str(bar[0]), bar[1]] != BAR]
    write_rows(folder / "prices.csv", COLUMNS, [*rest, row])
    refused(stored("backtest", "trial.toml"), 2, "prices.csv", *words)
    refused(stored("prices", "load", "prices.csv"), 2, "prices.csv", *words)


def test_a_bar_given_twice_is_named(stored: Typed, folder: Path) -> None:
    write_rows(folder / "prices.csv", COLUMNS, [*bars(), bars()[2]])
    refused(stored("prices", "load", "prices.csv"), 2, "prices.csv", "AAA", "2024-01-02")


def test_a_file_of_prices_without_a_column_is_named(stored: Typed, folder: Path) -> None:
    write_rows(folder / "prices.csv", COLUMNS[:-2], [bar[:-2] for bar in bars()])
    result = stored("prices", "load", "prices.csv")
    assert result.exit_code in {2, 5}
    refused(result, result.exit_code, "prices.csv line 1", "'close'")


def test_a_file_of_prices_that_is_not_there_is_named(stored: Typed) -> None:
    refused(stored("backtest", "trial.toml", "--prices", "nowhere.csv"), 2, "nowhere.csv")
    refused(stored("prices", "load", "nowhere.csv"), 2, "nowhere.csv")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["AAA=inf"], ["AAA", "inf"]),
        (["AAA=1e300"], ["AAA"]),
        (["AAA=many"], ["AAA=many", "INSTRUMENT=AMOUNT"]),
        (["AAA"], ["INSTRUMENT=AMOUNT", "'AAA'"]),
        (["AAA=1", "AAA=2"], ["AAA", "twice"]),
    ],
)
def test_a_target_that_makes_no_sense_is_named(stored: Typed, said: list[str], words: list[str]) -> None:
    asked = [part for target in said for part in ("--target", target)]
    refused(stored("plan", "--config", "trial.toml", "--as-of", "2024-01-02", *asked), 2, *words)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "instrument_id,amount\nAAA,1\n", ["t.csv line 1", "target", "amount"]),
        ("t.csv", "instrument_id,target\nAAA,many\n", ["t.csv line 2", "target", "'many'"]),
        ("t.csv", "instrument_id,target\nAAA,1\nAAA,2\n", ["t.csv line 3", "'AAA'", "twice"]),
        ("t.csv", "date,instrument_id,target\n2024-01-03,AAA,1\n", ["t.csv", "2024-01-02"]),
        ("t.json", "[1]", ["t.json", "list"]),
        ("t.json", "{", ["t.json", "JSON"]),
        ("t.json", '{"AAA": true}', ["t.json", "AAA", "True"]),
        ("t.parquet", "no", ["t.parquet", "Parquet"]),
    ],
)
def test_a_file_of_targets_that_breaks_a_rule_is_named(
    stored: Typed, folder: Path, name: str, text: str, words: list[str]
) -> None:
    (folder / name).write_text(text)
    refused(stored("plan", "--config", "trial.toml", "--as-of", "2024-01-02", "--targets", name), 2, *words)


def test_targets_are_given_in_one_way(typed: Typed) -> None:
    refused(typed("plan", "--as-of", "2024-01-02"), 2, "--targets FILE")
    refused(typed("plan", "--targets", "targets.csv", "--target", "AAA=1"), 2, "--targets FILE")


def test_a_day_is_needed_where_history_has_no_today(stored: Typed) -> None:
    refused(stored("plan", "--config", "trial.toml", "--target", "AAA=1"), 2, "as_of_date")


def test_live_is_refused_until_an_account_is_named(stored: Typed) -> None:
    asked = ("apply", "--config", "trial.toml", "--target", "AAA=1", "--as-of", "2024-01-02", "--set", "mode=live")
    refused(stored(*asked), 2, "live.account")


def test_a_run_is_not_run_twice(stored: Typed) -> None:
    assert stored("backtest", "trial.toml").exit_code == 0
    refused(stored("backtest", "trial.toml"), 2, "first")


def test_a_report_is_refused_beforehand_where_it_cannot_be_made(stored: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("execbridge.adapters.cli.report.find_spec", lambda _: None)
    refused(stored("backtest", "trial.toml", "--report", "out"), 2, "execbridge[report]")
    assert "no rows" in stored("runs").stdout
