"""
How fast the rows of a run reach the database by COPY alone: what no engine that keeps them can be faster than.

    cd benchmarks; python copy_limit.py --size M --repeats 3

A run is recorded once, and what its journal sends is kept. Then the same rows go into the same tables, under the same
keys, indexes and settings, in a database that has nothing else: encoded from columns by the journal's own encoder, over
a single connection (what is added to a peer's own time); and as the bytes that were sent, over as many connections as
the journal uses, each with what it had there (the server's limit).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from measure import arguments, peak_mb, report, versions
from ours import DISTRIBUTIONS, empty, price_file, server, settings, settle, sleeve, target_table
from workload import Work

from execbridge import open_bridge
from execbridge.adapters.postgres import batch, partitions, writer
from execbridge.adapters.postgres.columns import count
from execbridge.adapters.postgres.connection import connect
from execbridge.adapters.postgres.copy import HEADER, TRAILER, Packed, packed, send
from execbridge.adapters.postgres.decisions import owner_of
from execbridge.adapters.postgres.journal import SETTINGS
from execbridge.adapters.postgres.runs import PostgresRunRepository

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection, sql
    from psycopg.rows import TupleRow

    from execbridge.adapters.postgres.columns import Rows
    from execbridge.ports.repository import Run


@dataclass
class Sent:
    """What one COPY statement took: the *part*, and the *rows* that it was encoded from."""

    table: sql.Identifier
    part: Packed
    rows: Rows


@dataclass
class Recorded:
    """What a run has sent to the database, by connection."""

    lanes: dict[int, list[Sent]] = field(default_factory=dict)
    run: Run | None = None

    @property
    def sent(self) -> list[Sent]:
        """All of it."""
        return [sent for lane in self.lanes.values() for sent in lane]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what the journal encodes and sends."""
        encoded: dict[int, Rows] = {}

        def heard_rows(batches: Iterable[Rows]) -> list[Packed]:
            parts = []
            for rows in batches:
                parts += packed([rows])
                encoded[id(parts[-1])] = rows
            return parts

        def heard_parts(connection: Connection[TupleRow], table: sql.Identifier, parts: list[Packed]) -> None:
            lane = self.lanes.setdefault(id(connection), [])
            lane += [Sent(table, part, encoded[id(part)]) for part in parts]
            send(connection, table, parts)

        batch.packed, writer.send = heard_rows, heard_parts
        try:
            yield
        finally:
            batch.packed, writer.send = packed, send


def record(work: Work) -> Recorded:
    """Record a run, and return what it sent."""
    recorded = Recorded()
    with open_bridge(overrides=settings(work, "committed")) as bridge:
        targets = target_table(work, bridge.prices.instruments())
        with recorded.listening():
            recorded.run = sleeve(bridge, work, targets, "sent").run
    return recorded


def joined(lane: list[Sent]) -> list[tuple[sql.Identifier, Packed]]:
    """Return what is sent over one connection, all rows of the same columns of a table by one statement."""
    found: dict[tuple[str, tuple[str, ...]], tuple[sql.Identifier, bytearray]] = {}
    for sent in lane:
        names, content = sent.part.names, sent.part.content
        _, whole = found.setdefault((sent.table.as_string(), names), (sent.table, bytearray(HEADER)))
        whole += memoryview(content)[len(HEADER) : -len(TRAILER)]
    return [(table, Packed(names, whole + TRAILER)) for (_, names), (table, whole) in found.items()]


@contextmanager
def prepared(dsn: str, recorded: Recorded, connections: int) -> Iterator[tuple[int, list[Connection[TupleRow]]]]:
    """Empty the database, begin the run in it, and yield its number, and connections as the journal has them."""
    empty(dsn)
    assert recorded.run is not None
    with PostgresRunRepository(dsn).start(recorded.run), ExitStack() as stack:
        opened = [connect(dsn, bulk=True) for _ in range(connections)]
        for connection in opened:
            stack.callback(connection.close)
            connection.execute(SETTINGS)
        owner = owner_of(opened[0], recorded.run.portfolio)
        assert owner.run_id is not None
        settle(dsn)
        yield owner.run_id, opened


def make_tables(connection: Connection[TupleRow], recorded: Recorded) -> None:
    """Make the run's own tables."""
    assert recorded.run is not None
    with connection.transaction():
        partitions.make_partitions(connection, owner_of(connection, recorded.run.portfolio))


def from_columns(dsn: str, recorded: Recorded) -> float:
    """Return the seconds that a single connection takes, the rows encoded on the way."""
    with prepared(dsn, recorded, 1) as (run_id, (connection,)):
        began = time.perf_counter()
        make_tables(connection, recorded)
        with connection.transaction():
            for sent in recorded.sent:
                send(connection, sent.table, packed([sent.rows]))
            for table in partitions.KEPT:
                partitions.settle(connection, table, run_id)
        return time.perf_counter() - began


def from_bytes(dsn: str, recorded: Recorded) -> float:
    """Return the seconds that the server takes for what is encoded already, over connections as the journal's."""
    lanes = [joined(lane) for lane in recorded.lanes.values()]

    def copy(connection: Connection[TupleRow], lane: list[tuple[sql.Identifier, Packed]]) -> None:
        with connection.transaction():
            for table, part in lane:
                send(connection, table, [part])

    def key(connection: Connection[TupleRow], table: partitions.Kept) -> None:
        with connection.transaction():
            partitions.settle(connection, table, run_id)

    many = len(partitions.KEPT)
    assert len(lanes) < many
    with prepared(dsn, recorded, many) as (run_id, connections), ThreadPoolExecutor(many) as threads:
        began = time.perf_counter()
        make_tables(connections[0], recorded)
        list(threads.map(copy, connections, lanes))
        list(threads.map(key, connections, partitions.KEPT))
        return time.perf_counter() - began


def main() -> None:
    """Measure both, and print what came of it."""
    asked = arguments(["daily"], __doc__)
    work = Work(asked.kind, asked.size)
    price_file(work)
    with server() as dsn:
        empty(dsn)
        recorded = record(work)
        single, limit = [], []
        for _ in range(asked.repeats):
            single.append(from_columns(dsn, recorded))
            limit.append(from_bytes(dsn, recorded))
    report(
        {
            "single_s": single,
            "limit_s": limit,
            "connections": len(recorded.lanes),
            "rows": sum(count(sent.rows) for sent in recorded.sent),
            "bytes": sum(len(sent.part.content) for sent in recorded.sent),
            "peak_mb": peak_mb(),
            "versions": versions(DISTRIBUTIONS),
        }
    )


if __name__ == "__main__":
    main()
