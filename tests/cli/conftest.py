"""A folder with settings, prices and targets, and a way to type commands in it."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from execbridge.adapters.cli import main

COLUMNS = ("date", "instrument_id", "open", "high", "low", "close", "volume")
MONDAY = date(2024, 1, 1)
PRICES = {"AAA": [100.0, 101.0, 102.0, 101.0, 103.0], "BBB": [50.0, 49.0, 50.5, 51.0, 50.0]}
SETTINGS = """\
portfolio = "trial"

[prices]
files = ["prices.csv"]

[backtest]
targets = "targets.csv"
start = 2024-01-01
end = 2024-01-05
initial_cash = 100_000.0
run = "first"
"""

Typed = Callable[..., Result]


def bars() -> list[list[object]]:
    """Return the bars of a week, in order."""
    return [
        [MONDAY + timedelta(number), name, price, price + 1, price - 1, price, 10_000]
        for number in range(5)
        for name, price in ((name, closes[number]) for name, closes in PRICES.items())
    ]


def write_rows(file: Path, columns: tuple[str, ...], rows: list[list[object]]) -> None:
    """Write a CSV file."""
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([list(columns), *rows])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with settings, prices and targets; module search ends with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for variable in [name for name in os.environ if name.startswith("EXECBRIDGE_")]:
        monkeypatch.delenv(variable)
    (tmp_path / "trial.toml").write_text(SETTINGS)
    write_rows(tmp_path / "prices.csv", COLUMNS, bars())
    targets: list[list[object]] = [["2024-01-01", "AAA", 100], ["2024-01-01", "BBB", -40], ["2024-01-04", "AAA", 50]]
    write_rows(tmp_path / "targets.csv", ("date", "instrument_id", "target"), targets)
    return tmp_path


@pytest.fixture
def typed(folder: Path) -> Typed:
    """Type a command that needs no database."""
    return lambda *arguments: CliRunner().invoke(main, [*map(str, arguments)], prog_name="execbridge")


@pytest.fixture
def stored(folder: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command over a migrated database of the test's own."""
    monkeypatch.setenv("EXECBRIDGE_DSN", dsn)
    return lambda *arguments: CliRunner().invoke(main, [*map(str, arguments)], prog_name="execbridge")


def spawn(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own, in *folder*."""
    line = [sys.executable, "-m", "execbridge", *map(str, arguments)]
    return subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(result: Result, code: int, *words: object) -> None:
    """Assert that a command ended with *code* and a message that has all *words*, and wrote no result."""
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    missing = [word for word in map(str, words) if word not in result.stderr]
    assert missing == [], result.stderr
