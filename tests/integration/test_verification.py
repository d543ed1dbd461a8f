"""A run as its journal wrote it is verified in the database, and whatever is damaged there is found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import LiteralString

import pytest
from psycopg import sql

from execbridge import open_bridge
from execbridge.application.verification import Verification
from execbridge.ports.audit import Claim
from execbridge.ports.errors import RunFailed
from execbridge.ports.repository import Extent
from execbridge.ports.targets import View

from .endless_run import FIRST, changing
from .record import connected, write_many_prices

pytestmark = pytest.mark.integration

INSTRUMENTS, DAYS = 6, 12
LAST = FIRST + timedelta(DAYS - 1)
COSTS: Mapping[str, object] = {
    "portfolio": "sleeve",
    "backtest.initial_cash": 10_000.0,
    "slippage.bps": 20.0,
    "commission.bps": 10.0,
}
WORKED = {
    "orders.order_type": "limit",
    "orders.time_in_force": "gtc",
    "orders.limit_offset_bps": -400.0,
    "market.participation": 0.1,
}


def lived_through(dsn: str, **chosen: object) -> None:
    """Record a run of some days."""
    write_many_prices(dsn, INSTRUMENTS, DAYS)
    with connected(dsn) as connection:
        connection.execute("UPDATE prices_daily SET high = close + 1, low = close - 1, volume = 500")
    asked = {"database.dsn": dsn, **COSTS, **{key.replace("__", "."): value for key, value in chosen.items()}}
    with open_bridge(overrides=asked) as bridge:
        bridge.run_sleeve(targets=changing, start_date=FIRST, end_date=LAST, run="trial")


def verified(dsn: str) -> Verification:
    with open_bridge(overrides={"database.dsn": dsn}) as bridge:
        return bridge.verify("trial")


def broken(dsn: str) -> dict[Claim, int]:
    """Return how often each claim is broken that is."""
    checks = verified(dsn).checks
    assert all(bool(check.violations) == bool(check.offenders) for check in checks)
    return {check.claim: check.violations for check in checks if check.violations}


@pytest.mark.parametrize(
    "chosen",
    [{}, {"market__fill_at": "next_open"}, {"market__fill_at": "next_close"}, WORKED],
    ids=["close", "next open", "next close", "worked"],
)
def test_a_run_holds_together(dsn: str, chosen: Mapping[str, object]) -> None:
    lived_through(dsn, **chosen)
    told = verified(dsn)
    assert (told.status, told.extent) == ("COMPLETE", Extent.ALL)
    assert {check.claim for check in told.checks} == set(Claim)
    assert [check for check in told.checks if check.violations] == []
    assert [check.claim for check in told.checks if not check.rows] == []
    rows = {check.claim: check.rows for check in told.checks}
    assert rows[Claim.DECISION_HAS_OUTCOME] == rows[Claim.CASH_FOLLOWS] == DAYS


# The first row of a table by its instrument, on the fifth day.
ONE: LiteralString = "ctid = (SELECT ctid FROM {0} WHERE timestamp::date = '2024-01-05' ORDER BY instrument_id LIMIT 1)"
OF_DAY: LiteralString = "decision_id = (SELECT decision_id FROM decisions ORDER BY timestamp OFFSET 4 LIMIT 1)"
CHANGES: list[tuple[str, LiteralString, set[Claim]]] = [
    ("an order is lost", "DELETE FROM {orders} WHERE {first_order}", {Claim.FILL_HAS_ORDER, Claim.FIGURES_COUNT}),
    (
        "a fill is lost",
        "DELETE FROM {fills} WHERE {first_fill}",
        {
            Claim.ORDER_IS_FILLED,
            Claim.LOTS_FOLLOW,
            Claim.COST_FOLLOWS,
            Claim.CASH_FOLLOWS,
            Claim.FIGURES_COUNT,
        },
    ),
    (
        "a fill stands twice",
        (
            "INSERT INTO {fills} (timestamp, fill_id, order_id, seq, lots, lot_size, price, commission, instrument_id)"
            " SELECT timestamp, gen_random_uuid(), order_id, seq, lots, lot_size, price, commission, instrument_id"
            " FROM {fills} WHERE {first_fill}"
        ),
        {
            Claim.ORDER_IS_FILLED,
            Claim.LOTS_FOLLOW,
            Claim.COST_FOLLOWS,
            Claim.CASH_FOLLOWS,
            Claim.FIGURES_COUNT,
        },
    ),
    (
        "a fill is of another instrument",
        "UPDATE {fills} SET instrument_id = 'I0006' WHERE {first_fill}",
        {Claim.FILL_HAS_ORDER, Claim.LOTS_FOLLOW, Claim.COST_FOLLOWS},
    ),
    (
        "the price of a fill is changed",
        "UPDATE {fills} SET price = price + 0.0001 WHERE {first_fill}",
        {Claim.COST_FOLLOWS, Claim.CASH_FOLLOWS},
    ),
    (
        "the commission of a fill is changed",
        "UPDATE {fills} SET commission = commission + 0.0001 WHERE {first_fill}",
        {Claim.CASH_FOLLOWS},
    ),
    (
        "a fill is of another day",
        "UPDATE {fills} SET timestamp = timestamp + interval '1 day' WHERE {first_fill}",
        {Claim.LOTS_FOLLOW, Claim.COST_FOLLOWS, Claim.CASH_FOLLOWS},
    ),
    (
        "an order says that less of it was filled",
        "UPDATE {orders} SET filled_lots = 0 WHERE {first_order}",
        {Claim.ORDER_IS_FILLED},
    ),
    (
        "an order is of no decision",
        "UPDATE {orders} SET decision_id = gen_random_uuid() WHERE {first_order}",
        {Claim.ORDER_HAS_DECISION},
    ),
    (
        "the lots of an order are others",
        "UPDATE {orders} SET lot_size = 10 WHERE {first_order}",
        {Claim.INSTRUMENT_HAS_SIZE},
    ),
    (
        "a decision is lost",
        "DELETE FROM decisions WHERE {of_day}",
        # Its fills and snapshots then count with the next day's.
        {
            Claim.ORDER_HAS_DECISION,
            Claim.SNAPSHOT_HAS_DECISION,
            Claim.LOTS_FOLLOW,
            Claim.COST_FOLLOWS,
            Claim.EQUITY_FOLLOWS,
        },
    ),
    (
        "a plan is lost",
        "DELETE FROM execution_plans WHERE {of_day}",
        {Claim.DECISION_HAS_OUTCOME, Claim.LOTS_FOLLOW, Claim.COST_FOLLOWS, Claim.EQUITY_FOLLOWS},
    ),
    (
        "a snapshot is of another decision",
        "UPDATE {positions_snapshots} SET decision_id = gen_random_uuid() WHERE {first_snapshot}",
        {Claim.SNAPSHOT_HAS_DECISION},
    ),
    (
        "a snapshot has other lots",
        "UPDATE {positions_snapshots} SET lots = lots + 1 WHERE {first_snapshot}",
        {Claim.LOTS_FOLLOW, Claim.EQUITY_FOLLOWS},
    ),
    (
        "a snapshot is lost",
        "DELETE FROM {positions_snapshots} WHERE {first_snapshot}",
        {Claim.LOTS_FOLLOW, Claim.EQUITY_FOLLOWS},
    ),
    (
        "a snapshot has another cost",
        "UPDATE {positions_snapshots} SET cost = cost + 0.0001 WHERE {first_snapshot}",
        {Claim.COST_FOLLOWS},
    ),
    (
        "a snapshot has another profit",
        "UPDATE {positions_snapshots} SET realized_pnl = 'NaN' WHERE {first_snapshot}",
        {Claim.COST_FOLLOWS},
    ),
    (
        "a snapshot has another mark",
        "UPDATE {positions_snapshots} SET price = price + 0.0001 WHERE {first_snapshot}",
        {Claim.EQUITY_FOLLOWS},
    ),
    (
        "a snapshot has no mark",
        "UPDATE {positions_snapshots} SET price = NULL WHERE {first_snapshot}",
        {Claim.EQUITY_FOLLOWS},
    ),
    (
        "the cash is another",
        "UPDATE execution_plans SET cash = cash + 0.0001 WHERE {of_day}",
        {Claim.CASH_FOLLOWS, Claim.EQUITY_FOLLOWS},
    ),
    (
        "the equity is another",
        "UPDATE execution_plans SET equity = equity + 0.0001 WHERE {of_day}",
        {Claim.EQUITY_FOLLOWS},
    ),
    (
        "the equity is not known",
        "UPDATE execution_plans SET equity = NULL WHERE {of_day}",
        {Claim.EQUITY_FOLLOWS},
    ),
    (
        "the initial cash is another",
        "UPDATE backtest_runs SET initial_cash = initial_cash + 0.0001",
        {Claim.CASH_FOLLOWS},
    ),
    (
        "a figure is another",
        "UPDATE backtest_runs SET result = jsonb_set(result, ARRAY['fills'], '1')",
        {Claim.FIGURES_COUNT},
    ),
    ("a key is lost", "DROP INDEX orders_run_1_key", {Claim.KEYS_ARE_THERE}),
    (
        "a table is lost",
        "DROP TABLE {positions_snapshots}",
        {Claim.KEYS_ARE_THERE, Claim.LOTS_FOLLOW, Claim.EQUITY_FOLLOWS},
    ),
]


@pytest.mark.parametrize(("change", "claims"), [each[1:] for each in CHANGES], ids=[each[0] for each in CHANGES])
def test_what_is_damaged_is_found(dsn: str, change: LiteralString, claims: set[Claim]) -> None:
    lived_through(dsn)
    assert broken(dsn) == {}
    tables = {name: sql.Identifier(f"{name}_run_1") for name in ("orders", "fills", "positions_snapshots")}
    first = {
        f"first_{kind}": sql.SQL(ONE).format(tables[table])
        for kind, table in (("order", "orders"), ("fill", "fills"), ("snapshot", "positions_snapshots"))
    }
    with connected(dsn) as connection:
        done = connection.execute(sql.SQL(change).format(**tables, **first, of_day=sql.SQL(OF_DAY)))
        assert done.rowcount in {1, -1}
    assert broken(dsn).keys() == claims


def test_a_run_that_failed_is_verified_up_to_its_last_whole_day(dsn: str) -> None:
    write_many_prices(dsn, INSTRUMENTS, DAYS)

    def failing(view: View) -> object:
        if view.day == LAST:
            raise ValueError
        return changing(view)

    with open_bridge(overrides={"database.dsn": dsn, **COSTS}) as bridge, pytest.raises(RunFailed):
        bridge.run_sleeve(targets=failing, start_date=FIRST, end_date=LAST, run="trial")  # type: ignore[arg-type]
    told = verified(dsn)
    assert (told.status, told.violations) == ("FAILED", 0)
    rows = {check.claim: check.rows for check in told.checks}
    assert rows.keys() == set(Claim) - {Claim.KEYS_ARE_THERE, Claim.FIGURES_COUNT}
    assert rows[Claim.DECISION_HAS_OUTCOME] == rows[Claim.CASH_FOLLOWS] == DAYS - 1
    with connected(dsn) as connection:
        connection.execute("DELETE FROM fills WHERE timestamp::date = '2024-01-05'")
    assert {Claim.ORDER_IS_FILLED, Claim.LOTS_FOLLOW, Claim.CASH_FOLLOWS} <= broken(dsn).keys()


def test_of_a_run_that_keeps_its_figures_alone_no_rows_are_expected(dsn: str) -> None:
    lived_through(dsn, backtest__record="summary")
    told = verified(dsn)
    assert (told.status, told.extent, told.violations) == ("COMPLETE", Extent.SUMMARY, 0)
    assert {check.rows for check in told.checks} == {0}


def test_of_a_run_that_lost_all_its_tables_the_figures_tell(dsn: str) -> None:
    lived_through(dsn)
    with connected(dsn) as connection:
        connection.execute("DROP TABLE orders_run_1, fills_run_1, positions_snapshots_run_1")
        connection.execute("DELETE FROM decisions")
    assert broken(dsn) == {Claim.FIGURES_COUNT: 2}


def test_orders_that_were_ahead_when_the_run_died_have_no_claim_to_hold(dsn: str) -> None:
    lived_through(dsn)
    with connected(dsn) as connection:
        connection.execute("UPDATE backtest_runs SET status = 'RUNNING', finished_at = NULL, result = '{}'")
        connection.execute("DROP INDEX orders_run_1_key, fills_run_1_key, positions_snapshots_run_1_key")
        for table in ("decisions", "fills", "positions_snapshots"):
            connection.execute(sql.SQL("DELETE FROM {} WHERE timestamp >= '2024-01-09'").format(sql.Identifier(table)))
    told = verified(dsn)
    assert (told.status, told.violations) == ("INTERRUPTED", 0)
    rows = {check.claim: check.rows for check in told.checks}
    assert rows[Claim.DECISION_HAS_OUTCOME] == rows[Claim.CASH_FOLLOWS] == 8
    assert 0 < rows[Claim.ORDER_HAS_DECISION] == rows[Claim.FILL_HAS_ORDER]
