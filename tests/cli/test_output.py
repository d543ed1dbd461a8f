"""Rows come out as tables for people and as CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from execbridge.adapters.cli.output import plain, show
from execbridge.domain.plan_key import Mode
from execbridge.ports.repository import Listing

INSTANT = datetime(2024, 1, 2, 21, 0, tzinfo=UTC)
ROWS = Listing(
    ("name", "timestamp", "day", "quantity", "price", "mode", "id", "more"),
    [
        ("AAA", INSTANT, date(2024, 1, 2), 3.0, math.nan, Mode.PAPER, UUID(int=7), {"costs": [1.5, None]}),
        ('B,"[red]', INSTANT, date(2024, 1, 2), -4, 1234.5, "LIVE", None, {}),
    ],
)


def test_json_is_one_array_of_objects_with_numbers_as_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, "json", title="rows")
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "name": "AAA",
        "timestamp": "2024-01-02T21:00:00+00:00",
        "day": "2024-01-02",
        "quantity": 3.0,
        "price": None,
        "mode": "PAPER",
        "id": "00000000-0000-0000-0000-000000000007",
        "more": {"costs": [1.5, None]},
    }
    assert second["quantity"] == -4


def test_csv_has_a_header_and_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, "csv", title="rows")
    header, first, second = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == list(ROWS.columns)
    assert first[:5] == ["AAA", "2024-01-02T21:00:00+00:00", "2024-01-02", "3.0", ""]
    assert json.loads(first[-1]) == {"costs": [1.5, None]}
    assert second[0] == 'B,"[red]'


def test_a_claim_is_true_or_false_in_csv(capsys: pytest.CaptureFixture[str]) -> None:
    show(Listing(("is_known",), [(True,), (False,)]), "csv", title="rows")
    assert capsys.readouterr().out == "is_known\ntrue\nfalse\n"


def test_no_rows_are_an_empty_array_a_bare_header_and_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = Listing(("a", "b"), [])
    show(nothing, "json", title="rows")
    show(nothing, "csv", title="rows")
    show(nothing, "table", title="rows")
    assert capsys.readouterr().out == "[]\na,b\nrows\nno rows\n"


def test_a_table_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, "table", title="my rows", people=("name", "timestamp", "price", "absent"))
    told = capsys.readouterr().out
    assert told.startswith("my rows\n")
    assert "2024-01-02 21:00" in told
    assert "1,234.50" in told
    assert 'B,"[red]' in told
    assert "quantity" not in told


def test_a_table_leaves_out_columns_in_which_nothing_stands(capsys: pytest.CaptureFixture[str]) -> None:
    rows = Listing(("name", "reason", "price"), [("AAA", None, math.nan), ("BBB", "", None)])
    show(rows, "table", title="rows", people=rows.columns)
    told = capsys.readouterr().out
    assert "name" in told
    assert "reason" not in told
    assert "price" not in told


def test_a_fraction_is_shown_in_percent(capsys: pytest.CaptureFixture[str]) -> None:
    show(Listing(("total_return",), [(0.0625,)]), "table", title="rows")
    assert "6.25%" in capsys.readouterr().out


@pytest.mark.parametrize(("value", "expected"), [(math.inf, None), (True, True), ((1, Mode.LIVE), [1, "LIVE"])])
def test_values_become_plain(value: object, expected: object) -> None:
    assert plain(value) == expected
