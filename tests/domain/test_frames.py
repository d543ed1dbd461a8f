import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from execbridge.domain.errors import DomainError
from execbridge.domain.instruments import Instruments
from execbridge.domain.orders import Orders, OrderType, Status, TimeInForce
from execbridge.domain.positions import Positions

ON = Instruments.of(["AAPL", "BRK.B"])
FIRST, SECOND = UUID("018e0000-0000-8000-8000-000000000001"), UUID("018e0000-0000-8000-8000-00000000ff00")
ORDERS = Orders(
    ON,
    instrument=[1, 0],
    id=[FIRST.bytes, SECOND.bytes],
    decision=[SECOND.bytes] * 2,
    leg=[0, 1],
    attempt=[0, 0],
    lots=[-5, 7],
    order_type=[OrderType.MARKET, OrderType.LIMIT],
    time_in_force=[TimeInForce.DAY, TimeInForce.GTC],
    limit_price=[np.nan, 99.5],
    stop_price=[np.nan, np.nan],
    status=[Status.PENDING, Status.PARTIALLY_FILLED],
    filled_lots=[0, 3],
    triggered=[False, True],
    timestamp=np.array(["2024-03-01T21:00:00.000001"] * 2, "M8[us]"),
)
NOON = datetime(2024, 3, 1, 21, 0, 0, 1, tzinfo=UTC)


def test_an_arrow_table_says_ids_names_and_instants_in_full() -> None:
    frame = ORDERS.to_arrow()
    assert frame.column_names == list(ORDERS.columns())
    assert frame["instrument"].to_pylist() == ["BRK.B", "AAPL"]
    assert frame["id"].to_pylist() == [str(FIRST), str(SECOND)]
    assert frame["status"].to_pylist() == ["PENDING", "PARTIALLY_FILLED"]
    assert frame["order_type"].to_pylist() == ["MARKET", "LIMIT"]
    assert frame["lots"].to_pylist() == [-5, 7]
    assert frame["triggered"].to_pylist() == [False, True]
    assert frame["timestamp"].type == pa.timestamp("us", tz="UTC")
    assert frame["timestamp"][0].as_py() == NOON


def test_a_pandas_frame_has_the_same_rows() -> None:
    frame = ORDERS.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame["instrument"].tolist() == ["BRK.B", "AAPL"]
    assert frame["time_in_force"].tolist() == ["DAY", "GTC"]
    assert frame["id"].tolist() == [str(FIRST), str(SECOND)]
    assert frame["timestamp"].iloc[0] == pd.Timestamp(NOON)
    assert np.array_equal(frame["limit_price"], [np.nan, 99.5], equal_nan=True)


def test_a_polars_frame_has_the_same_rows() -> None:
    frame = ORDERS.to_polars()
    assert isinstance(frame, pl.DataFrame)
    assert frame["instrument"].to_list() == ["BRK.B", "AAPL"]
    assert frame["status"].cast(pl.String).to_list() == ["PENDING", "PARTIALLY_FILLED"]
    assert frame["id"].to_list() == [str(FIRST), str(SECOND)]
    assert frame["timestamp"].to_list() == [NOON, NOON]


def test_an_axis_is_a_frame_too() -> None:
    assert ON.to_arrow().to_pylist()[1] == {
        "id": "BRK.B",
        "lot_size": 1.0,
        "tick_size": 0.01,
        "multiplier": 1.0,
        "currency": "USD",
    }


def test_no_rows_are_a_frame_with_all_its_columns() -> None:
    frames: list[Any] = [Orders.none(ON).to_arrow(), Orders.none(ON).to_pandas(), Orders.none(ON).to_polars()]
    assert [(len(frame), frame.shape[1]) for frame in frames] == [(0, len(ORDERS.columns()))] * 3
    assert Positions.flat(Instruments.of([])).to_arrow().num_rows == 0
    assert frames[0].schema == ORDERS.to_arrow().schema


@pytest.mark.parametrize(
    ("library", "ask"),
    [
        ("pyarrow", "to_arrow"),
        ("pyarrow", "to_pandas"),
        ("pandas", "to_pandas"),
        ("polars", "to_polars"),
    ],
)
def test_a_library_that_is_missing_is_named_with_the_extra_that_brings_it(
    library: str, ask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DomainError, match=rf"{library} is not installed; .* pip install 'execbridge\[frames\]'"):
        getattr(ORDERS, ask)()


def test_no_frame_library_is_loaded_before_it_is_asked_for() -> None:
    program = (
        "import sys, execbridge.domain.frames, execbridge.domain.simulator, execbridge.domain.execution_plan\n"
        "print({'pandas', 'polars', 'pyarrow'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "set()"
