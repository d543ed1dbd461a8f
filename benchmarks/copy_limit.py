"""
How fast the rows of a run reach the database by COPY alone: what no engine that keeps them can be faster than.

    cd benchmarks; python copy_limit.py --size M --repeats 3

A run is recorded once, and what its journal sends is kept. Then the same rows go into the same tables, under the same
keys and indexes, in a database that has nothing else: encoded from columns by the journal's own encoder, over a single
connection (what is added to a peer's own time); and as the bytes that were sent, over as many connections as the
journal uses, each with tables of its own (the server's limit).
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
from measure import arguments, peak_mb, report, versions
from ours import DISTRIBUTIONS, empty, price_file, server, settings, settle, sleeve, target_table
from workload import Work

from execbridge import open_bridge
from execbridge.adapters.postgres import copy as copying
from execbridge.adapters.postgres import partitions
from execbridge.adapters.postgres.connection import connect
from execbridge.adapters.postgres.decisions import owner_of
from execbridge.adapters.postgres.runs import PostgresRunRepository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from execbridge.ports.repository import Run

HEADER_BYTES, TRAILER_BYTES = 19, 2
WRITE_BYTES = 1 << 20
BATCH_ROWS = 50_000


@dataclass
class Stream:
    """What one COPY statement brought, all in all: the encoded rows, and the columns that they were encoded from."""

    parts: list[bytes] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)

    @property
    def content(self) -> bytes:
        """All rows as one COPY takes them."""
        header, trailer = self.parts[0][:HEADER_BYTES], self.parts[0][-TRAILER_BYTES:]
        return header + b"".join(part[HEADER_BYTES:-TRAILER_BYTES] for part in self.parts) + trailer


class Tap:
    """Keeps what goes through COPY, by statement, while it is open."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self._here = threading.local()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen to the driver and to the encoder."""
        copy, encoder = psycopg.Cursor.copy, copying.ArrowToPostgresBinaryEncoder
        tap = self

        @contextmanager
        def heard(cursor: psycopg.Cursor[Any], statement: Any, *args: Any, **asked: Any) -> Iterator[Any]:  # noqa: ANN401 - as the driver has it.
            with copy(cursor, statement, *args, **asked) as copied:
                text = statement if isinstance(statement, str) else statement.as_string(cursor)
                if "FROM STDIN" not in text:
                    yield copied
                    return
                stream = tap.streams.setdefault(text, Stream())
                stream.connections.add(id(cursor.connection))
                tap._here.stream, parts, write = stream, [], copied.write
                copied.write = lambda piece: (parts.append(bytes(piece)), write(piece))
                yield copied
            stream.parts.append(b"".join(parts))

        class Heard:
            """An encoder that keeps what it encodes."""

            def __init__(self, schema: pa.Schema) -> None:
                self._encoder = encoder(schema)
                self.write_header, self.finish = self._encoder.write_header, self._encoder.finish

            def write_batch(self, batch: pa.RecordBatch) -> bytes:
                tap._here.stream.batches.append(batch)
                return self._encoder.write_batch(batch)

        psycopg.Cursor.copy, copying.ArrowToPostgresBinaryEncoder = heard, Heard
        try:
            yield
        finally:
            psycopg.Cursor.copy, copying.ArrowToPostgresBinaryEncoder = copy, encoder


@dataclass
class Recorded:
    """What a run has sent to the database."""

    run: Run
    streams: dict[str, Stream]

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(batch.num_rows for stream in self.streams.values() for batch in stream.batches)

    @property
    def lanes(self) -> list[list[str]]:
        """The statements, by the connection that sent them."""
        by_connection: dict[int, list[str]] = {}
        for statement, stream in self.streams.items():
            by_connection.setdefault(min(stream.connections), []).append(statement)
        return list(by_connection.values())


def record(work: Work) -> Recorded:
    """Record a run, and return what it sent."""
    tap = Tap()
    with open_bridge(overrides=settings(work, "committed")) as bridge:
        targets = target_table(work, bridge.prices.instruments())
        with tap.open():
            run = sleeve(bridge, work, targets, "sent").run
    return Recorded(run, tap.streams)


@contextmanager
def prepared(dsn: str, recorded: Recorded, connections: int) -> Iterator[list[Connection[TupleRow]]]:
    """Empty the database, begin the run in it, and yield connections as the journal has them."""
    empty(dsn)
    with PostgresRunRepository(dsn).start(recorded.run), ExitStack() as stack:
        settle(dsn)
        opened = [connect(dsn, bulk=True) for _ in range(connections)]
        for connection in opened:
            stack.callback(connection.close)
        yield opened


def make_tables(connection: Connection[TupleRow], recorded: Recorded) -> int:
    """Make the run's own tables, and return its number."""
    with connection.transaction():
        owner = owner_of(connection, recorded.run.portfolio)
        partitions.make_partitions(connection, owner)
    assert owner.run_id is not None
    return owner.run_id


def tables_of(statements: list[str], run_id: int) -> list[partitions.Kept]:
    """Return the tables of rows that *statements* fill."""
    return [
        table
        for table in partitions.KEPT
        if any(f"{partitions.partition(table, run_id).as_string()} " in statement for statement in statements)
    ]


def from_columns(dsn: str, recorded: Recorded) -> float:
    """Return the seconds that a single connection takes, the rows encoded on the way."""
    with prepared(dsn, recorded, 1) as (connection,):
        began = time.perf_counter()
        run_id = make_tables(connection, recorded)
        with connection.transaction():
            for statement, stream in recorded.streams.items():
                rows = pa.Table.from_batches(stream.batches).combine_chunks().to_batches(max_chunksize=BATCH_ROWS)
                with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                    for piece in copying.encoded(rows):
                        copy.write(piece)
            for table in partitions.KEPT:
                partitions.settle(connection, table, run_id)
        return time.perf_counter() - began


def from_bytes(dsn: str, recorded: Recorded, lanes: list[list[str]]) -> float:
    """Return the seconds that the server takes for what is encoded already, over a connection for each of *lanes*."""
    contents = {statement: memoryview(stream.content) for statement, stream in recorded.streams.items()}

    def send(connection: Connection[TupleRow], statements: list[str], run_id: int) -> None:
        with connection.transaction():
            for statement in statements:
                with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                    content = contents[statement]
                    for start in range(0, len(content), WRITE_BYTES):
                        copy.write(content[start : start + WRITE_BYTES])
            for table in tables_of(statements, run_id):
                partitions.settle(connection, table, run_id)

    with prepared(dsn, recorded, len(lanes)) as connections, ThreadPoolExecutor(len(lanes)) as threads:
        began = time.perf_counter()
        run_id = make_tables(connections[0], recorded)
        settled = {table for lane in lanes for table in tables_of(lane, run_id)}
        assert settled == set(partitions.KEPT), settled
        list(threads.map(send, connections, lanes, [run_id] * len(lanes)))
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
            limit.append(from_bytes(dsn, recorded, recorded.lanes))
    report(
        {
            "single_s": single,
            "limit_s": limit,
            "connections": len(recorded.lanes),
            "rows": recorded.rows,
            "bytes": sum(len(stream.content) for stream in recorded.streams.values()),
            "peak_mb": peak_mb(),
            "versions": versions(DISTRIBUTIONS),
        }
    )


if __name__ == "__main__":
    main()
