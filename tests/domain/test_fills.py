from typing import Any

import numpy as np
import pytest

from execbridge.domain.errors import BadTable
from execbridge.domain.fills import Fills
from execbridge.domain.instruments import Instrument, Instruments

ON = Instruments.of([Instrument("ES", multiplier=50.0), Instrument("VOD", lot_size=100.0)])


def happened(**fields: Any) -> Fills:
    """Return a sale of two ES and a purchase of three hundred VOD, with *fields* in place of its columns."""
    columns: dict[str, Any] = {
        "instrument": [0, 1],
        "id": [b"1" * 16, b"2" * 16],
        "order": [b"3" * 16, b"4" * 16],
        "lots": [-2, 3],
        "price": [5000.0, 70.5],
        "commission": [4.0, -1.5],
        "timestamp": np.array(["2024-03-01", "2024-03-01"], "M8[us]"),
    }
    return Fills(ON, **{**columns, **fields})


def test_cash_is_what_was_received_less_what_was_paid_and_charged() -> None:
    # Exact: halves of whole numbers.
    assert happened().notional.tolist() == [-500_000.0, 21_150.0]
    assert happened().cash == 500_000.0 - 21_150.0 - 4.0 + 1.5


def test_no_fills_do_nothing_to_cash() -> None:
    assert str(Fills.none(ON).cash) == "0.0"


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"lots": [0, 3]}, r"a fill is at least one lot and at most 2\*\*53; lots was ES: 0"),
        ({"lots": [-2, 2**53 + 1]}, "lots was VOD"),
        ({"price": [0.0, 1.0]}, "a fill has a price above zero; price was ES: 0.0"),
        ({"price": [1.0, np.nan]}, "price was VOD: nan"),
        ({"commission": [np.nan, 0.0]}, "a commission is a number; commission was ES: nan"),
        ({"timestamp": np.array(["NaT", "2024-03-01"], "M8[us]")}, "a fill has an instant; timestamp was ES: NaT"),
    ],
)
def test_what_cannot_have_happened_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadTable, match=rule):
        happened(**fields)
