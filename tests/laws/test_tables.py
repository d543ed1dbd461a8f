"""Tables: rows, slices, copies and frames keep all that a table holds."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execbridge.domain.bars import Bars
from execbridge.domain.errors import BadTransition
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import TRANSITIONS, Order, Orders, Status
from execbridge.domain.positions import Positions
from execbridge.domain.table import Table
from execbridge.domain.targets import Targets

from .. import twins
from ..strategies import bars, fills, instruments, orders, positions, targets
from .ledger import from_rows

AnyTable = Table[Any]


@st.composite
def parts(draw: st.DrawFn) -> AnyTable:
    """Draw a table whose rows may be taken apart."""
    on = draw(instruments())
    return draw(draw(st.sampled_from([positions(on), orders(on), fills(on), targets(on)])))


@st.composite
def tables(draw: st.DrawFn) -> AnyTable:
    """Draw a table of any kind."""
    on = draw(instruments())
    return draw(st.one_of(parts(), bars(on), st.just(on)))


def trusted_or_made(table: AnyTable) -> bool:
    return all(not column.flags.writeable for column in table.columns().values())


@given(tables())
def test_a_table_is_made_again_from_its_rows(table: AnyTable) -> None:
    assert from_rows(table) == table


@given(tables())
def test_a_pickled_table_is_the_same_and_read_only(table: AnyTable) -> None:
    again = pickle.loads(pickle.dumps(table))
    assert again == table
    assert trusted_or_made(again)


@given(tables())
def test_a_copied_table_is_the_same_and_read_only(table: AnyTable) -> None:
    again = copy.deepcopy(table)
    assert again == table
    assert trusted_or_made(again)


@given(parts(), st.integers(-6, 6), st.integers(-6, 6))
def test_slices_that_meet_make_the_whole(table: AnyTable, first: int, second: int) -> None:
    low, high = sorted(np.clip([first, second], 0, len(table)).tolist())
    assert type(table).concat([table[:low], table[low:high], table[high:]]) == table


@given(tables())
def test_a_mask_and_a_list_of_numbers_take_the_same_rows(table: AnyTable) -> None:
    mask = np.arange(len(table)) % 2 == 0
    every = np.flatnonzero(mask)
    assert table[mask] == table[every] == table[every.tolist()] == table[::2]


@given(tables())
def test_every_row_is_what_its_number_gives(table: AnyTable) -> None:
    rows = [twins.plain(row) for row in table]
    assert rows == [twins.plain(table[number]) for number in range(len(table))]
    assert rows == [twins.plain(table[np.int64(number - len(table))]) for number in range(len(table))]


@given(tables())
def test_a_table_of_no_rows_has_none_and_stays_a_table(table: AnyTable) -> None:
    nothing = table[:0]
    assert len(nothing) == len(list(nothing)) == 0
    assert type(nothing).concat([nothing, nothing]) == nothing == from_rows(nothing)


@given(tables())
def test_frames_have_the_rows_of_the_table(table: AnyTable) -> None:
    frame = table.to_arrow()
    assert frame.column_names == list(table.columns())
    assert frame.num_rows == len(table) == len(table.to_polars()) == len(table.to_pandas())


@given(instruments(), st.data())
def test_laying_amounts_along_the_axis_loses_none(on: Instruments, data: st.DataObject) -> None:
    drawn = data.draw(orders(on))
    assert on.total(drawn.instrument, drawn.lots).sum() == drawn.lots.sum()
    wanted = data.draw(targets(on))
    laid = on.spread(wanted.instrument, wanted.amount)
    assert np.isfinite(laid).sum() == np.isfinite(wanted.amount).sum()


@given(instruments(), st.data())
def test_an_order_moves_as_its_status_its_lots_and_its_stop_allow(on: Instruments, data: st.DataObject) -> None:
    drawn = data.draw(orders(on))
    for order, row in zip(drawn, range(len(drawn)), strict=True):
        status = data.draw(st.sampled_from(Status))
        filled = data.draw(st.sampled_from([0, order.lots, order.filled_lots, order.lots // 2, -order.lots]))
        triggered = data.draw(st.booleans())
        asked = np.array([status], np.int8), np.array([filled], np.int64), np.array([triggered])
        assert accepts(drawn[row : row + 1], *asked) == may_move(order, status, filled, triggered=triggered)


def accepts(orders: Orders, status: Any, filled: Any, triggered: Any) -> bool:
    try:
        orders.moved(status, filled, triggered)
    except BadTransition:
        return False
    return True


def may_move(order: Order, status: Status, filled: int, *, triggered: bool) -> bool:
    if status not in {order.status} | TRANSITIONS[order.status]:
        return False
    now, before, size = (count * twins.sign(order.lots) for count in (filled, order.filled_lots, order.lots))
    if not before <= now <= size or (order.triggered and not triggered):
        return False
    share = {
        Status.FILLED: now == size,
        Status.PARTIALLY_FILLED: 0 < now < size,
        Status.CANCELLED: now < size,
        Status.EXPIRED: now < size,
        Status.UNKNOWN: now < size,
    }
    return share.get(status, now == 0)


@pytest.mark.parametrize("none", [Orders.none, Fills.none, Positions.flat])
def test_nothing_along_an_empty_axis_is_nothing(none: Any) -> None:
    on = Instruments.of([])
    assert len(none(on)) == 0
    assert len(Bars(on, [], [], [], [], [], [])) == 0
    assert len(Targets.of(on, {})) == 0
    assert len(Positions.flat(on).after(Fills.none(on)).held) == 0
