"""
A large backtest into the embedded PostgreSQL: 2,520 days of 500 instruments, every target changing daily.

    python benchmarks/large_run.py

Prints how long it takes, how that splits into engine and database, and how much memory our process takes at most.
Engine is the same run with a repository that keeps nothing. Every measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs
import numpy as np
import psycopg

from execbridge import open_bridge
from execbridge.adapters.targets.tables import TargetTable
from execbridge.application.container import open_databases
from execbridge.ports.repository import ExecutionRepository, Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from execbridge.application.backtest import RunResult
    from execbridge.application.facade import Bridge
    from execbridge.domain.fills import Fills
    from execbridge.domain.instruments import Instruments
    from execbridge.domain.orders import Orders
    from execbridge.domain.plan_key import PlanKey, Portfolio
    from execbridge.domain.planner import ExecutionPlan
    from execbridge.ports.broker import Receipts
    from execbridge.ports.repository import Run, Snapshot

SEED = 20_100_104
FIRST = date(2010, 1, 4)
MEMORY_MAX_MB = 600
COSTS = {"slippage.bps": 5.0, "commission.bps": 1.0, "backtest.initial_cash": 1e8}

COUNTS = """
    SELECT
        (SELECT count(*) FROM orders WHERE status = 'FILLED'),
        (SELECT count(*) FROM fills),
        (SELECT count(*) FROM positions_snapshots),
        (SELECT count(*) FROM execution_plans WHERE state = 'APPLIED'),
        (SELECT status FROM backtest_runs WHERE name = 'kept'),
        (SELECT round(equity::numeric, 2)::text FROM execution_plans JOIN decisions USING (decision_id)
            ORDER BY timestamp DESC LIMIT 1),
        pg_size_pretty(pg_total_relation_size('orders') + pg_total_relation_size('fills')
            + pg_total_relation_size('positions_snapshots'))
"""


@attrs.frozen
class Size:
    """How much work: so many trading days of so many instruments."""

    days: int
    instruments: int

    @property
    def calendar(self) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
        """The weekdays from FIRST on."""
        return np.busday_offset(np.datetime64(FIRST), np.arange(self.days)).astype("M8[D]")

    def closes(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Return a random walk for each instrument, a row a day."""
        steps = np.random.default_rng(SEED).normal(2e-4, 0.015, (self.days, self.instruments))
        return np.round(50.0 * np.exp(np.cumsum(steps, axis=0)), 4)

    def targets(self, on: Instruments) -> TargetTable:
        """Return targets from 1 to 200 shares, each another one than the day before."""
        rng = np.random.default_rng(SEED + 1)
        steps = rng.integers(1, 200, (self.days, self.instruments))
        amount = 1.0 + (np.cumsum(steps, axis=0) % 200)
        return TargetTable(
            on,
            day=np.repeat(self.calendar, self.instruments),
            instrument=np.tile(on.code, self.days),
            amount=amount.ravel(),
        )


class NothingKept(ExecutionRepository):
    """Keeps nothing, and so takes no time."""

    def hold(self, _: Portfolio) -> AbstractContextManager[None]:
        """Hold nothing."""
        return nullcontext()

    def recall(self, _: PlanKey, __: Instruments) -> Recorded | None:
        """Know of no decision."""
        return None

    def record_plan(self, plan: ExecutionPlan) -> None:
        """Forget *plan*."""

    def record_receipts(self, orders: Orders, receipts: Receipts) -> None:
        """Forget *receipts*."""

    def record_reports(
        self, portfolio: Portfolio, orders: Orders, fills: Fills, snapshot: Snapshot | None = None
    ) -> None:
        """Forget *fills* and *snapshot*."""

    def orders(self, portfolio: Portfolio, on: Instruments) -> Orders:
        """Return nothing; nobody asks in a backtest."""
        raise NotImplementedError

    def fills(self, portfolio: Portfolio, on: Instruments) -> Fills:
        """Return nothing; nobody asks in a backtest."""
        raise NotImplementedError


@contextmanager
def nothing_kept(_: Run) -> Iterator[ExecutionRepository]:
    """Make the journal of a run that keeps nothing."""
    yield NothingKept()


def load(folder: Path, size: Size) -> None:
    """Make the database and put the prices into `prices_daily`."""
    closes, days = size.closes(), size.calendar.tolist()
    with open_databases(overrides=asked(folder)) as databases:
        databases.migrate()
        with psycopg.connect(databases.dsn) as connection, connection.cursor() as cursor:
            statement = "COPY prices_daily (instrument_id, date, open, high, low, close, volume) FROM STDIN"
            with cursor.copy(statement) as copy:
                for number, column in enumerate(closes.T):
                    lines = [
                        f"I{number:04d}\t{day}\t{close}\t{close}\t{close}\t{close}\t1000000\n"
                        for day, close in zip(days, column.tolist(), strict=True)
                    ]
                    copy.write("".join(lines))


def asked(folder: Path) -> dict[str, object]:
    """Return the settings of every run."""
    return {"database.data_dir": str(folder), **COSTS}


def run(folder: Path, size: Size, *, is_kept: bool) -> dict[str, float]:
    """Run the backtest in this process and return its figures."""
    with open_bridge(overrides=asked(folder)) as bridge:
        targets = size.targets(bridge.prices.instruments())
        runner = bridge.runner if is_kept else attrs.evolve(bridge.runner, journal=nothing_kept)
        began, worked = time.perf_counter(), time.process_time()
        result = sleeve(attrs.evolve(bridge, runner=runner), targets, size, "kept" if is_kept else "not kept")
        elapsed, cpu = time.perf_counter() - began, time.process_time() - worked
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return {
        "orders": result.orders,
        "fills": result.fills,
        "equity": result.performance.final_equity,
        "elapsed_s": elapsed,
        "cpu_s": cpu,
        "simulating_s": result.simulating_s,
        "reading_s": elapsed - result.elapsed_s,
        "peak_mb": peak_kb / 1024,
    }


def sleeve(bridge: Bridge, targets: TargetTable, size: Size, name: str) -> RunResult:
    """Run the sleeve over all days."""
    end = size.calendar[-1].item() + timedelta(days=1)
    return bridge.run_sleeve(targets=targets, start_date=FIRST, end_date=end, run=name)


def measured(folder: Path, size: Size, what: str) -> dict[str, float]:
    """Return the figures of a run in a process of its own."""
    line = [sys.executable, __file__, "--only", what, "--folder", str(folder)]
    line += ["--days", str(size.days), "--instruments", str(size.instruments)]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE)  # noqa: S603 - the program is this one.
    figures: dict[str, float] = json.loads(done.stdout or "{}")
    return figures


def compare(folder: Path, size: Size) -> None:
    """Measure both runs, check in SQL what was kept, and print all of it."""
    measured(folder, size, "load")
    engine, kept = measured(folder, size, "engine"), measured(folder, size, "kept")
    with open_databases(overrides=asked(folder)) as databases, psycopg.connect(databases.dsn) as connection:
        (counts,) = connection.execute(COUNTS).fetchall()
    check(size, engine, kept, counts)
    total, simulating = kept["elapsed_s"], engine["elapsed_s"] - engine["reading_s"]
    orders, rest = kept["orders"], total - kept["reading_s"] - simulating
    print(f"{size.days:,} days x {size.instruments:,} instruments; found in SQL: {', '.join(map(str, counts))}")
    print(f"final equity     {kept['equity']:,.6f}, the same in both runs")
    print(f"whole run        {total:6.1f} s, {orders / total:,.0f} orders/s committed")
    print(f"  reading prices {kept['reading_s']:6.1f} s")
    print(f"  engine alone   {simulating:6.1f} s, {orders / simulating:,.0f} orders/s keeping nothing")
    print(f"  database       {rest:6.1f} s more, {3 * orders / total:,.0f} rows/s over the whole run")
    print(f"our CPU          {kept['cpu_s']:6.1f} s, {engine['cpu_s']:.1f} s of it for the engine and reading prices")
    print(f"peak memory      {kept['peak_mb']:6.0f} MB of {MEMORY_MAX_MB}, {engine['peak_mb']:.0f} MB keeping nothing")


def check(size: Size, engine: dict[str, float], kept: dict[str, float], counts: tuple[object, ...]) -> None:
    """Refuse figures of a run that did not do all of the work, or took too much memory for it."""
    orders = size.days * size.instruments
    assert counts[:5] == (orders, orders, orders, size.days, "COMPLETE"), counts
    assert counts[5] == f"{kept['equity']:.2f}", counts
    assert (engine["orders"], engine["equity"]) == (kept["orders"], kept["equity"])
    assert kept["peak_mb"] < MEMORY_MAX_MB, kept


def main() -> None:
    """Measure everything, or with --only one part of it in this very process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--days", type=int, default=2_520)
    parser.add_argument("--instruments", type=int, default=500)
    parser.add_argument("--only", choices=["load", "engine", "kept"])
    parser.add_argument("--folder", type=Path, help="where the database of --only is")
    chosen = parser.parse_args()
    size = Size(chosen.days, chosen.instruments)
    if chosen.only == "load":
        load(chosen.folder, size)
    elif chosen.only:
        print(json.dumps(run(chosen.folder, size, is_kept=chosen.only == "kept")))
    else:
        with TemporaryDirectory(prefix="execbridge-") as folder:
            compare(Path(folder), size)


if __name__ == "__main__":
    main()
