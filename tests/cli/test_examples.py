"""The examples work as they stand, and so does the demonstration."""

from __future__ import annotations

import json
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from execbridge.adapters.cli import demo

from .conftest import Typed, refused

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_of_a_backtest_runs(stored: Typed) -> None:
    result = stored("backtest", EXAMPLES / "backtest.toml", "--run", "example", "--format", "json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["orders"] == row["fills"] > 10


def test_the_example_of_a_target_function_runs(stored: Typed) -> None:
    asked = ("--targets", "momentum:targets", "--start", "2010-01-04", "--end", "2012-12-31", "--format", "json")
    result = stored("backtest", EXAMPLES / "backtest.toml", *asked)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["orders"] > 50


def test_another_program_runs_a_backtest(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "another_program.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith("2 orders, 2 fills, final equity 1,00")


@pytest.mark.slow
@pytest.mark.integration
def test_the_demonstration_works_twice_and_so_does_what_it_says_to_type_next() -> None:
    with TemporaryDirectory(prefix="demo-") as place:
        program = shlex.join([sys.executable, "-m", "execbridge"])
        for name in ("demo-1", "demo-2"):
            done = subprocess.run(f"{program} demo", shell=True, cwd=place, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            folder = Path(place) / "out" / "demo"
            assert (folder / f"{name}.png").exists()
            assert (folder / f"{name}.html").exists()
            for word in (name, "Sharpe ratio", "newest orders", "newest fills", "newest positions", "TARGET_UNKNOWN"):
                assert word in done.stdout
        lines = done.stdout.partition("what to type next\n")[2].splitlines()
        assert len(lines) > 3
        for line in lines:
            next_ = subprocess.run(line, shell=True, cwd=place, capture_output=True, text=True, check=False)
            assert next_.returncode == 0, (line, next_.stderr)


def test_outside_a_checkout_the_demonstration_says_what_it_needs(
    typed: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "EXAMPLES", folder)
    refused(typed("demo"), 2, "checkout", "prices.csv.gz")
