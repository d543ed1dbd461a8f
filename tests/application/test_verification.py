"""Each day of a run follows from the fills before it, and its figures count what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from execbridge.domain.plan_key import Portfolio
from execbridge.ports.audit import OFFENDERS_MAX, Claim
from execbridge.ports.errors import RunFailed, UnknownRun
from execbridge.ports.repository import Extent

from .app import NAN, App, day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from execbridge.adapters.memory.repository import Decision
    from execbridge.application.verification import Verification
    from execbridge.domain.positions import Position
    from execbridge.ports.targets import View

TRIAL = Portfolio("main", run="trial")
WANTED = [{"AAA": 5, "BBB": -3}, {"AAA": 8, "BBB": 2}, {"AAA": 0, "BBB": 1}, {"BBB": 1}, {"AAA": -2}, {"AAA": 1}]


def lived_through(**chosen: object) -> App:
    """Return an application in which a run of six days grew, shrank, flipped and closed, at a cost."""
    app = App(chosen={"slippage.bps": 7.0, "commission.bps": 3.0, **chosen})

    def wanted(view: View) -> Mapping[str, float]:
        return WANTED[view.day.day - 1]

    app.bridge().run_sleeve(targets=wanted, start_date=day(1), end_date=day(6), run="trial")
    return app


def verified(app: App) -> Verification:
    return app.bridge().verify("trial")


def broken(app: App) -> dict[Claim, tuple[int, str]]:
    """Return how often each claim is broken that is, and the first offender."""
    return {check.claim: (check.violations, check.offenders[0]) for check in verified(app).checks if check.violations}


def decision(app: App, number: int) -> Decision:
    return app.store.decisions[TRIAL, day(number).isoformat()]


def change(app: App, number: int, instrument: str, **changes: object) -> None:
    """Change what the snapshot of a day says of an instrument."""
    found = decision(app, number)
    found.positions = [attrs.evolve(row, **changes) if row.instrument == instrument else row for row in found.positions]


def position(app: App, number: int, instrument: str) -> Position:
    return next(row for row in decision(app, number).positions if row.instrument == instrument)


@pytest.mark.parametrize("fill_at", ["close", "next_open", "next_close"])
def test_a_run_holds_together(fill_at: str) -> None:
    app = lived_through(market__fill_at=fill_at)
    told = verified(app)
    assert (told.run.name, told.status, told.extent) == ("trial", "COMPLETE", Extent.ALL)
    assert told.violations == 0
    assert [check for check in told.checks if check.violations or check.offenders] == []
    rows = {check.claim: check.rows for check in told.checks}
    assert len(rows) == len(told.checks) == 10
    snapshots = sum(len(one.positions) for one in app.store.decisions.values())
    assert (rows[Claim.LOTS_FOLLOW], rows[Claim.COST_FOLLOWS]) == (snapshots, snapshots)
    assert (rows[Claim.CASH_FOLLOWS], rows[Claim.EQUITY_FOLLOWS], rows[Claim.FIGURES_COUNT]) == (6, 6, 2)


def test_lots_that_are_not_the_sum_of_the_fills_are_found() -> None:
    app = lived_through()
    change(app, 2, "AAA", lots=9)
    found = broken(app)
    # Equity counts lots too, as they are told.
    assert found.keys() == {Claim.LOTS_FOLLOW, Claim.EQUITY_FOLLOWS}
    assert found[Claim.LOTS_FOLLOW] == (1, "2024-01-02 AAA: 9 lots, the fills are 8")


def test_a_position_that_is_not_told_is_found() -> None:
    app = lived_through()
    decision(app, 2).positions = decision(app, 2).positions[1:]
    assert broken(app)[Claim.LOTS_FOLLOW] == (1, "2024-01-02 AAA: 0 lots, the fills are 8")


@pytest.mark.parametrize("column", ["cost", "realized_pnl"])
@pytest.mark.parametrize("number", [2, 3])
def test_cost_and_realised_profit_that_do_not_follow_are_found(column: str, number: int) -> None:
    app = lived_through()
    change(app, number, "BBB", **{column: getattr(position(app, number, "BBB"), column) + 1e-6})
    ((claim, (count, offender)),) = broken(app).items()
    assert (claim, count) == (Claim.COST_FOLLOWS, 1)
    assert offender.startswith(f"2024-01-0{number} BBB: cost ")


@pytest.mark.parametrize(("column", "claim"), [("cash", Claim.CASH_FOLLOWS), ("equity", Claim.EQUITY_FOLLOWS)])
@pytest.mark.parametrize("off", [0.001, NAN])
def test_money_that_does_not_follow_is_found(column: str, claim: Claim, off: float) -> None:
    app = lived_through()
    account = decision(app, 3).account
    assert account is not None
    decision(app, 3).account = attrs.evolve(account, **{column: getattr(account, column) + off})
    found = broken(app)
    # What cash is not, equity is not either.
    assert found.keys() == {claim, Claim.EQUITY_FOLLOWS}
    assert found[claim][0] == 1
    assert found[claim][1].startswith(f"2024-01-03: {column} ")


def test_a_mark_that_is_not_known_leaves_the_equity_unknown() -> None:
    app = lived_through()
    change(app, 2, "AAA", price=NAN)
    assert broken(app).keys() == {Claim.EQUITY_FOLLOWS}
    account = decision(app, 2).account
    assert account is not None
    decision(app, 2).account = attrs.evolve(account, equity=NAN)
    assert broken(app) == {}


def test_a_price_that_was_changed_is_found_from_its_day_on_and_the_first_are_named() -> None:
    app = lived_through()
    for id_, (owner, fill) in app.store.fills.items():
        if fill.timestamp.day == 1:
            app.store.fills[id_] = owner, attrs.evolve(fill, price=fill.price * 1.001)
    checks = {check.claim: check for check in verified(app).checks if check.violations}
    assert checks.keys() == {Claim.COST_FOLLOWS, Claim.CASH_FOLLOWS}
    assert (checks[Claim.CASH_FOLLOWS].rows, checks[Claim.CASH_FOLLOWS].violations) == (6, 6)
    days = [offender[:10] for offender in checks[Claim.CASH_FOLLOWS].offenders]
    assert days == [f"2024-01-0{number}" for number in range(1, OFFENDERS_MAX + 1)]
    assert checks[Claim.COST_FOLLOWS].offenders[0].startswith("2024-01-01 AAA: cost ")


@pytest.mark.parametrize("figure", ["orders", "fills"])
def test_figures_that_count_otherwise_are_found(figure: str) -> None:
    app = lived_through()
    record = app.store.runs["trial"]
    count = record.result[figure]
    record.result = {**record.result, figure: 1}
    said = f"{figure}: the figures say 1, recorded are {count}"
    assert broken(app) == {Claim.FIGURES_COUNT: (1, said)}
    record.result = {}
    assert broken(app)[Claim.FIGURES_COUNT][0] == 2


def test_a_run_that_failed_is_verified_up_to_its_last_whole_day() -> None:
    app = App()

    def wanted(view: View) -> Mapping[str, float]:
        if view.day == day(3):
            raise ValueError
        return {"AAA": 5}

    with pytest.raises(RunFailed):
        app.bridge().run_sleeve(targets=wanted, start_date=day(1), end_date=day(6), run="trial")
    told = verified(app)
    assert (told.status, told.violations) == ("FAILED", 0)
    rows = {check.claim: check.rows for check in told.checks}
    assert rows[Claim.CASH_FOLLOWS] == 2
    assert Claim.FIGURES_COUNT not in rows
    change(app, 2, "AAA", lots=6)
    assert Claim.LOTS_FOLLOW in broken(app)


def test_of_a_run_that_keeps_its_figures_alone_no_rows_are_expected() -> None:
    app = lived_through(backtest__record="summary")
    app.store.decisions, app.store.orders, app.store.fills = {}, {}, {}
    told = verified(app)
    assert (told.extent, told.violations) == (Extent.SUMMARY, 0)
    assert {check.rows for check in told.checks} == {0}


def test_a_run_that_is_not_recorded_is_refused() -> None:
    with pytest.raises(UnknownRun, match="'trail' is recorded; did you mean 'trial'"):
        lived_through().bridge().verify("trail")
