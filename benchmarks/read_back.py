"""How long it takes to read a run back through the command line, out of a database that has many."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from ours import price_file, settings, sleeve, target_table
from workload import CACHE, Work

from execbridge import migrations, open_bridge
from execbridge.application.container import open_databases

REPEATS = 5
COUNT = "SELECT count(*) FROM backtest_runs WHERE status = 'COMPLETE'"
OF_RUN = "run_id = (SELECT run_id FROM backtest_runs WHERE name = '{run}')"
BARE = {
    "orders": "SELECT * FROM orders WHERE {of_run}",
    "fills": "SELECT * FROM fills WHERE {of_run}",
    "positions": "SELECT * FROM positions_snapshots WHERE {of_run} AND timestamp = (SELECT max(timestamp)"
    " FROM decisions WHERE {of_run})",
}
"""The rows that each command lists, and nothing done to them."""


def folder() -> Path:
    """Return where the runs are kept: elsewhere when the schema changes."""
    files = sorted(Path(str(migrations.__file__)).parent.glob("*.sql"))
    return CACHE / f"read-back-{sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:8]}"


def read_back(runs: int) -> dict[str, Any]:
    """Return the seconds for the orders, fills and positions of one run of *runs*, by command and by bare COPY."""
    asked = {"database.data_dir": str(folder())}
    with open_databases(overrides=asked) as databases:
        databases.require_current()
        fill(databases.dsn, runs)
        run = f"run {runs // 2}"
        command = [median(command_s(what, run) for _ in range(REPEATS)) for what in BARE]
        copy = [median(copy_s(databases.dsn, what, run) for _ in range(REPEATS)) for what in BARE]
    return {"runs": runs, "command_s": sum(command), "copy_s": sum(copy), "commands": command, "copies": copy}


def fill(dsn: str, runs: int) -> None:
    """Record as many runs of size M as there are to be."""
    work = Work("daily", "M")
    work.make()
    price_file(work)
    with psycopg.connect(dsn) as connection:
        ((there,),) = connection.execute(COUNT).fetchall()
    chosen = {**settings(work, "committed"), "database.data_dir": str(folder())}
    with open_bridge(overrides=chosen) as bridge:
        targets = target_table(work, bridge.prices.instruments())
        for number in range(there, runs):
            sleeve(bridge, work, targets, f"run {number}")
            print(f"recorded run {number + 1} of {runs}", end="\r", flush=True)
    if there < runs:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")


def command_s(what: str, run: str) -> float:
    """Return the seconds that the command takes, from its start to its end."""
    line = [str(Path(sys.executable).with_name("execbridge")), what, "--run", run, "--portfolio", "main"]
    environment = {**os.environ, "EXECBRIDGE_DATA_DIR": str(folder())}
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own command.
        [*line, "--limit", "0", "--format", "json"], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    return time.perf_counter() - began


def copy_s(dsn: str, what: str, run: str) -> float:
    """Return the seconds that a bare COPY of the same rows takes, on a connection of its own."""
    query = BARE[what].format(of_run=OF_RUN.format(run=run))
    began = time.perf_counter()
    statement = f"COPY ({query}) TO STDOUT".encode()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - began
