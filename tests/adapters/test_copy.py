"""Rows that are packed for COPY are what PostgreSQL reads, however wide their values are."""

from __future__ import annotations

import struct
from contextlib import closing
from datetime import UTC, date, datetime
from operator import itemgetter
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from execbridge.adapters.postgres.columns import (
    Field,
    Rows,
    day_column,
    flag_column,
    id_column,
    instant_column,
    known_column,
    number_column,
    text_column,
    words,
)
from execbridge.adapters.postgres.connection import connect
from execbridge.adapters.postgres.copy import HEADER, PIECE_ROWS, TRAILER, Packed, copy_in, packed, send
from execbridge.domain.orders import OrderType

TABLE = sql.Identifier("packed")
WORDS = ["", "A", "BRK.B", None, "Zürich", "日本"]


def row_by_row(rows: Rows) -> bytes:
    """Pack *rows*, the slow way: those of the same widths together."""
    packed = []
    for row in range(len(next(iter(rows.values())))):
        values = [field.values[row : row + 1].astype(field.dtype).tobytes() for field in rows.values()]
        fields = zip(values, rows.values(), strict=True)
        widths = [len(value) if field.width is None else int(field.width[row]) for value, field in fields]
        pieces = [
            struct.pack(">i", width) + value[: max(width, 0)] for value, width in zip(values, widths, strict=True)
        ]
        packed.append((widths, struct.pack(">h", len(rows)) + b"".join(pieces)))
    return b"".join(content for _, content in sorted(packed, key=itemgetter(0)))


texts = st.lists(st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9)))


@given(texts.filter(len), st.integers(-(2**63), 2**63 - 1))
def test_rows_are_packed_as_the_slow_twin_packs_them(words: list[str | None], number: int) -> None:
    count = len(words)
    known = np.where(np.arange(count) % 3 == 0, np.nan, float(count))
    rows = {"text": text_column(words), "number": number_column(np.full(count, number)), "known": known_column(known)}
    (part,) = packed([rows])
    assert part == Packed(("text", "number", "known"), bytearray(HEADER + row_by_row(rows) + TRAILER))


@pytest.mark.parametrize("many", [1, PIECE_ROWS])
def test_what_is_packed_is_what_is_read(dsn: str, many: int) -> None:
    ids = [UUID(int=2**64 + number) for number in range(6)]
    instants = [
        datetime(1999, 12, 31, 23, tzinfo=UTC),
        *(datetime(2024, 3, day, 21, tzinfo=UTC) for day in range(1, 6)),
    ]
    days = [date(1999, 12, 31), *(date(2024, 3, day) for day in range(1, 6))]
    flags = [True, False, True, True, False, False]
    kinds = [OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.LIMIT, OrderType.MARKET, OrderType.STOP_LIMIT]
    numbers = [-(2**63), -1, 0, 1, 2, 2**63 - 1]
    prices = [0.1, -0.0, np.nan, np.inf, 1e-300, 2.0]
    rows = {
        "row": number_column(np.arange(6 * many)),
        "id": id_column(np.tile(np.array([one.bytes for one in ids], "V16"), many)),
        "instant": instant_column(np.tile(np.array([one.replace(tzinfo=None) for one in instants], "M8[us]"), many)),
        "day": day_column(np.tile(np.array(days, "M8[D]"), many)),
        "flag": flag_column(np.tile(flags, many)),
        "kind": words(OrderType, np.tile(np.array(kinds, np.int8), many)),
        "number": number_column(np.tile(np.array(numbers), many)),
        "small": number_column(np.tile(np.arange(6, dtype=np.int16), many)),
        "price": known_column(np.tile(prices, many)),
        "word": text_column(WORDS * many),
    }
    with closing(connect(dsn)) as connection, connection.transaction():
        connection.execute(
            "CREATE TEMPORARY TABLE packed (row bigint, id uuid, instant timestamptz, day date, flag boolean,"
            " kind order_type, number bigint, small smallint, price double precision, word text)"
        )
        copy_in(connection, TABLE, rows)
        found = connection.execute(
            "SELECT id, instant, day, flag, kind::text, number, small, price::text, word FROM packed ORDER BY row"
        ).fetchall()
    told = [None if np.isnan(price) else f"{price:g}" for price in prices]
    told[1], told[3] = "-0", "Infinity"
    names = [kind.name for kind in kinds]
    assert found == [*zip(ids, instants, days, flags, names, numbers, range(6), told, WORDS, strict=True)] * many


def test_rows_with_other_columns_are_sent_apart_and_in_their_order(dsn: str) -> None:
    def column(*numbers: int) -> Field:
        return number_column(np.array(numbers))

    batches = [{"a": column(1)}, {"a": column(2, 3)}, {"a": column()}, {"b": column(4)}, {"a": column(5)}]
    parts = packed(batches)
    assert [part.names for part in parts] == [("a",), ("b",), ("a",)]
    with closing(connect(dsn)) as connection, connection.transaction():
        connection.execute("CREATE TEMPORARY TABLE packed (row bigserial, a bigint DEFAULT 7, b bigint)")
        send(connection, TABLE, parts)
        assert connection.execute("SELECT a, b FROM packed ORDER BY row").fetchall() == [
            (1, None),
            (2, None),
            (3, None),
            (7, 4),
            (5, None),
        ]


def test_where_nothing_is_packed_nothing_is_sent() -> None:
    assert packed([]) == packed([{"a": number_column(np.array([], np.int64))}]) == []
