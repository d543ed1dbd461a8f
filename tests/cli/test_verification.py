"""A run is verified by its name, and what is found ends with a code."""

from __future__ import annotations

import csv
import io
import json
from typing import LiteralString

import psycopg
import pytest

from execbridge.adapters.postgres.runs import PostgresRunRepository
from execbridge.ports.audit import Claim

from .conftest import Typed, refused
from .test_runs import FIRST


def changed(dsn: str, statement: LiteralString) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement)


def test_a_run_that_holds_together_is_said_to(stored: Typed) -> None:
    stored("backtest", "trial.toml")
    result = stored("verify", "first")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("verification of first (COMPLETE)")
    assert [claim.value for claim in Claim if claim.value not in result.stdout] == []
    assert result.stderr == ""


def test_programs_get_a_row_a_claim(stored: Typed) -> None:
    stored("backtest", "trial.toml")
    rows = json.loads(stored("verify", "first", "--format", "json").stdout)
    assert {row["check"] for row in rows} == {claim.name.lower() for claim in Claim}
    assert rows[0] == {
        "run": "first",
        "status": "COMPLETE",
        "check": "fill_has_order",
        "claim": "every fill has its order, of the same instrument",
        "rows": 4,
        "violations": 0,
        "offenders": [],
    }
    header, *lines = csv.reader(io.StringIO(stored("verify", "first", "--format", "csv").stdout))
    assert header == list(rows[0])
    assert len(lines) == len(rows)


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_what_is_found_is_named_and_ends_with_a_code(stored: Typed, dsn: str, form: str) -> None:
    stored("backtest", "trial.toml")
    changed(dsn, "DELETE FROM orders WHERE timestamp::date = '2024-01-01'")
    changed(dsn, "UPDATE positions_snapshots SET cost = cost + 1")
    result = stored("verify", "first", "--format", form)
    assert result.exit_code == 3
    assert result.stderr == "Error: the record of run 'first' does not hold together: 12 violations\n"
    for word in ("2024-01-01 AAA fill ", "2024-01-01 BBB fill ", "2024-01-01 AAA: cost 10001"):
        assert word in result.stdout
    if form == "table":
        assert "follow from the fills: and 4 more" in result.stdout


def test_of_a_run_that_is_under_way_or_died_what_is_there_is_verified(stored: Typed, dsn: str) -> None:
    with PostgresRunRepository(dsn).start(FIRST):
        result = stored("verify", "first")
        assert (result.exit_code, result.stdout[:31]) == (0, "verification of first (RUNNING)")
        assert result.stderr == "The run is RUNNING: what is there up to its last whole day was verified.\n"
    assert "The run is INTERRUPTED" in stored("verify", "first").stderr


def test_a_run_that_keeps_its_figures_alone_has_nothing_to_verify(stored: Typed) -> None:
    stored("backtest", "trial.toml", "--set", "backtest.record=summary")
    result = stored("verify", "first")
    assert result.exit_code == 0
    assert "it has no rows to verify" in result.stderr


def test_a_run_that_is_not_there_is_told_with_the_nearest_name(stored: Typed) -> None:
    stored("backtest", "trial.toml")
    refused(stored("verify", "frist"), 2, "no run named 'frist'", "did you mean 'first'?")
