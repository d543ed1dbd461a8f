"""What a run has left in the database, and whether it holds together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import groupby
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.rows import TupleRow

Connection = psycopg.Connection[TupleRow]

OF_RUN = "WHERE run_id = (SELECT run_id FROM backtest_runs WHERE name = %(run)s)"
DAYS: LiteralString = (
    f"SELECT as_of_date, state FROM decisions LEFT JOIN execution_plans USING (decision_id) {OF_RUN} ORDER BY 1"
)
ORPHANS: LiteralString = f"""
    SELECT fill_id FROM (SELECT * FROM fills {OF_RUN}) f
    WHERE NOT EXISTS (SELECT FROM orders o WHERE o.run_id = f.run_id AND o.order_id = f.order_id)
"""
MISCOUNTED: LiteralString = f"""
    SELECT order_id, filled_lots, coalesce(sum(f.lots), 0)
    FROM (SELECT * FROM orders JOIN decisions USING (decision_id, run_id) {OF_RUN}) o
    LEFT JOIN (SELECT order_id, lots FROM fills {OF_RUN}) f USING (order_id)
    GROUP BY order_id, filled_lots HAVING filled_lots <> coalesce(sum(f.lots), 0)
"""
FILLS: LiteralString = f"SELECT timestamp::date, instrument_id, lots, price FROM fills {OF_RUN} ORDER BY seq"
SNAPSHOTS: LiteralString = f"""
    SELECT as_of_date, instrument_id, lots, coalesce(avg_cost, 0) FROM positions_snapshots {OF_RUN} AND lots <> 0
    ORDER BY as_of_date, instrument_id
"""


@contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """Connect as any user would."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def write_prices(dsn: str, bars: dict[str, dict[date, float]]) -> None:
    """Write closes as daily bars into `prices_daily`."""
    rows = [(name, day, close) for name, closes in bars.items() for day, close in closes.items()]
    with connected(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO prices_daily (instrument_id, date, open, high, low, close, volume)"
            " VALUES (%(name)s, %(day)s, %(open)s, %(high)s, %(low)s, %(close)s, 1000)",
            [
                {"name": name, "day": day, "open": close, "high": close * 1.02, "low": close * 0.98, "close": close}
                for name, day, close in rows
            ],
        )


def write_many_prices(dsn: str, instruments: int, days: int) -> None:
    """Write as many bars as it takes for a run to be committed in several parts."""
    with connected(dsn) as connection:
        connection.execute(
            "INSERT INTO prices_daily (instrument_id, date, open, high, low, close)"
            " SELECT 'I' || to_char(i, 'FM0000'), date '2024-01-01' + d, p, p, p, p"
            " FROM generate_series(1, %s) i, generate_series(0, %s - 1) d, LATERAL (SELECT 20 + i %% 7 + d %% 5) c (p)",
            [instruments, days],
        )


def recorded_days(connection: Connection, run: str) -> list[date]:
    """Return the days of *run* that are recorded; each of them is whole, and they agree with one another."""

    def rows(query: LiteralString) -> list[tuple[Any, ...]]:
        return connection.execute(query, {"run": run}).fetchall()

    # A run that died was not analysed by itself, and autovacuum need not have come round.
    connection.execute("ANALYZE orders, fills, positions_snapshots")
    days = rows(DAYS)
    assert {state for _, state in days} <= {"APPLIED"}
    assert rows(ORPHANS) == []
    assert rows(MISCOUNTED) == []
    fills = {day: list(part) for day, part in groupby(rows(FILLS), key=lambda row: row[0])}
    snapshots = {day: list(part) for day, part in groupby(rows(SNAPSHOTS), key=lambda row: row[0])}
    held: dict[str, tuple[int, float]] = {}
    for day, _ in days:
        for _, instrument, lots, price in fills.pop(day, []):
            held[instrument] = folded(*held.get(instrument, (0, 0.0)), lots, price)
        told = {instrument: (lots, average) for _, instrument, lots, average in snapshots.pop(day, [])}
        open_ = {instrument: book for instrument, book in sorted(held.items()) if book[0]}
        assert {name: lots for name, (lots, _) in told.items()} == {name: lots for name, (lots, _) in open_.items()}
        assert [average for _, average in told.values()] == pytest.approx([average for _, average in open_.values()])
    assert fills == {}
    assert snapshots == {}
    return [day for day, _ in days]


def folded(held: int, average: float, lots: int, price: float) -> tuple[int, float]:
    """Return lots and average cost once *lots* are traded at *price*."""
    after = held + lots
    if held * lots >= 0:
        return after, (held * average + lots * price) / after
    return after, average if held * after > 0 else price if after else 0.0
