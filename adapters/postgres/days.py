"""The days of a run, read back one stretch after the other."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg import sql

from ...domain.account import Account
from ...domain.fills import Fills
from ...domain.plan_key import Mode, PlanKey, Portfolio
from ...domain.positions import Positions
from ...ports.repository import Snapshot
from . import fills as fills_table
from . import snapshots
from .axis import AXIS, PLACE
from .copy import copy_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.instruments import Instruments

STRETCH_ROWS = 100_000
"""About how many fills and snapshots are in memory at a time."""

HEADS = sql.SQL(
    "SELECT d.portfolio_id, d.mode::text, d.broker, d.account, d.name, d.as_of_date, d.timestamp,"
    " p.cash, p.equity, p.buying_power FROM decisions d JOIN execution_plans p USING (decision_id)"
    " WHERE d.run_id = {} AND p.state = 'APPLIED' ORDER BY d.timestamp, d.decision_id"
)
FILLS = sql.SQL(
    "SELECT {place}, t.fill_id, t.order_id, t.lots, t.price, t.commission, t.timestamp, t.seq"
    " FROM fills t {axis} WHERE t.run_id = {run} AND t.timestamp > {since} AND t.timestamp <= {until}"
)
SNAPSHOTS = sql.SQL(
    "SELECT {place}, t.lots, t.cost, t.realized_pnl, coalesce(t.price, 'NaN'), t.timestamp"
    " FROM positions_snapshots t {axis} WHERE t.run_id = {run} AND t.timestamp > {since} AND t.timestamp <= {until}"
)
SNAPSHOTS_LAYOUT = {**snapshots.LAYOUT, "timestamp": "M8[us]"}

Head = tuple[PlanKey, Account]


def read_days(
    connection: Connection[TupleRow], run_id: int, run: str, on: Instruments, share: float
) -> Iterator[tuple[Fills, Snapshot]]:
    """
    Yield the decisions of *run* that were carried out, along *on*, with the fills since the one before.

    A *share* of all of them is in memory at a time, and one at least.
    """
    heads = _heads(connection, run_id, run)
    step, since = max(1, int(share * len(heads))), "-infinity"
    for first in range(0, len(heads), step):
        some = heads[first : first + step]
        until = some[-1][0].timestamp.isoformat()
        known = {
            "place": PLACE,
            "axis": AXIS.format(sql.Identifier("t")),
            "run": sql.Literal(run_id),
            "since": sql.Literal(since),
            "until": sql.Literal(until),
        }
        yield from _stretch(connection, on, some, known)
        since = until


def _heads(connection: Connection[TupleRow], run_id: int, run: str) -> list[Head]:
    rows = connection.execute(HEADS.format(sql.Literal(run_id)))
    return [
        (
            PlanKey(Portfolio(portfolio, Mode(mode), broker, account, run), name, day, instant),
            Account(*(nan if amount is None else amount for amount in money)),
        )
        for portfolio, mode, broker, account, name, day, instant, *money in rows
    ]


def _stretch(
    connection: Connection[TupleRow], on: Instruments, heads: list[Head], known: Mapping[str, sql.Composable]
) -> Iterator[tuple[Fills, Snapshot]]:
    """Yield the days of *heads*, whose rows the queries find that are completed by what is *known*."""
    instants = np.array([key.instant for key, _ in heads])
    axis = {"axis": list(on.names)}
    filled = copy_out(connection, FILLS.format(**known), axis, fills_table.LAYOUT)
    rows = np.lexsort((filled.pop("seq"), filled["timestamp"]))
    fills = Fills.trusted(on=on, **{name: column[rows] for name, column in filled.items()})
    held = copy_out(connection, SNAPSHOTS.format(**known), axis, SNAPSHOTS_LAYOUT)
    rows = np.lexsort((held["instrument"], held["timestamp"]))
    positions = Positions.trusted(on=on, **{name: column[rows] for name, column in held.items() if name != "timestamp"})
    parts = zip(_parts(fills.timestamp, instants), _parts(held["timestamp"][rows], instants), heads, strict=True)
    for new, told, (key, account) in parts:
        yield fills[new], Snapshot(key, positions[told], account)


def _parts(timestamp: np.ndarray[Any, Any], instants: np.ndarray[Any, Any]) -> list[slice]:
    """Return which rows, in the order of their *timestamp*, come up to each of *instants*, after the one before."""
    edges = [0, *np.searchsorted(timestamp, instants, side="right").tolist()]
    return [slice(start, stop) for start, stop in pairwise(edges)]
