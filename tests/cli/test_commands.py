"""Each command does what its help says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from .conftest import COLUMNS, Typed, bars, write_rows

LISTS = ("runs", "orders", "fills", "positions")
WHO = ("--config", "trial.toml", "--as-of", "2024-01-03")


def objects(result_text: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(result_text)
    return rows


def test_a_backtest_prints_what_came_of_it(stored: Typed) -> None:
    result = stored("backtest", "trial.toml")
    assert result.exit_code == 0, result.output
    for word in (
        "first",
        "trial",
        "orders",
        "final equity",
        "return",
        "volatility",
        "Sharpe",
        "drawdown",
        "turnover",
        "costs",
    ):
        assert word in result.stdout
    assert result.stderr == ""


def test_options_win_over_the_file(stored: Typed, folder: Path) -> None:
    (folder / "one.csv").write_text("date,instrument_id,target\n2024-01-02,AAA,10\n")
    asked = (
        "--run",
        "second",
        "--cash",
        "5000",
        "--portfolio",
        "other",
        "--set",
        "commission.minimum=7",
        "--slippage-bps",
        "10",
    )
    result = stored(
        "backtest",
        "trial.toml",
        *asked,
        "--start",
        "2024-01-02",
        "--format",
        "json",
        "--instruments",
        "AAA",
        "--targets",
        "one.csv",
    )
    assert result.exit_code == 0, result.output
    (row,) = objects(result.stdout)
    assert (row["run"], row["portfolio_id"], row["start_date"], row["initial_equity"]) == (
        "second",
        "other",
        "2024-01-02",
        5000.0,
    )
    (recorded,) = objects(stored("runs", "--run", "second", "--format", "json").stdout)
    assert recorded["config"]["commission"]["minimum"] == 7.0  # type: ignore[index]
    assert recorded["config"]["slippage"]["bps"] == 10.0  # type: ignore[index]


def test_a_backtest_leaves_a_picture_and_a_page_where_it_is_asked(stored: Typed, folder: Path) -> None:
    result = stored("backtest", "trial.toml", "--report", "out/report")
    assert result.exit_code == 0, result.output
    picture, page = folder / "out/report/first.png", folder / "out/report/first.html"
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = page.read_text("utf-8")
    assert "data:image/png;base64," in text
    assert "AAA" in text
    assert "http" not in text
    assert str(Path("out/report/first.html")) in result.stderr


def test_targets_may_come_from_a_function_beside_the_settings(
    stored: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "beside_settings.py").write_text("def targets(view):\n    return {'AAA': 10, 'BBB': float('nan')}\n")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    result = stored("backtest", folder / "trial.toml", "--targets", "beside_settings:targets")
    assert result.exit_code == 0, result.output
    assert "TARGET_UNKNOWN" in result.stdout


@pytest.mark.parametrize("what", LISTS)
def test_lists_come_in_every_form(stored: Typed, what: str) -> None:
    stored("backtest", "trial.toml")
    rows = objects(stored(what, "--format", "json").stdout)
    header, *lines = csv.reader(io.StringIO(stored(what, "--format", "csv").stdout))
    assert header == list(rows[0])
    assert len(lines) == len(rows) > 0
    assert "trial" in stored(what).stdout


def test_lists_are_filtered(stored: Typed) -> None:
    stored("backtest", "trial.toml")

    def count(*arguments: str) -> int:
        return len(objects(stored(*arguments, "--format", "json").stdout))

    assert count("orders") == 4
    assert count("orders", "--instrument", "AAA") == 2
    assert count("orders", "--since", "2024-01-03") == 2
    assert count("orders", "--since", "2024-01-03T00:00+00:00", "--instrument", "BBB") == 1
    assert count("orders", "--mode", "paper") == 0
    assert count("orders", "--portfolio", "trial", "--run", "first", "--mode", "BACKTEST") == 4
    assert count("orders", "--portfolio", "another") == 0
    assert count("fills", "--limit", "1") == 1
    assert count("fills", "--limit", "0") == 4
    limited = stored("orders", "--limit", "2")
    assert "--limit 0" in limited.stderr


def test_a_plan_shows_what_would_be_ordered_and_why(stored: Typed) -> None:
    asked = ("--target", "AAA=120.7", "--target", "BBB=")
    result = stored("plan", *WHO, *asked, "--set", "slippage.bps=10", "--format", "json")
    buy, unknown = objects(result.stdout)
    assert (buy["instrument_id"], buy["action"], buy["quantity"]) == ("AAA", "BUY", 120.0)
    assert buy["residual_quantity"] == pytest.approx(0.7)
    assert buy["expected_notional"] == pytest.approx(12_240)
    assert buy["expected_cost"] == pytest.approx(12.24)
    assert (unknown["instrument_id"], unknown["action"], unknown["reason"]) == (
        "BBB",
        "NOT TRADED",
        "no target is known",
    )
    assert objects(stored("orders", "--format", "json").stdout) == []
    assert "Nothing was sent" in stored("plan", *WHO, *asked).stdout


def test_what_is_applied_is_what_was_planned_and_is_not_sent_twice(stored: Typed) -> None:
    first = stored(
        "apply", *WHO, "--target", "AAA=100", "--target", "BBB=-10", "--decision", "morning", "--format", "json"
    )
    rows = objects(first.stdout)
    assert [(row["instrument_id"], row["status"], row["position"]) for row in rows] == [
        ("BBB", "FILLED", -10.0),
        ("AAA", "FILLED", 100.0),
    ]
    again = stored(
        "apply", *WHO, "--target", "AAA=100", "--target", "BBB=-10", "--decision", "morning", "--format", "json"
    )
    assert objects(again.stdout) == rows
    assert "nothing was sent" in again.stderr
    kept = stored("plan", *WHO, "--target", "AAA=100", "--target", "BBB=-10", "--format", "json")
    assert [row["action"] for row in objects(kept.stdout)] == ["KEEP", "KEEP"]


def test_what_a_limit_refuses_is_told_with_the_figures(stored: Typed) -> None:
    asked = (*WHO, "--target", "AAA=100", "--set", "limits.order_notional_max=500", "--format", "json")
    for command in ("plan", "apply"):
        (row,) = objects(stored(command, *asked).stdout)
        assert row["action"] == "NOT TRADED"
        assert row["reason"] == "order notional 10,200.00 is above the limit 500.00"


def test_targets_are_read_from_files_of_each_kind(stored: Typed, folder: Path) -> None:
    (folder / "t.json").write_text('{"AAA": 5, "BBB": null}')
    (folder / "t.csv").write_text("instrument_id,target\nAAA,5\nBBB,\n")
    (folder / "dated.csv").write_text(
        "date,instrument_id,target\n2024-01-02,AAA,9\n2024-01-03,AAA,5\n2024-01-03,BBB,\n"
    )
    parquet.write_table(pa.table({"instrument_id": ["AAA", "BBB"], "target": [5.0, None]}), folder / "t.parquet")
    files = ("t.json", "t.csv", "dated.csv", "t.parquet")
    plans = [stored("plan", *WHO, "--targets", name, "--format", "json").stdout for name in files]
    assert len(set(plans)) == 1
    assert [row["action"] for row in objects(plans[0])] == ["BUY", "NOT TRADED"]


def test_prices_are_loaded_and_loading_again_changes_nothing(stored: Typed, folder: Path) -> None:
    (row,) = objects(stored("prices", "load", "prices.csv", "--format", "json").stdout)
    assert (row["inserted"], row["changed"], row["unchanged"]) == (10, 0, 0)
    changed = bars()
    changed[3][5] = 49.5
    write_rows(folder / "changed.csv", COLUMNS, changed)
    first, second = objects(stored("prices", "load", "prices.csv", "changed.csv", "--format", "json").stdout)
    assert (first["inserted"], first["changed"], first["unchanged"]) == (0, 0, 10)
    assert (second["inserted"], second["changed"], second["unchanged"]) == (0, 1, 9)


def test_the_schema_goes_forward_and_back(typed: Typed, empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXECBRIDGE_DSN", empty_dsn)
    migrated = typed("db", "migrate")
    assert "applied 0020.execution" in migrated.stdout
    assert typed("db", "migrate").stdout == ""
    steps = objects(typed("db", "status", "--format", "json").stdout)
    assert all(step["applied_at"] and step["is_known"] for step in steps)
    asked = typed("db", "rollback", "--to", "0003")
    assert asked.exit_code == 2
    assert "nothing was done" in asked.stderr
    assert "drop what is in it?" in asked.stderr
    undone = typed("db", "rollback", "--to", "0003", "--yes")
    assert "undone 0020.execution" in undone.stdout
    steps = objects(typed("db", "status", "--format", "json").stdout)
    assert [step["id"] for step in steps if step["applied_at"]] == ["0002.prices", "0003.backtest_runs"]


def test_psql_gets_the_database_and_the_arguments(stored: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "psql"
    program.write_text('#!/bin/sh\necho "$PGDATABASE $@" > told\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    result = stored("db", "psql", "--", "-c", "SELECT 1")
    assert result.exit_code == 7, result.output
    assert (folder / "told").read_text().endswith("-c SELECT 1\n")
