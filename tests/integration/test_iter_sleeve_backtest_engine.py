"""A sleeve backtest end to end: prices in SQL, a run, and what SQL then says of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import attrs
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from execbridge import open_bridge
from execbridge.adapters.brokers.backtest import BacktestBroker
from execbridge.adapters.postgres.runs import LOCKS
from execbridge.adapters.prices.time_machine import TimeMachine
from execbridge.domain.errors import TradingError
from execbridge.domain.simulator import MarketSimulator
from execbridge.domain.targets import Targets
from execbridge.ports.errors import RunFailed
from execbridge.ports.repository import Selection
from execbridge.ports.targets import View
from tests.architecture.sources import ROOT

from .endless_run import FIRST, changing
from .record import Connection, connected, recorded_days, write_many_prices, write_prices

pytestmark = pytest.mark.integration

TUESDAY, WEDNESDAY, THURSDAY = date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)

ORDERS = (
    "SELECT timestamp, portfolio_id, instrument_id, side, order_type, quantity, status, mode"
    " FROM orders ORDER BY timestamp DESC"
)
FILLS = "SELECT timestamp, instrument_id, side, quantity, price, mode FROM fills ORDER BY timestamp DESC"
POSITIONS = (
    "SELECT portfolio_id, as_of_date, instrument_id, quantity, avg_cost, market_value, unrealized_pnl, mode"
    " FROM positions_snapshots WHERE portfolio_id = 'sleeve' ORDER BY timestamp DESC, instrument_id"
)

INSTRUMENTS, DAYS = 500, 120
LAST = FIRST + timedelta(DAYS - 1)
# A part is committed about every 34 days of three rows an instrument, and two parts may be under way.
LATE = FIRST + timedelta(110)


def closing(day: date) -> datetime:
    """Return the last instant of *day*, at which a day of prices closes."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)


@pytest.fixture
def two_instruments(dsn: str) -> str:
    """The history of BETA begins a day later than that of ALFA."""
    closes = {
        "ALFA": {TUESDAY: 50.0, WEDNESDAY: 51.0, THURSDAY: 52.0},
        "BETA": {WEDNESDAY: 20.0, THURSDAY: 19.0},
    }
    write_prices(dsn, closes)
    return dsn


def costing(dsn: str, **more: object) -> Mapping[str, object]:
    """Return settings with a slippage of one percent and a commission of a tenth of one."""
    return {
        "database.dsn": dsn,
        "portfolio": "sleeve",
        "backtest.initial_cash": 10_000.0,
        "slippage.bps": 100.0,
        "commission.bps": 10.0,
        **more,
    }


def test_three_queries_tell_what_was_ordered_filled_and_held(two_instruments: str) -> None:
    with open_bridge(overrides=costing(two_instruments)) as bridge:
        result = bridge.run_sleeve(
            targets={"ALFA": 100, "BETA": -40}, start_date=TUESDAY, end_date=THURSDAY, run="constant"
        )
    with connected(two_instruments) as connection:
        connection.execute("SET timezone TO 'UTC'")
        assert connection.execute(ORDERS).fetchall() == [
            (closing(WEDNESDAY), "sleeve", "BETA", "SELL", "MARKET", 40.0, "FILLED", "BACKTEST"),
            (closing(TUESDAY), "sleeve", "ALFA", "BUY", "MARKET", 100.0, "FILLED", "BACKTEST"),
        ]
        # A percent below 20, and a percent above 50.
        assert connection.execute(FILLS).fetchall() == [
            (closing(WEDNESDAY), "BETA", "SELL", 40.0, pytest.approx(19.8), "BACKTEST"),
            (closing(TUESDAY), "ALFA", "BUY", 100.0, pytest.approx(50.5), "BACKTEST"),
        ]
        assert connection.execute(POSITIONS).fetchall() == [
            ("sleeve", THURSDAY, "ALFA", *nearly(100.0, 50.5, 5_200.0, 150.0), "BACKTEST"),
            ("sleeve", THURSDAY, "BETA", *nearly(-40.0, 19.8, -760.0, 32.0), "BACKTEST"),
            ("sleeve", WEDNESDAY, "ALFA", *nearly(100.0, 50.5, 5_100.0, 50.0), "BACKTEST"),
            ("sleeve", WEDNESDAY, "BETA", *nearly(-40.0, 19.8, -800.0, -8.0), "BACKTEST"),
            ("sleeve", TUESDAY, "ALFA", *nearly(100.0, 50.5, 5_000.0, -50.0), "BACKTEST"),
        ]
        assert recorded_days(connection, "constant") == [TUESDAY, WEDNESDAY, THURSDAY]
    assert (result.orders, result.fills) == (2, 2)
    # What was left of the cash after 5,050 and 5.05 for ALFA and -792 and 0.792 for BETA, and what both are worth.
    assert result.equity.tolist() == pytest.approx([9_944.95, 10_036.158, 10_176.158])
    assert result.not_traded == {("BETA", "PRICE_UNKNOWN"): 1}


def nearly(*figures: float) -> list[Any]:
    """Return *figures*, each of which may be off by what adding floats leaves uncertain."""
    return [pytest.approx(figure) for figure in figures]


def test_a_backtest_is_made_of_time_machine_simulator_and_backtest_broker(two_instruments: str) -> None:
    made: list[Any] = []

    def noted(make: Callable[..., object]) -> Callable[..., Any]:
        return lambda *arguments: made.append(make(*arguments)) or made[-1]

    with open_bridge(overrides=costing(two_instruments)) as bridge:
        runner = bridge.runner
        runner = attrs.evolve(runner, replay=noted(runner.replay), broker=noted(runner.broker))
        attrs.evolve(bridge, runner=runner).run_sleeve(
            targets={"ALFA": 100}, start_date=TUESDAY, end_date=THURSDAY, run="noted"
        )
    replay, broker = made
    assert isinstance(replay, TimeMachine)
    assert isinstance(broker, BacktestBroker)
    assert isinstance(broker.simulator, MarketSimulator)


IN_ORDER: Mapping[str, LiteralString] = {
    "decisions": "d.as_of_date",
    "execution_plans": "d.as_of_date",
    "orders": "t.timestamp, t.instrument_id, t.leg",
    "fills": "t.seq",
    "positions_snapshots": "t.timestamp, t.instrument_id",
}


def kept(connection: Connection, run: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return what each table has of *run*, the ids left out."""
    ids = ["order_id", "fill_id", "decision_id", "run_id"]
    return {
        table: connection.execute(
            sql.SQL(
                "SELECT to_jsonb(t) - %s::text[] FROM {} t {} JOIN decisions d USING (decision_id)"
                " JOIN backtest_runs r ON r.run_id = d.run_id WHERE r.name = %s ORDER BY {}"
            ).format(
                sql.Identifier(table),
                sql.SQL("JOIN orders o USING (order_id)" if table == "fills" else ""),
                sql.SQL(order),
            ),
            [ids, run],
        ).fetchall()
        for table, order in IN_ORDER.items()
    }


def test_a_run_that_is_repeated_is_recorded_the_same_but_for_its_name_and_ids(dsn: str) -> None:
    write_many_prices(dsn, 20, DAYS)
    with connected(dsn) as connection:
        connection.execute("UPDATE prices_daily SET high = close + 1, low = close - 1, volume = 500")
    asked = costing(
        dsn,
        **{
            "orders.order_type": "limit",
            "orders.time_in_force": "gtc",
            "orders.limit_offset_bps": -400.0,
            "market.participation": 0.1,
        },
    )
    for run in ("once", "again"):
        # A bridge of its own, so that nothing is remembered from the run before.
        with open_bridge(overrides=asked) as bridge:
            result = bridge.run_sleeve(targets=changing, start_date=FIRST, end_date=LAST, run=run)
    with connected(dsn) as connection:
        recorded = kept(connection, "once")
        assert kept(connection, "again") == recorded
        assert recorded_days(connection, "again") == recorded_days(connection, "once")
    assert (len(recorded["orders"]), len(recorded["fills"])) == (result.orders, result.fills)
    orders = [order for (order,) in recorded["orders"]]
    assert {order["status"] for order in orders} == {"ACCEPTED", "CANCELLED", "FILLED"}
    assert any(0 < abs(order["filled_lots"]) < abs(order["lots"]) for order in orders)


def test_a_run_that_is_killed_is_never_complete_and_leaves_whole_days(dsn: str) -> None:
    write_many_prices(dsn, INSTRUMENTS, DAYS)
    line = [sys.executable, "-m", "tests.integration.endless_run", dsn, "killed", f"{LAST}", f"{LATE}"]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"here\n"
            assert statuses(dsn) == ["RUNNING"]
        finally:
            process.kill()
    await_release(dsn)
    assert statuses(dsn) == ["INTERRUPTED"]
    with connected(dsn) as connection:
        days = recorded_days(connection, "killed")
    assert days == [FIRST + timedelta(number) for number in range(len(days))]
    assert FIRST < days[-1] < LATE
    with open_bridge(overrides={"database.dsn": dsn}) as bridge:
        told = bridge.verify("killed")
        assert (told.status, told.violations) == ("INTERRUPTED", 0)
        bridge.delete_run("killed")
    assert statuses(dsn) == []


def statuses(dsn: str) -> list[object]:
    """Return the statuses of all runs as they are listed."""
    with open_bridge(overrides={"database.dsn": dsn}) as bridge:
        listing = bridge.rows("runs", Selection())
    return [row[listing.columns.index("status")] for row in listing.rows]


def await_release(dsn: str) -> None:
    """Wait until the server has noticed that the process which held the only run is gone."""
    with connected(dsn) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, run_id::integer) FROM backtest_runs", [LOCKS])


# Which of the two is said depends on what the connection was doing.
LOST = re.compile("terminating connection|server closed the connection|the connection was lost at its commit")
JOURNAL = "execbridge journal"
TERMINATE = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE %s"
)


def failing(dsn: str, stop: date, fail: Callable[[], object]) -> pytest.ExceptionInfo[TradingError]:
    """Run until *stop*, let the database *fail* there, go on, and return the error that comes of it."""

    def until_it_fails(view: View) -> Targets:
        if view.day == stop:
            fail()
        return changing(view)

    with open_bridge(overrides={"database.dsn": dsn}) as bridge, pytest.raises(TradingError) as raised:
        bridge.run_sleeve(targets=until_it_fails, start_date=FIRST, end_date=LAST, run="failing")
    return raised


@pytest.mark.parametrize("stop", [LATE, LAST])
def test_a_run_whose_connection_is_lost_has_failed_and_says_why(dsn: str, stop: date) -> None:
    write_many_prices(dsn, INSTRUMENTS, DAYS)
    with connected(dsn) as connection:
        name = connection.info.dbname
        ended: list[tuple[Any, ...]] = []
        raised = failing(dsn, stop, lambda: ended.extend(connection.execute(TERMINATE, [name, JOURNAL])))
    assert ended == [(True,), (True,)]
    assert raised.type is RunFailed
    assert "run 'failing' failed on 2024-0" in str(raised.value)
    assert LOST.search(str(raised.value))
    assert statuses(dsn) == ["FAILED"]
    with connected(dsn) as connection:
        ((result,),) = connection.execute("SELECT result FROM backtest_runs").fetchall()
        assert result.keys() == {"date", "cause"}
        assert LOST.search(result["cause"])
        days = recorded_days(connection, "failing")
    assert days == [FIRST + timedelta(number) for number in range(len(days))]
    assert FIRST < days[-1] < LAST


def test_a_run_whose_database_is_gone_is_interrupted_and_says_why(dsn: str, server: str) -> None:
    write_many_prices(dsn, INSTRUMENTS, DAYS)
    name = str(conninfo_to_dict(dsn)["dbname"])
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with connected(server) as outside:

        def shut() -> None:
            outside.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
            outside.execute(TERMINATE, [name, "execbridge%"])

        raised = failing(dsn, LATE, shut)
        outside.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
    assert raised.type is RunFailed
    assert LOST.search(str(raised.value))
    assert statuses(dsn) == ["INTERRUPTED"]
    with connected(dsn) as connection:
        days = recorded_days(connection, "failing")
    assert days == [FIRST + timedelta(number) for number in range(len(days))]
    assert FIRST < days[-1] < LAST
