"""Rows back to tables: the slow way, one value after the other."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import attrs
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ...domain.instruments import Instruments, OnAxis

Rows = TypeVar("Rows", bound="OnAxis[Any]")


def table(kind: type[Rows], on: Instruments, rows: Iterable[object]) -> Rows:
    """
    Return *rows* as a table of *kind* along *on*.

    Raises:
        UnknownInstrument: a row's instrument is not on the axis.
    """
    kept = list(rows)
    columns = {
        field.name: _column([getattr(row, field.name) for row in kept])
        for field in attrs.fields(kind)
        if field.name not in {"on", "instrument"}
    }
    instrument = on.locate(getattr(row, "instrument") for row in kept)  # noqa: B009 - rows of several kinds have one.
    return kind(on=on, instrument=instrument, **columns)


def _column(values: list[object]) -> NDArray[np.generic]:
    if values and isinstance(values[0], UUID):
        return np.array([value.bytes for value in values if isinstance(value, UUID)], "V16")
    if values and isinstance(values[0], datetime):
        naive = [value.astimezone(UTC).replace(tzinfo=None) for value in values if isinstance(value, datetime)]
        return np.array(naive, "M8[us]")
    return np.array([int(value) if isinstance(value, IntEnum) else value for value in values])
