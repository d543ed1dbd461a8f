"""Targets from CSV and Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from .tables import TargetTable

if TYPE_CHECKING:
    from pathlib import Path

    from ...domain.instruments import Instruments
    from ...domain.targets import Unit


def read_targets(file: Path, on: Instruments, unit: Unit, *, complete: bool) -> TargetTable:
    """Return the targets of *file*, which has the columns date, instrument_id and target."""
    table = papq.read_table(file) if file.suffix == ".parquet" else pacsv.read_csv(file)
    return TargetTable(
        on,
        table["date"].to_numpy().astype("M8[D]"),
        on.locate(table["instrument_id"].to_pylist()),
        table["target"].to_numpy().astype(float),
        unit,
        complete,
    )
