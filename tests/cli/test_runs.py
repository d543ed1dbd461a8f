"""Runs are told apart by how they ended, and deleted by name."""

from __future__ import annotations

import json
from datetime import date
from typing import cast

from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.domain.plan_key import Portfolio
from execbridge.ports.repository import Run

from .conftest import Typed, refused

FIRST = Run("first", Portfolio("trial", run="first"), date(2024, 1, 1), date(2024, 1, 5), 100_000.0, {})


def objects(typed: Typed, *arguments: str) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", json.loads(typed(*arguments, "--format", "json").stdout))


def test_runs_are_listed_by_either_name(stored: Typed) -> None:
    stored("backtest", "trial.toml")
    listed = objects(stored, "runs", "--portfolio", "trial")
    assert [row["name"] for row in listed] == ["first"]
    assert objects(stored, "runs", "list", "--portfolio", "trial") == listed
    assert objects(stored, "runs", "--portfolio", "another") == []


def test_a_run_is_deleted_and_its_name_is_free(stored: Typed) -> None:
    stored("backtest", "trial.toml")
    result = stored("runs", "delete", "first", "--yes")
    assert (result.exit_code, result.stdout) == (0, "deleted first\n")
    for what in ("runs", "orders", "fills", "positions"):
        assert objects(stored, what) == []
    assert stored("backtest", "trial.toml").exit_code == 0


def test_a_run_is_not_deleted_unless_that_is_confirmed(stored: Typed) -> None:
    stored("backtest", "trial.toml")
    refused(stored("runs", "delete", "first"), 2, "Delete the run 'first'", "nothing was done")
    assert len(objects(stored, "runs")) == 1


def test_a_run_that_is_under_way_is_not_deleted_and_one_that_died_is(stored: Typed, dsn: str) -> None:
    with PostgresRunRepository(dsn).start(FIRST):
        refused(stored("runs", "delete", "first", "--yes"), 4, "'first' is held by another process")
        assert [row["status"] for row in objects(stored, "runs")] == ["RUNNING"]
    assert [row["status"] for row in objects(stored, "runs")] == ["INTERRUPTED"]
    refused(stored("backtest", "trial.toml"), 2, "INTERRUPTED", "execbridge runs delete first")
    assert stored("runs", "delete", "first", "--yes").exit_code == 0
    assert stored("backtest", "trial.toml").exit_code == 0


def test_a_run_that_is_not_there_is_told_with_the_nearest_name(stored: Typed) -> None:
    stored("backtest", "trial.toml")
    refused(stored("runs", "delete", "frist", "--yes"), 2, "no run named 'frist'", "did you mean 'first'?")
