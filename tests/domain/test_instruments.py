import unicodedata
from typing import Any

import numpy as np
import pytest

from execbridge.domain.errors import BadTable, UnknownInstrument
from execbridge.domain.instruments import Instrument, Instruments, is_id, one_axis
from execbridge.domain.positions import Positions

ON = Instruments.of(["MSFT", Instrument("BRK.B", lot_size=100, multiplier=2), "AAPL"])


def test_an_axis_is_sorted_and_a_code_is_a_place_on_it() -> None:
    assert ON.names == ("AAPL", "BRK.B", "MSFT")
    assert ON.code.tolist() == [0, 1, 2]
    assert ON.locate(["MSFT", "AAPL"]).tolist() == [2, 0]


def test_a_bare_id_has_the_sizes_of_a_share() -> None:
    assert ON[0] == Instrument("AAPL", lot_size=1.0, tick_size=0.01, multiplier=1.0, currency="USD")


def test_an_id_is_never_cut() -> None:
    assert ON[1].id == "BRK.B"
    assert ON.id.tolist() == ["AAPL", "BRK.B", "MSFT"]


def test_a_lot_at_price_1_is_worth_lot_size_times_multiplier() -> None:
    # Exact: small whole numbers.
    assert ON.unit.tolist() == [1.0, 200.0, 1.0]


def test_every_id_has_a_hash_of_its_own_whoever_else_is_on_the_axis() -> None:
    assert len(set(ON.digest.tolist())) == 3
    assert Instruments.of(["MSFT"]).digest[0] == ON.digest[2]


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        ("AAPL", True),
        ("BTC/USD", True),
        ("a b", True),
        ("東京", True),
        (unicodedata.normalize("NFC", "Ünal"), True),
        (unicodedata.normalize("NFD", "Ünal"), False),
        ("", False),
        (" AAPL", False),
        ("AAPL ", False),
        ("A\nB", False),
        ("A\x1fB", False),
        ("x" * 64, True),
        ("x" * 65, False),
    ],
)
def test_an_id_is_printable_composed_and_of_bounded_length(name: str, is_allowed: bool) -> None:
    assert is_id(name) is is_allowed


@pytest.mark.parametrize("name", ["", " AAPL", "A\tB", unicodedata.normalize("NFD", "é"), "A\0"])
def test_what_cannot_be_an_id_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadTable, match="an instrument id is"):
        Instruments.of([name])


def test_an_id_stands_once_on_an_axis() -> None:
    with pytest.raises(BadTable, match=r"sorted and unique, out of place: \['AAPL'\]"):
        Instruments.of(["AAPL", "MSFT", "AAPL"])


def test_an_axis_that_is_not_sorted_is_refused() -> None:
    with pytest.raises(BadTable, match=r"sorted and unique, out of place: \['A'\]"):
        Instruments(id=["B", "A"], lot_size=[1, 1], tick_size=[1, 1], multiplier=[1, 1], currency=["USD", "USD"])


def test_an_axis_taken_apart_is_still_an_axis() -> None:
    assert ON[1:].names == ("BRK.B", "MSFT")
    assert Instruments.concat([ON[:1], ON[1:]]) == ON
    with pytest.raises(BadTable, match="sorted and unique"):
        ON[[2, 0]]
    with pytest.raises(BadTable, match="sorted and unique"):
        Instruments.concat([ON, ON])


@pytest.mark.parametrize("size", ["lot_size", "tick_size", "multiplier"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_sizes_are_above_zero_and_finite(size: str, value: float) -> None:
    sizes: dict[str, Any] = {size: value}
    with pytest.raises(BadTable, match=f"{size} must be above zero and finite; {size} was AAPL: {value}"):
        Instruments.of([Instrument("AAPL", **sizes)])


def test_a_currency_has_a_name() -> None:
    with pytest.raises(BadTable, match=r"a currency is .* was not for \['AAPL'\]"):
        Instruments.of([Instrument("AAPL", currency="")])


def test_the_currencies_of_an_axis_are_each_named_once() -> None:
    assert Instruments.of([Instrument("A", currency="EUR"), "B", "C"]).currencies == ("EUR", "USD")


def test_an_unknown_instrument_is_named_with_those_that_are_known() -> None:
    with pytest.raises(UnknownInstrument, match=r"unknown instrument 'TSLA', 'X'; known are AAPL, BRK.B, MSFT$"):
        ON.locate(["AAPL", "TSLA", "X"])
    with pytest.raises(UnknownInstrument, match="known are none"):
        Instruments.of([]).locate(["X"])
    with pytest.raises(UnknownInstrument, match="A7 …"):
        Instruments.of(f"A{number}" for number in range(10)).locate(["X"])


def test_opinions_are_unknown_and_amounts_are_nothing_where_nobody_said_any() -> None:
    at = np.array([2])
    assert np.array_equal(ON.spread(at, np.array([0.5])), [np.nan, np.nan, 0.5], equal_nan=True)
    assert ON.total(np.array([2, 0, 2]), np.array([3, 1, 4])).tolist() == [1, 0, 7]


def test_what_covers_the_axis_is_laid_already() -> None:
    opinions, amounts = np.array([1.0, 2.0, 3.0]), np.array([1, 2, 3])
    assert ON.spread(ON.code, opinions) is opinions
    assert ON.total(ON.code, amounts) is amounts


@pytest.mark.parametrize("code", [-1, 3])
def test_codes_lie_on_the_axis(code: int) -> None:
    with pytest.raises(BadTable, match=rf"instrument codes must lie on the axis of 3, was \[{code}\]"):
        Positions(ON, [code], [1], [1.0], [0.0], [1.0])


def test_tables_that_meet_lie_along_one_axis() -> None:
    assert one_axis(ON, ON, Instruments.of(list(ON))) is ON
    with pytest.raises(BadTable, match=r"lie along one axis, were along .'AAPL', .* and .'AAPL',"):
        one_axis(ON, Instruments.of(["AAPL"]))


def test_rows_say_their_instrument_by_id() -> None:
    assert Positions.flat(ON).instrument_id.tolist() == ["AAPL", "BRK.B", "MSFT"]
