"""Prices in PostgreSQL: read as columns, and loaded as columns."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString

import numpy as np
from attrs import define, field

from ...domain.bars import FIELDS, Bars, Panel, bar_rules
from ...domain.errors import BadTable
from ...domain.instruments import Instrument, Instruments
from ...ports.errors import FeedUnavailable, StoreUnavailable
from ...ports.prices import Loaded, PriceFeed, PriceStore
from .connection import connect, transaction, translated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from numpy.typing import NDArray
    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.table import Float64, Int64

# The ids are found by stepping from one to the next along the key; reading them off all bars takes as long as the bars.
INSTRUMENTS = """
    WITH RECURSIVE priced AS (
        (SELECT instrument_id FROM prices_daily ORDER BY instrument_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT p.instrument_id FROM prices_daily p WHERE p.instrument_id > priced.instrument_id
            ORDER BY p.instrument_id LIMIT 1
        )
        FROM priced WHERE priced.instrument_id IS NOT NULL
    )
    SELECT
        instrument_id,
        coalesce(lot_size, 1), coalesce(tick_size, 0.01), coalesce(multiplier, 1), coalesce(currency, 'USD')
    FROM priced FULL JOIN instruments USING (instrument_id) WHERE instrument_id IS NOT NULL
"""

# One row an instrument, found by the key alone; its bars come as packed numbers, in the byte order of the network, and
# never as objects.
BARS = """
    COPY (
        SELECT (axis.code - 1)::integer, priced.bars
        FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS axis (id, code)
        CROSS JOIN LATERAL (
            SELECT string_agg(
                date_send(p.date) || float8send(p.open) || float8send(p.high) || float8send(p.low)
                || float8send(p.close) || float8send(coalesce(p.volume, 'NaN')),
                ''
            ) AS bars
            FROM prices_daily p WHERE p.instrument_id = axis.id AND p.date BETWEEN %(start)s AND %(end)s
        ) priced
        WHERE priced.bars IS NOT NULL
    ) TO STDOUT (FORMAT BINARY)
"""
EPOCH = np.datetime64("2000-01-01", "D")
ROWS_A_BLOCK = 1 << 16
PACKED = np.dtype([("date", ">i4"), *((name, ">f8") for name in FIELDS)])

LAST = """
    SELECT axis.code - 1, latest.close
    FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS axis (id, code)
    CROSS JOIN LATERAL (
        SELECT p.close FROM prices_daily p WHERE p.instrument_id = axis.id AND p.date <= %(day)s
        ORDER BY p.date DESC LIMIT 1
    ) latest
"""

DAYS = "SELECT DISTINCT date FROM prices_daily WHERE date BETWEEN %(start)s AND %(end)s ORDER BY date"


@define
class PostgresPriceFeed(PriceFeed):
    """Brings the bars of `prices_daily`; each answer is a query of its own."""

    dsn: str = field(repr=False)

    def instruments(self) -> Instruments:
        with self._asking("read instruments") as connection:
            rows = connection.execute(INSTRUMENTS).fetchall()
        return Instruments.of(Instrument(*row) for row in rows)

    def panel(self, on: Instruments, start: date, end: date) -> Panel:
        codes, counts, packed = [], [], bytearray()
        asked = {"ids": list(on.names), "start": start, "end": end}
        with self._asking("read prices") as connection, connection.cursor() as cursor, cursor.copy(BARS, asked) as copy:
            copy.set_types(["int4", "bytea"])
            for code, bars in copy.rows():
                codes.append(code)
                counts.append(len(bars) // PACKED.itemsize)
                packed += bars
        return _laid(on, np.repeat(np.array(codes, np.int64), counts), np.frombuffer(packed, PACKED))

    def bars(self, on: Instruments, day: date) -> Bars:
        panel = self.panel(on, day, day)
        nothing = np.full(len(on), np.nan)
        return panel[0] if len(panel) else Bars.trusted(on=on, instrument=on.code, **dict.fromkeys(FIELDS, nothing))

    def last(self, on: Instruments, day: date) -> Float64:
        with self._asking("read last prices") as connection:
            rows = connection.execute(LAST, {"ids": list(on.names), "day": day}).fetchall()
        last = np.full(len(on), np.nan)
        for code, close in rows:
            last[code] = close
        return last

    def days(self, start: date, end: date) -> NDArray[np.datetime64]:
        with self._asking("read the days with prices") as connection:
            rows = connection.execute(DAYS, {"start": start, "end": end}).fetchall()
        return np.array([day for (day,) in rows], "M8[D]")

    @contextmanager
    def _asking(self, doing: LiteralString) -> Iterator[Connection[TupleRow]]:
        try:
            with connect(self.dsn, bulk=True, application="execbridge prices") as connection, translated(doing):
                yield connection
        except StoreUnavailable as error:
            raise FeedUnavailable(str(error)) from error


def _laid(on: Instruments, code: Int64, rows: NDArray[np.void]) -> Panel:
    """Return the bars in *rows*, of the instruments *code*, as a panel; what another program wrote is not trusted."""
    days, row = _places(rows["date"].astype(np.int64))
    day = EPOCH + days
    twice = np.flatnonzero(np.bincount(row * len(on) + code) > 1)
    if len(twice):
        raise BadTable(f"one bar a day and instrument; prices_daily has two on {day[twice[0] // len(on)]}")
    laid = {name: np.full((len(day), len(on)), np.nan) for name in FIELDS}
    for first in range(0, len(rows), ROWS_A_BLOCK):
        part = slice(first, first + ROWS_A_BLOCK)
        bars = [rows[name][part].astype(np.float64) for name in FIELDS]
        _check(on, day[row[part]], code[part], bars)
        for matrix, numbers in zip(laid.values(), bars, strict=True):
            matrix[row[part], code[part]] = numbers
    return Panel(on, day, **laid)


def _places(days: Int64) -> tuple[Int64, Int64]:
    """Return each of *days* once, rising, and where among them each of *days* is."""
    first = days.min(initial=0)
    is_there = np.zeros(days.max(initial=first) - first + 1, np.bool_)
    is_there[days - first] = True
    return np.flatnonzero(is_there) + first, (np.cumsum(is_there) - 1)[days - first]


def _check(on: Instruments, day: NDArray[np.datetime64], code: Int64, bars: list[Float64]) -> None:
    for rule, allowed in bar_rules(*bars):
        if not allowed.all():
            bad = int(np.flatnonzero(~allowed)[0])
            values = ", ".join(f"{name} {column[bad]}" for name, column in zip(FIELDS, bars, strict=True))
            raise BadTable(f"{rule}; {on.names[code[bad]]} on {day[bad]} was {values} in prices_daily")


FRESH = """
    CREATE TEMPORARY TABLE fresh (
        code integer, date date,
        open double precision, high double precision, low double precision, close double precision,
        volume double precision
    ) ON COMMIT DROP
"""

# A row that was inserted has no earlier version, which xmax tells; one that is the same is not written at all.
MERGE = """
    WITH written AS (
        INSERT INTO prices_daily AS kept (instrument_id, date, open, high, low, close, volume, source)
        SELECT axis.id, f.date, f.open, f.high, f.low, f.close, nullif(f.volume, 'NaN'), %(source)s
        FROM fresh f JOIN unnest(%(ids)s::text[]) WITH ORDINALITY AS axis (id, code) ON axis.code = f.code + 1
        ORDER BY axis.id, f.date
        ON CONFLICT (instrument_id, date) DO UPDATE SET
            open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
            volume = excluded.volume, source = excluded.source
        WHERE (kept.open, kept.high, kept.low, kept.close, kept.volume)
            IS DISTINCT FROM (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)
        RETURNING kept.xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written
"""

# A row of binary COPY: the number of fields, then each field's length and value, in the byte order of the network.
WIRE = np.dtype(
    [("fields", ">i2"), ("code_size", ">i4"), ("code", ">i4"), ("date_size", ">i4"), ("date", ">i4")]
    + [part for name in FIELDS for part in ((f"{name}_size", ">i4"), (name, ">f8"))]
)
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
DAYS_A_BLOCK = 64


@define
class PostgresPriceStore(PriceStore):
    """Keeps bars in `prices_daily`."""

    dsn: str = field(repr=False)

    def load(self, panel: Panel, source: str) -> Loaded:
        with (
            connect(self.dsn, bulk=True, application="execbridge prices") as connection,
            transaction(connection, "load prices"),
        ):
            connection.execute(FRESH)
            with connection.cursor() as cursor:
                with cursor.copy("COPY fresh FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(HEADER)
                    for first in range(0, len(panel), DAYS_A_BLOCK):
                        copy.write(_packed(panel, slice(first, first + DAYS_A_BLOCK)))
                    copy.write(TRAILER)
                total = cursor.rowcount
            connection.execute("ANALYZE fresh")
            row = connection.execute(MERGE, {"ids": list(panel.on.names), "source": source}).fetchone()
            assert row is not None, "Invariant: an aggregate is one row."
            inserted, changed = row
        return Loaded(inserted, changed, total - inserted - changed)


def _packed(panel: Panel, days: slice) -> bytes:
    """Return the bars of *days* as rows of binary COPY."""
    day, instrument = np.nonzero(~np.isnan(panel.close[days]))
    rows = np.empty(len(day), WIRE)
    rows["fields"] = 2 + len(FIELDS)
    rows["code_size"] = rows["date_size"] = 4
    rows["code"] = instrument
    rows["date"] = (panel.day[days][day] - EPOCH).astype(np.int32)
    for name in FIELDS:
        rows[f"{name}_size"] = 8
        rows[name] = getattr(panel, name)[days][day, instrument]
    return rows.tobytes()
