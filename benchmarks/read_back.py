"""
How long it takes to read a run back through the command line, out of a database that has many.

The command is a process, from its start to its end; COPY names the run, as the command does. Three more figures say
what these are made of: the command typed into a running interpreter, so without the start of Python and its libraries;
COPY that is told the run's number, so that PostgreSQL plans for no other run; and such a COPY of all that the command
lists, in its order. All take turns, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import redirect_stdout
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psycopg
from ours import price_file, settings, sleeve, target_table
from workload import CACHE, Work

from execbridge import migrations, open_bridge
from execbridge.adapters.cli import main
from execbridge.application.container import open_databases

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 9
COUNT = "SELECT count(*) FROM backtest_runs WHERE status = 'COMPLETE'"
NAMED_RUN = "(SELECT run_id FROM backtest_runs WHERE name = '{run}')"
LAST = "t.timestamp = (SELECT max(timestamp) FROM decisions WHERE run_id = {id})"
BARE = {
    "orders": "SELECT * FROM orders WHERE run_id = {id}",
    "fills": "SELECT * FROM fills WHERE run_id = {id}",
    "positions": "SELECT * FROM positions_snapshots t WHERE run_id = {id} AND {last}",
}
"""The rows that each command lists, and nothing done to them."""
NAMES = "r.name AS run, d.name AS decision, d.as_of_date AS day"
NAMED = (
    "LEFT JOIN decisions d USING (decision_id) LEFT JOIN backtest_runs r ON r.run_id = t.run_id WHERE t.run_id = {id}"
)
LISTED = {
    "orders": "SELECT t.*, {names} FROM orders t {named} ORDER BY t.timestamp DESC, instrument_id, leg, order_id",
    "fills": "SELECT t.*, {names} FROM fills t LEFT JOIN (SELECT order_id, decision_id FROM orders WHERE run_id = {id})"
    " o USING (order_id) {named} ORDER BY t.timestamp DESC, instrument_id, seq DESC, fill_id",
    "positions": "SELECT t.*, {names} FROM positions_snapshots t {named} AND {last} ORDER BY instrument_id",
}
"""The same rows in the order of the command, with what it tells of their decision and run."""


def folder() -> Path:
    """Return where the runs are kept: elsewhere when the schema changes."""
    files = sorted(Path(str(migrations.__file__)).parent.glob("*.sql"))
    return CACHE / f"read-back-{sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:8]}"


def read_back(runs: int) -> dict[str, Any]:
    """Return the seconds for the orders, fills and positions of one run of *runs*, by each way."""
    os.environ["EXECBRIDGE_DATA_DIR"] = str(folder())
    with open_databases() as databases:
        databases.require_current()
        fill(databases.dsn, runs)
        run = f"run {runs // 2}"
        named = NAMED_RUN.format(run=run)
        with psycopg.connect(databases.dsn) as connection:
            ((number,),) = connection.execute(f"SELECT {named}".encode()).fetchall()
        ways: dict[str, Callable[[str], None]] = {
            "command": lambda what: process(what, run),
            "copy": lambda what: copy(databases.dsn, BARE[what], named),
            "warm": lambda what: command(what, run),
            "copy_by_number": lambda what: copy(databases.dsn, BARE[what], number),
            "listed_by_number": lambda what: copy(databases.dsn, LISTED[what], number),
        }
        taken: dict[str, list[list[float]]] = {way: [[] for _ in BARE] for way in ways}
        for turn in range(1 + REPEATS):
            for place, what in enumerate(BARE):
                for way, read in ways.items():
                    began = time.perf_counter()
                    read(what)
                    if turn:  # The first warms up all of them.
                        taken[way][place].append(time.perf_counter() - began)
    medians = {way: [median(seconds) for seconds in found] for way, found in taken.items()}
    return {"runs": runs, **{f"{way}_s": sum(found) for way, found in medians.items()}, "medians": medians}


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


def arguments(what: str, run: str) -> list[str]:
    """Return what is typed."""
    return [what, "--run", run, "--portfolio", "main", "--limit", "0", "--format", "json"]


def command(what: str, run: str) -> None:
    """Type the command into this interpreter."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        main(arguments(what, run), standalone_mode=False)


def process(what: str, run: str) -> None:
    """Type the command into a shell."""
    program = str(Path(sys.executable).with_name("execbridge"))
    subprocess.run([program, *arguments(what, run)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own.


def copy(dsn: str, query: str, run: object) -> None:
    """Read the rows of *query* by COPY, on a connection of its own; *run* is a number, or the query for it."""
    asked = query.format(id=run, names=NAMES, named=NAMED.format(id=run), last=LAST.format(id=run))
    statement = f"COPY ({asked}) TO STDOUT".encode()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor, cursor.copy(statement) as rows:
        for _ in rows:
            pass
