"""Backtests of the whole application over memory."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from attrs import define, evolve

from execbridge.adapters.memory.repository import MemoryRunRepository
from execbridge.application.backtest import RunResult
from execbridge.domain.errors import DomainError
from execbridge.domain.fills import Fill, Fills
from execbridge.domain.orders import Order, Orders
from execbridge.domain.plan_key import Mode, Portfolio
from execbridge.domain.targets import Targets
from execbridge.ports.errors import RunFailed, StoreConflict, StoreUnavailable
from execbridge.ports.repository import Recorded, Run

from .app import FIRST, MAIN, NAN, App, day, market

if TYPE_CHECKING:
    from collections.abc import Mapping

    from execbridge.application.facade import AskedTargets
    from execbridge.ports.repository import RunStatus
    from execbridge.ports.targets import View

RUN = Portfolio("main", Mode.BACKTEST, run="r")


def run(
    app: App, targets: AskedTargets, *, last: int = 6, first: int = 1, name: str = "r", **chosen: object
) -> RunResult:
    bridge = app.bridge(**chosen)
    return bridge.run_sleeve(targets=targets, start_date=day(first), end_date=day(last), run=name)


def each_day(view: View) -> dict[str, float]:
    """Want something else every day."""
    number = (view.day - FIRST).days
    return {"AAA": number * 7 % 5 - 2, "BBB": number * 3 % 4}


def fallen(app: App, error: type[BaseException] = RunFailed) -> tuple[str, dict[str, object]]:
    """Return how the run "r" is recorded to have ended."""
    assert not app.store.held
    record = app.store.runs["r"]
    return record.status, dict(record.result)


def test_a_run_is_counted_and_its_curve_is_that_of_the_account() -> None:
    app = App()
    result = run(app, {"AAA": 100, "BBB": 0}, last=3, commission__bps=10)
    assert (result.orders, result.fills) == (1, 1)
    assert result.day.tolist() == [day(1), day(2), day(3)]
    # Bought 100 at 10 for a commission of 1; then the close rises by 1 a day.
    assert result.equity.tolist() == [999_999.0, 1_000_099.0, 1_000_199.0]
    assert result.cash.tolist() == [998_999.0] * 3
    assert (result.traded.tolist(), result.commission.tolist()) == ([1000.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    assert result.positions.lots.tolist() == [100, 0]
    assert (result.performance.final_equity, result.performance.commission) == (1_000_199.0, 1.0)
    assert result.performance.shortfall == 0.0  # Filled at the very close that was known.
    status, figures = fallen(app)
    assert status == "COMPLETE"
    assert (figures["orders"], figures["fills"], figures["final_equity"]) == (1, 1, 1_000_199.0)
    assert figures["sharpe"] == result.performance.sharpe
    assert 0 <= result.simulating_s <= result.elapsed_s


def test_a_figure_that_is_not_known_is_recorded_as_none() -> None:
    app = App()
    run(app, {"AAA": 1}, last=1)
    assert fallen(app)[1]["volatility"] is None


def test_what_fills_a_day_later_costs_what_the_price_has_moved() -> None:
    result = run(App(), {"AAA": 100}, last=2, market__fill_at="next_open")
    assert result.traded.tolist() == [0.0, 1050.0]
    assert result.performance.shortfall == 50.0  # 100 at 10.5, decided at a close of 10.
    assert (result.orders, result.fills) == (1, 1)


def test_days_on_which_something_was_not_traded_are_counted() -> None:
    app = App(market({"AAA": [10, NAN, NAN, 13], "BBB": [20, 19, 18, 17]}))
    result = run(app, lambda view: {"AAA": 1 + view.day.day, "BBB": NAN}, last=4)
    assert result.not_traded == {("AAA", "PRICE_UNKNOWN"): 2, ("BBB", "TARGET_UNKNOWN"): 4}


def test_everything_is_recorded_under_the_run() -> None:
    app = App()
    result = run(app, each_day)
    orders, fills, decisions = app.told(RUN)
    assert (len(orders), len(fills), len(decisions)) == (result.orders, result.fills, 6)
    assert all(one is not None and one.snapshot is not None for one in decisions)
    assert orders.on.total(fills.instrument, fills.lots).tolist() == result.positions.lots.tolist()
    record = app.store.runs["r"].run
    assert (record.start, record.end, record.initial_cash) == (day(1), day(6), 1_000_000.0)


def test_no_decision_leaves_everything_as_it_is() -> None:
    result = run(App(), lambda view: {"AAA": 5} if view.day == day(1) else None)
    assert (result.orders, result.positions.lots.tolist()) == (1, [5, 0])


def test_a_function_may_answer_targets_of_its_own() -> None:
    result = run(App(), lambda view: Targets.of(view.on, {"BBB": 7}))
    assert result.positions.lots.tolist() == [0, 7]


@pytest.mark.parametrize("fill_at", ["close", "next_open", "next_close"])
def test_whoever_decides_sees_what_is_held_and_what_it_is_worth_on_the_day(fill_at: str) -> None:
    held, worth = [], []

    def look(view: View) -> dict[str, float]:
        held.append(int(view.positions.lots[0]))
        worth.append((view.account.equity - view.account.cash) / 5)
        return {"AAA": 5}

    run(App(), look, last=3, market__fill_at=fill_at)
    assert held == [0, 5, 5]
    assert worth == [0.0, 11.0, 12.0]


def test_progress_is_told_day_by_day() -> None:
    told = []
    App().bridge().run_sleeve(
        targets={}, start_date=day(1), end_date=day(3), progress=lambda done, of: told.append((done, of))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def anonymous(orders: Orders, fills: Fills) -> tuple[list[Order], list[Fill]]:
    """Return the rows of *orders* and *fills* without their ids."""
    nobody, nothing = UUID(int=0), 0.0  # NaN is not equal to itself.
    asked = [evolve(order, id=nobody, decision=nobody, limit_price=nothing, stop_price=nothing) for order in orders]
    return asked, [evolve(fill, id=nobody, order=nobody) for fill in fills]


def outcome(recorded: Recorded | None) -> tuple[object, ...]:
    """Return what came of a decision."""
    assert recorded is not None
    assert recorded.snapshot is not None
    return recorded.snapshot.positions, recorded.snapshot.account, recorded.refusals


def test_the_same_configuration_twice_gives_the_same_but_for_names_and_ids() -> None:
    app = App()
    chosen = {"market__participation": 2e-6, "slippage__bps": 5.0, "orders__time_in_force": "gtc"}
    results = [run(app, each_day, name=name, **chosen) for name in ("r", "s")]
    first, second = (app.told(evolve(RUN, run=name)) for name in ("r", "s"))
    assert first[0].id.tolist() != second[0].id.tolist()
    assert anonymous(first[0], first[1]) == anonymous(second[0], second[1])
    assert [outcome(one) for one in first[2]] == [outcome(one) for one in second[2]]
    assert results[0].equity.tolist() == results[1].equity.tolist()
    assert results[0].performance == results[1].performance


WAVES = {
    "AAA": [10, 11, 9, NAN, 12, 10, 8, 9, 11, NAN, 13, 12],
    "BBB": [20, 18, NAN, 21, 19, 22, 20, 23, NAN, 18, 17, 20],
}


@pytest.mark.parametrize("fill_at", ["close", "next_open", "next_close"])
@pytest.mark.parametrize("order_type", ["market", "limit", "stop", "stop_limit"])
@pytest.mark.parametrize("time_in_force", ["day", "gtc"])
def test_a_portfolio_that_is_worked_call_by_call_comes_to_what_a_backtest_comes_to(
    fill_at: str, order_type: str, time_in_force: str
) -> None:
    """A broker made anew from the record each day goes on where the last one stopped."""
    app = App(market(WAVES, volume=100))
    app.chosen = {
        "market__fill_at": fill_at,
        "market__participation": 0.04,
        "orders__order_type": order_type,
        "orders__time_in_force": time_in_force,
        "orders__stop_offset_bps": 400.0,
        "orders__limit_offset_bps": -200.0,
    }
    wanted = {1: {"AAA": 9, "BBB": -9}, 5: {"AAA": -3, "BBB": 4}, 9: {"AAA": 2}}
    run(app, lambda view: wanted.get(view.day.day), last=12)
    for number in range(1, 13):
        app.apply(number, wanted.get(number, {}), backtest__complete=number in wanted)
    calls, backtest = app.told(MAIN), app.told(RUN)
    assert anonymous(calls[0], calls[1]) == anonymous(backtest[0], backtest[1])
    assert len(calls[1]) > 0 or time_in_force == "day"


def test_a_stop_that_was_touched_is_not_touched_again_on_the_same_day() -> None:
    """The stop is 10.5, the limit 10.39: day 2 opens at 10.1 and closes at 10.6, and from day 3 on all is dearer."""
    app = App(market({"AAA": [10, 10.6, 15, 16]}))
    app.chosen = {
        "orders__order_type": "stop_limit",
        "orders__time_in_force": "gtc",
        "orders__stop_offset_bps": 500.0,
        "orders__limit_offset_bps": -100.0,
    }
    app.apply(1, {"AAA": 3})
    app.apply(2, {"AAA": 3})
    assert [order.triggered for _, order in app.store.orders.values()] == [True]
    assert len(app.apply(3, {"AAA": 3}).earlier) == 0
    assert app.held() == {}


def test_a_run_starts_before_it_ends() -> None:
    app = App()
    with pytest.raises(DomainError, match="starts before it ends, was 2024-01-03 to 2024-01-02"):
        run(app, {}, first=3, last=2)
    assert app.store.runs == {}


def test_a_window_without_a_trading_day_is_refused() -> None:
    app = App()
    with pytest.raises(DomainError, match="no trading day from 2024-02-10 to 2024-02-11"):
        run(app, {}, first=41, last=42)
    assert app.store.runs == {}


def test_a_window_in_which_no_instrument_of_the_run_has_a_price_is_refused() -> None:
    app = App(market({"AAA": [NAN, NAN, 12], "BBB": [20, 19, 18]}))
    with pytest.raises(DomainError, match="no prices from 2024-01-01 to 2024-01-02"):
        run(app, {}, last=2, backtest__instruments=["AAA"])
    assert app.store.runs == {}
    assert run(app, {"AAA": 1}, last=3, backtest__instruments=["AAA"]).positions.lots.tolist() == [1]


def test_the_days_of_an_exchange_may_have_no_price() -> None:
    """2024-01-01 is a holiday in New York; of the other days the last has no prices."""
    app = App(market({"AAA": [10, 11, 12, NAN], "BBB": [20, 19, 18, NAN]}))
    result = run(app, {"AAA": 3}, last=4, calendar__name="XNYS")
    assert result.day.tolist() == [day(2), day(3), day(4)]
    assert result.not_traded == {("AAA", "PRICE_UNKNOWN"): 1}
    with pytest.raises(DomainError, match="no prices"):
        run(app, {"AAA": 3}, first=4, last=5, calendar__name="XNYS", name="s")


def test_a_name_is_used_once() -> None:
    app = App()
    run(app, {"AAA": 1})
    before = app.recorded()
    with pytest.raises(StoreConflict, match="'r' is recorded already"):
        run(app, {"AAA": 2})
    assert app.recorded() == before


def test_a_look_ahead_fails_the_run() -> None:
    app = App()

    def peek(view: View) -> dict[str, float]:
        tomorrow = view.day + timedelta(days=view.day == day(2))
        return {"AAA": view.prices.bars(view.on, tomorrow).close[0]}

    with pytest.raises(
        RunFailed, match="'r' failed on 2024-01-02: on 2024-01-02 the bars of 2024-01-03 were not known"
    ):
        run(app, peek)
    status, result = fallen(app)
    assert (status, result["date"]) == ("FAILED", "2024-01-02")
    assert "not known yet" in f"{result['cause']}"


def test_a_target_function_that_raises_fails_the_run_with_date_and_cause() -> None:
    app = App()

    def broken(view: View) -> dict[str, float]:
        return {"AAA": 1 / (day(3) - view.day).days}

    with pytest.raises(RunFailed, match="ZeroDivisionError on 2024-01-03: division by zero") as caught:
        run(app, broken)
    assert caught.value.__cause__ is not None
    status, result = fallen(app)
    assert (status, result["date"]) == ("FAILED", "2024-01-03")
    assert "ZeroDivisionError" in f"{result['cause']}"
    decisions = app.told(RUN)[2]
    assert len(decisions) == 2


def test_targets_that_break_a_rule_fail_the_run() -> None:
    app = App()
    with pytest.raises(RunFailed, match="on 2024-01-01: unknown instrument 'ABB'"):
        run(app, {"ABB": 1})
    assert fallen(app)[0] == "FAILED"


def test_an_interrupted_run_is_failed() -> None:
    app = App()

    def interrupted(view: View) -> Mapping[str, float]:
        if view.day == day(2):
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        run(app, interrupted)
    assert fallen(app) == ("FAILED", {"date": "2024-01-02", "cause": "interrupted"})


def test_what_nobody_expected_fails_the_run_and_is_not_hidden() -> None:
    app = App()

    class Broken:
        def days(self, start: date, end: date) -> list[date]:
            return []

        def targets(self, view: View) -> Targets | None:
            raise OSError(5, "the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        run(app, Broken())
    assert fallen(app) == ("FAILED", {"date": "2024-01-01", "cause": "OSError(5, 'the disk is gone')"})


@define(eq=False)
class Leaving(MemoryRunRepository):
    """A store that is gone when the run is to be recorded as FAILED."""

    def finish(self, run: Run, status: RunStatus, result: Mapping[str, object]) -> None:
        if status == "FAILED":
            rule = "the database is not reached"
            raise StoreUnavailable(rule)
        super().finish(run, status, result)


def test_a_store_that_is_gone_does_not_hide_why_the_run_failed() -> None:
    app = App()
    container = app.container()
    container.runner.add_kwargs(runs=Leaving(app.store))
    with pytest.raises(RunFailed, match="on 2024-01-01: unknown instrument"):
        container.bridge().run_sleeve(targets={"ABB": 1}, start_date=day(1), end_date=day(2), run="r")
    assert fallen(app)[0] == "RUNNING"


def test_a_run_that_fails_before_its_first_day_says_so() -> None:
    app = App()
    container = app.container()

    def unreachable(_: Run) -> None:
        rule = "the database is not reached"
        raise StoreUnavailable(rule)

    container.runner.add_kwargs(journal=unreachable)
    with pytest.raises(RunFailed, match="'r' failed before its first day: the database is not reached"):
        container.bridge().run_sleeve(targets={}, start_date=day(1), end_date=day(2), run="r")
    assert fallen(app) == ("FAILED", {"date": None, "cause": "the database is not reached"})


def test_targets_for_days_that_are_not_traded_are_refused_and_nothing_is_recorded() -> None:
    app = App()

    class Later:
        def days(self, start: date, end: date) -> list[date]:
            return [start, date(2024, 2, 10)]

        def targets(self, view: View) -> Targets | None:
            raise AssertionError("Invariant: a run that is refused asks nothing.")

    with pytest.raises(DomainError, match="no such are 2024-02-10"):
        run(app, Later())
