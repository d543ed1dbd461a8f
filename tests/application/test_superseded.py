"""Orders that work for a target of yesterday must not work against today's."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from execbridge.application.container import open_bridge

if TYPE_CHECKING:
    from pathlib import Path

    from execbridge.application.backtest import RunResult
    from execbridge.ports.targets import View

DAYS = [date(2024, 1, day) for day in (2, 3, 4, 5, 8)]


def ran(dsn: str, folder: Path, wanted: list[float], **asked: object) -> RunResult:
    """Run a backtest of AAA, at 10 with 100 shares traded each day, towards what is *wanted* day by day."""
    file = folder / "prices.csv"
    lines = [f"{day},AAA,10,10,10,10,100" for day in DAYS]
    file.write_text("\n".join(["date,instrument_id,open,high,low,close,volume", *lines]))

    def targets(view: View) -> dict[str, float]:
        return {"AAA": wanted[DAYS.index(view.day)]}

    overrides = {"database.dsn": dsn, "prices.files": [str(file)], "orders.time_in_force": "gtc"}
    with open_bridge(overrides=overrides | {key.replace("__", "."): value for key, value in asked.items()}) as bridge:
        return bridge.run_sleeve(targets=targets, start_date=DAYS[0], end_date=DAYS[-1], run="one")


def held(result: RunResult) -> int:
    return int(result.positions.lots[0])


def test_a_capped_purchase_stops_when_nothing_is_wanted_any_more(dsn: str, tmp_path: Path) -> None:
    result = ran(dsn, tmp_path, [100, 0, 0, 0, 0], market__participation=0.1)
    assert held(result) == 0


def test_a_limit_that_was_never_met_leaves_no_short_position(dsn: str, tmp_path: Path) -> None:
    limit = {"orders__order_type": "limit", "orders__limit_offset_bps": -500.0}
    result = ran(dsn, tmp_path, [100, 0, 0, 0, 0], **limit)
    assert (held(result), result.fills) == (0, 0)


@pytest.mark.parametrize(("later", "orders"), [(100.0, 1), (150.0, 2), (60.0, 2)])
def test_what_still_leads_there_goes_on(dsn: str, tmp_path: Path, later: float, orders: int) -> None:
    """As much or more is wanted: the first order works on; less is wanted: it is cancelled and asked anew."""
    result = ran(dsn, tmp_path, [100, later, later, later, later], market__participation=0.1)
    assert result.orders == orders
    assert held(result) == 50
