"""What is kept as JSON: targets, refusals, settings and figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, cast

import numpy as np

from ...domain.planner import Reason, Refusals
from ...domain.table import Column

if TYPE_CHECKING:
    from ...domain.instruments import Instruments
    from ...domain.targets import Targets


def document(value: object) -> str:
    """Return *value*, made of mappings, sequences and plain values, as JSON that PostgreSQL takes; NaN is null."""
    return json.dumps(_plain(value), allow_nan=False, ensure_ascii=False)


def _plain(value: object) -> object:  # noqa: PLR0911 - one line a kind of value.
    if isinstance(value, Mapping):
        return {str(_plain(name)): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool | int | None):
        return value
    return value.isoformat() if isinstance(value, date) else clean(str(value))


def _number(value: float) -> float | str | None:
    """Return *value* as JSON can hold it: NaN is null, and what has no number there (inf, -0.0) is text."""
    if math.isnan(value):
        return None
    is_number = math.isfinite(value) and (value != 0 or math.copysign(1, value) > 0)
    return value if is_number else repr(value)


def clean(text: str) -> str:
    """Return *text*, perhaps a stranger's, without what PostgreSQL cannot keep: NUL and halves of characters."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def target_document(targets: Targets) -> str:
    """Return *targets* as JSON: unit, complete, and the amounts by instrument."""
    names = targets.on.names
    amounts = {names[code]: amount for code, amount in zip(targets.instrument, targets.amount.tolist(), strict=True)}
    return document({"unit": targets.unit.value, "complete": targets.complete, "amounts": amounts})


def refusal_document(refusals: Refusals) -> str:
    """Return *refusals* as JSON, a list of rows."""
    if not len(refusals):
        return "[]"
    columns = {
        "instrument": [refusals.on.names[code] for code in refusals.instrument],
        "leg": refusals.leg.tolist(),
        "lots": refusals.lots.tolist(),
        "reason": [Reason(code).name for code in refusals.reason.tolist()],
        "value": refusals.value.tolist(),
        "limit": refusals.limit.tolist(),
    }
    return document([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])


def refusals_from(rows: list[dict[str, object]], on: Instruments) -> Refusals:
    """
    Return the refusals that *rows*, once a refusal document, tell.

    Raises:
        UnknownInstrument: a row's instrument is not on the axis.
    """
    return Refusals(
        on=on,
        instrument=on.locate(str(row["instrument"]) for row in rows),
        leg=_numbers(rows, "leg", "i1"),
        lots=_numbers(rows, "lots", "i8"),
        reason=np.array([Reason[str(row["reason"])] for row in rows], "i1"),
        value=_numbers(rows, "value", "f8"),
        limit=_numbers(rows, "limit", "f8"),
    )


def _numbers(rows: list[dict[str, object]], name: str, dtype: str) -> Column:
    values = [math.nan if row[name] is None else row[name] for row in rows]
    return cast("Column", np.array([float(one) if isinstance(one, str) else one for one in values], dtype))
