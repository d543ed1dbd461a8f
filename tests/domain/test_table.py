import copy
import pickle
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import numpy as np
import pytest
from attrs import field, frozen

from execbridge.domain.errors import BadTable
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders, OrderType
from execbridge.domain.positions import Position, Positions
from execbridge.domain.table import (
    LOTS_MAX,
    Int64,
    Table,
    Text,
    boolean,
    float64,
    ids,
    instants,
    int8,
    int64,
    same,
    text,
    uuid,
)
from execbridge.domain.targets import Targets

ON = Instruments.of(["AAPL", "BRK.B", "MSFT"])
HELD = Positions(ON, [0, 2], [10, -5], [1000.0, -250.0], [0.0, 7.5], [101.0, np.nan])


def test_a_column_is_a_copy_that_nobody_writes_to() -> None:
    mine = np.array([1, 2, 3])
    column = int64(mine)
    mine[0] = 99
    assert column.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 5


def test_a_column_that_is_one_already_is_taken_as_it_is() -> None:
    column = int64([1, 2])
    assert int64(column) is column


def test_a_view_of_what_others_may_write_to_is_copied() -> None:
    mine = np.array([1.0, 2.0])
    view = mine[:]
    view.setflags(write=False)
    column = float64(view)
    mine[0] = 9.0
    assert column.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("make", "values", "rule"),
    [
        (int64, [1.5], "a column of int64 takes no float64"),
        (int64, ["1"], "a column of int64 takes no <U1"),
        (int64, [None], "a column of int64 takes no object"),
        (int64, np.array([2**63], np.uint64), r"takes integers that fit, was \[9223372036854775808\]"),
        (int8, [1, 300], r"a column of int8 takes integers that fit, was \[300\]"),
        (int8, [2.0], "a column of int8 takes no float64"),
        (float64, ["1.5"], "a column of float64 takes no <U3"),
        (float64, [1j], "a column of float64 takes no complex128"),
        (boolean, [1], "a column of bool takes no int64"),
        (int64, [[1], [2]], "a column has one dimension, was 2"),
        (int64, 5, "a column has one dimension, was 0"),
        (float64, [[1.0], [2.0, 3.0]], "a column has one dimension, was ragged"),
        (ids, [b"x" * 17], "an id is the 16 bytes of a UUID, was .S17"),
        (ids, [7], "an id is the 16 bytes of a UUID, was int64"),
        (ids, np.zeros(1, "V8"), "an id is the 16 bytes of a UUID"),
        (text, [1], "a column of text takes text in one dimension, was int64"),
        (text, ["a", None], "a column of text takes text in one dimension, was object"),
        (text, "AAPL", "a column of text takes text in one dimension"),
        (instants, [datetime(2024, 3, 1, tzinfo=UTC)], "takes no object"),
    ],
)
def test_what_a_column_cannot_hold_is_refused(make: Any, values: Any, rule: str) -> None:
    with pytest.raises(BadTable, match=rule):
        make(values)


@pytest.mark.parametrize("make", [int64, int8, float64, boolean, ids, instants, text])
def test_nothing_is_a_column_of_any_kind(make: Any) -> None:
    assert make([]).dtype == make(make([])).dtype
    assert len(make([])) == 0


def test_whole_numbers_of_every_width_make_integers() -> None:
    assert int64(np.array([7], np.uint8)).tolist() == [7]
    assert int64([True]).tolist() == [1]
    assert int8(np.array([-3])).tolist() == [-3]


def test_text_is_as_wide_as_its_widest() -> None:
    assert text(["BRK.B", "A"]).tolist() == ["BRK.B", "A"]


def test_an_id_keeps_its_trailing_zeros() -> None:
    identity = UUID("12345678-1234-8234-8234-123456780000")
    column = ids([identity.bytes, bytes(15) + b"\x01"])
    assert uuid(column[0]) == uuid(identity.bytes) == identity
    assert uuid(column[1]) == UUID(int=1)


def test_sameness_looks_at_content() -> None:
    assert same(np.array([np.nan]), np.array([np.nan]))
    assert same(np.array(["a"]), np.array(["a"], "U5"))
    assert not same(np.array([1]), np.array([1.0]))
    assert same("a", "a")
    assert not same(np.array([1]), "a")


def test_columns_have_one_length() -> None:
    with pytest.raises(BadTable, match=r"columns of Positions must have one length, were \{'instrument': 2, 'lots': 1"):
        Positions(ON, [0, 1], [1], [1.0], [0.0], [1.0])


def test_a_refusal_names_rule_column_instrument_value_and_count() -> None:
    with pytest.raises(BadTable, match=r"what is flat has no open cost; cost was BRK.B: 3.0 \(1 of 2 rows\)"):
        Positions(ON, [0, 1], [1, 0], [1.0, 3.0], [0.0, 0.0], [1.0, 1.0])


def test_a_number_gives_a_row_of_plain_values() -> None:
    row = HELD[0]
    assert row == Position("AAPL", 10, 1000.0, 0.0, 101.0)
    assert [type(value) for value in (row.lots, row.cost)] == [int, float]
    assert HELD[-1].instrument == HELD[np.int64(1)].instrument == "MSFT"
    with pytest.raises(IndexError):
        HELD[2]


def test_columns_are_the_fields_and_nothing_that_was_worked_out_since() -> None:
    axis = Instruments.of(["AAPL"])
    assert (axis.unit.tolist(), axis.code.tolist(), len(axis.digest)) == ([1.0], [0], 1)
    assert list(axis.columns()) == ["id", "lot_size", "tick_size", "multiplier", "currency"]
    assert axis[0].id == "AAPL"


def test_tables_are_the_same_when_their_content_is() -> None:
    assert copy.copy(HELD) == HELD
    assert HELD[:1] != HELD
    assert Positions(Instruments.of(["AAPL", "BRK.B", "TSLA"]), *list(HELD.columns().values())) != HELD
    assert HELD != 5
    assert Targets.of(ON, {}) != Targets.of(ON, {}, complete=False)


def test_tables_are_not_keys() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(HELD)


def test_pickled_columns_are_checked_and_read_only() -> None:
    again = pickle.loads(pickle.dumps(HELD))
    with pytest.raises(ValueError, match="read-only"):
        again.lots[0] = 1


def test_a_table_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        HELD.lots = int64([1, 2])  # type: ignore[misc]


def test_joining_one_table_is_that_table() -> None:
    assert Positions.concat([HELD]) is HELD


def test_tables_of_different_axes_are_not_joined() -> None:
    other = Positions.flat(Instruments.of(["AAPL"]))
    with pytest.raises(BadTable, match="tables of Positions that are joined must agree on 'on'"):
        Positions.concat([HELD, other])


def test_targets_of_different_units_are_not_joined() -> None:
    with pytest.raises(BadTable, match="must agree on 'complete'"):
        Targets.concat([Targets.of(ON, {"AAPL": 1}), Targets.of(ON, {"MSFT": 1}, complete=False)])


def test_the_largest_lots_are_exact_as_floats() -> None:
    assert int(float(LOTS_MAX)) == LOTS_MAX
    assert float(LOTS_MAX) + 1 == float(LOTS_MAX)


def test_rows_have_instants_in_utc_and_enums_as_such() -> None:
    order = Orders(
        ON, [1], [b"o" * 16], [b"d" * 16], [0], [0], [5], [2], [1], [99.5], [np.nan], [1], [0], [False],
        np.array(["2024-03-01T21:00:00.000001"], "M8[us]"),
    )[0]  # fmt: skip
    assert order.timestamp == datetime(2024, 3, 1, 21, 0, 0, 1, tzinfo=UTC)
    assert order.order_type is OrderType.LIMIT
    assert order.id == UUID(bytes=b"o" * 16)
    assert order.triggered is False


@frozen
class Note:
    """A row of a table without an axis."""

    said: str
    count: int


@frozen(eq=False, slots=False)
class Notes(Table[Note]):
    """A table without an axis, which counts from one."""

    _row: ClassVar[type] = Note

    said: Text = field(converter=text)
    count: Int64 = field(converter=int64)

    def _check(self) -> None:
        self._refuse(self.count > 0, "notes count from one", "count")


def test_a_table_needs_no_axis_and_says_its_rows_by_number() -> None:
    notes = Notes(["a", "b"], [1, 2])
    assert (len(notes), list(notes)) == (2, [Note("a", 1), Note("b", 2)])
    with pytest.raises(BadTable, match=r"notes count from one; count was row 1: 0 \(1 of 2 rows\)"):
        Notes(["a", "b"], [1, 0])


def test_the_table_without_rows_is_made_once_an_axis() -> None:
    assert Fills.none(ON) is Fills.none(ON)
    assert (Fills.none(ON).on, len(Fills.none(ON))) == (ON, 0)
    assert len(Targets.none(ON)) == 0
