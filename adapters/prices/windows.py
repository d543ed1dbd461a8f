"""Windows on a panel: another axis, fewer days, one day, the last closes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ...domain.bars import FIELDS, Bars, Panel

if TYPE_CHECKING:
    from datetime import date

    from ...domain.instruments import Instruments
    from ...domain.table import Float64


def narrowed(panel: Panel, on: Instruments, start: date, end: date) -> Panel:
    """Return the bars of *on* from *start* to *end*, both included; days without any are left out."""
    first, last = rows_between(panel, start, end)
    if on is panel.on:
        return Panel(on, panel.day[first:last], **{name: getattr(panel, name)[first:last] for name in FIELDS})
    laid = {name: _along(panel, on, getattr(panel, name)[first:last]) for name in FIELDS}
    traded = ~np.isnan(laid["close"]).all(axis=1)
    return Panel(on, panel.day[first:last][traded], **{name: matrix[traded] for name, matrix in laid.items()})


def on_day(panel: Panel, on: Instruments, day: date) -> Bars:
    """Return the bars of *on* on *day*; NaN where there are none."""
    first, last = rows_between(panel, day, day)
    if on is panel.on and first < last:
        return panel[first]
    bars = {name: _along(panel, on, getattr(panel, name)[first:last]) for name in FIELDS}
    nothing = np.full(len(on), np.nan)
    laid = {name: matrix[0] if len(matrix) else nothing for name, matrix in bars.items()}
    return Bars.trusted(on=on, instrument=on.code, **laid)


def last_closes(panel: Panel, on: Instruments, day: date) -> Float64:
    """Return the last close of each of *on* on or before *day*; NaN where there is none."""
    close = panel.close[: rows_until(panel, day)]
    row = np.where(np.isnan(close), -1, np.arange(len(close))[:, np.newaxis]).max(axis=0, initial=-1)
    known = np.flatnonzero(row >= 0)
    last = np.full(len(panel.on), np.nan)
    last[known] = close[row[known], known]
    return cast("Float64", _along(panel, on, last[np.newaxis])[0])


def rows_between(panel: Panel, start: date, end: date) -> tuple[int, int]:
    """Return the first row on or after *start*, and the first one after *end*."""
    return int(np.searchsorted(panel.day, np.datetime64(start, "D"))), rows_until(panel, end)


def rows_until(panel: Panel, day: date) -> int:
    """Return the number of rows on or before *day*."""
    return int(np.searchsorted(panel.day, np.datetime64(day, "D"), side="right"))


def _along(panel: Panel, on: Instruments, matrix: Float64) -> Float64:
    """Lay the columns of *matrix*, which has those of *panel*, along *on*."""
    if on is panel.on:
        return matrix
    place = {name: code for code, name in enumerate(panel.on.names)}
    found = [(code, place[name]) for code, name in enumerate(on.names) if name in place]
    laid = np.full((len(matrix), len(on)), np.nan)
    laid[:, [code for code, _ in found]] = matrix[:, [code for _, code in found]]
    return laid
