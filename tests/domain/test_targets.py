from decimal import Decimal

import numpy as np
import pytest

from execbridge.domain.errors import BadTable, UnknownInstrument
from execbridge.domain.instruments import Instruments
from execbridge.domain.targets import Targets, Unit

ON = Instruments.of(["AAPL", "IBM", "MSFT"])


def test_targets_are_given_by_name() -> None:
    targets = Targets.of(ON, {"MSFT": -40, "AAPL": np.float64(120.5)})
    assert [(target.instrument, target.amount) for target in targets] == [("MSFT", -40.0), ("AAPL", 120.5)]
    assert targets.unit is Unit.QUANTITY
    assert targets.complete


def test_what_is_absent_is_nothing_in_a_complete_table_and_unknown_in_another() -> None:
    assert Targets.of(ON, {"IBM": 5}).along().tolist() == [0.0, 5.0, 0.0]
    partial = Targets.of(ON, {"IBM": 5}, complete=False).along()
    assert np.array_equal(partial, [np.nan, 5.0, np.nan], equal_nan=True)


def test_what_is_unknown_is_unknown_in_a_complete_table_too() -> None:
    assert np.isnan(Targets.of(ON, {"IBM": np.nan}).along()[1])


def test_targets_of_the_whole_axis_are_laid_already() -> None:
    targets = Targets(ON, ON.code, [1.0, 2.0, 3.0])
    assert targets.along() is targets.amount


@pytest.mark.parametrize("amount", ["120", None, True, Decimal(5), 1j, np.complex128(1), [1]])
def test_a_target_is_a_number(amount: object) -> None:
    with pytest.raises(BadTable, match=r"a target is a number, was \{'AAPL'"):
        Targets.of(ON, {"AAPL": amount})  # type: ignore[dict-item]


@pytest.mark.parametrize("amount", [np.inf, -np.inf, 2.0**53 + 2, -1e300, 10**400])
def test_an_absurd_quantity_is_refused(amount: float) -> None:
    with pytest.raises(BadTable, match=r"a target quantity is finite and at most 2\*\*53 either way"):
        Targets.of(ON, {"AAPL": amount})


@pytest.mark.parametrize("amount", [np.inf, 100.5, -101])
def test_an_absurd_weight_is_refused_by_name(amount: float) -> None:
    with pytest.raises(BadTable, match=r"a weight is a fraction of equity, at most 100 .* amount was IBM"):
        Targets.of(ON, {"IBM": amount}, unit=Unit.WEIGHT)


def test_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(UnknownInstrument, match="'TSLA'"):
        Targets.of(ON, {"TSLA": 1})


def test_one_target_an_instrument() -> None:
    with pytest.raises(BadTable, match="one target an instrument; given twice: AAPL, IBM"):
        Targets(ON, [1, 0, 1, 2, 0], [1.0, 2.0, 3.0, 4.0, 5.0])
