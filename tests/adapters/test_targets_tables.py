"""Targets from a table that says them all beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from execbridge.adapters.memory.prices import MemoryPriceFeed
from execbridge.adapters.targets.tables import TargetTable
from execbridge.domain.account import Account
from execbridge.domain.errors import BadTable
from execbridge.domain.positions import Positions
from execbridge.domain.targets import Targets, Unit
from execbridge.ports.targets import View

from ..application.app import NAN, TWO, day

ON = TWO.on


def view(number: int) -> View:
    return View(day(number), ON, Positions.flat(ON), Account(1e6, 1e6, 1e6), MemoryPriceFeed(TWO))


def table(*rows: tuple[int, int, float], unit: Unit = Unit.QUANTITY, complete: bool = True) -> TargetTable:
    """Return the table of (day, instrument, amount)."""
    days = np.array([day(number) for number, _, _ in rows], "M8[D]")
    codes = np.array([code for _, code, _ in rows], np.int64)
    return TargetTable(ON, days, codes, np.array([amount for _, _, amount in rows], float), unit, complete)


def test_each_day_has_the_targets_that_are_listed_for_it() -> None:
    targets = table((2, 1, 4.0), (1, 1, 2.0), (1, 0, 1.0))
    assert targets.targets(view(1)) == Targets(ON, [0, 1], [1.0, 2.0])
    assert targets.targets(view(2)) == Targets(ON, [1], [4.0])
    assert targets.days(day(1), day(31)) == [day(1), day(2)]


def test_on_a_day_that_is_not_listed_nothing_is_decided() -> None:
    assert table((2, 0, 1.0)).targets(view(1)) is None
    assert table((2, 0, 1.0)).targets(view(3)) is None


def test_a_table_without_rows_decides_nothing() -> None:
    assert table().targets(view(1)) is None
    assert table().days(day(1), day(31)) == []


def test_the_order_of_rows_is_irrelevant() -> None:
    rows = [(1, 0, 1.0), (1, 1, NAN), (3, 1, -2.0)]
    for number in (1, 2, 3):
        assert table(*rows).targets(view(number)) == table(*rows[::-1]).targets(view(number))


def test_unit_and_completeness_are_those_of_the_table() -> None:
    targets = table((1, 0, 0.5), unit=Unit.WEIGHT, complete=False).targets(view(1))
    assert targets == Targets(ON, [0], [0.5], Unit.WEIGHT, complete=False)


def test_targets_that_cover_the_axis_lie_along_it_without_a_copy() -> None:
    targets = table((1, 0, 0.5), (1, 1, 0.25)).targets(view(1))
    assert targets is not None
    assert targets.along() is targets.amount


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([(1, 0, 1.0), (2, 1, 1.0), (2, 1, 1.0)], "BBB has two on 2024-01-02"),
        ([(1, 0, 1.0), (2, 1, float("inf"))], "BBB: inf.*, on 2024-01-02"),
        ([(1, 0, 1.0), (2, 1, -float("inf"))], "BBB: -inf.*, on 2024-01-02"),
        ([(1, 0, NAN), (2, 1, -1e300)], r"BBB: -1e\+300.*, on 2024-01-02"),
        ([(1, 0, 1.0), (2, 2, 1.0)], r"on the axis of 2, was \[2\], on 2024-01-02"),
        ([(1, 0, 1.0), (2, -1, 1.0)], r"on the axis of 2, was \[-1\], on 2024-01-02"),
    ],
)
def test_a_table_that_breaks_a_rule_names_the_day(rows: list[tuple[int, int, float]], rule: str) -> None:
    with pytest.raises(BadTable, match=rule):
        table(*rows)


def test_a_weight_that_is_absurd_is_refused() -> None:
    with pytest.raises(BadTable, match=r"AAA: 150\.0.*, on 2024-01-01"):
        table((1, 0, 150.0), unit=Unit.WEIGHT)


def test_every_target_has_a_day() -> None:
    with pytest.raises(BadTable, match="every target has a day"):
        TargetTable(ON, np.array(["NaT"], "M8[D]"), np.array([0]), np.array([1.0]))
