"""Decisions and what they came to: the rows that everything else belongs to."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from typing import TYPE_CHECKING, LiteralString

from attrs import frozen
from psycopg import sql

from ...domain.account import Account
from ...domain.plan_key import PlanKey
from ...ports.errors import StoreConflict
from .columns import text_column
from .documents import refusal_document, target_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

    from ...domain.orders import Orders
    from ...domain.plan_key import Portfolio
    from ...domain.planner import ExecutionPlan
    from ...ports.repository import Snapshot
    from .columns import Rows

# Rows come as one JSON text: converting columns to arrays one value after the other would take longer than all else.
DECISIONS = sql.SQL(
    "INSERT INTO decisions"
    " (decision_id, run_id, portfolio_id, mode, broker, account, name, as_of_date, timestamp, targets)"
    " SELECT decision_id, run_id, portfolio_id, mode, broker, account, name, as_of_date, timestamp, targets::jsonb"
    " FROM json_to_recordset(%s::json) AS new (decision_id uuid, run_id bigint, portfolio_id text, mode execution_mode,"
    " broker text, account text, name text, as_of_date date, timestamp timestamptz, targets text)"
)
PLANS = sql.SQL(
    "INSERT INTO execution_plans (decision_id, state, refusals, cash, equity, buying_power)"
    " SELECT decision_id, state, refusals::jsonb, cash, equity, buying_power"
    " FROM json_to_recordset(%s::json) AS new"
    " (decision_id uuid, state text, refusals text, cash float8, equity float8, buying_power float8)"
)
APPLIED = sql.SQL(
    "UPDATE execution_plans SET state = 'APPLIED', cash = %s, equity = %s, buying_power = %s"
    " WHERE decision_id = %s AND state = 'PLANNED'"
)
OWN = sql.SQL(
    "d.portfolio_id = %(portfolio)s AND d.mode = %(mode)s AND d.broker = %(broker)s AND d.account = %(account)s"
    " AND d.run_id IS NOT DISTINCT FROM %(run_id)s"
)
FOUND = sql.SQL(
    "SELECT d.name, d.as_of_date, d.timestamp, p.refusals, p.state, p.cash, p.equity, p.buying_power"
    " FROM decisions d JOIN execution_plans p USING (decision_id) WHERE d.name = %(name)s AND {}"
).format(OWN)

LATEST = sql.SQL("SELECT max(d.as_of_date) FROM decisions d WHERE {}").format(OWN)


@frozen
class Owner:
    """A portfolio, and the run that it belongs to as the database numbers it."""

    portfolio: Portfolio
    run_id: int | None

    @property
    def parameters(self) -> dict[str, object]:
        """What names this owner in a query."""
        own = self.portfolio
        return {
            "portfolio": own.id,
            "mode": own.mode.value,
            "broker": own.broker,
            "account": own.account,
            "run_id": self.run_id,
        }


def find_owner(connection: Connection[TupleRow], portfolio: Portfolio) -> Owner | None:
    """Return *portfolio* as an owner of rows; None where its run is not recorded."""
    if portfolio.run is None:
        return Owner(portfolio, None)
    found = connection.execute("SELECT run_id FROM backtest_runs WHERE name = %s", [portfolio.run]).fetchone()
    return None if found is None else Owner(portfolio, int(found[0]))


def owner_of(connection: Connection[TupleRow], portfolio: Portfolio) -> Owner:
    """
    Return *portfolio* as an owner of rows.

    Raises:
        StoreConflict: its run is not recorded.
    """
    owner = find_owner(connection, portfolio)
    if owner is None:
        rule = f"run {portfolio.run!r} is not recorded; a run is recorded before its decisions"
        raise StoreConflict(rule)
    return owner


def runs_of(connection: Connection[TupleRow], orders: Orders) -> list[int | None]:
    """Return the runs that *orders* belong to by their decisions; None for what is outside of runs."""
    decisions = [value.hex() for value in set(orders.decision.tolist())]
    found = connection.execute(
        "SELECT DISTINCT run_id FROM decisions WHERE decision_id = ANY (%s::uuid[])", [decisions]
    )
    return [row[0] for row in found]


def within(owner: Owner, table: LiteralString) -> sql.Composable:
    """Return the condition that a row of *table* is where *owner*'s are kept; PostgreSQL then looks nowhere else."""
    if owner.run_id is None:
        return sql.SQL("{}.run_id IS NULL").format(sql.Identifier(table))
    return sql.SQL("{}.run_id = {}").format(sql.Identifier(table), sql.Literal(owner.run_id))


def owner_columns(owner: Owner, count: int) -> Rows:
    """Return the columns that say, in each of *count* rows, that it is *owner*'s; the tables of a run know it."""
    if owner.run_id is not None:
        return {}
    return {
        "mode": text_column([owner.portfolio.mode.value] * count),
        "portfolio_id": text_column([owner.portfolio.id] * count),
    }


@frozen
class Head:
    """A decision as it is inserted: its plan and, where it has been carried out, the account after it."""

    owner: Owner
    plan: ExecutionPlan
    account: Account | None = None


def decision_rows(heads: Sequence[Head]) -> tuple[str, str]:
    """Return decisions and plans of *heads* as they are inserted; targets are left out in runs."""
    return json.dumps([_decision(head) for head in heads]), json.dumps([_outcome(head) for head in heads])


def insert_decisions(connection: Connection[TupleRow], decisions: str, plans: str) -> None:
    """Insert *decisions* and *plans*, which are `decision_rows`."""
    connection.execute(DECISIONS, [decisions])
    connection.execute(PLANS, [plans])


def _decision(head: Head) -> dict[str, object]:
    key, run_id = head.plan.key, head.owner.run_id
    return {
        "decision_id": key.id.hex,
        "run_id": run_id,
        "portfolio_id": key.portfolio.id,
        "mode": key.portfolio.mode.value,
        "broker": key.portfolio.broker,
        "account": key.portfolio.account,
        "name": key.decision,
        "as_of_date": key.as_of_date.isoformat(),
        "timestamp": key.timestamp.isoformat(),
        "targets": target_document(head.plan.targets) if run_id is None else None,
    }


def _outcome(head: Head) -> dict[str, object]:
    # As text a number keeps its last bit, its sign where it is 0, and its infinity.
    cash, equity, power = (None if value is None else repr(value) for value in _money(head.account))
    return {
        "decision_id": head.plan.key.id.hex,
        "state": "PLANNED" if head.account is None else "APPLIED",
        "refusals": refusal_document(head.plan.refusals),
        "cash": cash,
        "equity": equity,
        "buying_power": power,
    }


def apply_decision(connection: Connection[TupleRow], snapshot: Snapshot) -> None:
    """
    Note that the decision of *snapshot* was carried out, and the account after it.

    Raises:
        StoreConflict: that was noted before, or the decision is not recorded.
    """
    done = connection.execute(APPLIED, [*_money(snapshot.account), snapshot.key.id])
    if done.rowcount != 1:
        rule = f"the decision {snapshot.key.decision!r} has a snapshot already, or no plan"
        raise StoreConflict(rule)


def _money(account: Account | None) -> tuple[float | None, float | None, float | None]:
    if account is None:
        return None, None, None
    return _known(account.cash), _known(account.equity), _known(account.buying_power)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


@frozen
class Found:
    """A decision as it is read back; *account* is None until it was carried out."""

    key: PlanKey
    refusals: list[dict[str, object]]
    account: Account | None


def find_decision(connection: Connection[TupleRow], owner: Owner, name: str) -> Found | None:
    """Return the decision *name* of *owner*; None where it is not recorded."""
    row = connection.execute(FOUND, {**owner.parameters, "name": name}).fetchone()
    if row is None:
        return None
    name, day, instant, refusals, state, *money = row
    assert isinstance(day, date) and isinstance(instant, datetime), "Invariant: columns are read as their types."  # noqa: PT018
    cash, equity, power = (math.nan if value is None else float(value) for value in money)
    account = Account(cash, equity, power) if state == "APPLIED" else None
    return Found(PlanKey(owner.portfolio, name, day, instant), refusals, account)


def latest_day(connection: Connection[TupleRow], owner: Owner) -> date | None:
    """Return the trading day of the latest decision of *owner*; None where it has none."""
    row = connection.execute(LATEST, owner.parameters).fetchone()
    return None if row is None else row[0]
