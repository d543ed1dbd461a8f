"""The bundled prices are the rows that PRICES.md describes."""

import csv
import gzip
import hashlib
import re
from collections import Counter

import pytest

from tests.architecture.sources import ROOT

Row = dict[str, str]


@pytest.fixture(scope="module")
def content() -> bytes:
    return gzip.decompress((ROOT / "examples" / "prices.csv.gz").read_bytes())


@pytest.fixture(scope="module")
def rows(content: bytes) -> list[Row]:
    return list(csv.DictReader(content.decode("ascii").splitlines()))


def test_they_are_the_rows_that_the_page_vouches_for(content: bytes) -> None:
    page = (ROOT / "examples" / "PRICES.md").read_text("utf-8")
    assert re.findall(r"\b[0-9a-f]{64}\b", page) == [hashlib.sha256(content).hexdigest()]


def test_each_instrument_has_the_bars_that_the_source_has(rows: list[Row]) -> None:
    assert Counter(row["instrument_id"] for row in rows) == {
        "AAPL": 3270,
        "FB": 196,
        "GOOG": 2148,
        "IBM": 3270,
        "MSFT": 3270,
    }


def test_they_stand_in_order_of_date_and_instrument_each_once(rows: list[Row]) -> None:
    keys = [(row["date"], row["instrument_id"]) for row in rows]
    assert keys == sorted(set(keys))


def test_every_price_is_above_zero_and_within_its_day(rows: list[Row]) -> None:
    for row in rows:
        low, high = float(row["low"]), float(row["high"])
        assert 0 < low <= float(row["open"]) <= high
        assert low <= float(row["close"]) <= high
        assert int(row["volume"]) > 0
        assert float(row["adj_close"]) > 0


def test_the_packed_file_tells_neither_when_nor_under_which_name_it_was_packed() -> None:
    header = (ROOT / "examples" / "prices.csv.gz").read_bytes()[:10]
    assert header[:4] == b"\x1f\x8b\x08\x00"
    assert header[4:8] == bytes(4)
