"""What fails on the way ends with a message and a code, and leaves a record that says so."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import psycopg

from .conftest import Typed, refused, spawn

SLOW = "import time\n\ndef targets(view):\n    print('deciding', flush=True)\n    time.sleep(30)\n"


def status(stored: Typed) -> dict[str, object]:
    rows = json.loads(stored("runs", "--format", "json").stdout)
    assert len(rows) == 1
    row: dict[str, object] = rows[0]
    return row


def test_a_target_function_that_raises_fails_the_run_with_day_and_cause(stored: Typed, folder: Path) -> None:
    code = (
        "def targets(view):\n    if view.day.day == 3:\n        raise ValueError('no idea')\n    return {'AAA': 10}\n"
    )
    (folder / "raising_targets.py").write_text(code)
    result = stored("backtest", "trial.toml", "--targets", "raising_targets:targets")
    refused(result, 3, "'first'", "2024-01-03", "no idea")
    assert status(stored)["status"] == "FAILED"


def test_a_module_that_is_not_there_is_named(stored: Typed) -> None:
    refused(stored("backtest", "trial.toml", "--targets", "nowhere_at_all:targets"), 2, "nowhere_at_all")


def test_a_database_out_of_reach_may_be_tried_again(typed: Typed, folder: Path) -> None:
    dsn = f"host={folder} dbname=trading password=hunter2"
    result = typed("db", "status", "--config", _with_dsn(folder, dsn))
    refused(result, 5)
    assert "hunter2" not in result.output


def _with_dsn(folder: Path, dsn: str) -> Path:
    file = folder / "elsewhere.toml"
    file.write_text(f'[database]\ndsn = "{dsn}"\n')
    return file


def test_a_database_that_is_behind_is_named_with_what_mends_it(typed: Typed, folder: Path, empty_dsn: str) -> None:
    config = _with_dsn(folder, empty_dsn)
    refused(typed("orders", "--config", config), 5, "execbridge db migrate")
    assert typed("db", "migrate", "--config", config).exit_code == 0
    assert "no rows" in typed("orders", "--config", config).stdout


def test_ctrl_c_fails_the_run_and_says_so(stored: Typed, folder: Path) -> None:
    (folder / "slow_targets.py").write_text(SLOW)
    with spawn(folder, "backtest", "trial.toml", "--targets", "slow_targets:targets") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "deciding\n"
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "interrupted" in complaint
        assert "Traceback" not in complaint
        assert status(stored)["status"] == "FAILED"


def test_a_killed_run_is_never_shown_as_complete(stored: Typed, folder: Path) -> None:
    (folder / "slow_targets.py").write_text(SLOW)
    with spawn(folder, "backtest", "trial.toml", "--targets", "slow_targets:targets") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert status(stored)["status"] == "RUNNING"
        process.kill()
        process.communicate(timeout=30)
        deadline = time.monotonic() + 10
        while status(stored)["status"] == "RUNNING" and time.monotonic() < deadline:
            pass  # The server takes a moment to notice.
        assert status(stored)["status"] not in {"RUNNING", "COMPLETE"}


def test_a_reader_that_goes_away_is_no_error(stored: Typed, folder: Path) -> None:
    stored("backtest", "trial.toml")
    with spawn(folder, "orders", "--format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait(timeout=30) == 141


def test_a_reader_that_goes_away_midway_is_no_error(stored: Typed, folder: Path, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO orders (timestamp, order_id, decision_id, lots, lot_size, filled_lots, mode, portfolio_id,"
            " instrument_id) SELECT '2000-01-01 21:00+00'::timestamptz + day * interval '1 day', gen_random_uuid(),"
            " gen_random_uuid(), 1, 1, 0, 'PAPER', 'trial', 'AAA' FROM generate_series(1, 30000) day"
        )
    with spawn(folder, "orders", "--limit", 0, "--format", "json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "[\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait(timeout=30) == 141
