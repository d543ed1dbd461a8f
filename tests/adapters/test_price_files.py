"""Files of prices: what is wrong is named by file, line, column, value and rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq
import pytest

from execbridge.adapters.files.prices import PRICES, FilePriceFeed
from execbridge.domain.bars import Panel
from execbridge.domain.errors import BadTable, TradingError
from execbridge.domain.instruments import Instrument
from execbridge.ports.errors import FeedUnavailable

HEADER = "date,instrument_id,open,high,low,close,volume"
GOOD = "2024-01-02,A,10,12,9,11,1000"


def feed(file: Path, *lines: str, adjusted: bool = False) -> FilePriceFeed:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return FilePriceFeed((file,), adjusted=adjusted)


def whole(file: Path, *lines: str, adjusted: bool = False) -> Panel:
    read = feed(file, *lines, adjusted=adjusted)
    return read.panel(read.instruments(), date.min, date.max)


@pytest.mark.parametrize(
    ("line", "column", "value", "rule"),
    [
        ("2024-01-03,A,ten,12,9,11,1000", "open", "'ten'", "a number is expected"),
        ("2024-01-03,A,10,12,9,11,lots", "volume", "'lots'", "a number is expected"),
        ("03/01/2024,A,10,12,9,11,1000", "date", "'03/01/2024'", "a date is written YYYY-MM-DD"),
        ("2024-02-30,A,10,12,9,11,1000", "date", "'2024-02-30'", "a date is written YYYY-MM-DD"),
        (",A,10,12,9,11,1000", "date", "missing", "a date is written YYYY-MM-DD"),
        ("2024-01-03,,10,12,9,11,1000", "instrument_id", "missing", "an id is 1 to 64 printable characters"),
        ("2024-01-03, A,10,12,9,11,1000", "instrument_id", "' A'", "an id is 1 to 64 printable characters"),
        ("2024-01-03,A,-10,12,9,11,1000", "open", "-10", "a price is a number above zero"),
        ("2024-01-03,A,10,12,0,11,1000", "low", "0", "a price is a number above zero"),
        ("2024-01-03,A,10,12,9,,1000", "close", "missing", "a price is a number above zero"),
        ("2024-01-03,A,,,,,", "open", "missing", "a price is a number above zero"),
        ("2024-01-03,A,10,inf,9,11,1000", "high", "inf", "a price is a number above zero"),
        ("2024-01-03,A,10,8,9,11,1000", "high", "8", "high is not below low"),
        ("2024-01-03,A,10,10.5,9,11,1000", "high", "10.5", "high is not below open or close"),
        ("2024-01-03,A,10,12,10.5,11,1000", "low", "10.5", "low is not above open or close"),
        ("2024-01-03,A,10,12,9,11,-1", "volume", "-1", "volume is not below zero"),
    ],
)
def test_a_value_that_breaks_a_rule_is_named(tmp_path: Path, line: str, column: str, value: str, rule: str) -> None:
    file = tmp_path / "prices.csv"
    with pytest.raises(BadTable) as raised:
        whole(file, HEADER, GOOD, "", line)
    assert str(raised.value).startswith(rule)
    assert str(raised.value).endswith(f"{file} line 4 column '{column}' was {value}")


def test_in_parquet_the_row_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prices.parquet"
    columns = {"date": [date(2024, 1, 2)] * 2, "instrument_id": ["A", "B"], "open": [1.0, 0.0]}
    papq.write_table(pa.table(columns | {name: [1.0, 1.0] for name in ("high", "low", "close", "volume")}), file)
    with pytest.raises(BadTable, match=r"above zero; .*prices\.parquet row 2 column 'open' was 0"):
        FilePriceFeed((file,)).instruments()


def test_a_time_of_day_is_no_date(tmp_path: Path) -> None:
    file = tmp_path / "prices.parquet"
    columns = {"date": pa.array([1_704_207_600_000_000], pa.timestamp("us")), "instrument_id": ["A"]}
    papq.write_table(pa.table(columns | {name: [1.0] for name in ("open", "high", "low", "close", "volume")}), file)
    with pytest.raises(BadTable, match="without a time of day"):
        FilePriceFeed((file,)).instruments()


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Date,instrument_id,open,high,low,close,volume", "has no column 'date', .*; is 'Date' meant?"),
        ("date,symbol,open,high,low,close,volume", "has no column 'instrument_id', but 'date', 'symbol', 'open'"),
        ("date,instrument_id,open,high,low,clsoe,volume", "has no column 'close', .*; is 'clsoe' meant?"),
        ("date,instrument_id,open,high,low,close,close,volume", "has the column 'close' twice"),
        ("", "has no column 'date'"),
    ],
)
def test_a_column_that_is_missing_is_named_with_the_one_that_may_be_meant(
    tmp_path: Path, header: str, said: str
) -> None:
    with pytest.raises(BadTable, match=r"prices\.csv.*" + said):
        whole(tmp_path / "prices.csv", header, GOOD)


def test_a_line_with_too_few_values_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match=r"as many values as the header, 7, was 3; .*csv line 3: '2024-01-03,A,10'"):
        whole(tmp_path / "prices.csv", HEADER, GOOD, "2024-01-03,A,10")


def test_two_bars_for_an_instrument_and_day_are_named_with_both_lines(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    with pytest.raises(BadTable, match=r"A has two on 2024-01-02: .*prices\.csv line 2 and .*prices\.csv line 4"):
        whole(file, HEADER, GOOD, "2024-01-03,A,10,12,9,11,1", GOOD)


def test_two_bars_in_two_files_are_named_with_both_files(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(f"{HEADER}\n{GOOD}\n")
    with pytest.raises(BadTable, match=r"one\.csv line 2 and .*two\.csv line 2"):
        FilePriceFeed((tmp_path / "one.csv", tmp_path / "two.csv")).instruments()


def test_several_files_are_one_feed(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(f"{HEADER}\n{GOOD}\n")
    (tmp_path / "two.csv").write_text(f"{HEADER}\n{GOOD.replace(',A,', ',B,')}\n")
    files = FilePriceFeed((tmp_path / "two.csv", tmp_path / "one.csv"), known=[Instrument("B", lot_size=10)])
    assert [(row.id, row.lot_size) for row in files.instruments()] == [("A", 1), ("B", 10)]


@pytest.mark.parametrize(
    ("name", "said", "error"),
    [
        ("none.csv", "No such file", BadTable),
        ("none.parquet", "No such file", BadTable),
        ("a.csv/none.csv", "Not a directory", FeedUnavailable),
        ("a.txt", "no kind", BadTable),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, said: str, error: type[TradingError]) -> None:
    (tmp_path / "a.csv").write_text(HEADER)
    with pytest.raises(error, match=rf"{name}.*{said}"):
        FilePriceFeed((tmp_path / name,)).instruments()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(TradingError, match=name):
        FilePriceFeed((tmp_path / name,)).instruments()


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n".encode() + b"2024-01-02,\xff,10,12,9,11,1000\n")
    with pytest.raises(BadTable, match=r"a\.csv cannot be read"):
        FilePriceFeed((tmp_path / "a.csv",)).instruments()


def test_a_file_with_a_header_alone_has_no_bars(tmp_path: Path) -> None:
    assert len(whole(tmp_path / "prices.csv", HEADER)) == 0


def test_spreadsheets_and_windows_leave_no_trace(tmp_path: Path) -> None:
    panel = whole(tmp_path / "prices.csv", "\ufeff" + HEADER + ",note\r", GOOD + ',"two\nlines"\r')
    assert panel.close.tolist() == [[11.0]]


def test_adjusting_scales_prices_and_keeps_what_was_traded(tmp_path: Path) -> None:
    lines = (f"{HEADER},adj_close", f"{GOOD},5.5", "2024-01-03,A,6,6,6,6,2000,6")
    panel = whole(tmp_path / "prices.csv", *lines, adjusted=True)
    assert [panel.open[0, 0], panel.high[0, 0], panel.low[0, 0], panel.close[0, 0]] == [5.0, 6.0, 4.5, 5.5]
    assert panel.volume[:, 0].tolist() == [2000.0, 2000.0]
    assert whole(tmp_path / "prices.csv", *lines).close[:, 0].tolist() == [11.0, 6.0]


def test_adjusting_needs_the_adjusted_close(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="no column 'adj_close'"):
        whole(tmp_path / "prices.csv", HEADER, GOOD, adjusted=True)
    with pytest.raises(BadTable, match=r"line 2 column 'adj_close' was 0"):
        whole(tmp_path / "prices.csv", f"{HEADER},adj_close", f"{GOOD},0", adjusted=True)


def test_what_a_dictionary_holds_beside_what_is_used_is_no_instrument(tmp_path: Path) -> None:
    columns = {"date": [date(2024, 1, 2)], "instrument_id": pa.DictionaryArray.from_arrays([1], ["gone", "A"])}
    columns |= {name: [1.0] for name in ("open", "high", "low", "close", "volume")}
    papq.write_table(pa.table(columns), tmp_path / "prices.parquet")
    assert FilePriceFeed((tmp_path / "prices.parquet",)).instruments().names == ("A",)


LONG = 70_000


def long_columns(instruments: int = 7) -> dict[str, object]:
    """Return more bars than are read at once, each with a price of its own, the latest first."""
    number = np.arange(LONG)[::-1]
    columns: dict[str, object] = {
        "date": np.datetime64("1990-01-01", "D") + number // instruments,
        "instrument_id": np.array([f"I{code}" for code in range(instruments)])[number % instruments],
    }
    return columns | dict.fromkeys((*PRICES, "volume"), 1.0 + number)


@pytest.mark.parametrize("name", ["prices.csv", "prices.parquet"])
def test_a_long_file_is_read_to_its_end(tmp_path: Path, name: str) -> None:
    write = papq.write_table if name.endswith("parquet") else pacsv.write_csv
    write(pa.table(long_columns()), tmp_path / name)
    panel = FilePriceFeed((tmp_path / name,)).whole
    np.testing.assert_array_equal(panel.close.ravel(), 1.0 + np.arange(LONG))


@pytest.mark.parametrize("name", ["prices.csv", "prices.parquet"])
@pytest.mark.parametrize("row", [0, LONG - 1])
def test_in_a_long_file_rows_count_from_its_beginning(tmp_path: Path, name: str, row: int) -> None:
    columns = long_columns()
    columns["low"] = np.where(np.arange(LONG) == row, -1.0, 1.0)
    write = papq.write_table if name.endswith("parquet") else pacsv.write_csv
    write(pa.table(columns), tmp_path / name)
    place = f"row {row + 1}" if name.endswith("parquet") else f"line {row + 2}"
    with pytest.raises(BadTable, match=rf"above zero; .*{place} column 'low' was -1"):
        FilePriceFeed((tmp_path / name,)).instruments()


def test_prices_may_be_whole_numbers_and_volumes_may_be_missing(tmp_path: Path) -> None:
    columns = {"date": [date(2024, 1, 2), date(2024, 1, 3)], "instrument_id": ["A", "A"], "volume": [None, 5]}
    papq.write_table(pa.table(columns | {name: [2, 3] for name in PRICES}), tmp_path / "prices.parquet")
    panel = FilePriceFeed((tmp_path / "prices.parquet",)).whole
    assert panel.close.tolist() == [[2.0], [3.0]]
    np.testing.assert_array_equal(panel.volume, [[np.nan], [5.0]])
    assert panel.volume.dtype == np.float64


@pytest.mark.parametrize(("column", "rule"), [("date", "a date is written"), ("instrument_id", "an id is")])
def test_in_parquet_what_is_missing_is_named(tmp_path: Path, column: str, rule: str) -> None:
    columns: dict[str, list[object]] = {"date": [date(2024, 1, 2)] * 2, "instrument_id": ["A", "B"]}
    columns |= {name: [1.0, 1.0] for name in (*PRICES, "volume")}
    columns[column][1] = None
    papq.write_table(pa.table(columns), tmp_path / "prices.parquet")
    with pytest.raises(BadTable, match=rf"{rule}.*row 2 column '{column}' was missing"):
        FilePriceFeed((tmp_path / "prices.parquet",)).instruments()
