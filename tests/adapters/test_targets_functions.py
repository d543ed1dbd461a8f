"""Targets from a function of the user's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from execbridge.adapters.memory.prices import MemoryPriceFeed
from execbridge.adapters.targets.functions import TargetCalls, load_function
from execbridge.domain.account import Account
from execbridge.domain.errors import BadTable, DomainError, SettingsError
from execbridge.domain.instruments import Instruments
from execbridge.domain.positions import Positions
from execbridge.domain.targets import Targets, Unit
from execbridge.ports.errors import LookAhead, TargetsFailed
from execbridge.ports.targets import View

from ..application.app import TWO, day

if TYPE_CHECKING:
    from collections.abc import Callable

ON = TWO.on
VIEW = View(day(2), ON, Positions.flat(ON), Account(1e6, 1e6, 1e6), MemoryPriceFeed(TWO))


def answering(answer: object) -> Callable[[View], object]:
    return lambda _: answer


def raising(error: BaseException) -> Callable[[View], object]:
    def function(_: View) -> object:
        raise error

    return function


def calls(function: Callable[[View], object], unit: Unit = Unit.QUANTITY, *, complete: bool = True) -> TargetCalls:
    return TargetCalls(function, unit, complete)  # type: ignore[arg-type] - what users write has no types.


def test_a_mapping_is_taken_in_the_unit_and_as_complete_as_was_said() -> None:
    targets = calls(answering({"BBB": 0.5}), Unit.WEIGHT, complete=False).targets(VIEW)
    assert targets == Targets(ON, [1], [0.5], Unit.WEIGHT, complete=False)


def test_targets_are_taken_as_they_are() -> None:
    answer = Targets(ON, [0], [3.0])
    assert calls(answering(answer), Unit.WEIGHT).targets(VIEW) is answer


def test_targets_along_an_axis_that_is_the_same_are_taken() -> None:
    answer = Targets(Instruments.of(["AAA", "BBB"]), [0], [3.0])
    assert calls(answering(answer)).targets(VIEW) is answer


def test_no_answer_is_no_decision() -> None:
    assert calls(answering(None)).targets(VIEW) is None


@pytest.mark.parametrize("answer", [5, [1.0, 2.0], Targets(Instruments.of(["CCC"]), [0], [3.0])])
def test_any_other_answer_is_refused_with_its_day(answer: object) -> None:
    with pytest.raises(DomainError, match=f"on 2024-01-02 it was {type(answer).__name__}"):
        calls(answering(answer)).targets(VIEW)


def test_a_mapping_that_breaks_a_rule_is_refused() -> None:
    with pytest.raises(BadTable, match="a target is a number"):
        calls(answering({"AAA": "3"})).targets(VIEW)


def test_what_the_function_raises_is_told_with_day_and_cause() -> None:
    error = KeyError("x")
    with pytest.raises(TargetsFailed, match="raised KeyError on 2024-01-02: 'x'") as caught:
        calls(raising(error)).targets(VIEW)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [LookAhead("not known yet"), KeyboardInterrupt()])
def test_what_has_its_own_name_keeps_it(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        calls(raising(error)).targets(VIEW)
    assert caught.value is error


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(f"{tmp_path}")
    return tmp_path


def test_a_function_is_found_in_the_working_folder(here: Path) -> None:
    (here / "their_momentum.py").write_text("def targets(view):\n    return {'AAA': view.day.day}\n", encoding="utf-8")
    function = load_function("their_momentum:targets")
    assert TargetCalls(function).targets(VIEW) == Targets(ON, [0], [2.0])


def test_the_working_folder_is_looked_into_even_where_python_would_not(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "their_reversal.py").write_text("def targets(view): ...\n", encoding="utf-8")
    monkeypatch.setattr("sys.path", [place for place in sys.path if place != f"{here}"])
    assert callable(load_function("their_reversal:targets"))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("their_absence:targets", "'their_absence' cannot be imported: ModuleNotFoundError"),
        (":targets", "'' cannot be imported: ValueError"),
        ("their_failure:targets", "'their_failure' cannot be imported: ZeroDivisionError: division by zero"),
        ("json:target", "'json' has no function 'target'"),
        ("json:", "'json' has no function ''"),
        ("json", "'json' has no function ''"),
        ("json:__name__", "'json' has no function '__name__'"),
    ],
)
def test_a_function_that_is_none_is_refused(here: Path, name: str, rule: str) -> None:
    (here / "their_failure.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=rule):
        load_function(name)
